// Package handoff is what the gate and the cache below it tell each other about
// one request: what it plays, who may share its answer, and in which coding the
// client takes it (RFC 9110, section 12.5). Neither knows the other.
package handoff
