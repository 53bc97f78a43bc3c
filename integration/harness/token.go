package harness

import (
	"encoding/base64"
	"encoding/json"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// Token makes a token through the command line. The arguments follow
// `playgate token create --key-file FILE`.
func (k *Key) Token(t testing.TB, args ...string) string {
	t.Helper()
	return MustPlaygate(t, append([]string{"token", "create", "--key-file", k.File}, args...)...)
}

// Claims are the members of a token's payload.
type Claims map[string]any

// Good are claims of a token for one stream that holds for an hour.
func Good(org, stream string) Claims {
	now := time.Now().Unix()
	return Claims{"org": org, "streams": []string{stream}, "iat": now, "exp": now + 3600, "jti": "forged"}
}

// With gives the claims with one of them changed; nil takes it away.
func (c Claims) With(name string, value any) Claims {
	changed := maps.Clone(c)
	changed[name] = value
	if value == nil {
		delete(changed, name)
	}
	return changed
}

// JSON is the claims' text.
func (c Claims) JSON() string {
	text, err := json.Marshal(c)
	if err != nil {
		panic(err) // the tests write the claims themselves
	}
	return string(text)
}

// Header is the header of a token that this key signs.
func (k *Key) Header() string {
	return `{"alg":"` + k.Algorithm + `","kid":"` + k.ID + `","typ":"JWT"}`
}

// Sign makes a token that is well formed around any claims.
func (k *Key) Sign(t testing.TB, c Claims) string {
	t.Helper()
	return k.Forge(t, k.Header(), c.JSON())
}

// Forge signs any two texts as header and payload: the signature is good, and
// nothing else has to be.
func (k *Key) Forge(t testing.TB, header, payload string) string {
	t.Helper()
	return Forge(t, k.Algorithm, k.private, header, payload)
}

// Forge signs with an algorithm and a key that need not be what the header says.
func Forge(t testing.TB, algorithm string, key any, header, payload string) string {
	t.Helper()
	text := encode(header) + "." + encode(payload)
	method := jwt.GetSigningMethod(algorithm)
	if method == nil {
		t.Fatalf("no signing method %q", algorithm)
	}
	signature, err := method.Sign(text, key)
	if err != nil {
		t.Fatalf("signing with %s: %v", algorithm, err)
	}
	return text + "." + base64.RawURLEncoding.EncodeToString(signature)
}

// TokenID is the jti of a token.
func TokenID(t testing.TB, token string) string {
	t.Helper()
	var claims struct {
		ID string `json:"jti"`
	}
	_, payload, _ := strings.Cut(Unsigned(token), ".")
	text, err := base64.RawURLEncoding.DecodeString(strings.TrimSuffix(payload, "."))
	if err == nil {
		err = json.Unmarshal(text, &claims)
	}
	if err != nil || claims.ID == "" {
		t.Fatalf("the token's id: %v", err)
	}
	return claims.ID
}

// Unsigned is the part of a token before its signature, with the dot.
func Unsigned(token string) string { return token[:strings.LastIndexByte(token, '.')+1] }

// Signature is the part of a token that nobody can guess.
func Signature(token string) string { return token[strings.LastIndexByte(token, '.')+1:] }

// BreakSignature changes one character in the middle of the signature.
func BreakSignature(token string) string {
	at := len(Unsigned(token)) + len(Signature(token))/2
	other := byte('A')
	if token[at] == other {
		other = 'B'
	}
	return token[:at] + string(other) + token[at+1:]
}

// Respell changes the last character of the signature in bits that decoding
// drops: another text, the same bytes.
func Respell(token string) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	last := strings.IndexByte(alphabet, token[len(token)-1])
	return token[:len(token)-1] + string(alphabet[last^1])
}

func encode(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }
