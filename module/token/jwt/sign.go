package jwt

import (
	"encoding/base64"
	"errors"
	"fmt"

	"github.com/go-json-experiment/json"

	"github.com/playgate/playgate/module/token"
)

// wire is the claims set as it is written; its order is the order of a token's bytes.
type wire struct {
	Org       string   `json:"org"`
	Streams   []string `json:"streams,omitempty"`
	OrgWide   bool     `json:"orgwide,omitzero"`
	Expires   int64    `json:"exp"`
	NotBefore int64    `json:"nbf,omitzero"`
	IssuedAt  int64    `json:"iat,omitzero"`
	ID        string   `json:"jti,omitempty"`
	IPs       []string `json:"ip,omitempty"`
	Referers  []string `json:"referer,omitempty"`
	Tag       string   `json:"tag,omitempty"`
	Subject   string   `json:"sub,omitempty"`
	Issuer    string   `json:"iss,omitempty"`
	Audience  []string `json:"aud,omitempty"`
}

// Sign writes a grant as a token. The key must have its private part. What
// comes out is read back before it is returned, so that a token that the gate
// would not read is never issued.
func Sign(g *token.Grant, key *token.Key) (string, error) {
	if key.Private() == nil {
		return "", fmt.Errorf("key %s has no private part; tokens are signed with what playgate key new wrote", key.ID)
	}
	claims := wire{
		Org: g.Org, Streams: g.Streams, OrgWide: g.OrgWide,
		Expires: g.Expires, NotBefore: g.NotBefore, IssuedAt: g.IssuedAt,
		ID: g.ID, Tag: g.Tag, Subject: g.Subject, Issuer: g.Issuer, Audience: g.Audience,
	}
	for _, rule := range g.IPs {
		claims.IPs = append(claims.IPs, rule.String())
	}
	for _, pattern := range g.Referers {
		claims.Referers = append(claims.Referers, pattern.String())
	}
	header, err := json.Marshal(struct {
		Algorithm string `json:"alg"`
		KeyID     string `json:"kid"`
	}{key.Algorithm, key.ID})
	if err != nil {
		return "", err
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		return "", err
	}
	signed := base64.RawURLEncoding.EncodeToString(header) + "." + base64.RawURLEncoding.EncodeToString(payload)
	signature, err := methods[key.Algorithm].Sign(signed, key.Private())
	if err != nil {
		return "", fmt.Errorf("signing with key %s: %w", key.ID, err)
	}
	text := signed + "." + base64.RawURLEncoding.EncodeToString(signature)

	own := *key
	own.State, own.Orgs = token.Active, nil
	ring, err := token.NewKeyring(&own)
	if err != nil {
		return "", err
	}
	if _, err := Read(text, ring); err != nil {
		return "", errors.Join(errors.New("the token would not be readable"), err)
	}
	return text, nil
}
