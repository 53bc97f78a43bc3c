package types

import "time"

// APIKey is what is kept of a key for programs: everything but the key.
type APIKey struct {
	ID      string     `json:"id"`
	Name    string     `json:"name,omitempty" doc:"For people."`
	Role    string     `json:"role" enum:"read,issue,admin"`
	Orgs    []string   `json:"orgs,omitempty" doc:"Left out: all."`
	Created time.Time  `json:"created"`
	By      string     `json:"by,omitempty" doc:"Who made it."`
	Expires *time.Time `json:"expires,omitempty" doc:"Left out: never."`
}

// APIKeys is a list of them.
type APIKeys struct {
	APIKeys []APIKey `json:"apikeys"`
}

// NewAPIKey is an API key to be made.
type NewAPIKey struct {
	Name    string   `json:"name,omitempty" doc:"For people; at most 128 characters."`
	Role    string   `json:"role" enum:"read,issue,admin" doc:"read looks, issue makes tokens as well, admin changes everything of its organisations."`
	Orgs    []string `json:"orgs,omitempty" minItems:"1" maxItems:"256" doc:"Default: all, which only an admin of all may give."`
	Expires string   `json:"expires,omitempty" doc:"When it ends: a time, or a duration from now. Default: with the caller's own key, or else never."`
}

// IssuedAPIKey is a new API key, which is shown this once.
type IssuedAPIKey struct {
	Text string `json:"apikey" doc:"The API key. Nothing shows it again."`
	APIKey
}

// APIKeyPath is the API key in a path.
type APIKeyPath struct {
	ID string `path:"id" doc:"The API key's id."`
}
