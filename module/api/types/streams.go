package types

import "time"

// Stream is a stream that the registry knows. One that it does not know plays
// all the same, with a token.
type Stream struct {
	Org     string    `json:"org"`
	Stream  string    `json:"stream" doc:"Its name, unique within the organisation."`
	Title   string    `json:"title,omitempty" doc:"For people."`
	Public  bool      `json:"public" doc:"Whether it needs no token."`
	Tags    []string  `json:"tags"`
	Viewers int       `json:"viewers" doc:"Who watches, on all nodes that could be asked: tokens and addresses with a request within the last 30 seconds, or with a response that is running."`
	Created time.Time `json:"created"`
	By      string    `json:"by,omitempty" doc:"Who made it."`
}

// Streams is a page of them, in the order of organisations and names.
type Streams struct {
	Streams []Stream `json:"streams"`
	Next    string   `json:"next,omitempty" doc:"The cursor of the next page; left out at the end."`
}

// NewStream is a stream to be made.
type NewStream struct {
	Org    string   `json:"org"`
	Stream string   `json:"stream" doc:"1 to 128 of letters, digits, dot, underscore and hyphen."`
	Title  string   `json:"title,omitempty" doc:"At most 128 characters."`
	Public bool     `json:"public,omitempty" doc:"Lets everybody in without a token. Default: false."`
	Tags   []string `json:"tags,omitempty" maxItems:"32" doc:"Each at most 128 characters."`
}

// StreamChange is what is to change; what is left out stays.
type StreamChange struct {
	Title  *string  `json:"title,omitempty" nullable:"false"`
	Public *bool    `json:"public,omitempty" nullable:"false"`
	Tags   []string `json:"tags,omitempty" maxItems:"32" nullable:"false" doc:"All of them anew; an empty list takes them away."`
}

// StreamPath is the stream in a path.
type StreamPath struct {
	OrgPath
	Stream string `path:"stream" doc:"The stream's name."`
}

// ListStreams says which streams are listed.
type ListStreams struct {
	Page
	Org string `query:"org" doc:"Of this organisation only."`
	Tag string `query:"tag" doc:"With this tag only."`
}

// ChangeStream changes a stream.
type ChangeStream struct {
	StreamPath
	Body StreamChange
}
