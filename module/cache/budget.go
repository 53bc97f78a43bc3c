package cache

import (
	"container/list"
	"sync"
)

// budget is the memory for what is not stored: answers that are being fetched,
// and those that somebody still reads after they have left the store.
type budget struct {
	mu      sync.Mutex
	limit   int64
	used    int64
	derived int64     // of these, for what is worked out of bodies
	pinned  list.List // of *body, in the order in which they left the store
}

// take takes n bytes. Where there are none left, those who read what has left the
// store longest ago make room: nobody can hold memory by reading slowly.
func (m *budget) take(n int64) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	for m.used+n > m.limit {
		if !m.drop() {
			return false
		}
	}
	m.used += n
	return true
}

// takeForDerived takes n bytes for what is worked out of a body, which stays as long
// as that. It leaves half for answers that are on their way.
func (m *budget) takeForDerived(n int64) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.derived+n > m.limit/2 || m.used+n > m.limit {
		return false
	}
	m.used += n
	m.derived += n
	return true
}

func (m *budget) giveOfDerived(n int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.used -= n
	m.derived -= n
}

func (m *budget) give(n int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.used -= n
}

// pin counts a body that has left the store and is still being read.
func (m *budget) pin(b *body) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if b.pinned != nil || b.holders.Load() == 0 || b.stored.Load() > 0 {
		return
	}
	b.pinned = m.pinned.PushBack(b)
	m.used += b.memory
	for m.used > m.limit && m.drop() {
	}
}

// unpin forgets a body that nobody reads any more, or that is stored again.
func (m *budget) unpin(b *body) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if b.pinned == nil {
		return
	}
	m.pinned.Remove(b.pinned)
	b.pinned = nil
	m.used -= b.memory
}

// drop ends the readers of the body that was pinned first: each after the piece
// that it is writing, or at once if that is all of it.
func (m *budget) drop() bool {
	first := m.pinned.Front()
	if first == nil {
		return false
	}
	b := m.pinned.Remove(first).(*body)
	b.pinned = nil
	b.drop()
	m.used -= b.memory
	return true
}

func (m *budget) resize(limit int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.limit = limit
}

// inUse is how much is taken.
func (m *budget) inUse() int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.used
}
