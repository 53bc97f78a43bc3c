package sessiontoken

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"net/netip"
	"strings"

	"github.com/playgate/playgate/module/token"
)

// Hasher names what playback tokens say by hashes under a secret, which all edges
// share and which never changes. Session tokens have these hashes in them, and
// revocations are looked up by them: who sees one learns no name from it, and finds no
// other name of the same hash. The zero value names nothing.
type Hasher struct{ values, sessions []byte }

// NewHasher makes a hasher of a secret of at least 32 bytes.
func NewHasher(secret []byte) (Hasher, error) {
	if len(secret) < token.MinSecret {
		return Hasher{}, errShort
	}
	return Hasher{values: derive(secret, "playgate hashes"), sessions: derive(secret, "playgate session ids")}, nil
}

// Valid reports whether the hasher has a secret.
func (h Hasher) Valid() bool { return h.values != nil }

// Equal reports whether two hashers have the same secret.
func (h Hasher) Equal(other Hasher) bool {
	return bytes.Equal(h.values, other.values)
}

// Hash is 64 bits for a value of an organisation. The kind says what it is: "token",
// "tag", "user". The hash of an empty value is 0, and no other one is.
func (h Hasher) Hash(kind, org, value string) uint64 {
	if value == "" {
		return 0
	}
	return h.hash(kind, org, value)
}

// Key is the hash of a key, by its id, algorithm and thumbprint: new material under an
// old id is another key. It is 0 for no key.
func (h Hasher) Key(k *token.Key) uint64 {
	if k == nil {
		return 0
	}
	thumbprint := k.Thumbprint()
	return h.hash("key", k.ID, k.Algorithm, string(thumbprint[:]))
}

// Issuer is the hash of an iss (24 bits), and Audience that of a member of aud (20
// bits); 0 for "".
func (h Hasher) Issuer(iss string) uint32   { return h.short("iss", iss, 24) }
func (h Hasher) Audience(aud string) uint32 { return h.short("aud", aud, 20) }

func (h Hasher) short(kind, value string, bits int) uint32 {
	if value == "" || !h.Valid() {
		return 0
	}
	return max(uint32(h.hash(kind, value)>>(64-bits)), 1) //nolint:gosec // what is left of 64 bits
}

// Page is the hash of a page rule, with the rule's port where it has one. No hash is 0.
func (h Hasher) Page(pattern token.HostPattern) uint64 { return h.page(pattern.String()) }

func (h Hasher) page(pattern string) uint64 { return h.hash("page", pattern) }

// OnPage reports whether a page is one that the rule of a hash includes. The page's
// host is as [token.ParseHost] returns it, with its effective port.
func (h Hasher) OnPage(hash uint64, host, port string) bool {
	if hash == 0 || host == "" || !h.Valid() {
		return false
	}
	is := func(pattern string) bool { return h.page(pattern) == hash || h.page(pattern+":"+port) == hash }
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
func (h Hasher) SessionID(v Viewer, stream string) (id [8]byte) {
	network, bits := "", 24
	if address := v.Address.Unmap(); address.IsValid() {
		if address.Is6() {
			bits = 56
		}
		if p, err := address.WithZone("").Prefix(bits); err == nil {
			network = p.String()
		}
	}
	copy(id[:], sum(h.sessions, v.Org, v.TokenID, stream, network, v.UserAgent))
	return id
}

// hash is never 0 where there is a secret.
func (h Hasher) hash(texts ...string) uint64 {
	if !h.Valid() {
		return 0
	}
	return max(binary.BigEndian.Uint64(sum(h.values, texts...)), 1)
}

// derive makes a key for one purpose of a secret.
func derive(secret []byte, purpose string) []byte { return sum(secret, purpose) }

// sum is a MAC over some texts, each apart from the next.
func sum(secret []byte, texts ...string) []byte {
	var message []byte
	for _, s := range texts {
		message = binary.BigEndian.AppendUint32(message, uint32(len(s))) //nolint:gosec // headers and claims are short
		message = append(message, s...)
	}
	h := hmac.New(sha256.New, secret)
	h.Write(message)
	return h.Sum(nil)
}
