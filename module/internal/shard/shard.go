// Package shard splits state into parts with locks of their own, so that
// requests with different keys do not wait for each other.
package shard

import "sync"

// Count is how many parts there are.
const Count = 64

// Parts is state that is split by hash. In the zero value each part holds the zero
// value of T.
type Parts[T any] struct{ parts [Count]Part[T] }

// Part is one part and its lock, which the caller takes.
type Part[T any] struct {
	sync.RWMutex

	State T
}

// Of is the part of a hash.
func (p *Parts[T]) Of(hash uint64) *Part[T] { return &p.parts[hash%Count] }

// All calls f for each part in turn, with its lock held.
func (p *Parts[T]) All(f func(*T)) {
	for i := range p.parts {
		part := &p.parts[i]
		part.Lock()
		f(&part.State)
		part.Unlock()
	}
}
