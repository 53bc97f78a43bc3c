package jwt

import (
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/playgate/playgate/module/token"
)

// header is what matters of a JOSE header (RFC 7515, section 4.1). Members
// that would bring or fetch a key (jwk, jku, x5c, x5u) are not looked at.
// Its alg is as a key has it ([token.ParseAlgorithm]).
type header struct{ alg, kid string }

func readHeader(data []byte) (header, error) {
	var h header
	err := members(data, headerNames, func(name string, value jsontext.Value) error {
		switch name {
		case "alg":
			s, ok := text(value)
			algorithm, known := token.ParseAlgorithm(s)
			if !ok || !known {
				return token.Malformed("alg is not one of the supported algorithms")
			}
			h.alg = algorithm
		case "kid":
			s, ok := text(value)
			if !ok || s == "" || len(s) > 256 {
				return token.Malformed("kid must be a string that names a key")
			}
			h.kid = s
		case "typ":
			if s, ok := text(value); !ok || !strings.EqualFold(s, "JWT") {
				return token.Malformed(`typ must be "JWT" or absent`)
			}
		case "crit", "zip", "b64":
			return token.Malformed("header extensions (crit, zip, b64) are not supported")
		}
		return nil
	})
	if err == nil && h.alg == "" {
		err = token.Malformed("alg is missing")
	}
	return h, err
}

var headerNames = []string{"alg", "kid", "typ", "crit", "zip", "b64"}
