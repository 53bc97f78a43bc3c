// Package harness starts what the whole-system tests talk to: the built binary,
// origins that record every byte, media servers, and clients for all versions
// of HTTP. It treats Playgate as a user does, from outside, and knows none of
// its packages.
//
// Everything listens on 127.0.0.1. What a test starts, the harness ends by its
// own process id when the test is over. Waiting is always for a condition with
// a deadline.
package harness
