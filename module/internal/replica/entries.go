package replica

import (
	"maps"
	"slices"
	"strings"

	"github.com/playgate/playgate/module/internal/kv"
)

// State is what is made of the entries of the edge bucket, in memory. Its methods
// may be called at once.
type State interface {
	// Reset takes a whole snapshot in place of what was known. What is known
	// already of later changes stays; see [Entries.Later].
	Reset(snapshot []kv.Entry)
	// Merge takes a whole snapshot of a store that has lost something: what is
	// known stays where the store knows less; see [Entries.Best].
	Merge(snapshot []kv.Entry)
	// Replace takes a whole snapshot in place of all that was known.
	Replace(snapshot []kv.Entry)
	// Apply takes one change; one that is not newer than what is known changes
	// nothing.
	Apply(e kv.Entry)
	// News are those of a snapshot that are not known yet.
	News(snapshot []kv.Entry) []kv.Entry
	// All are the entries, in the order of their keys.
	All() []kv.Entry
	// Changes grows with each change.
	Changes() uint64
	// Complete reports whether there has ever been a whole snapshot.
	Complete() bool
}

// Entries are the newest entries of a bucket by their keys, without those that were
// deleted. They are not safe for concurrent use.
type Entries map[string]kv.Entry

// Apply takes one change, and returns what it takes the place of. One that is not
// newer than what is known changes nothing.
func (m Entries) Apply(e kv.Entry) (old kv.Entry, changed bool) {
	old, known := m[e.Key]
	if known && old.Revision >= e.Revision {
		return old, false
	}
	if e.Deleted {
		delete(m, e.Key)
	} else {
		m[e.Key] = e
	}
	return old, true
}

// Later is a snapshot with what is known already of changes that are later than
// all of it: a server that is behind may have made the snapshot.
func (m Entries) Later(snapshot []kv.Entry) []kv.Entry {
	last := uint64(0)
	for _, e := range snapshot {
		last = max(last, e.Revision)
	}
	return m.keeping(snapshot, func(old, _ kv.Entry) bool { return old.Revision > last })
}

// Best is a snapshot of a store that has lost something, with what is known
// wherever the store knows less.
func (m Entries) Best(snapshot []kv.Entry) []kv.Entry {
	return m.keeping(snapshot, func(old, now kv.Entry) bool { return old.Revision > now.Revision })
}

// keeping is a snapshot with those of the known entries that are to be kept.
func (m Entries) keeping(snapshot []kv.Entry, keep func(old, now kv.Entry) bool) []kv.Entry {
	at := make(map[string]int, len(snapshot))
	for i, e := range snapshot {
		at[e.Key] = i
	}
	for key, old := range m {
		i, there := at[key]
		switch {
		case there && keep(old, snapshot[i]):
			snapshot[i] = old
		case !there && keep(old, kv.Entry{}):
			snapshot = append(snapshot, old)
		}
	}
	return snapshot
}

// News are those of a snapshot that are not known yet.
func (m Entries) News(snapshot []kv.Entry) []kv.Entry {
	var list []kv.Entry
	for _, e := range snapshot {
		if old, known := m[e.Key]; e.Revision > old.Revision && (known || !e.Deleted) {
			list = append(list, e)
		}
	}
	return list
}

// Sorted are the entries in the order of their keys.
func (m Entries) Sorted() []kv.Entry {
	list := slices.Collect(maps.Values(m))
	slices.SortFunc(list, func(a, b kv.Entry) int { return strings.Compare(a.Key, b.Key) })
	return list
}
