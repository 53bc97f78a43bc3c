package api

import (
	"context"
	"encoding/json"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/playgate/playgate/module/api/types"
	"github.com/playgate/playgate/module/token"
)

// jwksPath is where everybody finds the public keys.
const jwksPath = "/.well-known/jwks.json"

// jwks publishes the public keys of tokens. Keys that speak for some
// organisations only are not in it: a set does not say for whom a key may speak, so who reads it
// would take the key of one organisation for that of all.
func (s *server) jwks() {
	register(s, huma.Operation{
		OperationID: "get-jwks", Method: http.MethodGet, Path: jwksPath, Tags: []string{"keys"}, Summary: "The public keys of tokens, for everybody",
	}, func(_ context.Context, _ *struct{}) (*struct {
		CacheControl string `header:"Cache-Control"`
		Body         types.JWKS
	}, error,
	) {
		out := &struct {
			CacheControl string `header:"Cache-Control"`
			Body         types.JWKS
		}{"public, max-age=60", types.JWKS{Keys: make([]map[string]any, 0)}}
		a := s.find()
		if a == nil || a.Registry() == nil || !a.Registry().View().Complete() {
			return nil, unavailable("the keys are not known here yet")
		}
		keys := a.Keyring().Keys()
		for _, made := range a.Registry().Keys.List() {
			if k, err := token.ParseKey(made.JWK, made.ID, made.Algorithm); err == nil {
				k.State = made.State
				keys = append(keys, k)
			}
		}
		for _, k := range keys {
			if k.State == token.Retired || k.Symmetric() || k.Orgs != nil {
				continue
			}
			data, err := k.MarshalJWK(true)
			var jwk map[string]any
			if err != nil || json.Unmarshal(data, &jwk) != nil {
				continue
			}
			out.Body.Keys = append(out.Body.Keys, jwk)
		}
		return out, nil
	})
}
