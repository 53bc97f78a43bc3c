package jwt

import (
	golang "github.com/golang-jwt/jwt/v5"

	"github.com/playgate/playgate/module/token"
)

// methods are golang-jwt's signing methods by the algorithm of a key.
var methods = map[string]golang.SigningMethod{
	token.EdDSA: golang.SigningMethodEdDSA,
	token.ES256: golang.SigningMethodES256,
	token.ES384: golang.SigningMethodES384,
	token.RS256: golang.SigningMethodRS256,
	token.PS256: golang.SigningMethodPS256,
	token.HS256: golang.SigningMethodHS256,
}
