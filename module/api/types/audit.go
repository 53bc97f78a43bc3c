package types

import "time"

// Event is an entry of the audit trail. The making of tokens is not in it,
// because each token's record says who made it.
type Event struct {
	Time   time.Time         `json:"time"`
	By     string            `json:"by,omitempty"`
	Org    string            `json:"org,omitempty" doc:"Left out for what concerns all."`
	What   string            `json:"what" example:"org.change"`
	Detail map[string]string `json:"detail"`
}

// Events is a list of them, the newest first.
type Events struct {
	Events []Event `json:"events"`
}

// ListEvents says which entries are listed.
type ListEvents struct {
	Org   string `query:"org" doc:"Of this organisation only."`
	Limit int    `query:"limit" default:"100" minimum:"1" maximum:"500" doc:"How many at most."`
}
