package gate

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/playgate/playgate/module/internal/redact"
)

// cookieValues are the values of one cookie (RFC 6265, section 4.2).
func cookieValues(lines []string, name string) []string {
	var values []string
	for _, line := range lines {
		for pair := range strings.SplitSeq(line, ";") {
			if value, ok := cookieValue(pair, name); ok {
				values = append(values, value)
			}
		}
	}
	return values
}

func cookieValue(pair, name string) (string, bool) {
	n, value, _ := strings.Cut(strings.TrimSpace(pair), "=")
	return strings.Trim(strings.TrimSpace(value), `"`), strings.TrimSpace(n) == name
}

// stripCookie removes the token's cookie. All other cookies stay as they are.
func (p *places) stripCookie(h http.Header) {
	lines := h["Cookie"]
	if p.cookie == "" || len(lines) == 0 {
		return
	}
	var kept []string
	for _, line := range lines {
		if !strings.Contains(line, p.cookie) {
			kept = append(kept, line)
			continue
		}
		var pairs []string
		for pair := range strings.SplitSeq(line, ";") {
			if value, ok := cookieValue(pair, p.cookie); ok && redact.IsToken(value) {
				continue
			}
			pairs = append(pairs, pair)
		}
		if line := strings.TrimSpace(strings.Join(pairs, ";")); line != "" {
			kept = append(kept, line)
		}
	}
	if len(kept) == 0 {
		delete(h, "Cookie")
		return
	}
	h["Cookie"] = kept
}

// cookieAllowed reports whether the request may use a cookie at all. Browsers
// send cookies along with whatever a page asks for, so a socket, which can be
// read by any page, must come from a page that may.
func (x *exchange) cookieAllowed() bool {
	if !x.socket {
		return x.r.Method == http.MethodGet || x.r.Method == http.MethodHead
	}
	origin := x.r.Header["Origin"]
	if len(origin) != 1 {
		return false
	}
	scheme, host := publicOrigin(x.r)
	return x.h.cors.lists(origin[0]) || origin[0] == scheme+"://"+host
}

// setCookie hands the token to the browser, for the paths of this stream and
// the life of the token.
func (x *exchange) setCookie(h http.Header) {
	left := int64(x.grant.ExpiresAt().Sub(x.h.now()) / time.Second)
	if left <= 0 {
		return
	}
	h.Add("Set-Cookie", x.h.places.cookie+"="+x.token.text+
		"; Path="+x.target.Rule.StreamPrefix(x.path)+"; Max-Age="+strconv.FormatInt(left, 10)+
		"; HttpOnly; Secure; SameSite=None; Partitioned")
}
