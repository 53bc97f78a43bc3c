package cache

import (
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// directives are those of Cache-Control that a shared cache minds (RFC 9111,
// section 5.2; RFC 5861). Times are in seconds, -1 where nothing is said.
type directives struct {
	noStore, private, noCache       bool
	mustRevalidate, proxyRevalidate bool
	maxAge, sMaxAge, staleIfError   int64
	staleWhileRevalidate            int64
	targeted                        bool // Expires says nothing beside them
}

// readDirectives reads Cache-Control. Of a directive that stands twice the first
// counts; a time that is none counts as zero; no-cache and private that name
// fields concern the whole answer.
func readDirectives(h http.Header) directives {
	d := directives{maxAge: -1, sMaxAge: -1, staleIfError: -1, staleWhileRevalidate: -1}
	for _, line := range h["Cache-Control"] {
		for line != "" {
			var name, value string
			name, value, line = nextDirective(line)
			d.set(strings.ToLower(name), strings.Trim(value, `"`))
		}
	}
	return d
}

func (d *directives) set(name, value string) {
	switch name {
	case "no-store":
		d.noStore = true
	case "private":
		d.private = true
	case "no-cache":
		d.noCache = true
	case "must-revalidate":
		d.mustRevalidate = true
	case "proxy-revalidate":
		d.proxyRevalidate = true
	case "max-age":
		d.maxAge = firstSeconds(d.maxAge, value)
	case "s-maxage":
		d.sMaxAge = firstSeconds(d.sMaxAge, value)
	case "stale-if-error":
		d.staleIfError = firstSeconds(d.staleIfError, value)
	case "stale-while-revalidate":
		d.staleWhileRevalidate = firstSeconds(d.staleWhileRevalidate, value)
	}
}

// tellsLifetime reports whether the origin says how long an answer is fresh.
func (d *directives) tellsLifetime(h http.Header) bool {
	return d.sMaxAge >= 0 || d.maxAge >= 0 || len(h["Expires"]) > 0
}

// readTargeted reads a targeted field, which is a dictionary of RFC 8941. One that
// is not well-formed, or that gives a directive another type, says nothing.
func readTargeted(lines []string) (d directives, ok bool) {
	d = directives{maxAge: -1, sMaxAge: -1, staleIfError: -1, staleWhileRevalidate: -1, targeted: true}
	for _, line := range lines {
		for line != "" {
			var name, value string
			name, value, line = nextDirective(line)
			value, _, _ = strings.Cut(value, ";")
			switch name {
			case "max-age", "s-maxage", "stale-if-error", "stale-while-revalidate":
				if seconds(value) < 0 {
					return d, false
				}
			case "no-store", "private", "no-cache", "must-revalidate", "proxy-revalidate":
				if value != "" {
					return d, false
				}
			default:
				if strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789_-.*") != "" || strings.ContainsAny(value, " \t@&{}[]<>") && !strings.HasPrefix(value, `"`) {
					return d, false
				}
			}
			d.set(name, value)
		}
	}
	return d, true
}

// nextDirective takes the first directive from a line.
func nextDirective(line string) (name, value, rest string) {
	end, quoted := 0, false
	for ; end < len(line) && (quoted || line[end] != ','); end++ {
		switch {
		case line[end] == '"':
			quoted = !quoted
		case quoted && line[end] == '\\':
			end++
		}
	}
	end = min(end, len(line))
	item := line[:end]
	if end < len(line) {
		rest = line[end+1:]
	}
	name, value, _ = strings.Cut(item, "=")
	return strings.TrimSpace(name), strings.TrimSpace(value), rest
}

func firstSeconds(have int64, value string) int64 {
	if have >= 0 {
		return have
	}
	return max(seconds(value), 0)
}

// seconds reads delta-seconds (RFC 9111, section 1.2.2): -1 for what is none, and
// what is too large is as large as can be.
func seconds(value string) int64 {
	if value == "" || strings.Trim(value, "0123456789") != "" {
		return -1
	}
	n, err := strconv.ParseInt(value, 10, 64)
	if err != nil || n > math.MaxInt32 {
		return math.MaxInt32
	}
	return n
}

// span is a number of seconds as a duration.
func span(seconds int64) time.Duration { return time.Duration(seconds) * time.Second }
