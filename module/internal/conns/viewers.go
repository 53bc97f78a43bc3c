package conns

import (
	"crypto/sha256"
	"encoding/binary"
	"hash/maphash"
	"maps"
	"net/netip"
	"time"

	"github.com/playgate/playgate/module/internal/access"
	"github.com/playgate/playgate/module/internal/shard"
)

// Viewers counts who watches, stream by stream. A viewer is a token at an address,
// or an address alone where none is needed: players that share both are one. The
// zero value is empty.
type Viewers struct{ parts shard.Parts[viewersPart] }

type viewersPart struct {
	seen map[watching]watcher
	room int   // how many there may be before those who left are taken out
	last int64 // unix second in which they were
}

// watching is one viewer of one stream, hashed under a seed of this process.
type watching struct{ stream, viewer uint64 }

// watcher is what a viewer can be revoked by, and the unix second of the last
// request.
type watcher struct {
	at, issued              int64
	org, tokenID, tag, user uint64 // 0: does not watch by a token
	// stream is the hash of the stream's name that all processes have.
	stream uint64
}

// ViewerWindow is how long a viewer counts after the last request: longer than
// players wait for the next segment of a live stream.
const ViewerWindow = 30 * time.Second

// maxViewers is how many viewers are told apart in each part; a million in all.
const maxViewers = 1 << 14

var viewerSeed = maphash.MakeSeed()

// Viewer is who plays what a subject says from an address. Where no token is needed,
// none tells viewers apart.
func Viewer(s *access.Subject, from netip.Addr) uint64 {
	viewer := struct {
		token uint64
		from  netip.Addr
	}{s.TokenID, from}
	if s.Public {
		viewer.token = 0
	}
	return maphash.Comparable(viewerSeed, viewer)
}

func streamHash(org, stream string) uint64 {
	var h maphash.Hash
	h.SetSeed(viewerSeed)
	_, _ = h.WriteString(org)
	_ = h.WriteByte('/') // in no name
	_, _ = h.WriteString(stream)
	return h.Sum64()
}

// sharedHash names a stream to other processes.
func sharedHash(org, stream string) uint64 {
	sum := sha256.Sum256([]byte(org + "/" + stream))
	return binary.BigEndian.Uint64(sum[:])
}

// Seen notes a request of a viewer.
func (v *Viewers) Seen(s *access.Subject, viewer uint64, now time.Time) {
	key := watching{streamHash(s.Org, s.Stream), viewer}
	part, at := v.parts.Of(viewer), now.Unix()
	part.Lock()
	defer part.Unlock()
	p := &part.State
	w, known := p.seen[key]
	if !known && len(p.seen) >= p.room {
		if p.seen == nil {
			p.seen = make(map[watching]watcher)
		}
		if len(p.seen) >= maxViewers && p.last == at {
			return // no look at each of them for each that comes
		}
		p.prune(now)
		p.last = at
		p.room = min(2*len(p.seen)+16, maxViewers)
		if len(p.seen) >= maxViewers {
			return // all of them are watching now
		}
	}
	if !known && !s.Public {
		w = watcher{issued: s.IssuedAt, org: streamHash(s.Org, ""), stream: sharedHash(s.Org, s.Stream), tokenID: s.TokenID, tag: s.Tag, user: s.User}
	}
	w.at = at
	p.seen[key] = w
}

func (p *viewersPart) prune(now time.Time) {
	since := now.Add(-ViewerWindow).Unix()
	maps.DeleteFunc(p.seen, func(_ watching, w watcher) bool { return w.at < since })
}

// Counts are the numbers of viewers at a moment.
type Counts struct {
	byStream, byToken map[uint64]int
	// Total is that of all streams.
	Total int
}

// Of is the number of viewers of a stream.
func (c *Counts) Of(org, stream string) int { return c.byStream[streamHash(org, stream)] }

// With is the number of viewers who watch with a token, by the hash of its id.
func (c *Counts) With(tokenID uint64) int { return c.byToken[tokenID] }

// Ended counts the viewers, as they were when Count was called last, whom a
// revocation would end, and returns hashes of the streams that they watch, which
// are the same in all processes.
func (v *Viewers) Ended(whom access.Selection) (viewers int, streams map[uint64]bool) {
	var org, stream uint64
	switch {
	case whom.Stream != "":
		stream = streamHash(whom.Org, whom.Stream)
	case whom.Org != "":
		org = streamHash(whom.Org, "")
	}
	on := make(map[uint64]bool)
	v.parts.All(func(p *viewersPart) {
		for at, w := range p.seen {
			if w.org == 0 || whom.Before != 0 && w.issued > whom.Before {
				continue
			}
			if stream != 0 && at.stream == stream || org != 0 && w.org == org || whom.TokenID != 0 && w.tokenID == whom.TokenID ||
				whom.Tag != 0 && w.tag == whom.Tag || whom.User != 0 && w.user == whom.User {
				viewers++
				on[w.stream] = true
			}
		}
	})
	return viewers, on
}

// Count counts who has been seen within [ViewerWindow], and who has a response
// running, however long ago it began.
func (v *Viewers) Count(running *Table, now time.Time) *Counts {
	running.Each(func(r *Running) {
		if r.Viewer != 0 {
			v.Seen(&r.Subject, r.Viewer, now)
		}
	})
	c := &Counts{byStream: make(map[uint64]int), byToken: make(map[uint64]int)}
	v.parts.All(func(p *viewersPart) {
		p.prune(now)
		for at, w := range p.seen {
			c.byStream[at.stream]++
			if w.tokenID != 0 {
				c.byToken[w.tokenID]++
			}
		}
		c.Total += len(p.seen)
	})
	return c
}
