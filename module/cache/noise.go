package cache

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// What becomes of CMCD (CTA-5004).
const (
	dropCMCD = "drop"
	keepCMCD = "keep"

	cmcdName = "CMCD" // in the query
)

// isCMCD reports whether a header field is one of those in which players tell how
// they are (CTA-5004, section 3.1).
func isCMCD(name string) bool {
	switch name {
	case "Cmcd-Request", "Cmcd-Object", "Cmcd-Status", "Cmcd-Session":
		return true
	}
	return false
}

// isNoise reports whether a name in the query makes no difference to an answer.
func (h *Handler) isNoise(name string) bool {
	return name == cmcdName && h.CMCD != keepCMCD || slices.Contains(h.IgnoreQuery, name)
}

// withoutNoise is a path and query without the pairs that make no difference. Every
// other byte stays.
func (h *Handler) withoutNoise(uri string) string {
	path, query, found := strings.Cut(uri, "?")
	if !found {
		return uri
	}
	if query = h.queryWithoutNoise(query); query == "" {
		return path
	}
	if len(path)+1+len(query) == len(uri) {
		return uri
	}
	return path + "?" + query
}

// queryWithoutNoise is the same for a query.
func (h *Handler) queryWithoutNoise(query string) string {
	var kept []string // once there is noise
	for at := 0; at <= len(query); {
		pair, _, _ := strings.Cut(query[at:], "&")
		name, _, _ := strings.Cut(pair, "=")
		if strings.ContainsAny(name, "%+") {
			if decoded, err := url.QueryUnescape(name); err == nil {
				name = decoded
			}
		}
		switch noise := h.isNoise(name); {
		case noise && kept == nil:
			kept = []string{}
			if at > 0 {
				kept = append(kept, query[:at-1])
			}
		case !noise && kept != nil:
			kept = append(kept, pair)
		}
		at += len(pair) + 1
	}
	if kept == nil {
		return query
	}
	return strings.Join(kept, "&")
}

// dropCMCDFrom takes CMCD out of a request that goes to the origin for one client alone.
func (h *Handler) dropCMCDFrom(r *http.Request) *http.Request {
	if h.CMCD == keepCMCD {
		return r
	}
	only := Handler{CMCD: dropCMCD}
	query := only.queryWithoutNoise(r.URL.RawQuery)
	found := len(query) != len(r.URL.RawQuery)
	for name := range r.Header {
		found = found || isCMCD(name)
	}
	if !found {
		return r
	}
	copied, u := *r, *r.URL
	u.RawQuery = query
	copied.URL, copied.Header = &u, r.Header.Clone()
	for name := range copied.Header {
		if isCMCD(name) {
			delete(copied.Header, name)
		}
	}
	return &copied
}
