// Package command adds Playgate's own commands to Caddy's.
//
// Some work with a file alone: the making of keys, and of tokens with such a
// key. All others ask a running instance for it, over Caddy's admin endpoint or
// the HTTP API, and say on standard error which one answered.
//
// Tokens, keys and lists go to standard output, remarks to standard error.
// Secrets come from files or the environment, never from the command line,
// where everybody on the machine can read them.
package command
