package api

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"

	"github.com/danielgtaylor/huma/v2"

	"github.com/playgate/playgate/module/api/types"
	"github.com/playgate/playgate/module/internal/registry"
	"github.com/playgate/playgate/module/token"
)

// ListKeys lists the keys that may speak for the caller's organisations.
var ListKeys = operation(toRead, huma.Operation{
	OperationID: "list-keys", Method: http.MethodGet, Path: "/api/v1/keys", Tags: []string{"keys"}, Summary: "Lists the keys that may speak for own organisations",
}, listKeys)

// AddKey adds the public key of an organisation that signs tokens itself.
var AddKey = operation(toAdminister, huma.Operation{
	OperationID: "add-key", Method: http.MethodPost, Path: "/api/v1/keys", DefaultStatus: http.StatusCreated, Tags: []string{"keys"},
	Summary: "Adds the public key of an organisation that signs tokens itself",
}, addKey)

// RotateKeys makes the next key the active one, and a new next one.
var RotateKeys = operation(toAdministerAll, huma.Operation{
	OperationID: "rotate-keys", Method: http.MethodPost, Path: "/api/v1/keys/rotate", DefaultStatus: http.StatusOK, Tags: []string{"keys"},
	Summary:     "Makes the next key the active one, and a new next one",
	Description: "With compromised it replaces all that Playgate made; with sessions it makes a new key for session tokens.",
}, rotateKeys)

// RetireKey refuses all tokens of a key from now on.
var RetireKey = operation(toAdminister, huma.Operation{
	OperationID: "retire-key", Method: http.MethodPost, Path: "/api/v1/keys/{id}/retire", DefaultStatus: http.StatusNoContent, Tags: []string{"keys"},
	Summary: "Refuses all tokens of a key from now on", Description: "A key that Playgate made needs an admin of all organisations; an organisation's own key is named with org.",
}, retireKey)

func listKeys(_ context.Context, c *call, _ *types.Nothing) (*types.Keys, error) {
	return &types.Keys{Keys: keysOf(c)}, nil
}

func rotateKeys(ctx context.Context, c *call, in *types.RotateKeys) (*types.Rotation, error) {
	var what types.NewRotation
	if in.Body != nil {
		what = *in.Body
	}
	if what.Now && !what.Sessions {
		return nil, mistake("body.now", "write sessions too: it ends those")
	}
	done := new(types.Rotation)
	var err error
	switch {
	case what.Compromised:
		done.Active, done.Retired, err = c.registry.Keys.Replace(ctx, c.Name)
	case !what.Sessions:
		done.Active, done.Former, err = c.registry.Keys.Rotate(ctx, c.Name)
	}
	if err == nil && what.Sessions {
		if done.Sessions = "rotated"; what.Now {
			done.Sessions = "ended"
		}
		err = c.registry.Keys.RotateSessions(ctx, what.Now, c.Name)
	}
	return done, err
}

// keysOf are those that may speak for an organisation of the caller's, each with
// no other organisation than his.
func keysOf(c *call) []types.Key {
	list := make([]types.Key, 0)
	add := func(k *token.Key, d types.Key) {
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
		add(k, types.Key{Source: "configuration"})
	}
	for _, made := range c.registry.Keys.List() {
		if k, err := token.ParseKey(made.JWK, made.ID, made.Algorithm); err == nil {
			k.State = made.State
			add(k, types.Key{Source: "playgate", Created: moment(made.Created), Changed: moment(made.Changed)})
		}
	}
	for _, own := range c.registry.OrgKeys.List() {
		if k, err := token.ParseKey(own.JWK, own.ID, own.Algorithm); err == nil {
			k.State, k.Orgs = own.State, []string{own.Org}
			add(k, types.Key{Source: "organisation", Created: moment(own.Created)})
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

func addKey(ctx context.Context, c *call, in *types.Body[types.NewKey]) (*types.Key, error) {
	org := in.Body.Org
	if err := c.orgInBody("body.org", org); err != nil {
		return nil, err
	}
	key, err := publicKey(in.Body.JWK)
	if err != nil {
		return nil, err
	}
	// What this node's configuration has is not asked: another's may be different. Which of
	// several counts is decided when a token comes.
	if _, err := c.registry.OrgKeys.Add(ctx, org, key, c.Name); err != nil {
		return nil, err
	}
	for _, k := range keysOf(c) {
		if k.ID != key.ID || k.Source != "organisation" || !slices.Equal(k.Orgs, []string{org}) {
			continue
		}
		if found, _ := c.app.Trust().Keys.Lookup(org, key.ID, key.Algorithm); found == nil || found.Thumbprint() != key.Thumbprint() {
			k.Warning = "another key has this id and comes before it, so its tokens are refused here; give it another kid"
		}
		return &k, nil
	}
	return nil, registry.ErrConflict
}

func retireKey(ctx context.Context, c *call, in *types.RetireKey) (*types.Nothing, error) {
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
	if errors.Is(err, registry.ErrNotFound) && slices.ContainsFunc(keysOf(c), func(k types.Key) bool { return k.ID == in.ID && k.Source == "configuration" }) {
		return nil, saidElsewhere("path.id")
	}
	return nil, err
}
