package registry

import (
	"maps"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/playgate/playgate/module/internal/kv"
)

// SecureState is what the registry says of an organisation.
type SecureState uint8

// States. The zero value says nothing.
const (
	Unset      SecureState = iota
	On                     // it is secure
	Off                    // it is not
	BreakGlass             // it is not, whatever anybody says: the glass is broken
)

// directory is what the view knows of organisations and streams. The view's lock is
// that of its changes and of streams; the rest is read without one.
type directory struct {
	logger  *zap.Logger
	orgs    atomic.Pointer[map[string]*orgState]
	streams map[string]map[string]*Stream // by organisation and name
}

// orgState is what gates ask of an organisation. It does not change.
type orgState struct {
	org    *Org // nil where only streams are known
	unread bool // there is a record, and it cannot be read
	public map[string]bool
}

func (d *directory) init(logger *zap.Logger) {
	d.logger = logger
	orgs := d.begin()
	d.orgs.Store(&orgs)
}

// begin forgets the streams, and returns what takes the place of orgs.
func (d *directory) begin() map[string]*orgState {
	d.streams = make(map[string]map[string]*Stream)
	return make(map[string]*orgState)
}

// apply takes one change of an organisation or a stream, which was another before.
func (d *directory) apply(old, now kv.Entry) {
	orgs := maps.Clone(*d.orgs.Load())
	if now.Deleted {
		d.drop(orgs, old)
	} else {
		d.take(orgs, now)
	}
	d.orgs.Store(&orgs)
}

// state is a copy of what orgs holds of an organisation, to be changed.
func state(orgs map[string]*orgState, org string) *orgState {
	s := new(orgState)
	if old := orgs[org]; old != nil {
		*s = *old
	}
	orgs[org] = s
	return s
}

// take takes an entry of a snapshot, or one that was changed.
func (d *directory) take(orgs map[string]*orgState, e kv.Entry) {
	prefix, rest, _ := strings.Cut(e.Key, ".")
	switch prefix {
	case orgPrefix:
		s := state(orgs, rest)
		o := new(Org)
		s.org, s.unread = o, false
		if err := decode(e.Value, o); err != nil || o.Hash != rest {
			s.org, s.unread = nil, true
			d.logger.Error("the record of an organisation cannot be read; it counts as secure", zap.String("org", rest), zap.Error(err))
		}
		o.Revision = e.Revision
	case streamPrefix:
		org, _, _ := strings.Cut(rest, ".")
		t := new(Stream)
		if err := decode(e.Value, t); err != nil || e.Key != streamKey(t.Org, t.Name) {
			d.logger.Error("the record of a stream cannot be read; the stream counts as not public", zap.String("org", org), zap.Error(err))
			d.forget(orgs, e.Key, org)
			return
		}
		t.Revision = e.Revision
		if d.streams[org] == nil {
			d.streams[org] = make(map[string]*Stream)
		}
		d.streams[org][t.Name] = t
		d.publish(orgs, org, t.Name, t.Public)
	}
}

// publish makes a stream public, or not.
func (d *directory) publish(orgs map[string]*orgState, org, stream string, public bool) {
	if old := orgs[org]; (old != nil && old.public[stream]) == public {
		return
	}
	s := state(orgs, org)
	s.public = maps.Clone(s.public)
	if s.public == nil {
		s.public = make(map[string]bool)
	}
	if public {
		s.public[stream] = true
	} else {
		delete(s.public, stream)
	}
}

// drop takes an entry out that was known.
func (d *directory) drop(orgs map[string]*orgState, old kv.Entry) {
	prefix, rest, _ := strings.Cut(old.Key, ".")
	switch prefix {
	case orgPrefix:
		s := state(orgs, rest)
		s.org, s.unread = nil, false
	case streamPrefix:
		org, _, _ := strings.Cut(rest, ".")
		d.forget(orgs, old.Key, org)
	}
}

// forget takes the stream of a key out.
func (d *directory) forget(orgs map[string]*orgState, key, org string) {
	for stream := range d.streams[org] {
		if streamKey(org, stream) == key {
			delete(d.streams[org], stream)
			d.publish(orgs, org, stream, false)
			return
		}
	}
}

func (d *directory) secure(org string, now time.Time) SecureState {
	o := (*d.orgs.Load())[org]
	switch {
	case o == nil:
		return Unset
	case o.unread:
		return On
	case o.org == nil:
		return Unset
	case o.org.Broken(now):
		return BreakGlass
	case o.org.Secure == "on":
		return On
	case o.org.Secure == "off":
		return Off
	}
	return Unset
}

func (d *directory) public(org, stream string) bool {
	o := (*d.orgs.Load())[org]
	return o != nil && !o.unread && o.public[stream]
}

func (d *directory) org(hash string) *Org {
	if s := (*d.orgs.Load())[hash]; s != nil {
		return s.org
	}
	return nil
}

func (d *directory) all() []*Org {
	var list []*Org
	for _, s := range *d.orgs.Load() {
		if s.org != nil {
			list = append(list, s.org)
		}
	}
	return list
}

// streamsOf are the streams of an organisation, or of all for "".
func (d *directory) streamsOf(org string) []*Stream {
	if org != "" {
		return slices.Collect(maps.Values(d.streams[org]))
	}
	var list []*Stream
	for _, streams := range d.streams {
		list = slices.AppendSeq(list, maps.Values(streams))
	}
	return list
}
