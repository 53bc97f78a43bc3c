package app

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"

	"github.com/playgate/playgate/module/internal/keyfile"
	"github.com/playgate/playgate/module/token"
)

// Key is a key that checks the signatures of tokens. Exactly one of File and
// Secret says where its material is.
type Key struct {
	// ID is what tokens name in their kid.
	ID string `json:"id"`

	// Algorithm is one of EdDSA, ES256, ES384, RS256, PS256 and HS256. Default:
	// the file's, or the only one that the kind of key leaves. An RSA key in
	// PEM form needs it.
	Algorithm string `json:"algorithm,omitempty"`

	// File is a PEM or JWK file. A private key is accepted, but the public one
	// is enough. Placeholders such as {env.NAME} are replaced.
	File string `json:"file,omitempty"`

	// Secret is a placeholder for an HS256 secret of at least 32 bytes, such
	// as {env.NAME} or {file./run/secrets/playgate}. A literal secret is
	// refused, because it would show in dumps of the configuration.
	Secret string `json:"secret,omitempty"`

	// Orgs lists the organisations that the key may speak for. Default: all.
	Orgs []string `json:"orgs,omitempty"`

	// State is next, active, verify or retired. Tokens of a retired key are
	// refused. Default: verify.
	State token.State `json:"state,omitempty"`
}

func (k *Key) load() (*token.Key, error) {
	if k.State != "" && !slices.Contains(token.States, k.State) {
		return nil, fmt.Errorf("key %s: state %q is none of next, active, verify and retired", k.ID, k.State)
	}
	for _, org := range k.Orgs {
		if !token.ValidOrg(org) {
			return nil, fmt.Errorf("key %s: org %q: an organisation hash is 1 to 64 of letters, digits and underscore", k.ID, org)
		}
	}
	material, err := k.material()
	if err != nil {
		return nil, fmt.Errorf("key %s: %w", k.ID, err)
	}
	if k.Orgs != nil { // a list that names nobody is not all
		material.Orgs = k.Orgs
	}
	if k.State != "" {
		material.State = k.State
	}
	return material, nil
}

func (k *Key) material() (*token.Key, error) {
	switch {
	case !token.ValidKeyID(k.ID):
		return nil, errors.New("a key id is 1 to 64 of letters, digits, dot, underscore and hyphen")
	case (k.File == "") == (k.Secret == ""):
		return nil, errors.New("write either file <path> or secret <placeholder>")
	case k.File != "":
		path, err := caddy.NewReplacer().ReplaceOrErr(k.File, true, true)
		if err != nil {
			return nil, fmt.Errorf("file %s: %w", k.File, err)
		}
		return keyfile.Read(path, k.ID, k.Algorithm)
	}
	if k.Algorithm != "" && k.Algorithm != token.HS256 {
		return nil, fmt.Errorf("a secret is for %s, not for %s; write file <path> for a key of that kind", token.HS256, k.Algorithm)
	}
	secret, err := secretOf(k.Secret)
	if err != nil {
		return nil, err
	}
	// What key new wrote for HS256 is a JWK; any other text is the secret itself.
	if strings.HasPrefix(strings.TrimSpace(secret), "{") {
		return token.ParseKey([]byte(secret), k.ID, token.HS256)
	}
	return token.NewKey(k.ID, token.HS256, []byte(secret))
}

// secretOf is the text that a placeholder stands for.
func secretOf(placeholder string) (string, error) {
	if !strings.HasPrefix(placeholder, "{") || !strings.HasSuffix(placeholder, "}") || strings.Count(placeholder, "{") != 1 {
		return "", errors.New("a secret is written as one placeholder, {env.NAME} or {file./path}; a literal one (also by {$NAME}) would show in dumps of the configuration")
	}
	secret, err := caddy.NewReplacer().ReplaceOrErr(placeholder, true, true)
	if err != nil {
		return "", fmt.Errorf("secret %s is empty or cannot be read", placeholder)
	}
	return secret, nil
}
