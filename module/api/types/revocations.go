package types

import "time"

// Revocation is one condition: it refuses tokens of an organisation that have a value.
type Revocation struct {
	ID          string     `json:"id"`
	Org         string     `json:"org"`
	Kind        string     `json:"kind" enum:"token,tag,user,stream,org"`
	Value       string     `json:"value,omitempty" doc:"Left out for all of the organisation."`
	IssuedUntil *time.Time `json:"issued_until,omitempty" doc:"It concerns tokens that were issued up to then, plus 2 seconds. A token without iat counts as issued 365 days before it expires. Left out for kind token, and with future."`
	Future      bool       `json:"future,omitempty" doc:"It concerns tokens that are issued later too, until it is undone."`
	From        *time.Time `json:"from,omitempty" doc:"When it begins to hold; left out: it holds since at."`
	Reason      string     `json:"reason,omitempty"`
	At          time.Time  `json:"at"`
	By          string     `json:"by,omitempty"`
	Viewers     *int       `json:"viewers,omitempty" doc:"How many viewers it ends, on all nodes that could be asked, where it is new."`
	Streams     *int       `json:"streams,omitempty" doc:"On how many streams those are."`
	Until       *time.Time `json:"until,omitempty" doc:"Then it is removed: no token that it concerns is valid any more. Left out with future: it stays until it is undone."`
	Warning     string     `json:"warning,omitempty" doc:"What it may not do, where it is new."`
}

// Revocations is a list of them, the newest first.
type Revocations struct {
	Revocations []Revocation `json:"revocations"`
	Next        string       `json:"next,omitempty" doc:"The cursor of the next page; left out at the end."`
}

// NewRevocation is what is to be revoked.
type NewRevocation struct {
	Org         string `json:"org"`
	Kind        string `json:"kind" enum:"token,tag,user,stream,org" doc:"By what the tokens are known. stream and org need an admin."`
	Value       string `json:"value,omitempty" doc:"The token's id, the tag, the user or the stream; left out for org."`
	IssuedUntil string `json:"issued_until,omitempty" doc:"Spares tokens that were issued later than this time, plus 2 seconds. Default: now. Not for kind token."`
	Future      bool   `json:"future,omitempty" doc:"Spares none: tokens that are issued later are refused too, and cannot be made here, until this is undone. Not for kind token, and not beside issued_until."`
	From        string `json:"from,omitempty" doc:"When it begins: a time, or a duration from now like 10m; at most 30d ahead. Default: at once."`
	Reason      string `json:"reason,omitempty" doc:"Why; at most 128 characters."`
}

// Ending is whom a revocation ends.
type Ending struct {
	Viewers int `json:"viewers" doc:"How many viewers it ends, on all nodes that could be asked."`
	Streams int `json:"streams" doc:"On how many streams those are."`
}

// ListRevocations says which revocations are listed.
type ListRevocations struct {
	Page
	Org   string `query:"org" doc:"Of this organisation only."`
	Kind  string `query:"kind" enum:"token,tag,user,stream,org" doc:"Of this kind only."`
	Value string `query:"value" doc:"Of this token, tag, user or stream only."`
}

// RevocationPath is the revocation in a path.
type RevocationPath struct {
	OrgPath
	ID string `path:"id" doc:"The revocation's id."`
}
