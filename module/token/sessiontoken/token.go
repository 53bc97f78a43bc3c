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

// The form of a session token: a prefix, and 84 bytes in base64url.
const (
	prefix = "s."
	// Length is how many characters a session token has.
	Length = len(prefix) + 112
	size   = 84
	macLen = 16
	body   = size - macLen
)

// version is the first byte. Others are not accepted: version 1 knew the page by a
// short hash without a key.
const version = 2

// noPrefix stands for "no address rule".
const noPrefix = 0xff

// Token is what a session token says.
type Token struct {
	// ID names the session; see [Key.SessionID].
	ID [8]byte
	// Expires and IssuedAt are those of the playback token.
	Expires, IssuedAt int64
	// TokenID, Tag, User and Key are hashes of what the playback token says,
	// each with its organisation; 0 where it says nothing. See [Hash] and [KeyHash].
	TokenID, Tag, User, Key uint64
	// Page is a hash of the pattern that the page matched on which the session
	// began, or 0 without a referer rule; see [Key.PageHash].
	Page uint64
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
	if len(s) != Length || !strings.HasPrefix(s, prefix) {
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

// Key signs session tokens. The zero value signs and verifies nothing.
type Key struct {
	id     byte
	secret []byte // for the MAC of a token
	pages  []byte // for hashes of page rules
	ids    []byte // for session ids
}

// NewKey makes a key of a secret of at least 32 bytes.
func NewKey(secret []byte) (Key, error) {
	if len(secret) < token.MinSecret {
		return Key{}, errShort
	}
	id := sha256.Sum256(append([]byte("playgate session key id"), secret...))
	derive := func(purpose string) []byte {
		h := hmac.New(sha256.New, secret)
		h.Write([]byte(purpose))
		return h.Sum(nil)
	}
	return Key{
		id: id[0], secret: derive("playgate session key"),
		pages: derive("playgate session pages"), ids: derive("playgate session ids"),
	}, nil
}

// Valid reports whether the key can be used.
func (k Key) Valid() bool { return k.secret != nil }

// Viewer is what a session id is made of besides the stream.
type Viewer struct {
	Org, TokenID string
	Address      netip.Addr // may be invalid
	UserAgent    string
}

// SessionID names the session of a viewer and a stream. Every edge computes the same,
// each time: the URIs of a playlist must not change from one reload to the next, or
// players fetch everything again. Of the address it knows the network (/24, or /56
// of IPv6). It authenticates nothing.
func (k Key) SessionID(v Viewer, stream string) (id [8]byte) {
	network, bits := "", 24
	if address := v.Address.Unmap(); address.IsValid() {
		if address.Is6() {
			bits = 56
		}
		if p, err := address.WithZone("").Prefix(bits); err == nil {
			network = p.String()
		}
	}
	copy(id[:], sum(k.ids, v.Org, v.TokenID, stream, network, v.UserAgent))
	return id
}

// PageHash is how a session token names the page rule that its page matched, with
// the rule's port where it has one. No hash is 0.
func (k Key) PageHash(pattern token.HostPattern) uint64 { return k.pageHash(pattern.String()) }

func (k Key) pageHash(pattern string) uint64 {
	return max(binary.BigEndian.Uint64(sum(k.pages, pattern)), 1)
}

// OnPage reports whether a page is one that the rule of a hash includes. The page's
// host is as [token.ParseHost] returns it, with its effective port.
func (k Key) OnPage(hash uint64, host, port string) bool {
	if hash == 0 || host == "" || !k.Valid() {
		return false
	}
	is := func(pattern string) bool { return k.pageHash(pattern) == hash || k.pageHash(pattern+":"+port) == hash }
	if strings.Contains(host, ":") {
		return is("[" + host + "]")
	}
	if is(host) {
		return true
	}
	for _, rest, more := strings.Cut(host, "."); more; _, rest, more = strings.Cut(rest, ".") {
		if is("*." + rest) {
			return true
		}
	}
	return false
}

// sum is a MAC over some texts, each apart from the next.
func sum(secret []byte, texts ...string) []byte {
	h := hmac.New(sha256.New, secret)
	for _, s := range texts {
		var n [4]byte
		binary.BigEndian.PutUint32(n[:], uint32(len(s))) //nolint:gosec // headers and claims are short
		h.Write(n[:])
		h.Write([]byte(s))
	}
	return h.Sum(nil)
}

// Mint writes a session token for a scope.
func (k Key) Mint(t Token, s Scope) string {
	var b [size]byte
	b[0], b[1] = version, k.id // b[2] are flags, of which there are none
	copy(b[3:11], t.ID[:])
	binary.BigEndian.PutUint32(b[11:], uint32(t.Expires))  //nolint:gosec // until 2106; no token lives longer than a year
	binary.BigEndian.PutUint32(b[15:], uint32(t.IssuedAt)) //nolint:gosec // the same
	binary.BigEndian.PutUint64(b[19:], t.TokenID)
	binary.BigEndian.PutUint64(b[27:], t.Tag)
	binary.BigEndian.PutUint64(b[35:], t.User)
	binary.BigEndian.PutUint64(b[43:], t.Key)
	binary.BigEndian.PutUint64(b[51:], t.Page)
	b[59] = noPrefix
	if t.Prefix >= 0 {
		b[59] = byte(t.Prefix) //nolint:gosec // at most 128
	}
	// b[60:68] are reserved, and zero.
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
	if b[0] != version || b[2] != 0 || [8]byte(b[60:body]) != [8]byte{} {
		return Token{}, token.Malformed("the session token is of another version")
	}
	if k.secret == nil || b[1] != k.id {
		return Token{}, &token.Error{Kind: token.ErrUnknownKey, Detail: "the session token was made with another session key"}
	}
	t := Token{
		ID:       [8]byte(b[3:11]),
		Expires:  int64(binary.BigEndian.Uint32(b[11:])),
		IssuedAt: int64(binary.BigEndian.Uint32(b[15:])),
		TokenID:  binary.BigEndian.Uint64(b[19:]),
		Tag:      binary.BigEndian.Uint64(b[27:]),
		User:     binary.BigEndian.Uint64(b[35:]),
		Key:      binary.BigEndian.Uint64(b[43:]),
		Page:     binary.BigEndian.Uint64(b[51:]),
		Prefix:   int(b[59]),
	}
	if b[59] == noPrefix {
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
