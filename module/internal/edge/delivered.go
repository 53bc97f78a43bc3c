package edge

import (
	"hash/maphash"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/playgate/playgate/module/internal/manifest"
	"github.com/playgate/playgate/module/internal/redact"
	"github.com/playgate/playgate/module/internal/shard"
)

// Delivered is a manifest that was delivered with tokens in it.
type Delivered struct {
	Org        string
	Site       string // host and port
	Path       string // without tokens
	At         time.Time
	Untokened  int      // references that got none
	Kinds      []string // of those
	References []string // the first of those
}

// delivered keeps the latest manifests, at most so many of each part of their paths. The
// zero value is empty.
type delivered struct{ parts shard.Parts[[]Delivered] }

const mostDelivered = 16

var deliveredSeed = maphash.MakeSeed()

// untokened counts references without a token. It is of the process: it survives reloads.
var untokened = prometheus.NewCounterVec(prometheus.CounterOpts{
	Namespace: "playgate", Name: "untokened_references_total",
	Help: "References of delivered manifests that lead to this site and got no token, by kind.",
}, []string{"kind"})

func init() { // every series exists from the start
	for _, kind := range manifest.MissedKinds() {
		untokened.WithLabelValues(kind)
	}
}

// RecordManifest records that a manifest was delivered, for whoever asks for it later.
func (s *State) RecordManifest(org, site, path string, missed *manifest.Missed) {
	for kind, n := range missed.Kinds {
		untokened.WithLabelValues(kind).Add(float64(n))
	}
	now := time.Now()
	part := s.delivered.parts.Of(maphash.String(deliveredSeed, path))
	part.Lock()
	defer part.Unlock()
	at := slices.IndexFunc(part.State, func(d Delivered) bool { return d.Path == path && d.Org == org && d.Site == site })
	switch {
	case at >= 0:
	case len(part.State) < mostDelivered:
		part.State = append(part.State, Delivered{Org: strings.Clone(org), Site: site, Path: strings.Clone(path)})
		at = len(part.State) - 1
	default:
		at = 0
		for i := range part.State {
			if part.State[i].At.Before(part.State[at].At) {
				at = i
			}
		}
		part.State[at] = Delivered{Org: strings.Clone(org), Site: site, Path: strings.Clone(path)}
	}
	d := &part.State[at]
	d.At, d.Untokened, d.References, d.Kinds = now, missed.Count, nil, nil
	if missed.Count == 0 {
		return
	}
	d.Kinds = missed.Names()
	for _, ref := range missed.References { // the origin may have written a token
		d.References = append(d.References, string(redact.Text([]byte(ref))))
	}
}

// Manifest is what was delivered last at a path of an organisation. ok is false where this
// node has delivered nothing there, or has forgotten it.
func (s *State) Manifest(org, site, path string) (d Delivered, ok bool) {
	part := s.delivered.parts.Of(maphash.String(deliveredSeed, path))
	part.RLock()
	defer part.RUnlock()
	at := slices.IndexFunc(part.State, func(d Delivered) bool { return d.Path == path && d.Org == org && d.Site == site })
	if at < 0 {
		return d, false
	}
	return part.State[at], true
}
