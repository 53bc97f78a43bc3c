package api

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/playgate/playgate/module/internal/registry"
	"github.com/playgate/playgate/module/token"
)

// Key is a key that checks the signatures of tokens, as it is told.
type Key struct {
	ID      string         `json:"id"`
	Alg     string         `json:"alg"`
	State   string         `json:"state" enum:"next,active,verify,retired"`
	Orgs    []string       `json:"orgs,omitempty" doc:"Those of the caller's organisations that it may speak for; left out: all."`
	Source  string         `json:"source" enum:"configuration,playgate,organisation" doc:"Where it comes from."`
	Created *time.Time     `json:"created,omitempty"`
	Changed *time.Time     `json:"changed,omitempty" doc:"When its state last changed."`
	JWK     map[string]any `json:"jwk,omitempty" doc:"The public part; an HS256 key has none."`
}

// Keys is a list of them.
type Keys struct {
	Keys []Key `json:"keys"`
}

// NewKey is the public key of an organisation that signs tokens itself.
type NewKey struct {
	Org string         `json:"org"`
	JWK map[string]any `json:"jwk" doc:"A public JSON Web Key (RFC 7517) with kid, and alg where the kind of key leaves a choice."`
}

// Rotation is what a rotation did.
type Rotation struct {
	Active string `json:"active" doc:"The id of the key that signs now."`
	Former string `json:"former" doc:"The id of the key that signed before, and goes on to verify."`
}

type oneKey struct{ Body Key }

func (s *server) keys() {
	tags := []string{"keys"}
	route(s, toRead, huma.Operation{
		OperationID: "list-keys", Method: http.MethodGet, Path: "/api/v1/keys", Tags: tags, Summary: "Lists the keys that may speak for own organisations",
	}, func(_ context.Context, c *call, _ *struct{}) (*struct{ Body Keys }, error) {
		return &struct{ Body Keys }{Keys{c.keys()}}, nil
	})
	route(s, toAdminister, huma.Operation{
		OperationID: "add-key", Method: http.MethodPost, Path: "/api/v1/keys", DefaultStatus: http.StatusCreated, Tags: tags,
		Summary: "Adds the public key of an organisation that signs tokens itself",
	}, addKey)
	route(s, toAdministerAll, huma.Operation{
		OperationID: "rotate-keys", Method: http.MethodPost, Path: "/api/v1/keys/rotate", DefaultStatus: http.StatusOK, Tags: tags,
		Summary: "Makes the next key the active one, and a new next one",
	}, func(ctx context.Context, c *call, _ *struct{ Body *nothing }) (*struct{ Body Rotation }, error) {
		active, former, err := c.registry.Keys.Rotate(ctx, c.Name)
		return &struct{ Body Rotation }{Rotation{active, former}}, err
	})
	route(s, toAdminister, huma.Operation{
		OperationID: "retire-key", Method: http.MethodPost, Path: "/api/v1/keys/{id}/retire", DefaultStatus: http.StatusNoContent, Tags: tags,
		Summary: "Refuses all tokens of a key from now on", Description: "A key that Playgate made needs an admin of all organisations; an organisation's own key is named with org.",
	}, retireKey)
}

// keys are those that may speak for an organisation of the caller's, each with
// no other organisation than his.
func (c *call) keys() []Key {
	list := make([]Key, 0)
	add := func(k *token.Key, d Key) {
		if d.Orgs = c.own(k.Orgs); k.Orgs != nil && len(d.Orgs) == 0 {
			return
		}
		d.ID, d.Alg, d.State = k.ID, k.Algorithm, string(k.State)
		if !k.Symmetric() {
			if jwk, err := k.MarshalJWK(true); err == nil {
				_ = json.Unmarshal(jwk, &d.JWK) // it was just written
			}
		}
		list = append(list, d)
	}
	for _, k := range c.app.Keyring().Keys() {
		add(k, Key{Source: "configuration"})
	}
	for _, made := range c.registry.Keys.List() {
		if k, err := token.ParseKey(made.JWK, made.ID, made.Algorithm); err == nil {
			k.State = made.State
			add(k, Key{Source: "playgate", Created: moment(made.Created), Changed: moment(made.Changed)})
		}
	}
	for _, own := range c.registry.OrgKeys.List() {
		if k, err := token.ParseKey(own.JWK, own.ID, own.Algorithm); err == nil {
			k.State, k.Orgs = own.State, []string{own.Org}
			add(k, Key{Source: "organisation", Created: moment(own.Created)})
		}
	}
	return list
}

// privateMembers are the members of a JSON Web Key that sign (RFC 7518,
// section 6).
var privateMembers = []string{"d", "p", "q", "dp", "dq", "qi", "oth", "k"}

// publicKey reads a public key. Its errors repeat nothing of what may be a
// private one.
func publicKey(jwk map[string]any) (*token.Key, error) {
	for _, name := range privateMembers {
		if _, ok := jwk[name]; ok {
			return nil, mistake("body.jwk", "this key can sign; keep it, and send its public part alone (playgate key public)")
		}
	}
	if id, _ := jwk["kid"].(string); !token.ValidKeyID(id) {
		return nil, mistake("body.jwk", "give the key an id: kid, 1 to 64 of letters, digits, dot, underscore and hyphen")
	}
	data, err := json.Marshal(jwk)
	if err != nil {
		return nil, err
	}
	key, err := token.ParseKey(data, "", "")
	if err != nil || key.Symmetric() || key.Private() != nil {
		return nil, mistake("body.jwk", "this is no public key that can check tokens: kty OKP with Ed25519, EC with P-256 or P-384, or RSA of at least 2048 bits with alg RS256 or PS256; use, where it is there, is sig")
	}
	return key, nil
}

func addKey(ctx context.Context, c *call, in *struct{ Body NewKey }) (*oneKey, error) {
	org := in.Body.Org
	if err := c.orgInBody("body.org", org); err != nil {
		return nil, err
	}
	key, err := publicKey(in.Body.JWK)
	if err != nil {
		return nil, err
	}
	// It would be kept, and never used.
	if slices.ContainsFunc(c.app.Trust().Keys.Keys(), func(k *token.Key) bool { return k.ID == key.ID && k.MaySpeakFor(org) }) {
		return nil, refuse(http.StatusConflict, "another key has this id; give this one another kid").at("body.jwk.kid")
	}
	if _, err := c.registry.OrgKeys.Add(ctx, org, key, c.Name); err != nil {
		return nil, err
	}
	for _, k := range c.keys() {
		if k.ID == key.ID && k.Source == "organisation" && slices.Equal(k.Orgs, []string{org}) {
			return &oneKey{k}, nil
		}
	}
	return nil, registry.ErrConflict
}

func retireKey(ctx context.Context, c *call, in *struct {
	ID   string `path:"id" doc:"The key's id."`
	Org  string `query:"org" doc:"The organisation whose own key it is. Default: a key that Playgate made."`
	Body *nothing
},
) (*nothing, error) {
	var err error
	if in.Org != "" {
		if err := c.org(in.Org); err != nil {
			return nil, err
		}
		err = c.registry.OrgKeys.Retire(ctx, in.Org, in.ID, c.Name)
	} else {
		if err := toAdministerAll.check(&c.Principal); err != nil {
			return nil, err
		}
		err = c.registry.Keys.Retire(ctx, in.ID, c.Name)
	}
	if errors.Is(err, registry.ErrNotFound) && slices.ContainsFunc(c.keys(), func(k Key) bool { return k.ID == in.ID && k.Source == "configuration" }) {
		return nil, saidElsewhere("path.id")
	}
	return nil, err
}
