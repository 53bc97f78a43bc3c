package cache

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// use is what may be done with an answer.
type use uint8

const (
	useAgain  use = iota // nobody may get it, for it was nobody's request: each asks alone
	useShared            // who waits for it may get it
	useStored            // and who comes later
)

// judged is an answer, judged by RFC 9111 for a shared cache.
type judged struct {
	use      use
	lifetime time.Duration // how long it is fresh, from its generation on
	age      time.Duration // how old it was when it came
	onError  time.Duration // how long after that it may serve when the origin fails
	meantime time.Duration // and how long while the origin is asked for a new one
}

// missing is how long it is remembered that something is not there.
const missing = 250 * time.Millisecond

// answer is what is judged: an answer to a request for everybody.
type answer struct {
	status int
	header http.Header
	asked  time.Time     // when the request was sent
	now    time.Time     // when the header came
	ttl    time.Duration // by the site's rules, where the origin says nothing; 0 for none
	key    *key          // of what was asked
}

// judge decides what may be done with an answer. What it does not understand is
// for nobody else.
func (a *answer) judge() judged {
	var j judged
	d := a.directives()
	switch {
	case a.varies(), d.noStore, d.private, len(a.header["Set-Cookie"]) > 0, len(a.header["Trailer"]) > 0:
		return j
	case a.status == http.StatusNotFound || a.status == http.StatusGone:
		j.use = useShared
		if told := a.lifetime(&d); !a.key.waits() && !d.noCache && (told > 0 || !d.tellsLifetime(a.header)) {
			j.use, j.lifetime = useStored, missing
		}
		return j
	case a.status != http.StatusOK:
		if failure(a.status) {
			j.use = useShared
		}
		return j
	}
	j.age = a.age()
	j.lifetime = a.lifetime(&d)
	if !d.mustRevalidate && !d.proxyRevalidate && !d.noCache && d.sMaxAge < 0 {
		j.onError, j.meantime = span(max(d.staleIfError, 0)), span(max(d.staleWhileRevalidate, 0))
	}
	j.use = useShared
	if j.lifetime > j.age || a.header.Get("Etag") != "" || a.header.Get("Last-Modified") != "" {
		j.use = useStored
	}
	return j
}

// denies reports whether a status may depend on who asks.
func denies(status int) bool {
	return status == http.StatusUnauthorized || status == http.StatusForbidden || status == http.StatusProxyAuthRequired
}

// directives are those of CDN-Cache-Control where the origin has sent it for caches
// like this one, else those of Cache-Control (RFC 9213).
func (a *answer) directives() directives {
	if lines := a.header["Cdn-Cache-Control"]; len(lines) > 0 {
		if d, ok := readTargeted(lines); ok {
			return d
		}
	}
	return readDirectives(a.header)
}

// failure reports whether a status says that what was asked for is not to be had,
// whoever asks. It is told to all who wait, so that a failing origin is not asked
// by each of them.
func failure(status int) bool {
	switch status {
	case http.StatusNotFound, http.StatusGone, http.StatusInternalServerError,
		http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return false
}

// lifetime is the freshness lifetime of RFC 9111, section 4.2.1. There is no
// heuristic: where the origin says nothing, the site's rules do.
func (a *answer) lifetime(d *directives) time.Duration {
	switch {
	case d.noCache:
		return 0
	case d.sMaxAge >= 0:
		return span(d.sMaxAge)
	case d.maxAge >= 0:
		return span(d.maxAge)
	case d.targeted:
		return 0
	case len(a.header["Expires"]) > 0:
		if len(a.header["Expires"]) > 1 {
			return 0
		}
		expires, ok := date(a.header.Get("Expires"))
		if !ok {
			return 0
		}
		return max(expires.Sub(a.date()), 0)
	case strings.Contains(strings.ToLower(a.header.Get("Pragma")), "no-cache"):
		return 0
	}
	return a.ttl
}

func (a *answer) date() time.Time {
	if t, ok := date(a.header.Get("Date")); ok {
		return t
	}
	return a.now
}

// date reads an HTTP date (RFC 9110, section 5.6.7), more strictly than
// [http.ParseTime]: an odd one is none, so that it makes nothing fresh.
func date(text string) (time.Time, bool) {
	layouts := []string{time.RFC850, time.ANSIC}
	if len(text) == len(http.TimeFormat) {
		layouts = []string{http.TimeFormat}
	}
	for _, layout := range layouts {
		if t, err := time.Parse(layout, text); err == nil {
			return t, true
		}
	}
	return time.Time{}, false
}

// age is the corrected initial age of RFC 9111, section 4.2.3.
func (a *answer) age() time.Duration {
	apparent := max(a.now.Sub(a.date()).Truncate(time.Second), 0)
	told, _, _ := strings.Cut(a.header.Get("Age"), ",")
	n := seconds(strings.TrimSpace(told))
	if n < 0 {
		return apparent
	}
	return max(apparent, span(n)+a.now.Sub(a.asked))
}

// varies tells whether an answer depends on request fields that are not in the key.
func (a *answer) varies() bool {
	for _, line := range a.header["Vary"] {
		for name := range strings.SplitSeq(line, ",") {
			if name = http.CanonicalHeaderKey(strings.TrimSpace(name)); name != "" && !a.key.tells(name) {
				return true
			}
		}
	}
	return false
}

// tells reports whether a field is in what the key says, or always the same, so that all
// who share an answer agree in it. Where the gate tells browsers which pages may read
// answers, Origin makes no difference.
func (k *key) tells(name string) bool {
	switch name {
	case "Host", "X-Forwarded-Host", "X-Forwarded-Proto", "Accept-Encoding":
		return true
	case "X-Playgate-Org", "X-Playgate-Stream":
		return k.identity
	case "Origin":
		return k.pages
	}
	_, added := k.fields()[name]
	return added
}

// waits reports whether a request waits for what is not there yet: a blocking reload (RFC
// 8216bis, section 6.2.5.2).
func (k *key) waits() bool {
	decoded, err := url.QueryUnescape(k.uri)
	return err != nil || strings.Contains(decoded, "_HLS_msn")
}

// contentLength is the length that a header announces, or -1.
func contentLength(h http.Header) int64 {
	lines := h["Content-Length"]
	if len(lines) != 1 {
		return -1
	}
	n, err := strconv.ParseInt(lines[0], 10, 64)
	if err != nil || n < 0 {
		return -1
	}
	return n
}
