package types

import "time"

// Token is what is kept of a playback token: everything but the token.
type Token struct {
	ID        string     `json:"id" doc:"Its jti; unique within its organisation."`
	Org       string     `json:"org"`
	Streams   []string   `json:"streams,omitempty" doc:"The streams that it may play."`
	OrgWide   bool       `json:"orgwide,omitempty" doc:"Whether it may play all streams of the organisation."`
	IP        []string   `json:"ip,omitempty" doc:"Addresses and prefixes that may use it; left out: all."`
	Referer   []string   `json:"referer,omitempty" doc:"Pages that may embed it; left out: all."`
	Tag       string     `json:"tag,omitempty"`
	User      string     `json:"user,omitempty"`
	Created   time.Time  `json:"created"`
	By        string     `json:"by,omitempty" doc:"Who made it."`
	NotBefore *time.Time `json:"not_before,omitempty"`
	Expires   time.Time  `json:"expires"`
	LastUsed  *time.Time `json:"last_used,omitempty" doc:"When it was let through last, by itself or by a session that began with it; left out when it never was. Other nodes tell once a minute."`
	Viewers   int        `json:"viewers" doc:"Who watches with it, by address, on all nodes that could be asked."`
	Status    string     `json:"status" enum:"active,expired,key_retired,not_yet_valid,revoked"`
	Revoked   *Revoked   `json:"revoked,omitempty" doc:"Why all that it may play is refused, or will be."`
	Key       string     `json:"key" doc:"The id of the key that signed it."`
}

// Tokens is a page of them, the newest first.
type Tokens struct {
	Tokens []Token `json:"tokens"`
	Next   string  `json:"next,omitempty" doc:"The cursor of the next page; left out at the end."`
}

// NewToken is a token to be made.
type NewToken struct {
	Org       string   `json:"org"`
	Streams   []string `json:"streams,omitempty" doc:"The streams that it may play; this or orgwide."`
	OrgWide   bool     `json:"orgwide,omitempty" doc:"All streams of the organisation; this or streams."`
	Expires   string   `json:"expires,omitempty" doc:"When it ends: a time, or a duration from now like 14d or 2h. Default: what the configuration says, or 14d; at most 365d." example:"14d"`
	NotBefore string   `json:"not_before,omitempty" doc:"When it begins, in the same form. Default: at once."`
	IP        []string `json:"ip,omitempty" doc:"Addresses and prefixes that may use it. Default: all." example:"[\"203.0.113.0/24\"]"`
	Referer   []string `json:"referer,omitempty" doc:"Pages that may embed it: example.com, *.example.com, host:port. Default: all."`
	Tag       string   `json:"tag,omitempty" doc:"To find it by; at most 128 characters."`
	User      string   `json:"user,omitempty" doc:"Whom it is for; at most 128 characters."`
}

// IssuedToken is a new token, which is shown this once.
type IssuedToken struct {
	Text string `json:"token" doc:"The token. Nothing shows it again."`
	Token
	WebPlayoutURL string       `json:"web_playout_url,omitempty" doc:"The player page with the token."`
	StreamURL     string       `json:"stream_url,omitempty" doc:"The manifest or socket with the token."`
	URLs          []StreamURLs `json:"urls,omitempty" doc:"All of them, where there are several."`
	Warnings      []string     `json:"warnings" doc:"What may not do what was meant."`
}

// Remarks are what may not do what was meant.
type Remarks struct {
	Warnings []Warning `json:"warnings"`
}

// Revoked is why a token is refused.
type Revoked struct {
	At     time.Time  `json:"at"`
	From   *time.Time `json:"from,omitempty" doc:"When that begins; left out: it holds since at. Until then the status says what the token is."`
	By     string     `json:"by,omitempty"`
	Reason string     `json:"reason,omitempty"`
}

// TokenPath is a token in a path.
type TokenPath struct {
	ID  string `path:"id" doc:"The token's id."`
	Org string `query:"org" doc:"Its organisation. It may be left out where only one has a token by this id."`
}

// StreamURLs is what a viewer of one stream is given: the player page with the
// token, and the manifest or socket with the token.
type StreamURLs struct {
	Stream        string `json:"stream,omitempty"`
	WebPlayoutURL string `json:"web_playout_url,omitempty"`
	StreamURL     string `json:"stream_url,omitempty"`
}

// Warning is a remark on a token that is in order, but may not do what was meant.
type Warning struct {
	Text string `json:"text"`
	// Field and Add, where they are there, are what to add to which rule.
	Field string `json:"field,omitempty" doc:"The member of the request that the remedy is for."`
	Add   string `json:"add,omitempty" doc:"What to add to it."`
}

// ListTokens says which tokens are listed, and in which order.
type ListTokens struct {
	Page
	Org    string `query:"org" doc:"Of this organisation only."`
	Stream string `query:"stream" doc:"That name this stream only; not those of organisation scope."`
	Tag    string `query:"tag" doc:"With this tag only."`
	User   string `query:"user" doc:"For this user only."`
	Status string `query:"status" enum:"active,expired,key_retired,not_yet_valid,revoked" doc:"In this state only."`
	Sort   string `query:"sort" enum:"newest,expires,used" default:"newest" doc:"newest: by their making, the newest first. expires: who ends first. used: who was used last."`
}

// RevokeToken revokes one token.
type RevokeToken struct {
	TokenPath
	From   string `query:"from" doc:"When that begins: a time, or a duration from now like 10m; at most 30d ahead. Default: at once."`
	Reason string `query:"reason" doc:"Why; at most 128 characters."`
}
