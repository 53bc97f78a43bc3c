package target

import (
	"errors"
	"net/url"
	"strings"
	"testing"
)

// A name that some origin takes for the stream's key, or for a pin, is refused: alone,
// before and behind the right one.
func TestNamesThatAreNearlyThatOfAKey(t *testing.T) {
	rs := siteRules(t)
	find := func(query string) (Target, error) {
		q, err := ParseQuery(query, tokenName)
		if err != nil {
			return Target{}, err
		}
		return rs.Target(Request{Method: "GET", Path: "/h5live/x", Query: q})
	}
	for _, name := range []string{
		"Stream", "STREAM", "stReam", "%53tream", "str%45am", "%C5%BFtream", "ſtream",
		"+stream", "stream+", "%20stream", "stream%20", "%09stream", "stream%09", "%0astream", "stream%0d%0a", "%c2%a0stream", "stream%c2%a0", "%A0stream", "stream%A0", "\xa0stream", "%e2%80%8bstream", "%ef%bb%bfstream", "%e3%80%80stream", "%2bstream", "%2Bstream%2B",
		"stream[]", "stream%5b%5d", "stream[0]", "stream[a][b]", "stream[", "stream%5B", "Stream+[]", "+stream[]", "[stream]", "stream]", "?stream",
		"stream.x", "stream.", "stream%2ex", "STREAM.y", "stream+.y", "stream.x[y]",
		"stream%00", "stream%00x", "%00stream", "Stream%00[]",
		"%2573tream", "stre%2561m", "stream%2500", "stream%255b%255d", "%2520stream",
	} {
		for _, query := range []string{name + "=org1-cam2", "stream=org1-cam1&" + name + "=org1-cam2", name + "=org1-cam1&stream=org1-cam1", "a=1&stream=org1-cam1&" + name, name + "=org1-cam2&token=x&stream=org1-cam1"} {
			if got, err := find(query); !errors.Is(err, ErrBadRequest) {
				t.Errorf("%s: %s, want bad_request", query, outcome(got, err))
			}
		}
		for key, pin := range map[string]string{"stream": "secure", "STREAM": "SECURE", "Stream": "Secure"} {
			if !strings.Contains(name, key) {
				continue
			}
			query := "stream=org1-cam1&secure=1&" + strings.ReplaceAll(name, key, pin) + "=1"
			if got, err := find(query); !errors.Is(err, ErrBadRequest) {
				t.Errorf("%s: %s, want bad_request", query, outcome(got, err))
			}
		}
	}
	for _, name := range []string{"streams", "xstream", "strea", "stream-x", "stream_x", "x.stream", "x[stream]", "s+tream", "", "%00", "[]", ".", "+", "stream%3dx", "%73tream0"} {
		if got, err := find("stream=org1-cam1&" + name + "=org1-cam2"); outcome(got, err) != "org1/org1-cam1" {
			t.Errorf("%s: %s", name, outcome(got, err))
		}
	}
	if got, err := find("%73tre%61m=org1-cam1&%75rl=rtmp%3A%2F%2Forigin%3A1935%2Flive"); outcome(got, err) != "org1/org1-cam1" {
		t.Errorf("exact, with escapes: %s", outcome(got, err))
	}
}

// PHP writes an underscore for what may not stand in a variable's name.
func TestNamesThatBecomeAKeyWithUnderscores(t *testing.T) {
	r := mustRule(t, "/q/*", "stream_id", "")
	r.Pins = []Pin{{"a.b", "1"}, {"A.B", "2"}}
	rs := &Rules{Rules: []*Rule{r}, DefaultOrg: "org0"}
	for _, tt := range []struct{ query, want string }{
		{"stream_id=cam1", "org0/cam1"}, {"stream_id=cam1&a.b=1&A.B=2", "org0/cam1"}, {"stream_id=cam1&stream-id=x&streamid=y&stream=z", "org0/cam1"},
		{"stream.id=cam1", "bad_request"}, {"stream_id=cam1&stream.id=cam2", "bad_request"}, {"stream_id=cam1&stream+id=cam2", "bad_request"}, {"stream_id=cam1&STREAM%5bID=cam2", "bad_request"},
		{"stream_id=cam1&a_b=0", "bad_request"}, {"stream_id=cam1&a+b=0", "bad_request"}, {"stream_id=cam1&a=0", "org0/cam1"},
	} {
		got, err := rs.Target(Request{Method: "GET", Path: "/q/x", Query: mustQuery(t, tt.query)})
		if outcome(got, err) != tt.want {
			t.Errorf("%s: %s, want %s", tt.query, outcome(got, err), tt.want)
		}
	}
}

// checkQueryReaders reads a query that an origin gets in the ways of several servers:
// what they find under the key of a rule, and under its pins, is one value.
func checkQueryReaders(t *testing.T, r *Rule, raw string) {
	t.Helper()
	key := func(name string) string {
		name = strings.TrimSpace(strings.ToLower(strings.ReplaceAll(name, "\u00a0", " ")))
		if at := strings.IndexAny(name, "[.\x00"); at >= 0 {
			name = strings.TrimSpace(name[:at])
		}
		return name
	}
	values := map[string][]string{}
	for pair := range strings.SplitSeq(raw, "&") {
		name, value, _ := strings.Cut(pair, "=")
		name, _ = url.QueryUnescape(name)
		value, _ = url.QueryUnescape(value)
		values[key(name)] = append(values[key(name)], value)
	}
	names := []string{r.QueryKey}
	for _, pin := range r.Pins {
		names = append(names, pin.Name)
	}
	for _, name := range names {
		found := values[key(name)]
		for _, value := range found {
			if name != "" && value != found[0] {
				t.Errorf("%q has several values for %s to some: %q", raw, name, found)
			}
		}
	}
}
