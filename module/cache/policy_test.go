package cache

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

var noon = time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)

func headerOf(lines string) http.Header {
	h := make(http.Header)
	for line := range strings.SplitSeq(lines, "\n") {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), ":"); ok {
			h.Add(name, strings.TrimSpace(value))
		}
	}
	return h
}

// What may be done with an answer, and for how long: RFC 9111, sections 3, 4.2 and 5.2.
func TestJudge(t *testing.T) {
	const (
		date  = "Date: Sat, 28 Nov 2026 12:00:00 GMT\n"
		later = "Expires: Sat, 28 Nov 2026 12:05:00 GMT"
		etag  = "\nEtag: \"1\""
	)
	tests := []struct {
		name, header string
		status       int // 200
		ttl          time.Duration
		key          key
		use          use
		fresh        time.Duration // lifetime less age
	}{
		{name: "nothing is said", use: useShared},
		{name: "nothing is said, but by the site", ttl: time.Minute, use: useStored, fresh: time.Minute},
		{name: "a validator alone", header: etag, use: useStored},
		{name: "a date alone", header: "Last-Modified: Sat, 28 Nov 2026 11:00:00 GMT", use: useStored},
		{name: "max-age", header: "Cache-Control: max-age=60", use: useStored, fresh: time.Minute},
		{name: "max-age in capitals and quotes", header: `Cache-Control: MAX-AGE="60"`, use: useStored, fresh: time.Minute},
		{name: "max-age before ttl", header: "Cache-Control: max-age=60", ttl: time.Hour, use: useStored, fresh: time.Minute},
		{name: "max-age of zero is said", header: "Cache-Control: max-age=0", ttl: time.Hour, use: useShared},
		{name: "max-age that is none", header: "Cache-Control: max-age=soon", ttl: time.Hour, use: useShared},
		{name: "max-age below zero", header: "Cache-Control: max-age=-60", ttl: time.Hour, use: useShared},
		{name: "max-age beyond all bounds", header: "Cache-Control: max-age=99999999999999999999", use: useStored, fresh: (1<<31 - 1) * time.Second},
		{name: "max-age twice", header: "Cache-Control: max-age=60\nCache-Control: max-age=3600", use: useStored, fresh: time.Minute},
		{name: "s-maxage", header: "Cache-Control: max-age=3600, s-maxage=60", use: useStored, fresh: time.Minute},
		{name: "s-maxage of zero", header: "Cache-Control: max-age=3600, s-maxage=0", use: useShared},
		{name: "a directive in another's quotes", header: `Cache-Control: ext="a, max-age=60, b", max-age=30`, use: useStored, fresh: 30 * time.Second},
		{name: "an escaped quote", header: `Cache-Control: ext="a\", max-age=60", max-age=30`, use: useStored, fresh: 30 * time.Second},
		{name: "expires", header: date + later, use: useStored, fresh: 5 * time.Minute},
		{name: "expires, without a date", header: later, use: useStored, fresh: 5 * time.Minute},
		{name: "expires of the past", header: date + "Expires: Sat, 28 Nov 2026 11:05:00 GMT", ttl: time.Hour, use: useShared},
		{name: "expires that is no date", header: "Expires: 0", ttl: time.Hour, use: useShared},
		{name: "expires with odd blanks", header: "Expires: Sat, 28  Nov 2026 12:05:00 GMT", use: useShared},
		{name: "expires with an odd hour", header: "Expires: Sat, 28 Nov 2027 1:05:00 GMT", use: useShared},
		{name: "expires in an old form", header: date + "Expires: Saturday, 28-Nov-26 12:05:00 GMT", use: useStored, fresh: 5 * time.Minute},
		{name: "for caches like this", header: "CDN-Cache-Control: max-age=60\nCache-Control: no-store", use: useStored, fresh: time.Minute},
		{name: "not for caches like this", header: "CDN-Cache-Control: private\nCache-Control: max-age=60", use: useAgain},
		{name: "for caches like this no time is told", header: "CDN-Cache-Control: must-revalidate\n" + later, ttl: time.Hour, use: useShared},
		{name: "for caches like this nothing that can be read", header: "CDN-Cache-Control: max-age=\"60\"\nCache-Control: max-age=30", use: useStored, fresh: 30 * time.Second},
		{name: "expires twice", header: date + later + "\n" + later, use: useShared},
		{name: "max-age before expires", header: "Cache-Control: max-age=60\n" + later, use: useStored, fresh: time.Minute},
		{name: "public alone says no time", header: "Cache-Control: public", ttl: time.Minute, use: useStored, fresh: time.Minute},
		{name: "old already", header: "Age: 50\nCache-Control: max-age=60", use: useStored, fresh: 10 * time.Second},
		{name: "too old already", header: "Age: 70\nCache-Control: max-age=60", use: useShared},
		{name: "old by its date", header: "Date: Sat, 28 Nov 2026 11:59:30 GMT\nCache-Control: max-age=60", use: useStored, fresh: 30 * time.Second},
		{name: "an age that is none", header: "Age: old\nCache-Control: max-age=60", use: useStored, fresh: time.Minute},
		{name: "no-cache", header: "Cache-Control: no-cache, max-age=60", ttl: time.Hour, use: useShared},
		{name: "no-cache with a validator", header: "Cache-Control: no-cache, max-age=60" + etag, use: useStored},
		{name: "no-cache that names a field", header: `Cache-Control: no-cache="x-a, x-b", max-age=60`, use: useShared},
		{name: "pragma", header: "Pragma: no-cache", ttl: time.Hour, use: useShared},

		{name: "no-store", header: "Cache-Control: no-store, max-age=60", ttl: time.Hour, use: useAgain},
		{name: "no-store in capitals", header: "Cache-Control: No-Store", use: useAgain},
		{name: "no-store in a second line", header: "Cache-Control: max-age=60\nCache-Control: no-store", use: useAgain},
		{name: "no-store behind odd things", header: `Cache-Control: =, ,;x="", no-store`, use: useAgain},
		{name: "private", header: "Cache-Control: private, max-age=60", use: useAgain},
		{name: "private that names a field", header: `Cache-Control: private="set-cookie", max-age=60`, use: useAgain},
		{name: "a cookie", header: "Set-Cookie: a=b\nCache-Control: public, max-age=60", ttl: time.Hour, use: useAgain},
		{name: "trailers", header: "Trailer: X-Sum\nCache-Control: max-age=60", use: useAgain},

		{name: "by coding", header: "Vary: Accept-Encoding\nCache-Control: max-age=60", use: useStored, fresh: time.Minute},
		{name: "by anything", header: "Vary: *\nCache-Control: max-age=60", use: useAgain},
		{name: "by cookie", header: "Vary: Accept-Encoding, Cookie\nCache-Control: max-age=60", use: useAgain},
		{name: "by tag", header: "Vary: x-playgate-tag, accept\nCache-Control: max-age=60", use: useAgain},
		{name: "by player", header: "Vary: User-Agent\nCache-Control: max-age=60", use: useAgain},
		{name: "by organisation", header: "Vary: x-playgate-org, X-Playgate-Stream\nCache-Control: max-age=60", key: key{identity: true}, use: useStored, fresh: time.Minute},
		{name: "by organisation, which it is not told", header: "Vary: x-playgate-org\nCache-Control: max-age=60", use: useAgain},
		{name: "by public origin", header: "Vary: X-Forwarded-Proto, x-forwarded-host, Host\nCache-Control: max-age=60", use: useStored, fresh: time.Minute},
		{name: "by what the site has added", header: "Vary: X-Tier\nCache-Control: max-age=60", key: key{added: "\x06X-Tier\x01\x04gold"}, use: useStored, fresh: time.Minute},
		{name: "by another than the site has added", header: "Vary: X-Tier, X-Other\nCache-Control: max-age=60", key: key{added: "\x06X-Tier\x01\x04gold"}, use: useAgain},
		{name: "by page", header: "Vary: Origin\nCache-Control: max-age=60", use: useAgain},
		{name: "by page, which the gate answers for", header: "Vary: origin\nCache-Control: max-age=60", key: key{pages: true}, use: useStored, fresh: time.Minute},

		{name: "not found", status: 404, use: useStored, fresh: missing},
		{name: "not found for a minute", status: 404, header: "Cache-Control: max-age=60", use: useStored, fresh: missing},
		{name: "gone", status: 410, header: "Expires: Sat, 28 Nov 2026 13:05:00 GMT", use: useStored, fresh: missing},
		{name: "not found, for no time", status: 404, header: "Cache-Control: max-age=0", ttl: time.Minute, use: useShared},
		{name: "not found, not to be kept", status: 404, header: "Cache-Control: no-cache", use: useShared},
		{name: "not found, for nobody else", status: 404, header: "Cache-Control: no-store", use: useAgain},
		{name: "not there yet", status: 404, key: key{uri: "/live/acme/cam1/index.m3u8?_HLS_msn=7&_HLS_part=1"}, use: useShared},
		{name: "not found, and with a cookie", status: 404, header: "Set-Cookie: a=b", use: useAgain},
		{name: "out of order", status: 503, use: useShared},
		{name: "elsewhere", status: 302, header: "Cache-Control: max-age=60", use: useAgain},
		{name: "who are you", status: 401, header: "Cache-Control: max-age=60", use: useAgain},
		{name: "not you", status: 403, header: "Cache-Control: max-age=60", use: useAgain},
		{name: "through a proxy", status: 407, use: useAgain},
		{name: "a part", status: 206, header: "Cache-Control: max-age=60", use: useAgain},
		{name: "not modified, though nobody asked", status: 304, header: "Cache-Control: max-age=60", use: useAgain},
		{name: "another protocol", status: 101, use: useAgain},
		{name: "a status of tomorrow", status: 299, header: "Cache-Control: max-age=60", use: useAgain},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := answer{status: tt.status, header: headerOf(tt.header), asked: noon, now: noon, ttl: tt.ttl, key: &tt.key}
			if a.status == 0 {
				a.status = http.StatusOK
			}
			j := a.judge()
			if j.use != tt.use {
				t.Errorf("use %d, want %d", j.use, tt.use)
			}
			if tt.use == useStored && max(j.lifetime-j.age, 0) != tt.fresh {
				t.Errorf("fresh for %v, want %v", j.lifetime-j.age, tt.fresh)
			}
		})
	}
}

// Stale answers serve instead of failures only where the origin says so, and
// nothing else forbids it.
func TestStaleIfErrorIsAsked(t *testing.T) {
	for header, want := range map[string]time.Duration{
		"max-age=1":                                      0,
		"max-age=1, stale-if-error=60":                   time.Minute,
		"max-age=1, stale-if-error=60, no-cache":         0,
		"max-age=1, stale-if-error=60, s-maxage=1":       0,
		"max-age=1, stale-if-error=60, must-revalidate":  0,
		"max-age=1, stale-if-error=60, proxy-revalidate": 0,
		"max-age=1, stale-if-error=x":                    0,
	} {
		a := answer{status: http.StatusOK, header: headerOf("Cache-Control: " + header), asked: noon, now: noon, key: new(key)}
		if j := a.judge(); j.onError != want {
			t.Errorf("%s: %v, want %v", header, j.onError, want)
		}
	}
}

// Stale answers serve while the origin is asked for new ones under the same conditions.
func TestStaleWhileRevalidateIsAsked(t *testing.T) {
	for header, want := range map[string]time.Duration{
		"max-age=1":                                             0,
		"max-age=1, stale-while-revalidate=60":                  time.Minute,
		"max-age=1, stale-while-revalidate=60, no-cache":        0,
		"max-age=1, stale-while-revalidate=60, s-maxage=1":      0,
		"max-age=1, stale-while-revalidate=60, must-revalidate": 0,
		"max-age=1, stale-while-revalidate=x":                   0,
	} {
		a := answer{status: http.StatusOK, header: headerOf("Cache-Control: " + header), asked: noon, now: noon, key: new(key)}
		if j := a.judge(); j.meantime != want {
			t.Errorf("%s: %v, want %v", header, j.meantime, want)
		}
	}
}

// The age of an answer grows with the time it took (RFC 9111, section 4.2.3).
func TestAgeCountsTheWay(t *testing.T) {
	a := answer{status: http.StatusOK, header: headerOf("Age: 10\nCache-Control: max-age=60"), asked: noon, now: noon.Add(4 * time.Second), key: new(key)}
	if j := a.judge(); j.age != 14*time.Second {
		t.Errorf("age %v", j.age)
	}
}

// No text of a header makes the reader of directives fail, or hides a no-store
// that stands by itself.
func FuzzDirectives(f *testing.F) {
	for _, seed := range []string{"", ",", "max-age=1", `a="b, c", no-store`, `"`, `a="\`, "=,=", "no-store;x"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		d := readDirectives(http.Header{"Cache-Control": {text, "no-store"}})
		if !d.noStore {
			t.Errorf("%q hides the line after it", text)
		}
		if d.maxAge < -1 || d.sMaxAge < -1 || d.staleIfError < -1 {
			t.Errorf("%q: %+v", text, d)
		}
	})
}
