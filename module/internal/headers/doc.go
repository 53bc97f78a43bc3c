// Package headers reads and writes HTTP header fields: pure functions of a field and
// what is to become of it. What is a token, and what is allowed, its callers know.
package headers
