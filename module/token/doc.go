// Package token says what a playback token grants, and with which keys and
// limits it is judged, in a form that does not depend on the token's format.
//
// The package is pure: it does no I/O, and it has no clock of its own. Formats live in packages below it ([jwt] is the first);
// each of them turns text into a [Grant], or into an [Error].
//
// [jwt]: https://pkg.go.dev/github.com/playgate/playgate/module/token/jwt
package token
