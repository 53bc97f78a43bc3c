// Package replica keeps a bucket in the memory of an edge, and on its disk.
//
// A [Replica] opens the store and follows its edge bucket into a [State]. It keeps
// a copy of that on disk, with a journal of what has changed since, so that a
// process that is killed has lost nothing of what it had acted upon, and one that
// starts while the store is out of reach knows what it knew. It finds a store that
// has lost something, a watch that has become silent and an embedded server that
// takes no changes, and heals what it can.
package replica
