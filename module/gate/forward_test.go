package gate

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/playgate/playgate/module/token"
)

// The next handler gets the path and query that were judged, byte for byte,
// without the token: in the URL, in RequestURI, and in the original request
// that placeholders and error routes go back to.
func TestNextGetsTheRequestWithoutTheToken(t *testing.T) {
	h := newGate(t, "")
	tok := mint(t, nil)
	for _, tc := range []struct{ name, target, want string }{
		{"alone", media + "?token=TOKEN", media},
		{"under the second name", media + "?jwtoken=TOKEN", media},
		{"first", media + "?token=TOKEN&a=1&b=2", media + "?a=1&b=2"},
		{"in the middle", media + "?a=1&token=TOKEN&b=2", media + "?a=1&b=2"},
		{"last", media + "?a=1&b=2&token=TOKEN", media + "?a=1&b=2"},
		{"several identical ones", media + "?token=TOKEN&a=1&jwtoken=TOKEN&token=TOKEN", media + "?a=1"},
		{"with an escaped name", media + "?a=1&%74oken=TOKEN", media + "?a=1"},
		{"with an escaped value", media + "?a=1&token=" + strings.ReplaceAll("TOKEN", "O", "O"), media + "?a=1"},
		{"with odd neighbours", media + "?x=%7e&y=+&Y=%2B&token=TOKEN&z&=&&u=rtmp%3A%2F%2Fa%2fb", media + "?x=%7e&y=+&Y=%2B&z&=&&u=rtmp%3A%2F%2Fa%2fb"},
		{"in the path", "/live/~TOKEN/acme/cam/seg-1.m4s", media},
		{"in the path twice", "/live/~TOKEN/~TOKEN/acme/cam/seg-1.m4s?a", media + "?a"},
		{"in path and query", "/live/~TOKEN/acme/cam/seg-1.m4s?token=TOKEN&a=1", media + "?a=1"},
		{"with an escaped path", "/live/acme/cam/a%20b/%C3%A9%7e.m4s?token=TOKEN", "/live/acme/cam/a%20b/%C3%A9%7e.m4s"},
		{"in an escaped path", "/live/~TOKEN/acme/cam/a%20%3b.m4s", "/live/acme/cam/a%20%3b.m4s"},
		{"with raw letters beyond ASCII", "/live/acme/cam/é%7e%c3%a9%3b.m4s?token=TOKEN&a=é", "/live/acme/cam/%C3%A9%7e%c3%a9%3b.m4s?a=é"},
		{"with raw brackets", "/live/acme/cam/a[1]%7e|^%5b.m4s?token=TOKEN", "/live/acme/cam/a%5B1%5D%7e%7C%5E%5b.m4s"},
		{"with semicolons", "/live/acme/cam/a;b=1;%3b%7e/c;.m4s?token=TOKEN", "/live/acme/cam/a;b=1;%3b%7e/c;.m4s"},
		{"with escaped delimiters", "/live/~TOKEN/acme/cam/100%25%23a%3Fb.m4s", "/live/acme/cam/100%25%23a%3Fb.m4s"},
		{"with punctuation", "/live/acme/cam/!$&'()*+,=:@~.m4s?token=TOKEN", "/live/acme/cam/!$&'()*+,=:@~.m4s"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var o origin
			allowed(t, get(t, h, &o, strings.ReplaceAll(tc.target, "TOKEN", tok)))
			seen := o.only(t)
			path, query, _ := strings.Cut(tc.want, "?")
			decoded, err := url.PathUnescape(path)
			if err != nil {
				t.Fatal(err)
			}
			if seen.URL.Path != decoded || seen.URL.EscapedPath() != path {
				t.Errorf("path %q, escaped %q, instead of %q", seen.URL.Path, seen.URL.EscapedPath(), path)
			}
			if seen.URL.RawQuery != query {
				t.Errorf("query %q instead of %q", seen.URL.RawQuery, query)
			}
			if seen.RequestURI != tc.want {
				t.Errorf("RequestURI %q instead of %q", seen.RequestURI, tc.want)
			}
			if got := seen.original.RequestURI; got != tc.want {
				t.Errorf("original RequestURI %q instead of %q", got, tc.want)
			}
			if got := seen.original.URL.RequestURI(); got != tc.want {
				t.Errorf("original URL %q instead of %q", got, tc.want)
			}
			for _, placeholder := range []string{"{http.request.uri}", "{http.request.orig_uri}"} {
				if got := replacer(seen.Request).ReplaceAll(placeholder, ""); got != tc.want {
					t.Errorf("%s is %q instead of %q", placeholder, got, tc.want)
				}
			}
		})
	}
}

// A token that is percent-encoded in the query is the same token, and its
// pair goes.
func TestEscapedTokenIsTakenOut(t *testing.T) {
	var o origin
	escaped := "%65" + strings.ReplaceAll(mint(t, nil), ".", "%2E")[1:]
	allowed(t, get(t, newGate(t, ""), &o, media+"?a=1&token="+escaped))
	if got := o.only(t).RequestURI; got != media+"?a=1" {
		t.Errorf("next got %q", got)
	}
}

// The original request becomes the one that was judged. No handler that changes the URI
// may stand above a gate; had one done so, no token would be left in what the client
// wrote.
func TestOriginalIsTheRequestThatWasJudged(t *testing.T) {
	tok := mint(t, nil)
	for _, original := range []string{media + "?a=2&token=" + tok, "/public/x?token=" + tok, "/public/~" + tok + "/x", "/public/%2f?x=" + tok, "/public/x"} {
		r := request(http.MethodGet, original, "Authorization: Bearer "+tok)
		r.URL = &url.URL{Path: media, RawQuery: "a=2"}
		r.RequestURI = r.URL.RequestURI()
		var o origin
		allowed(t, serve(t, newGate(t, ""), &o, r))
		seen := o.only(t)
		for _, got := range []string{seen.RequestURI, seen.original.RequestURI, seen.original.URL.RequestURI(), replacer(r).ReplaceAll("{http.request.orig_uri}", "")} {
			if got != media+"?a=2" {
				t.Errorf("%s: the original request is %q", original, got)
			}
		}
	}
}

// Handlers such as tracing hand on a copy of the request. What the server and
// the placeholders hold must be without the token all the same.
func TestOriginalIsCleanedThroughACopyOfTheRequest(t *testing.T) {
	type key struct{}
	outer := request(http.MethodGet, media+"?token="+mint(t, nil)+"&a=1")
	var o origin
	allowed(t, serve(t, newGate(t, ""), &o, outer.WithContext(context.WithValue(outer.Context(), key{}, 1))))
	o.only(t)
	original := outer.Context().Value(caddyhttp.OriginalRequestCtxKey).(http.Request)
	if got := original.URL.RequestURI(); got != media+"?a=1" {
		t.Errorf("error routes would go back to %q", got)
	}
	if got := replacer(outer).ReplaceAll("{http.request.orig_uri}", ""); got != media+"?a=1" {
		t.Errorf("{http.request.orig_uri} is %q", got)
	}
}

// Values of a token's query name that have no token's form are the client's
// business, as long as there is a token elsewhere.
func TestOtherValuesUnderATokensNameStay(t *testing.T) {
	h := newGate(t, "")
	tok := mint(t, nil)
	for _, tc := range []struct{ target, want string }{
		{media + "?token=session-7&jwtoken=" + tok, media + "?token=session-7"},
		{media + "?token=&jwtoken=" + tok, media + "?token="},
		{media + "?token&jwtoken=" + tok, media + "?token"},
		{"/live/~" + tok + "/acme/cam/seg-1.m4s?token=session-7", media + "?token=session-7"},
		{media + "?Token=a.b.c&token=" + tok, media + "?Token=a.b.c"},
	} {
		var o origin
		allowed(t, get(t, h, &o, tc.target))
		if got := o.only(t).RequestURI; got != tc.want {
			t.Errorf("next got %q instead of %q", got, tc.want)
		}
	}
}

// Bearer tokens are taken out of Authorization; other schemes are the origin's.
func TestAuthorizationBelowTheGate(t *testing.T) {
	h := newGate(t, "")
	tok := mint(t, nil)
	for name, tc := range map[string]struct {
		target  string
		headers []string
		want    []string
	}{
		"bearer token":              {media, []string{"Authorization: Bearer " + tok}, nil},
		"scheme in another case":    {media, []string{"Authorization: bEaReR " + tok}, nil},
		"two blanks":                {media, []string{"Authorization: Bearer  " + tok}, nil},
		"the same token twice":      {media, []string{"Authorization: Bearer " + tok, "Authorization: Bearer " + tok}, nil},
		"in the query as well":      {media + "?token=" + tok, []string{"Authorization: Bearer " + tok}, nil},
		"basic beside a token":      {media + "?token=" + tok, []string{"Authorization: Basic dTpw"}, []string{"Basic dTpw"}},
		"basic beside a bearer":     {media, []string{"Authorization: Basic dTpw", "Authorization: Bearer " + tok}, []string{"Basic dTpw"}},
		"opaque bearer beside ours": {media + "?token=" + tok, []string{"Authorization: Bearer opaque"}, []string{"Bearer opaque"}},
	} {
		t.Run(name, func(t *testing.T) {
			var o origin
			allowed(t, get(t, h, &o, tc.target, tc.headers...))
			if got := o.only(t).Header["Authorization"]; !slices.Equal(got, tc.want) {
				t.Errorf("next got %q instead of %q", got, tc.want)
			}
		})
	}
}

// The address of the page before keeps everything but the token.
func TestRefererBelowTheGate(t *testing.T) {
	h := newGate(t, "")
	tok := mint(t, nil)
	for _, tc := range []struct{ name, referer, want string }{
		{"none in it", "https://page.test/watch?v=1", "https://page.test/watch?v=1"},
		{"origin alone", "https://page.test", "https://page.test"},
		{"in the query", "https://page.test/watch?v=1&token=TOKEN&w=2", "https://page.test/watch?v=1&w=2"},
		{"alone in the query", "https://page.test/watch?token=TOKEN", "https://page.test/watch"},
		{"with an escaped name", "https://page.test/watch?%74oken=TOKEN", "https://page.test/watch"},
		{"in the path", "https://live.test/live/~TOKEN/acme/cam/index.m3u8?a=1", "https://live.test/live/acme/cam/index.m3u8?a=1"},
		{"in the fragment", "https://page.test/watch#token=TOKEN", "https://page.test/watch"},
		{"unreadable query", "https://page.test/watch?a=;&token=TOKEN", "https://page.test/"},
		{"the token itself", "TOKEN", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var o origin
			allowed(t, get(t, h, &o, media+"?token="+tok, "Referer: "+strings.ReplaceAll(tc.referer, "TOKEN", tok)))
			if got := o.only(t).Header.Get("Referer"); got != tc.want {
				t.Errorf("next got %q instead of %q", got, tc.want)
			}
		})
	}
}

// A page that is given the stream's URL in its own address sends the token
// along in Referer, encoded once more or under a name of its own.
func TestTokenNestedInARefererIsTakenOut(t *testing.T) {
	h := newGate(t, "")
	tok := mint(t, nil)
	for name, referer := range map[string]string{
		"stream URL in a query value":   "https://live.test/play?src=" + url.QueryEscape("https://live.test"+playlist+"?token="+tok),
		"encoded twice":                 "https://live.test/play?src=" + url.QueryEscape(url.QueryEscape("https://live.test"+playlist+"?token="+tok)),
		"under a name of the page's":    "https://live.test/play?t=" + tok,
		"in a path of the page's":       "https://live.test/play/" + tok + "/cam",
		"in the user information":       "https://" + tok + "@live.test/play",
		"without a path":                "https://live.test?token=" + tok,
		"in a URL that is not absolute": "/play?token=" + tok,
	} {
		t.Run(name, func(t *testing.T) {
			var o origin
			allowed(t, get(t, h, &o, media+"?token="+tok, "Referer: "+referer))
			got := o.only(t).Header.Get("Referer")
			for range 3 {
				if strings.Contains(got, tok) {
					t.Fatalf("next got the token in %q", o.only(t).Header.Get("Referer"))
				}
				if decoded, err := url.QueryUnescape(got); err == nil {
					got = decoded
				}
			}
		})
	}
}

// upstream_token says what the origin sees of a verified token, and of no other.
func TestUpstreamToken(t *testing.T) {
	tok := mint(t, nil)
	for _, tc := range []struct {
		option, target, header, wantURI, wantAuthorization string
	}{
		{"drop", media + "?a=1&token=" + tok, "", media + "?a=1", ""},
		{"drop", media, "Bearer " + tok, media, ""},
		{"keep", media + "?a=1&jwtoken=" + tok + "&b", "", media + "?a=1&jwtoken=" + tok + "&b", ""},
		{"keep", media, "Bearer " + tok, media, "Bearer " + tok},
		{"keep", "/live/~" + tok + "/acme/cam/seg-1.m4s", "", media + "?token=" + tok, ""},
		{"keep", "/live/~" + tok + "/acme/cam/seg-1.m4s?a=1", "", media + "?a=1&token=" + tok, ""},
		{"bearer", media + "?token=" + tok + "&a=1", "", media + "?a=1", "Bearer " + tok},
		{"bearer", "/live/~" + tok + "/acme/cam/seg-1.m4s", "", media, "Bearer " + tok},
		{"bearer", media, "Bearer " + tok, media, "Bearer " + tok},
	} {
		t.Run(tc.option+" "+tc.target[:9], func(t *testing.T) {
			h := newGate(t, "upstream_token "+tc.option)
			r := request(http.MethodGet, tc.target)
			if tc.header != "" {
				r.Header.Set("Authorization", tc.header)
			}
			var o origin
			allowed(t, serve(t, h, &o, r))
			seen := o.only(t)
			if got := seen.URL.RequestURI(); got != tc.wantURI {
				t.Errorf("next got %q instead of %q", got, tc.wantURI)
			}
			if got := seen.Header.Get("Authorization"); got != tc.wantAuthorization {
				t.Errorf("next got Authorization %q instead of %q", got, tc.wantAuthorization)
			}
			if got := seen.original.RequestURI; strings.Contains(got, tok) {
				t.Errorf("the original request has the token: %q", got)
			}
		})
	}
}

// A token that was not verified goes to no origin, whatever upstream_token says.
func TestUnverifiedTokenIsNeverHandedOn(t *testing.T) {
	for _, option := range []string{"keep", "bearer"} {
		for name, tok := range map[string]string{
			"expired":       mint(t, func(g *token.Grant) { g.IssuedAt, g.Expires = noon.Unix()-100, noon.Unix()-50 }),
			"bad signature": mintWith(t, strangerKey, nil),
		} {
			t.Run(option+" "+name, func(t *testing.T) {
				h := newGate(t, "report_only on\nupstream_token "+option)
				var o origin
				allowed(t, get(t, h, &o, media+"?token="+tok))
				seen := o.only(t)
				if seen.RequestURI != media || seen.URL.RequestURI() != media || seen.Header.Get("Authorization") != "" {
					t.Errorf("next got %q with Authorization %q", seen.URL.RequestURI(), seen.Header.Get("Authorization"))
				}
			})
		}
	}
}

// Pins go to the origin whatever the client sends.
func TestPinsReachTheOrigin(t *testing.T) {
	h := newGate(t, "stream /h5live/* {\nquery stream {org}-{id}\npin url rtmp://127.0.0.1/live\n}")
	tok := mint(t, func(g *token.Grant) { g.Streams = []string{"acme-cam"} })
	const pinned = "&url=rtmp://127.0.0.1/live"
	for query, want := range map[string]string{
		"stream=acme-cam&token=" + tok:                                   "stream=acme-cam" + pinned,
		"token=" + tok + "&stream=acme-cam&x=%2f":                        "stream=acme-cam&x=%2f" + pinned,
		"stream=acme-cam&url=rtmp%3A%2F%2F127.0.0.1%2Flive&token=" + tok: "stream=acme-cam&url=rtmp%3A%2F%2F127.0.0.1%2Flive",
	} {
		var o origin
		allowed(t, get(t, h, &o, "/h5live/http/stream.mp4?"+query))
		if got := o.only(t).URL.RawQuery; got != want {
			t.Errorf("next got %q instead of %q", got, want)
		}
	}
	var o origin
	refusedWith(t, get(t, h, &o, "/h5live/http/stream.mp4?stream=acme-cam&url=rtmp%3A%2F%2Fevil&token="+tok), &o, 400, "bad_request")
}

// Media is played without a body: one that is sent along reaches no origin, so
// that no second request can hide in it.
func TestBodyOfAGetIsNotForwarded(t *testing.T) {
	for _, method := range []string{http.MethodGet, http.MethodHead} {
		r := httptest.NewRequest(method, media+"?token="+mint(t, nil), strings.NewReader("GET /evil HTTP/1.1\r\n\r\n"))
		r.Header.Set("Content-Length", "22")
		r.Header.Set("Trailer", "X-Playgate-Org")
		r.Trailer = http.Header{"X-Playgate-Org": {"evil"}}
		r.TransferEncoding = []string{"chunked"}
		var o origin
		allowed(t, serve(t, newGate(t, ""), &o, prepared(r, httptest.NewRecorder())))
		seen := o.only(t)
		if seen.body != "" || seen.ContentLength != 0 || len(seen.TransferEncoding) != 0 {
			t.Errorf("%s: next got a body: %q, length %d, %v", method, seen.body, seen.ContentLength, seen.TransferEncoding)
		}
		if len(seen.Trailer) != 0 || seen.Header.Get("Trailer") != "" || seen.Header.Get("Content-Length") != "" {
			t.Errorf("%s: next got trailers: %v, header %v", method, seen.Trailer, seen.Header)
		}
	}
}
