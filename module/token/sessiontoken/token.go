package sessiontoken

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"net/netip"
	"strings"
	"time"

	"github.com/playgate/playgate/module/token"
)

// The form of a session token: a prefix, and 70 bytes in base64url.
const (
	prefix = "s."
	length = len(prefix) + 94
	size   = 70
	macLen = 16
	body   = size - macLen
)

// version is the only one so far, in the upper half of the first byte.
const version = 1 << 4

// flagPage says that the session began on a page that matched.
const flagPage = 1

// noPrefix stands for "no address rule".
const noPrefix = 0xff

// Token is what a session token says.
type Token struct {
	// ID names the session: 7 random bytes.
	ID [7]byte
	// Expires and IssuedAt are those of the playback token.
	Expires, IssuedAt int64
	// TokenID, Tag, User and Key are hashes of what the playback token says,
	// each with its organisation; 0 where it says nothing. See [Hash].
	TokenID, Tag, User, Key uint64
	// Page is a hash of the page that the session began on; see [PageHash].
	// It counts only when Paged is set, which it is under a referer rule.
	Page  uint32
	Paged bool
	// Prefix is the length of the address prefix that the client must be in,
	// or -1.
	Prefix int
}

// Scope is what a session token is good for.
type Scope struct {
	Org, Stream string
	Address     netip.Addr // of the client; may be invalid where there is no address rule
}

// HasForm reports whether a text looks like a session token.
func HasForm(s string) bool {
	if len(s) != length || !strings.HasPrefix(s, prefix) {
		return false
	}
	for i := len(prefix); i < len(s); i++ {
		c := s[i]
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '-' && c != '_' {
			return false
		}
	}
	return true
}

// Hash is how a session token names a value of an organisation: the first 64
// bits of a SHA-256 over what kind of value it is, the organisation and the
// value. The hash of an empty value is 0.
func Hash(kind, org, value string) uint64 {
	if value == "" {
		return 0
	}
	h := sha256.New()
	for _, s := range []string{"playgate session", kind, org, value} {
		var n [4]byte
		binary.BigEndian.PutUint32(n[:], uint32(len(s))) //nolint:gosec // claims are shorter than a token
		h.Write(n[:])
		h.Write([]byte(s))
	}
	return max(binary.BigEndian.Uint64(h.Sum(nil)), 1)
}

// KeyHash is how a session token names the key of the playback token: by its id,
// algorithm and thumbprint, so that new material under an old id ends sessions. It
// is 0 for no key.
func KeyHash(k *token.Key) uint64 {
	if k == nil {
		return 0
	}
	thumbprint := k.Thumbprint()
	return Hash("key", k.Algorithm+" "+string(thumbprint[:]), k.ID)
}

// PageHash is how a session token names the page that it began on.
func PageHash(host string) uint32 { return uint32(Hash("page", "", host) >> 32) }

// Key signs session tokens. The zero value signs and verifies nothing.
type Key struct {
	id     byte
	secret []byte
}

// NewKey makes a key of a secret of at least 32 bytes.
func NewKey(secret []byte) (Key, error) {
	if len(secret) < token.MinSecret {
		return Key{}, errShort
	}
	id := sha256.Sum256(append([]byte("playgate session key id"), secret...))
	derived := hmac.New(sha256.New, secret)
	derived.Write([]byte("playgate session key"))
	return Key{id: id[0], secret: derived.Sum(nil)}, nil
}

// Valid reports whether the key can be used.
func (k Key) Valid() bool { return k.secret != nil }

// SessionID names the session of a playback token and a stream. It is the same
// each time: the URIs of a playlist must not change from one reload to the
// next, or players fetch everything again.
func (k Key) SessionID(playbackToken, stream string) (id [7]byte) {
	h := hmac.New(sha256.New, k.secret)
	h.Write([]byte("session id\x00" + playbackToken + "\x00" + stream))
	copy(id[:], h.Sum(nil))
	return id
}

// Mint writes a session token for a scope.
func (k Key) Mint(t Token, s Scope) string {
	var b [size]byte
	b[0] = version
	if t.Paged {
		b[0] |= flagPage
	}
	b[1] = k.id
	copy(b[2:9], t.ID[:])
	binary.BigEndian.PutUint32(b[9:], uint32(t.Expires))   //nolint:gosec // until 2106; no token lives longer than a year
	binary.BigEndian.PutUint32(b[13:], uint32(t.IssuedAt)) //nolint:gosec // the same
	binary.BigEndian.PutUint64(b[17:], t.TokenID)
	binary.BigEndian.PutUint64(b[25:], t.Tag)
	binary.BigEndian.PutUint64(b[33:], t.User)
	binary.BigEndian.PutUint64(b[41:], t.Key)
	binary.BigEndian.PutUint32(b[49:], t.Page)
	b[53] = noPrefix
	if t.Prefix >= 0 {
		b[53] = byte(t.Prefix) //nolint:gosec // at most 128
	}
	mac := k.mac(b[:body], s, t.Prefix)
	copy(b[body:], mac[:macLen])
	return prefix + base64.RawURLEncoding.EncodeToString(b[:])
}

// Read verifies a session token for a scope. Errors are [token.Error] values of
// kind ErrMalformed, ErrUnknownKey or ErrBadSignature: used for another stream,
// organisation or address, a token is forged.
func (k Key) Read(text string, s Scope) (Token, error) {
	if !HasForm(text) {
		return Token{}, token.Malformed("a session token has another form")
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(text[len(prefix):])
	if err != nil || len(raw) != size {
		return Token{}, token.Malformed("the session token is not canonical base64url")
	}
	b := [size]byte(raw)
	if b[0]&^flagPage != version {
		return Token{}, token.Malformed("the session token is of another version")
	}
	if k.secret == nil || b[1] != k.id {
		return Token{}, &token.Error{Kind: token.ErrUnknownKey, Detail: "the session token was made with another session key"}
	}
	t := Token{
		ID:       [7]byte(b[2:9]),
		Expires:  int64(binary.BigEndian.Uint32(b[9:])),
		IssuedAt: int64(binary.BigEndian.Uint32(b[13:])),
		TokenID:  binary.BigEndian.Uint64(b[17:]),
		Tag:      binary.BigEndian.Uint64(b[25:]),
		User:     binary.BigEndian.Uint64(b[33:]),
		Key:      binary.BigEndian.Uint64(b[41:]),
		Page:     binary.BigEndian.Uint32(b[49:]),
		Paged:    b[0]&flagPage != 0,
		Prefix:   int(b[53]),
	}
	if b[53] == noPrefix {
		t.Prefix = -1
	}
	mac := k.mac(b[:body], s, t.Prefix)
	if !hmac.Equal(mac[:macLen], b[body:]) {
		return Token{}, &token.Error{Kind: token.ErrBadSignature, Detail: "the session token is forged, or for another stream or address"}
	}
	return t, nil
}

// mac covers the body and the scope. Under an address rule the scope has the
// client's prefix in it; an address that is not known is in none.
func (k Key) mac(body []byte, s Scope, bits int) []byte {
	network := ""
	if bits >= 0 {
		network = "none"
		if p, err := s.Address.Unmap().Prefix(bits); err == nil {
			network = p.String()
		}
	}
	h := hmac.New(sha256.New, k.secret)
	h.Write(body)
	for _, part := range []string{s.Org, s.Stream, network} {
		h.Write([]byte{0})
		h.Write([]byte(part))
	}
	return h.Sum(nil)
}

// ExpiresAt is Expires as a time.
func (t *Token) ExpiresAt() time.Time { return time.Unix(t.Expires, 0) }
