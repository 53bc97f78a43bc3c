// Package target says what a request wants to play. It reads a request in
// exactly one way, or refuses it: what is decided on is, byte for byte, what
// the origin gets.
//
// The package is pure and knows neither tokens nor Caddy.
package target
