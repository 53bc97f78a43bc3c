package cache

import (
	"net/http"
	"strconv"
	"sync/atomic"
	"time"
)

// kind tells what the store has for a key.
type kind uint8

const (
	aResponse kind = iota
	uncached       // the origin's answers are for those alone who ask
)

const (
	// knownUncached is how long requests go to the origin side by side, after an
	// answer that could not be shared.
	knownUncached = 30 * time.Second
	// brieflyUncached is the same after an error, which may pass.
	brieflyUncached = time.Second

	// keptStale is how long an object that can be validated is kept after its
	// time, and longest how long one is kept at all.
	keptStale = 10 * time.Minute
	longest   = 365 * 24 * time.Hour
)

// object is an answer as it is served. It does not change, but for its body.
type object struct {
	kind   kind
	brief  bool // where it is uncached
	status int
	fields []field
	values int // of all fields together
	judged
	came      time.Time // when its header came
	modified  time.Time // Last-Modified; zero when there is none
	etag      string
	announced int64 // Content-Length, or -1
	body      *body

	stamps atomic.Pointer[stamps]
}

// stamps are the fields of a hit that change with each second.
type stamps struct {
	age, left     int64 // seconds
	ageText, hits string
}

// stampsAt are the stamps of a moment.
func (o *object) stampsAt(now time.Time) *stamps {
	age, left := int64(o.ageAt(now)/time.Second), int64(o.left(now)/time.Second)
	s := o.stamps.Load()
	if s == nil || s.age != age || s.left != left {
		s = &stamps{age, left, strconv.FormatInt(age, 10), product + withTTL("hit", o.left(now))}
		o.stamps.Store(s)
	}
	return s
}

// field is a header field.
type field struct {
	name   string
	values []string
}

// newObject makes an object of the header of an answer.
func newObject(status int, h http.Header, j judged, came time.Time, b *body) *object {
	o := &object{status: status, judged: j, came: came, etag: h.Get("Etag"), announced: contentLength(h), body: b}
	o.modified, _ = http.ParseTime(h.Get("Last-Modified"))
	for name, values := range h {
		if name == "Age" || len(values) == 0 || hopByHop(name) {
			continue
		}
		o.fields = append(o.fields, field{name, values})
		o.values += len(values)
	}
	if len(h["Date"]) == 0 { // RFC 9110, section 6.6.1
		o.fields = append(o.fields, field{"Date", []string{came.UTC().Format(http.TimeFormat)}})
		o.values++
	}
	return o
}

// hopByHop are fields of a connection (RFC 9110, section 7.6.1).
func hopByHop(name string) bool {
	switch name {
	case "Connection", "Keep-Alive", "Proxy-Connection", "Proxy-Authenticate", "Te", "Trailer", "Transfer-Encoding", "Upgrade":
		return true
	}
	return false
}

// left is how long the object stays fresh; it is negative once it is stale.
func (o *object) left(now time.Time) time.Duration { return o.lifetime - o.ageAt(now) }

func (o *object) fresh(now time.Time) bool { return o.left(now) > 0 }

func (o *object) ageAt(now time.Time) time.Duration { return o.age + max(now.Sub(o.came), 0) }

// onFailure reports whether the object may serve though it is stale, because the
// origin fails (RFC 5861, section 4).
func (o *object) onFailure(now time.Time) bool {
	return o.onError > 0 && o.left(now)+o.onError > 0
}

// inMeantime reports whether the object may serve though it is stale, while the origin is
// asked for a new one (RFC 5861, section 3).
func (o *object) inMeantime(now time.Time) bool {
	return o.meantime > 0 && o.left(now)+o.meantime > 0
}

// missing reports whether it says that something is not there.
func (o *object) missing() bool {
	return o.status == http.StatusNotFound || o.status == http.StatusGone
}

// validates reports whether the origin can be asked if it is still good.
func (o *object) validates() bool {
	return o.status == http.StatusOK && (o.etag != "" || !o.modified.IsZero())
}

// keep is how long the store may keep it.
func (o *object) keep() time.Duration {
	switch {
	case o.kind == uncached && o.brief:
		return brieflyUncached
	case o.kind == uncached:
		return knownUncached
	}
	after := max(o.onError, o.meantime)
	if o.validates() {
		after = max(after, keptStale)
	}
	return max(min(o.lifetime-o.age, longest)+after, 0)
}

// perObject is what an object takes besides its content, at most about.
const perObject = 1 << 10

// weight is the memory that the object takes, in bytes.
func (o *object) weight() int64 {
	n := int64(perObject)
	for i := range o.fields {
		n += int64(len(o.fields[i].name)) + 16
		for _, v := range o.fields[i].values {
			n += int64(len(v)) + 16
		}
	}
	if o.body != nil {
		n += o.body.memory
	}
	return n
}

// setHeader writes the object's header, and returns room for more values.
func (o *object) setHeader(h http.Header) (room []string) {
	all := make([]string, o.values+2)
	for i := range o.fields {
		f := &o.fields[i]
		n := copy(all, f.values)
		h[f.name] = all[:n:n]
		all = all[n:]
	}
	return all
}
