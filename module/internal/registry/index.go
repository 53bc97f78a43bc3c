package registry

import (
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/playgate/playgate/module/internal/kv"
)

// Index is what the issuing bucket says, in memory, for those who list tokens
// and check API keys. Only a node that does so has one.
type Index struct {
	logger *zap.Logger
	view   *View

	mu      sync.RWMutex
	byKey   map[string]*Token
	byOrg   map[string][]*Token         // newest last
	apiKeys map[string]*APIKey          // by id
	used    map[string]map[string]int64 // by the record's key; see Used
}

func newIndex(view *View, logger *zap.Logger) *Index {
	x := &Index{logger: logger, view: view}
	x.clear()
	return x
}

func (x *Index) clear() {
	x.byKey = make(map[string]*Token)
	x.byOrg = make(map[string][]*Token)
	x.apiKeys = make(map[string]*APIKey)
	x.used = make(map[string]map[string]int64)
}

// older orders tokens by their making; ids tell apart what was made at once.
func older(a, b *Token) int {
	if c := a.Created.Compare(b.Created); c != 0 {
		return c
	}
	return strings.Compare(a.ID, b.ID)
}

func (x *Index) reset(entries []kv.Entry) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.clear()
	for _, e := range entries {
		if t := x.take(e); t != nil {
			x.byOrg[t.Org] = append(x.byOrg[t.Org], t)
		}
	}
	for _, list := range x.byOrg {
		slices.SortFunc(list, older)
	}
}

func (x *Index) apply(e kv.Entry) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if old := x.byKey[e.Key]; old != nil {
		list := x.byOrg[old.Org]
		if i, found := slices.BinarySearchFunc(list, old, older); found {
			x.byOrg[old.Org] = slices.Delete(list, i, i+1)
		}
	}
	t := x.take(e)
	if t == nil {
		return
	}
	list := x.byOrg[t.Org]
	i, _ := slices.BinarySearchFunc(list, t, older)
	x.byOrg[t.Org] = slices.Insert(list, i, t)
}

// take reads an entry into the maps. It returns the token that it is.
func (x *Index) take(e kv.Entry) *Token {
	prefix, rest, _ := strings.Cut(e.Key, ".")
	switch prefix {
	case tokenPrefix:
		delete(x.byKey, e.Key)
		if e.Deleted {
			return nil
		}
		t := new(Token)
		if err := decode(e.Value, t); err != nil || e.Key != tokenKey(t.Org, t.ID) {
			x.logger.Error("the record of a token cannot be read; it is not listed", zap.String("record", e.Key), zap.Error(err))
			return nil
		}
		_, hasher := x.view.Sessions()
		t.Revision, t.hash = e.Revision, hasher.Hash(byToken, t.Org, t.ID)
		x.byKey[e.Key] = t
		return t
	case usedPrefix:
		delete(x.used, e.Key)
		if e.Deleted {
			return nil
		}
		u := new(Used)
		if err := decode(e.Value, u); err != nil {
			x.logger.Error("when tokens were used last cannot be read", zap.String("record", e.Key), zap.Error(err))
			return nil
		}
		x.used[e.Key] = u.At
	case apiKeyPrefix:
		delete(x.apiKeys, rest)
		if e.Deleted {
			return nil
		}
		k := new(APIKey)
		if err := decode(e.Value, k); err != nil || k.ID != rest {
			x.logger.Error("the record of an API key cannot be read; it is refused", zap.String("id", rest), zap.Error(err))
			return nil
		}
		k.Revision = e.Revision
		x.apiKeys[rest] = k
	}
	return nil
}

func (x *Index) token(org, id string) *Token {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return x.byKey[tokenKey(org, id)]
}

func (x *Index) apiKey(id string) *APIKey {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return x.apiKeys[id]
}

func (x *Index) allAPIKeys() []*APIKey {
	x.mu.RLock()
	defer x.mu.RUnlock()
	list := make([]*APIKey, 0, len(x.apiKeys))
	for _, k := range x.apiKeys {
		list = append(list, k)
	}
	return list
}

// Filter says which tokens are listed. Empty fields do not filter.
type Filter struct {
	Orgs   []string                              // nil: all
	Hides  func(org string, made time.Time) bool // nil: nothing
	Stream string                                // that it may play by name; organisation scope is not meant
	Tag    string
	User   string
	Status string
	// StatusOf tells the status; nil leaves revocation apart.
	StatusOf func(t *Token, now time.Time) string
}

// Cursor is where a page begins: after this token, in the order of the list.
type Cursor struct {
	Created time.Time
	ID      string
}

// Page lists at most n tokens, the newest first, from a cursor on. next is nil
// at the end.
func (x *Index) Page(f Filter, after *Cursor, n int, now time.Time) (page []*Token, next *Cursor) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	var lists [][]*Token
	if f.Orgs == nil {
		for _, list := range x.byOrg {
			lists = append(lists, list)
		}
	}
	for _, org := range f.Orgs {
		lists = append(lists, x.byOrg[org])
	}
	ends := make([]int, len(lists))
	for i, list := range lists {
		ends[i] = len(list)
		if after != nil {
			ends[i], _ = slices.BinarySearchFunc(list, &Token{Created: after.Created, ID: after.ID}, older)
		}
	}
	for {
		newest := -1
		for i, list := range lists {
			for ends[i] > 0 && !f.match(list[ends[i]-1], now) {
				ends[i]--
			}
			if ends[i] > 0 && (newest < 0 || older(list[ends[i]-1], lists[newest][ends[newest]-1]) > 0) {
				newest = i
			}
		}
		if newest < 0 {
			return page, nil
		}
		if len(page) == n {
			last := page[n-1]
			return page, &Cursor{last.Created, last.ID}
		}
		ends[newest]--
		page = append(page, lists[newest][ends[newest]])
	}
}

// Sorted lists at most n tokens by a number of each, the least first, from after
// a cursor on. next is nil at the end. It looks at all tokens of the filter.
func (x *Index) Sorted(f Filter, by func(*Token) int64, after *SortCursor, n int, now time.Time) (page []*Token, next *SortCursor) {
	return firstN(func(yield func(SortCursor, *Token) bool) {
		for _, t := range x.all(f.Orgs) {
			if f.match(t, now) && !yield(SortCursor{by(t), t.Org, t.ID}, t) {
				return
			}
		}
	}, after, n)
}

// all are the tokens of some organisations, or of all for nil.
func (x *Index) all(orgs []string) []*Token {
	x.mu.RLock()
	defer x.mu.RUnlock()
	if orgs == nil {
		return slices.Collect(maps.Values(x.byKey))
	}
	var list []*Token
	for _, org := range orgs {
		list = append(list, x.byOrg[org]...)
	}
	return list
}

func (f *Filter) match(t *Token, now time.Time) bool {
	return (f.Hides == nil || !f.Hides(t.Org, t.Created)) && (f.Stream == "" || slices.Contains(t.Streams, f.Stream)) &&
		(f.Tag == "" || t.Tag == f.Tag) && (f.User == "" || t.User == f.User) &&
		(f.Status == "" || f.status(t, now) == f.Status)
}

func (f *Filter) status(t *Token, now time.Time) string {
	if f.StatusOf == nil {
		return t.Status(now)
	}
	return f.StatusOf(t, now)
}

// Len is how many tokens are known.
func (x *Index) Len() int {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return len(x.byKey)
}
