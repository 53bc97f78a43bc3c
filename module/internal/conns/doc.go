// Package conns knows the responses that are running, and cuts those that may
// not go on: what a token has started ends with it.
package conns
