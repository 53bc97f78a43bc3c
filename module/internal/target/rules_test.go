package target

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

func mustPattern(tb testing.TB, text string) Pattern {
	tb.Helper()
	p, err := ParsePattern(text)
	if err != nil {
		tb.Fatal(err)
	}
	return p
}

// siteRules are the rules of a site with a bit of everything.
func siteRules(tb testing.TB) *Rules {
	tb.Helper()
	h5 := mustRule(tb, "/h5live/*", "stream", "{org}-{id}")
	h5.Pins = []Pin{{"url", "rtmp://origin:1935/live"}, {"secure", "1"}}
	single := mustRule(tb, "/single/{stream}/*", "", "")
	single.Manifests = []Pattern{mustPattern(tb, "/single/*/master"), mustPattern(tb, "/single/*/pl-*.txt")}
	return &Rules{
		Rules:      []*Rule{mustRule(tb, "/live/{org}/{stream}/*", "", ""), h5, single, mustRule(tb, "/q/{org}/*", "s", "")},
		Open:       []Pattern{mustPattern(tb, "/assets/*"), mustPattern(tb, "/live/org1/cam1/poster.jpg"), mustPattern(tb, "/favicon.ico")},
		DefaultOrg: "org0",
	}
}

func TestTargetIsWhatTheFirstRuleSays(t *testing.T) {
	tests := []struct{ path, query, want string }{
		{"/live/org1/cam1/x", "", "org1/cam1"},
		{"/h5live/x", "stream=org1-cam1", "org1/org1-cam1"},
		{"/h5live/x/y", "a=1&stream=org1-a-b&b=2", "org1/org1-a-b"},
		{"/h5live/x", "str%65am=org1-cam1", "org1/org1-cam1"},
		{"/h5live/x", "", "no_stream"},
		{"/h5live/x", "stream", "no_stream"},
		{"/h5live/x", "stream=", "no_stream"},
		{"/h5live/x", "Stream=org1-cam1", "bad_request"},
		{"/h5live/x", "stream[]=org1-cam1", "bad_request"},
		{"/h5live/x", "stream=org1-cam1&Stream=org1-cam2", "bad_request"},
		{"/h5live/x", "xstream=org1-cam2&stream=org1-cam1&streams=1&stream-x=1&str=1", "org1/org1-cam1"},
		{"/h5live/x", "stream=cam1", "no_stream"},
		{"/h5live/x", "stream=org1-cam1/../x", "no_stream"},
		{"/h5live/x", "stream=org1-" + strings.Repeat("x", 128), "no_stream"},
		{"/h5live/x", "stream=org1-cam1&stream=org1-cam1", "bad_request"},
		{"/h5live/x", "stream=org1-cam1&stream=org2-cam1", "bad_request"},
		{"/h5live/x", "stream=org1-cam1&str%65am=org2-cam1", "bad_request"},
		{"/h5live/x", "stream=org1-cam%31", "bad_request"},
		{"/h5live/x", "stream=org1-cam+1", "bad_request"},
		{"/h5live/x", "stream=org1%2dcam1", "bad_request"},
		{"/h5live/", "stream=org1-cam1", "no_stream"},
		{"/h5live", "stream=org1-cam1", "no_stream"},

		{"/h5live/x", "stream=org1-cam1&url=rtmp%3A%2F%2Forigin%3A1935%2Flive", "org1/org1-cam1"},
		{"/h5live/x", "stream=org1-cam1&url=rtmp://origin:1935/live&secure=1", "org1/org1-cam1"},
		{"/h5live/x", "stream=org1-cam1&url=rtmp://evil/live", "bad_request"},
		{"/h5live/x", "stream=org1-cam1&url=", "bad_request"},
		{"/h5live/x", "stream=org1-cam1&url", "bad_request"},
		{"/h5live/x", "stream=org1-cam1&secure=1&secure=1", "bad_request"},
		{"/h5live/x", "stream=org1-cam1&secure=1&s%65cure=0", "bad_request"},
		{"/h5live/x", "stream=org1-cam1&Secure=0", "bad_request"},
		{"/h5live/x", "stream=org1-cam1&secure=1&+secure=0", "bad_request"},
		{"/live/org1/cam1/x", "secure=0&url=x&Secure=1&stream[]=2", "org1/cam1"},

		{"/single/cam1/x", "", "org0/cam1"},
		{"/q/org1/x", "s=cam1", "org1/cam1"},
		{"/other", "", "no_stream"},
		{"/", "", "no_stream"},
		{"/other", "stream=org1-cam1&x=/live/org1/cam1/x", "no_stream"},

		{"/assets/app.js", "", "open"},
		{"/assets/a/b/c", "x=1", "open"},
		{"/assets/", "", "no_stream"},
		{"/assets", "", "no_stream"},
		{"/assets2/x", "", "no_stream"},
		{"/favicon.ico", "", "open"},
		{"/favicon.icon", "", "no_stream"},
		{"/live/org1/cam1/poster.jpg", "", "open"},
		{"/live/org1/cam1/poster%2ejpg", "", "org1/cam1"},
		{"/live/org1/cam2/poster.jpg", "", "org1/cam2"},
	}
	rs := siteRules(t)
	if err := rs.Validate(); err != nil {
		t.Fatal(err)
	}
	for _, tt := range tests {
		t.Run(tt.path+"?"+tt.query, func(t *testing.T) {
			target, err := rs.Target(Request{Method: "GET", Path: tt.path, Query: mustQuery(t, tt.query)})
			if got := outcome(target, err); got != tt.want {
				t.Errorf("got %s (%v), want %s", got, err, tt.want)
			}
		})
	}
}

func TestTheFirstRuleThatMatchesDecides(t *testing.T) {
	rs := Rules{Rules: []*Rule{
		mustRule(t, "/a/{org}/{stream}/*", "", ""), mustRule(t, "/a/{stream}/{org}/*", "", ""), mustRule(t, "/a/*", "stream", "{org}-{id}"),
	}}
	for path, want := range map[string]string{
		"/a/x/y/z":   "x/y",
		"/a/x-1/y/z": "y/x-1", // {org} ends at the hyphen, so that the first path does not match
		"/a/x":       "no_stream",
	} {
		target, err := rs.Find(path, Query{})
		if got := outcome(target, err); got != want {
			t.Errorf("%s: got %s, want %s", path, got, want)
		}
	}
	// A path that matches decides, even where its name is none and another rule would do.
	long := strings.Repeat("o", 65)
	if target, err := rs.Find("/a/"+long+"/y/z", mustQuery(t, "stream=org1-cam1")); !errors.Is(err, ErrNoStream) {
		t.Errorf("got %s", outcome(target, err))
	}
	if target, err := rs.Find("/a/x", mustQuery(t, "stream=org1-cam1")); outcome(target, err) != "org1/org1-cam1" {
		t.Errorf("got %s", outcome(target, err))
	}
}

func TestMethodsThatPlay(t *testing.T) {
	rs := siteRules(t)
	for _, method := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "PROPFIND", "get", "Get", "", "GET "} {
		plays := method == "GET" || method == "HEAD"
		for _, path := range []string{"/live/org1/cam1/x", "/assets/x"} {
			_, err := rs.Target(Request{Method: method, Path: path})
			if plays && err != nil || !plays && !errors.Is(err, ErrMethod) {
				t.Errorf("%s %s: %v", method, path, err)
			}
		}
		if _, err := rs.Target(Request{Method: method, Path: "/other"}); !errors.Is(err, ErrNoStream) {
			t.Errorf("%s of what is no stream: %v, want no_stream first", method, err)
		}
	}
	if _, err := rs.Target(Request{Method: "GET", Path: "/assets/x", Socket: true}); !errors.Is(err, ErrMethod) {
		t.Errorf("a WebSocket on an open path: %v", err)
	}
}

// A WebSocket is opened by GET (RFC 6455, section 4.1) or extended CONNECT (RFC
// 8441), so that an Upgrade header lets no other method through.
func TestMethodsThatOpenAWebSocket(t *testing.T) {
	rs := siteRules(t)
	for _, method := range []string{"GET", "CONNECT", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND", "get", ""} {
		target, err := rs.Target(Request{Method: method, Path: "/live/org1/cam1/x.m3u8", Socket: true})
		if method == "GET" || method == "CONNECT" {
			if err != nil || target.Kind != Socket {
				t.Errorf("%s: kind %d, %v", method, target.Kind, err)
			}
		} else if !errors.Is(err, ErrMethod) {
			t.Errorf("%s: got %v, want method", method, err)
		}
	}
}

func TestKindIsByTheLookOfThePath(t *testing.T) {
	rs := siteRules(t)
	for path, want := range map[string]Kind{
		"/live/org1/cam1/index.m3u8": Manifest, "/live/org1/cam1/a.mpd": Manifest, "/live/org1/cam1/a.m3u8/x": Segment, "/live/org1/cam1/a.M3U8": Manifest, "/live/org1/cam1/a.MpD": Manifest,
		"/live/org1/cam1/a.ts": Segment, "/live/org1/cam1/m3u8": Segment, "/single/cam1/master": Manifest, "/single/cam1/pl-1.txt": Manifest,
		"/single/cam1/x/master": Segment, "/single/cam1/pl-1.txt2": Segment, "/live/org1/cam1/master": Segment,
	} {
		target, err := rs.Target(Request{Method: "GET", Path: path})
		if err != nil || target.Kind != want {
			t.Errorf("%s: kind %d, %v", path, target.Kind, err)
		}
	}
}

func TestValidateSaysWhatIsMissing(t *testing.T) {
	rs := Rules{Rules: []*Rule{mustRule(t, "/single/{stream}/*", "", "")}}
	if err := rs.Validate(); err == nil || !strings.Contains(err.Error(), "default_org") {
		t.Errorf("a rule without organisation: %v", err)
	}
	if err := (&Rules{DefaultOrg: "org1"}).Validate(); err == nil || !strings.Contains(err.Error(), "stream /live/") {
		t.Errorf("no rule: %v", err)
	}
	if target, err := rs.Find("/single/cam1/x", Query{}); !errors.Is(err, ErrNoStream) {
		t.Errorf("without default_org: %s", outcome(target, err))
	}
	named := Rules{Rules: []*Rule{mustRule(t, "/h5/*", "stream", "{org}-{id}")}}
	if err := named.Validate(); err != nil {
		t.Errorf("an organisation in the query: %v", err)
	}
	named.DefaultOrg = "org0"
	if target, err := named.Find("/h5/x", mustQuery(t, "stream=org1-cam1")); outcome(target, err) != "org1/org1-cam1" {
		t.Errorf("default_org beside {org}: %s", outcome(target, err))
	}
}

func TestForwardSplicesTheQuery(t *testing.T) {
	const pins = "url=rtmp://origin:1935/live&secure=1"
	tests := []struct{ path, query, want string }{
		{"/live/org1/cam1/x", "", ""},
		{"/live/org1/cam1/x", "token=a.b.c", ""},
		{"/live/org1/cam1/x", "b=%2F+&token=a.b.c&a=é&jwtoken=x&&c", "b=%2F+&a=é&&c"},
		{"/live/org1/cam1/x", "_HLS_msn=1&token=x&_HLS_part=2", "_HLS_msn=1&_HLS_part=2"},
		{"/h5live/x", "stream=org1-cam1", "stream=org1-cam1&" + pins},
		{"/h5live/x", "token=x&stream=org1-cam1", "stream=org1-cam1&" + pins},
		{"/h5live/x", "secure=1&stream=org1-cam1&token=x", "secure=1&stream=org1-cam1&url=rtmp://origin:1935/live"},
		{"/h5live/x", "url=rtmp%3A%2F%2Forigin%3A1935%2Flive&stream=org1-cam1&s%65cure=1", "url=rtmp%3A%2F%2Forigin%3A1935%2Flive&stream=org1-cam1&s%65cure=1"},
		{"/assets/x", "a=1&token=x", "a=1"},
	}
	rs := siteRules(t)
	for _, tt := range tests {
		q := mustQuery(t, tt.query)
		target, err := rs.Target(Request{Method: "GET", Path: tt.path, Query: q})
		if err != nil {
			t.Errorf("%s?%s: %v", tt.path, tt.query, err)
			continue
		}
		if got := target.Forward(q, false); got != tt.want {
			t.Errorf("%s?%s: got %q, want %q", tt.path, tt.query, got, tt.want)
		}
	}
	target, err := rs.Target(Request{Method: "GET", Path: "/h5live/x", Query: mustQuery(t, "token=x&stream=org1-cam1")})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := target.Forward(mustQuery(t, "token=x&stream=org1-cam1"), true), "token=x&stream=org1-cam1&"+pins; got != want {
		t.Errorf("where tokens stay: got %q, want %q", got, want)
	}
	// A pin that a token stands in for is one that is not there.
	named := &Rule{Pins: []Pin{{"token", "1"}}}
	if got := (&Target{Rule: named}).Forward(mustQuery(t, "token=x"), false); got != "token=1" {
		t.Errorf("in place of the token: %q", got)
	}
	odd := &Rule{Pins: []Pin{{"a b", "1&2=3;#%é\n"}}}
	forwarded := (&Target{Rule: odd}).Forward(Query{}, false)
	if q := mustQuery(t, forwarded); len(q.Pairs()) != 1 || q.Pairs()[0].Name != "a b" || q.Pairs()[0].Value != "1&2=3;#%é\n" {
		t.Errorf("an odd pin becomes %q", forwarded)
	}
}

// tilde reads segments "~TOKEN" without escapes.
func tilde(isToken func(string) bool) func(string) (string, bool) {
	return func(segment string) (string, bool) {
		if text, marked := strings.CutPrefix(segment, "~"); marked && isToken(text) {
			return text, false
		}
		return "", strings.HasPrefix(segment, "%")
	}
}

// Tokens are cut from anywhere below the literal start of a rule, and are refused
// everywhere else.
func TestCutTokens(t *testing.T) {
	read := tilde(func(s string) bool { return strings.Count(s, ".") == 2 })
	rs := siteRules(t)
	other := siteRules(t)
	other.Rules = append(other.Rules, mustRule(t, "/{org}/x/{stream}", "", ""), mustRule(t, "/a/b/c", "s", "{stream}"))
	for _, tt := range []struct {
		rules      *Rules
		path, rest string // "" for a refusal
		tokens     []string
	}{
		{rs, "/live/~a.b.c/org1/cam1/x", "/live/org1/cam1/x", []string{"a.b.c"}},
		{rs, "/live/~a.b.c/org1/~d.e.f/x", "/live/org1/x", []string{"a.b.c", "d.e.f"}},
		{rs, "/live/~a.b.c/~d.e.f/org1/cam1/x", "/live/org1/cam1/x", []string{"a.b.c", "d.e.f"}},
		{rs, "/live/org1/cam1/y/~a.b.c/z/x", "/live/org1/cam1/y/z/x", []string{"a.b.c"}},
		{rs, "/live/~a.b.c", "", nil},
		{rs, "/live/org1/cam1/~a.b.c", "", nil},
		{rs, "/live/~a.b.c/", "/live/", []string{"a.b.c"}},
		{rs, "/live/~a.b/org1/cam1/x", "/live/~a.b/org1/cam1/x", nil},
		{rs, "/live/~/org1/cam1/x", "/live/~/org1/cam1/x", nil},
		{rs, "/live/a.b.c/cam1/x", "/live/a.b.c/cam1/x", nil},
		{rs, "/live~a.b.c/cam1/x", "/live~a.b.c/cam1/x", nil},
		{rs, "/live/%7ea.b.c/cam1/x", "", nil}, // hidden
		{rs, "/live/org1/cam1/%41", "", nil},
		{rs, "/h5live/~a.b.c/x", "/h5live/x", []string{"a.b.c"}},
		{rs, "/~a.b.c/org1/x/cam1", "", nil},
		{rs, "/~a.b.c/live/org1/cam1/x", "", nil},
		{rs, "/other/~a.b.c/x", "", nil},
		{rs, "/livex/~a.b.c/x", "", nil},
		{other, "/~a.b.c/org1/x/cam1", "/org1/x/cam1", []string{"a.b.c"}},
		{other, "/~a.b.c", "", nil},
		{other, "/~a.b.c/live/~d.e.f/org1/cam1/x", "/live/org1/cam1/x", []string{"a.b.c", "d.e.f"}},
		{other, "/a/b/~a.b.c/c", "/a/b/c", []string{"a.b.c"}},
		{rs, "/live/org1/cam1/x", "/live/org1/cam1/x", nil},
		{rs, "/", "/", nil},
		{rs, "*", "*", nil},
		{rs, "~", "~", nil},
		{rs, "", "", nil},
	} {
		rest, segments, err := tt.rules.CutTokens(tt.path, read)
		var tokens []string
		for _, s := range segments {
			tokens = append(tokens, s.Text)
		}
		if (err != nil) != (tt.rest == "" && tt.path != "") || rest != tt.rest || !slices.Equal(tokens, tt.tokens) {
			t.Errorf("%s: got %s, %q, %v", tt.path, rest, tokens, err)
		}
	}
}

// Only a rule for WHEP lets its methods pass. A resource that the gate knows is
// changed and deleted under any rule.
func TestMethods(t *testing.T) {
	whep := mustRule(t, "/rtc/{org}/{stream}/*", "", "")
	whep.WHEP = true
	rules := &Rules{Rules: []*Rule{whep, mustRule(t, "/live/{org}/{stream}/*", "", "")}, Open: []Pattern{mustPattern(t, "/open")}}
	for _, tc := range []struct{ methods, path, want string }{
		{"GET HEAD", "/rtc/o/s/x", "played"},
		{"POST PATCH DELETE OPTIONS", "/rtc/o/s/x", "signalled"},
		{"PUT TRACE CONNECT post get PROPFIND", "/rtc/o/s/x", "method"},
		{"GET HEAD", "/live/o/s/x", "played"},
		{"POST PATCH DELETE OPTIONS PUT", "/live/o/s/x", "method"},
		{"POST OPTIONS PUT", "/live/o/s/x resource", "method"},
		{"PATCH DELETE", "/live/o/s/x resource", "signalled"},
		{"POST PATCH DELETE OPTIONS", "/open resource", "method"},
	} {
		for method := range strings.FieldsSeq(tc.methods) {
			path, _, resource := strings.Cut(tc.path, " ")
			target, err := rules.Target(Request{Method: method, Path: path, Resource: resource})
			got := map[bool]string{false: "played", true: "signalled"}[target.Kind == WHEP]
			if err != nil {
				got = err.(*Error).Kind.Error()
			}
			if !strings.Contains(got, tc.want) {
				t.Errorf("%s %s: %s, not %s", method, tc.path, got, tc.want)
			}
		}
	}
	// A WebSocket has methods of its own.
	if _, err := rules.Target(Request{Method: "POST", Path: "/rtc/o/s/x", Socket: true}); err == nil {
		t.Error("a WebSocket is opened with POST")
	}
}

// Literals may be written with letters that are not ASCII, or with their escapes: the
// path goes out escaped, and a token behind such a prefix is found in both spellings.
func TestLiteralsThatAreNotASCII(t *testing.T) {
	for _, literal := range []string{"é", "%C3%A9"} {
		rs := &Rules{Rules: []*Rule{mustRule(t, "/live-"+literal+"/{org}/{stream}/*", "", "")}, Open: []Pattern{mustPattern(t, "/"+literal+"/*")}}
		for _, written := range []string{"é", "%C3%A9"} {
			path, tokens, err := rs.CutTokens("/live-"+written+"/~a.b.c/org1/cam1/x", tilde(func(s string) bool { return s == "a.b.c" }))
			if len(tokens) != 1 || err != nil {
				t.Errorf("%s, written %s: no token found in %q", literal, written, path)
			}
			path, err = rs.ReadPath(path)
			if err != nil || path != "/live-%C3%A9/org1/cam1/x" {
				t.Errorf("%s, written %s: %q, %v", literal, written, path, err)
			}
			target, err := rs.Find(path, Query{})
			if outcome(target, err) != "org1/cam1" {
				t.Errorf("%s, written %s: %s", literal, written, outcome(target, err))
			} else if target.Rule.Prefix() != "/live-%C3%A9" {
				t.Errorf("%s, written %s: the prefix is %s", literal, written, target.Rule.Prefix())
			}
			open, err := rs.ReadPath("/" + written + "/x")
			if err != nil || rs.open(open, false) == nil {
				t.Errorf("%s, written %s: not open, %v", literal, written, err)
			}
		}
	}
}

// It is known where in the path each token stood.
func TestPlacesOfTokens(t *testing.T) {
	read := tilde(func(s string) bool { return strings.Count(s, ".") == 2 })
	_, got, err := siteRules(t).CutTokens("/live/~a.b.c/org1/~a.b.c/~d.e.f/cam1/y/~g.h.i/x", read)
	want := []TokenSegment{{"a.b.c", 1}, {"a.b.c", 2}, {"d.e.f", 2}, {"g.h.i", 4}}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("%v, %v", got, err)
	}
}
