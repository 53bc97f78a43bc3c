// Package api is Playgate's HTTP API: organisations, streams, tokens, keys, API
// keys and the audit trail, in JSON, described by an OpenAPI 3.1 document that
// comes from the Go types of package types.
//
// There are three ways in: the directive playgate_api, where API keys identify the
// caller; Caddy's admin endpoint, whose callers are operators; and [Local] for code
// of this process, such as the console. Each operation is defined once for all of
// them ([Operation]). Every operation says which rights it needs, and sees only what belongs
// to the organisations of who asks: another one does not exist, whatever is
// asked. No answer and no log line repeats a value of a request, so that no
// token and no key gets into either; a new token and a new API key are shown
// once, in the answer to their making.
package api
