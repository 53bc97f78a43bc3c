// Package headers reads and writes HTTP header fields. Its callers know what is a
// token and what is allowed.
package headers
