package types

import "time"

// Org is an organisation, as it is told.
type Org struct {
	Org        string     `json:"org" doc:"The organisation hash."`
	Name       string     `json:"name,omitempty" doc:"For people."`
	Secure     string     `json:"secure" enum:"on,off,unset" doc:"What is said of it; unset means on."`
	Source     string     `json:"source" enum:"registry,configuration" doc:"Who says it. What the configuration says is changed there."`
	BreakGlass *Glass     `json:"break_glass,omitempty" doc:"While it lasts, its streams need no token, whatever else is said."`
	NeedsToken bool       `json:"needs_token" doc:"Whether its streams need a token now, all words taken together."`
	Created    *time.Time `json:"created,omitempty"`
	By         string     `json:"by,omitempty" doc:"Who made it."`
}

// Glass is a break-glass that lasts.
type Glass struct {
	Until  time.Time `json:"until"`
	Since  time.Time `json:"since"`
	Reason string    `json:"reason"`
	By     string    `json:"by,omitempty"`
}

// Orgs is a list of them.
type Orgs struct {
	Orgs []Org `json:"orgs"`
}

// NewOrg is an organisation to be made.
type NewOrg struct {
	Org    string `json:"org" doc:"1 to 64 of letters, digits and underscore."`
	Name   string `json:"name,omitempty" doc:"For people; at most 128 characters."`
	Secure string `json:"secure,omitempty" enum:"on,off" doc:"Whether its streams need a token. Default: unset, which means on."`
}

// OrgChange is what is to change; what is left out stays.
type OrgChange struct {
	Name   *string `json:"name,omitempty" nullable:"false"`
	Secure *string `json:"secure,omitempty" nullable:"false" enum:"on,off,unset"`
}

// NewGlass is a glass to be broken.
type NewGlass struct {
	For    string `json:"for" doc:"How long, like 30m or 2h; at most 24h." example:"2h"`
	Reason string `json:"reason" doc:"Why; at most 128 characters. It is logged and kept in the audit trail."`
}

// OrgPath is the organisation in a path.
type OrgPath struct {
	Org string `path:"org" doc:"The organisation hash."`
}

// DeleteOrg deletes an organisation.
type DeleteOrg struct {
	OrgPath
	Force bool `query:"force" doc:"Ends its streams, tokens, keys and API keys too."`
}

// ChangeOrg changes an organisation.
type ChangeOrg struct {
	OrgPath
	Body OrgChange
}

// BreakGlass breaks the glass of an organisation.
type BreakGlass struct {
	OrgPath
	Body NewGlass
}
