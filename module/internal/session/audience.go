package session

import (
	"hash/maphash"
	"maps"
	"net/netip"
	"sync"
	"time"
)

// Audience counts who watches, stream by stream. A viewer is a token at an
// address, or an address alone where none is needed: players that share both
// are one. The zero value is empty.
type Audience struct{ parts [64]audiencePart }

type audiencePart struct {
	mu   sync.Mutex
	seen map[watching]int64 // unix seconds
	room int                // how many there may be before those who left are taken out
}

// watching is one viewer of one stream, hashed under a seed of this process.
type watching struct{ stream, viewer uint64 }

// AudienceWindow is how long a viewer counts after the last request: longer than
// players wait for the next segment of a live stream.
const AudienceWindow = 30 * time.Second

// maxAudience is how many viewers are told apart in each part; a million in all.
const maxAudience = 1 << 14

var audienceSeed = maphash.MakeSeed()

// Viewer is who plays what a subject says from an address.
func Viewer(s *Subject, from netip.Addr) uint64 {
	return maphash.Comparable(audienceSeed, struct {
		token uint64
		from  netip.Addr
	}{s.TokenID, from})
}

func streamHash(org, stream string) uint64 {
	var h maphash.Hash
	h.SetSeed(audienceSeed)
	_, _ = h.WriteString(org)
	_ = h.WriteByte('/') // in no name
	_, _ = h.WriteString(stream)
	return h.Sum64()
}

// Seen notes a request of a viewer.
func (a *Audience) Seen(s *Subject, viewer uint64, now time.Time) {
	key := watching{streamHash(s.Org, s.Stream), viewer}
	p := &a.parts[viewer%uint64(len(a.parts))]
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, known := p.seen[key]; !known && len(p.seen) >= p.room {
		if p.seen == nil {
			p.seen = make(map[watching]int64)
		}
		p.prune(now)
		p.room = min(2*len(p.seen)+16, maxAudience)
		if len(p.seen) >= maxAudience {
			return // all of them are watching now
		}
	}
	p.seen[key] = now.Unix()
}

func (p *audiencePart) prune(now time.Time) {
	since := now.Add(-AudienceWindow).Unix()
	maps.DeleteFunc(p.seen, func(_ watching, at int64) bool { return at < since })
}

// Counts are the numbers of viewers at a moment.
type Counts struct {
	byStream map[uint64]int
	// Total is that of all streams.
	Total int
}

// Of is the number of viewers of a stream.
func (c *Counts) Of(org, stream string) int { return c.byStream[streamHash(org, stream)] }

// Count counts who has been seen within [AudienceWindow], and who has a response
// running, however long ago it began.
func (a *Audience) Count(running *Table, now time.Time) *Counts {
	running.Each(func(r *Running) {
		if r.Viewer != 0 {
			a.Seen(&r.Subject, r.Viewer, now)
		}
	})
	c := &Counts{byStream: make(map[uint64]int)}
	for i := range a.parts {
		p := &a.parts[i]
		p.mu.Lock()
		p.prune(now)
		for w := range p.seen {
			c.byStream[w.stream]++
		}
		c.Total += len(p.seen)
		p.mu.Unlock()
	}
	return c
}
