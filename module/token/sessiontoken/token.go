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

// The form of a session token: a prefix, and 87 bytes in base64url.
const (
	prefix = "s."
	// Length is how many characters a session token has.
	Length = len(prefix) + 116
	size   = 87
	macLen = 16
	body   = size - macLen
)

// version is the first byte. Others are not accepted: version 1 knew the page by a
// short hash without a key.
const version = 2

// versioned begins every session token: the first byte is the first character behind the
// prefix, and two bits of the next, which is one of g to v.
const versioned = prefix + "A"

// most20 is the largest number of 20 bits.
const most20 = 1<<20 - 1

// issuedWithin is the flag of [Token.IssuedWithin], the one that there is.
const issuedWithin = 1

// noPrefix stands for "no address rule".
const noPrefix = 0xff

// Token is what a session token says.
type Token struct {
	// ID names the session; see [Key.SessionID].
	ID [8]byte
	// Expires and IssuedAt are those of the playback token, both rounded down, and
	// IssuedWithin says that the iat had a fraction.
	Expires, IssuedAt int64
	IssuedWithin      bool
	// TokenID, Tag, User and Key are hashes of what the playback token says,
	// each with its organisation; 0 where it says nothing. See [Hasher].
	TokenID, Tag, User, Key uint64
	// Page is the hash of the pattern that the page matched on which the session
	// began, or 0 without a referer rule.
	Page uint64
	// Issuer is the hash of its iss (24 bits), and Audience are those of two members of
	// its aud at most (20 bits each), 0 where there is none: the one by which it was
	// accepted, and another one, so that a site can change from one to the other.
	Issuer   uint32
	Audience [2]uint32
	// Prefix is the length of the address prefix that the client must be in,
	// or -1.
	Prefix int
}

// Scope is what a session token is good for.
type Scope struct {
	Org, Stream string
	Address     netip.Addr // of the client; may be invalid where there is no address rule
}

// HasForm reports whether a text looks like a session token: by its length, characters
// and version.
func HasForm(s string) bool {
	if len(s) != Length || !strings.HasPrefix(s, versioned) || s[len(versioned)] < 'g' || s[len(versioned)] > 'v' {
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

// Key signs session tokens. The zero value signs and verifies nothing.
type Key struct {
	id     byte
	number uint64
	secret []byte
}

// NewKey makes a key of a secret of at least 32 bytes.
func NewKey(secret []byte) (Key, error) {
	if len(secret) < token.MinSecret {
		return Key{}, errShort
	}
	id := sha256.Sum256(append([]byte("playgate session key id"), secret...))
	return Key{id: id[0], number: binary.BigEndian.Uint64(id[8:]), secret: derive(secret, "playgate session key")}, nil
}

// Number is what the key is known by in this process; 0 for the zero value. It tells nothing
// of the secret.
func (k Key) Number() uint64 { return k.number }

// Valid reports whether the key can be used.
func (k Key) Valid() bool { return k.secret != nil }

// Mint writes a session token for a scope.
func (k Key) Mint(t Token, s Scope) string {
	var b [size]byte
	b[0], b[1] = version, k.id
	if t.IssuedWithin {
		b[2] = issuedWithin
	}
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
	binary.BigEndian.PutUint64(b[60:], uint64(t.Issuer)<<40|uint64(t.Audience[0])<<20|uint64(t.Audience[1]))
	// b[68:71] are reserved, and zero.
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
	if b[0] != version || b[2]&^issuedWithin != 0 || [3]byte(b[68:body]) != [3]byte{} {
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
		Issuer:   binary.BigEndian.Uint32(b[60:]) >> 8,
		Audience: [2]uint32{uint32(binary.BigEndian.Uint64(b[60:]) >> 20 & most20), uint32(binary.BigEndian.Uint64(b[60:]) & most20)},

		IssuedWithin: b[2] == issuedWithin,
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
