package types

// JWKS is a JSON Web Key Set (RFC 7517, section 5).
type JWKS struct {
	Keys []map[string]any `json:"keys"`
}
