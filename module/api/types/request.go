package types

// A request is a struct: its members with the tags path and query are those of
// the URL, and Body is what is sent.

// Body is the request of what takes a body alone.
type Body[T any] struct{ Body T }

// Nothing is a request without members, and the answer of what has none.
type Nothing struct{}
