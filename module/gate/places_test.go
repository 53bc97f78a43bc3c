package gate

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/playgate/playgate/module/token"
)

// One token in several places is one; two different ones are none, whichever
// of them is good.
func TestPlacesOfTheToken(t *testing.T) {
	good := mint(t, nil)
	other := mint(t, func(g *token.Grant) { g.ID = "token-2" })
	stranger := mintWith(t, strangerKey, nil)
	inPath := "/live/~GOOD/acme/cam/seg-1.m4s"
	for _, tc := range []struct {
		name, target, headers string
		reason                string // "" for allowed
	}{
		{"query", media + "?token=GOOD", "", ""},
		{"second query name", media + "?jwtoken=GOOD", "", ""},
		{"path", inPath, "", ""},
		{"header", media, "Bearer GOOD", ""},
		{"header in another case", media, "BEARER GOOD", ""},
		{"everywhere, the same", inPath + "?token=GOOD&jwtoken=GOOD", "Bearer GOOD", ""},
		{"beside basic", media + "?token=GOOD", "Basic dTpw", ""},
		{"beside an opaque bearer", media + "?token=GOOD", "Bearer opaque", ""},
		{"beside no token", media + "?token=x&token=GOOD", "", ""},
		{"two in the query", media + "?token=GOOD&jwtoken=OTHER", "", "ambiguous_token"},
		{"two under one name", media + "?token=GOOD&token=OTHER", "", "ambiguous_token"},
		{"two in the path", "/live/~GOOD/~OTHER/acme/cam/seg-1.m4s", "", "ambiguous_token"},
		{"path and query", inPath + "?token=OTHER", "", ""},
		{"path and header", inPath, "Bearer OTHER", ""},
		{"query and header", media + "?token=OTHER", "Bearer GOOD", ""},
		{"two header lines", media, "Bearer GOOD\nBearer OTHER", "ambiguous_token"},
		{"good and bad", media + "?token=GOOD&jwtoken=STRANGER", "", "ambiguous_token"},
		{"bad below good", media + "?token=STRANGER", "Bearer GOOD", ""},
		{"good below bad", media + "?token=GOOD", "Bearer STRANGER", "unknown_key"},
		{"good in the path below bad in the query", inPath + "?token=STRANGER", "", "unknown_key"},
		{"two in a lower place", media + "?token=OTHER&jwtoken=STRANGER", "Bearer GOOD", ""},
		{"good and damaged", media + "?token=GOOD&jwtoken=GOODx", "", "ambiguous_token"},
		{"none", media, "", "missing_token"},
		{"basic only", media, "Basic dTpw", "missing_token"},
		{"bearer without a token", media, "Bearer", "missing_token"},
		{"empty value", media + "?token=", "", "missing_token"},
		{"name in another case", media + "?Token=GOOD", "", "missing_token"},
		{"name of somebody else", media + "?access_token=GOOD", "", "missing_token"},
		{"further down in the path", "/live/acme/~GOOD/cam/seg-1.m4s", "", ""},
		{"at the end of the path", "/live/acme/cam/~GOOD", "", "bad_request"},
		{"above the start of the rule", "/~GOOD/live/acme/cam/seg-1.m4s", "", "bad_request"},
		{"a word", media + "?token=nothing", "", "malformed_token"},
		{"an opaque bearer", media, "Bearer opaque", "malformed_token"},
		{"two words", media + "?token=a&jwtoken=b", "", "malformed_token"},
		{"a blank behind it", media + "?token=GOOD%20", "", "malformed_token"},
		{"a line break in it", media + "?token=GOOD%0A", "", "malformed_token"},
		{"padding behind it", media + "?token=GOOD%3D", "", "malformed_token"},
		{"too large", media + "?token=" + strings.Repeat("a", 5000) + ".b.c", "", "malformed_token"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			fill := strings.NewReplacer("GOOD", good, "OTHER", other, "STRANGER", stranger)
			r := request(http.MethodGet, fill.Replace(tc.target))
			for line := range strings.SplitSeq(fill.Replace(tc.headers), "\n") {
				if line != "" {
					r.Header.Add("Authorization", line)
				}
			}
			var o origin
			w := serve(t, newGate(t, "errors verbose"), &o, r)
			if tc.reason == "" {
				allowed(t, w)
				return
			}
			o.sawNothing(t)
			if w.Code == http.StatusOK || !strings.Contains(w.Body.String(), `"`+tc.reason+`"`) {
				t.Errorf("not refused as %s: %d %s", tc.reason, w.Code, w.Body)
			}
		})
	}
}

// A place that is off is not looked at, and what stands there is no token.
func TestPlacesThatAreOff(t *testing.T) {
	tok := mint(t, nil)
	in := map[string]func() *http.Request{
		"query":  func() *http.Request { return request(http.MethodGet, media+"?token="+tok) },
		"path":   func() *http.Request { return request(http.MethodGet, "/live/~"+tok+"/acme/cam/seg-1.m4s") },
		"header": func() *http.Request { return request(http.MethodGet, media, "Authorization: Bearer "+tok) },
		"t":      func() *http.Request { return request(http.MethodGet, media+"?t="+tok) },
	}
	for lines, open := range map[string]string{
		"tokens {\nquery off\npath on\nheader off\n}\npropagate off": "path",
		"tokens {\nquery off\npath off\nheader on\n}\npropagate off": "header",
		"tokens {\nquery token\npath off\nheader off\n}":             "query",
		"tokens {\nquery t\npath off\nheader off\n}":                 "t",
	} {
		h := newGate(t, lines)
		for place, r := range in {
			var o origin
			w := serve(t, h, &o, r())
			if (w.Code == http.StatusOK) != (place == open) {
				t.Errorf("%q: a token in %s is answered with %d", lines, place, w.Code)
			}
		}
	}
}

// A name that is no token's name any more keeps its value.
func TestOtherNamesKeepTheirTokens(t *testing.T) {
	tok := mint(t, nil)
	var o origin
	allowed(t, get(t, newGate(t, "tokens {\nquery t\n}"), &o, media+"?token="+tok+"&t="+tok))
	if got := o.only(t).URL.RawQuery; got != "token="+tok {
		t.Errorf("next got %q", got)
	}
}

// Whatever is refused at the first step is refused whatever token it has.
func TestUnreadableRequestsAreRefused(t *testing.T) {
	h := newGate(t, "")
	tok := mint(t, nil)
	for _, target := range []string{
		"/live/acme/cam/%2fseg.ts", "/live/acme/cam/%5cseg.ts", "/live/acme/cam/%252eseg.ts", "/live/acme/cam/%23", "/live/acme/cam/%3f", "/live/acme/cam%3fseg.ts/x", "/live/acme/cam%25/x",
		"/live/acme//cam/seg.ts", "//live/acme/cam/seg.ts", "/live/acme/cam/../x", "/live/acme/cam/%2e%2E/x", "/live/acme/./cam/x",
		"/live/acme/cam;a/b", "/live/acme/cam/..;/b", "/live/acme/cam/;a", "/live/acme/c[am/x", "/live/acme/cam/%00", "/live/acme/cam/%0d%0a", "/live/acme/cam/%ff", "/live/acme/cam/%7f",
	} {
		var o origin
		r := request(http.MethodGet, target)
		r.URL.RawQuery = "token=" + tok
		refusedWith(t, serve(t, h, &o, r), &o, 400, "bad_request")
	}
	for _, query := range []string{"a=;&token=", "a=#&token=", "a=%zz&token=", "a=%&token=", strings.Repeat("a&", 1000) + "token="} {
		var o origin
		r := request(http.MethodGet, media)
		r.URL.RawQuery = query + tok
		refusedWith(t, serve(t, h, &o, r), &o, 400, "bad_request")
	}
	// What a handler above has written into the URL is judged in its own spelling.
	for _, path := range []string{"/live/acme/cam/..;/b", `/live/acme/cam/a\b`, "/live/acme/cam#b", "/live/acme/cam?b/x", "/live/acme/cam%b/x", "/live/acme/cam/a%20b", "live", "", "*"} {
		var o origin
		r := request(http.MethodGet, media)
		r.URL.Path, r.URL.RawPath, r.URL.RawQuery = path, "", "token="+tok
		if w := serve(t, h, &o, r); w.Code != 400 && w.Code != 404 {
			t.Errorf("%q: status %d", path, w.Code)
		}
		o.sawNothing(t)
	}
}

// Requests that name a host or a user in their target, and odd methods.
func TestOddRequestTargets(t *testing.T) {
	h := newGate(t, "")
	tok := mint(t, nil)
	var o origin
	allowed(t, get(t, h, &o, "http://edge.test"+media+"?token="+tok))
	if got := o.only(t).RequestURI; got != media {
		t.Errorf("next got %q", got)
	}
	o = origin{}
	refusedWith(t, get(t, h, &o, "http://user@edge.test"+media+"?token="+tok), &o, 400, "bad_request")
	for _, method := range []string{"get", "TRACE", "CONNECT", "PROPFIND", "OPTIONS", "POST", "PUT", "DELETE", "PATCH", ""} {
		r := httptest.NewRequest(http.MethodGet, media+"?token="+tok, http.NoBody)
		r.Method = method
		o = origin{}
		refusedWith(t, serve(t, h, &o, prepared(r, httptest.NewRecorder())), &o, 405, "method")
	}
}
