package gate

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// limitCaching keeps protected media out of shared caches in front of the
// gate, and ends its freshness with the token (RFC 9111). What the origin says
// more strictly stays.
func limitCaching(h http.Header, left time.Duration, now time.Time) {
	most := max(int64(left/time.Second), 0)
	age := int64(-1)
	kept := []string{"private"}
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
				kept = append(kept, directive)
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
		kept = append(kept, "max-age="+strconv.FormatInt(min(age, most), 10))
	}
	h["Cache-Control"] = []string{strings.Join(kept, ", ")}
}
