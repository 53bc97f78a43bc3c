// Package console serves the web console: streams, tokens, and why a token is
// refused. It renders on the server, and everything works without JavaScript.
// Whoever Caddy has authenticated is let in as far as a grant says. What is done
// goes through the API of package api, in the process, so that rights, checks and
// the audit trail are the same for both.
package console
