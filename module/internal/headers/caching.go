package headers

import (
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// CachingLimit keeps answers out of shared caches and bounds how long they are fresh
// (RFC 9111). It remembers the last result, since nearly all answers of a site say the
// same. The zero value is ready, and may be used by many at the same time.
type CachingLimit struct{ last atomic.Pointer[limited] }

// CacheControl returns the value of Cache-Control that makes an answer private, and
// fresh for no longer than is left (in whole seconds, zero where that is negative).
// What the origin says more strictly stays. It removes Expires, and the fields that
// are for certain shared caches; Cache-Control the caller has to set.
func (c *CachingLimit) CacheControl(h http.Header, left time.Duration, now time.Time) string {
	dropTargeted(h)
	const private = "private"
	lines, expiring := h["Cache-Control"], len(h["Expires"]) > 0
	if len(lines) == 0 && !expiring {
		return private
	}
	most := max(int64(left/time.Second), 0)
	if last := c.last.Load(); last != nil && len(lines) == 1 && !expiring && lines[0] == last.from && last.age <= most {
		return last.to
	}
	age := int64(-1)
	var room [128]byte
	kept := append(room[:0], private...)
	for _, line := range h["Cache-Control"] {
		for directive := range strings.SplitSeq(line, ",") {
			directive = strings.TrimSpace(directive)
			name, value, _ := strings.Cut(directive, "=")
			switch strings.ToLower(name) {
			case "", "public", "private", "s-maxage", "proxy-revalidate", "immutable", "stale-while-revalidate", "stale-if-error":
				// Immutable and stale answers would outlive the token.
			case "max-age":
				if n, err := strconv.ParseInt(strings.Trim(value, `"`), 10, 64); err == nil && n >= 0 {
					age = n
				} else {
					age = 0
				}
			default:
				kept = append(append(kept, ", "...), directive...)
			}
		}
	}
	if expires := h.Get("Expires"); expires != "" {
		if age < 0 {
			age = 0
			if t, err := http.ParseTime(expires); err == nil {
				age = max(int64(t.Sub(now)/time.Second), 0)
			}
		}
		delete(h, "Expires")
	}
	if age >= 0 {
		kept = strconv.AppendInt(append(kept, ", max-age="...), min(age, most), 10)
	}
	to := string(kept)
	if len(lines) == 1 && !expiring && age <= most {
		c.last.Store(&limited{lines[0], to, age})
	}
	return to
}

// limited is what became of a Cache-Control that lets an answer be kept for no
// longer than its token.
type limited struct {
	from, to string
	age      int64 // seconds
}

// NeverStore keeps an answer that has somebody's token in it out of every cache.
func NeverStore(h http.Header) {
	h["Cache-Control"] = []string{"private, no-store"}
	delete(h, "Expires")
	dropTargeted(h)
}

// dropTargeted removes the fields by which an origin speaks to certain shared
// caches past Cache-Control (RFC 9213, and what was there before it).
func dropTargeted(h http.Header) {
	for name := range h {
		switch name {
		case "Surrogate-Control", "X-Accel-Expires", "Edge-Control":
			delete(h, name)
		default:
			if strings.HasSuffix(name, "-Cache-Control") {
				delete(h, name)
			}
		}
	}
}
