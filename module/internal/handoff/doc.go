// Package handoff is what the gate and the cache below it tell each other about
// one request: what it plays, who may share its answer, and what of it is the
// client's. Neither knows the other.
package handoff
