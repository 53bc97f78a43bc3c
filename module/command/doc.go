// Package command adds Playgate's own commands to Caddy's: key and token.
//
// Tokens and keys go to standard output, remarks to standard error. Secrets
// come from files, never from the command line, where everybody on the machine
// can read them.
package command
