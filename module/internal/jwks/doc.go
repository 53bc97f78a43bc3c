// Package jwks keeps sets of public keys that somebody else publishes (JSON Web
// Key Sets, RFC 7517, section 5), from a URL or a file, and refreshes them. It
// fails closed: what it cannot read changes nothing, and a key that it is not
// sure of is left out.
package jwks
