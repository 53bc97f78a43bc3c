package types

import "time"

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
	Warning string         `json:"warning,omitempty" doc:"Why it may not do what was meant, where it is new."`
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
	Active   string   `json:"active,omitempty" doc:"The id of the key that signs now."`
	Former   string   `json:"former,omitempty" doc:"The id of the key that signed before, and goes on to verify."`
	Retired  []string `json:"retired,omitempty" doc:"The ids of the keys that were retired."`
	Sessions string   `json:"sessions,omitempty" enum:"rotated,ended" doc:"What became of the session keys before: they go on to verify, or their sessions have ended."`
}

// NewRotation says which keys are rotated. By itself, the next key becomes the active one.
type NewRotation struct {
	Compromised bool `json:"compromised,omitempty" doc:"Replaces the active and the next key, and retires them and all others that Playgate made: their tokens are refused at once."`
	Sessions    bool `json:"sessions,omitempty" doc:"Makes a new key for session tokens. Without compromised, no other key is rotated."`
	Now         bool `json:"now,omitempty" doc:"With sessions: the sessions that there are end at once."`
}

// RotateKeys rotates keys. Its body may be left out.
type RotateKeys struct{ Body *NewRotation }

// RetireKey retires a key. Its body may be left out.
type RetireKey struct {
	ID   string `path:"id" doc:"The key's id."`
	Org  string `query:"org" doc:"The organisation whose own key it is. Default: a key that Playgate made."`
	Body *Nothing
}
