// Package jwt turns signed JSON Web Tokens (RFC 7519) into grants and back.
//
// The signature itself is golang-jwt's work. Around it stands a strict reader,
// because golang-jwt alone accepts several spellings of one token: padding
// bits and line breaks in base64url, duplicate members, folded member names,
// times as strings or floats, unknown critical headers. Here one token has one
// spelling, and a claim that is misspelt or of the wrong type never widens it.
package jwt
