package issue

import (
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/playgate/playgate/module/token"
	"github.com/playgate/playgate/module/token/jwt"
)

var now = time.Date(2026, 11, 24, 18, 0, 0, 0, time.UTC)

func testKey(tb testing.TB) *token.Key {
	tb.Helper()
	k, err := token.GenerateKey("k2345678", token.EdDSA)
	if err != nil {
		tb.Fatal(err)
	}
	return k
}

func testIssuer(tb testing.TB) *Issuer {
	tb.Helper()
	return &Issuer{
		Key: testKey(tb), Now: func() time.Time { return now },
		URLs: Templates{{Playout: "https://live.example.com/play/{org}/{stream}", Stream: "https://live.example.com/live/{org}/{stream}/index.m3u8"}},
	}
}

func mustIssue(tb testing.TB, i *Issuer, r Request) *Issued {
	tb.Helper()
	issued, err := i.Issue(r)
	if err != nil {
		tb.Fatal(err)
	}
	return issued
}

func TestADefaultTokenIsShortAndLastsFourteenDays(t *testing.T) {
	i := testIssuer(t)
	name := strings.Repeat("n", 16)
	issued := mustIssue(t, i, Request{Org: name, Streams: []string{name}})
	g := issued.Grant
	if g.IssuedAt != now.Unix() || g.Expires != now.Add(14*24*time.Hour).Unix() || g.NotBefore != 0 {
		t.Errorf("iat %d, exp %d, nbf %d", g.IssuedAt, g.Expires, g.NotBefore)
	}
	if !token.ValidID(g.ID) || len(g.ID) != 16 || g.KeyID != "k2345678" {
		t.Errorf("id %q, key %q", g.ID, g.KeyID)
	}
	if len(issued.Token) > MaxComfortable || len(issued.Warnings) != 0 {
		t.Errorf("%d characters, warnings %q", len(issued.Token), issued.Warnings)
	}
	if again := mustIssue(t, i, Request{Org: name, Streams: []string{name}}); again.Grant.ID == g.ID || again.Token == issued.Token {
		t.Error("two tokens with one id")
	}
}

// Every token that is issued is read, and judged in order, by the gate.
func TestWhatIsIssuedIsWhatTheGateReads(t *testing.T) {
	i := testIssuer(t)
	i.Issuer, i.Audience = "us", []string{"edge"}
	ring, err := token.NewKeyring(i.Key)
	if err != nil {
		t.Fatal(err)
	}
	terms := token.Terms{Max: token.MaxLifetime, Leeway: token.DefaultLeeway, Issuer: "us", Audience: []string{"edge"}}
	for name, r := range map[string]Request{
		"plain":        {Org: "org1", Streams: []string{"cam1"}},
		"several":      {Org: "org1", Streams: []string{"cam1", "c.a_m-2"}},
		"organisation": {Org: "org1", OrgWide: true},
		"all":          {Org: "org1", OrgWide: true, Expires: now.Add(365 * 24 * time.Hour), IPs: []string{"203.0.113.7", "2001:db8::/64"}, Referers: []string{"*.example.com", "a.example:8443"}, Tag: "front & back", User: "Zoë"},
		"later":        {Org: "org1", Streams: []string{"cam1"}, NotBefore: now.Add(time.Hour)},
		"earlier":      {Org: "org1", Streams: []string{"cam1"}, NotBefore: now.Add(-time.Hour)},
		"a second":     {Org: "org1", Streams: []string{"cam1"}, Expires: now.Add(time.Second)},
		"sub-second":   {Org: "org1", Streams: []string{"cam1"}, Expires: now.Add(1999 * time.Millisecond)},
	} {
		issued := mustIssue(t, i, r)
		got, err := jwt.Read(issued.Token, ring)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if !reflect.DeepEqual(got, issued.Grant) {
			t.Errorf("%s: got %+v, issued %+v", name, *got, *issued.Grant)
		}
		at := now
		if got.NotBefore != 0 {
			at = time.Unix(got.NotBefore, 0)
		}
		if err := terms.Check(got, at); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestTimesOfATokenHaveTheirLimits(t *testing.T) {
	const day = 24 * time.Hour
	tests := []struct {
		name          string
		lifetime, max time.Duration
		request       Request
		want          time.Duration // from now to exp; 0: an error
		field         string
	}{
		{"default", 0, 0, Request{}, 14 * day, ""},
		{"the issuer's default", day, 0, Request{}, day, ""},
		{"a time", day, 0, Request{Expires: now.Add(time.Hour)}, time.Hour, ""},
		{"the longest", 0, 0, Request{Expires: now.Add(365 * day)}, 365 * day, ""},
		{"a second too long", 0, 0, Request{Expires: now.Add(365*day + time.Second)}, 0, "expires"},
		{"a little too long", 0, 0, Request{Expires: now.Add(365*day + time.Millisecond)}, 0, "expires"},
		{"much too long", 0, 0, Request{Expires: time.Unix(1<<40, 0)}, 0, "expires"},
		{"the issuer's limit", 0, 30 * day, Request{Expires: now.Add(30 * day)}, 30 * day, ""},
		{"beyond the issuer's limit", 0, 30 * day, Request{Expires: now.Add(30*day + time.Second)}, 0, "expires"},
		{"a limit above 365 days is none", 0, 3650 * day, Request{Expires: now.Add(366 * day)}, 0, "expires"},
		{"now", 0, 0, Request{Expires: now}, 0, "expires"},
		{"past", 0, 0, Request{Expires: now.Add(-time.Hour)}, 0, "expires"},
		{"less than a second", 0, 0, Request{Expires: now.Add(time.Millisecond)}, 0, "expires"},
		{"from later on", 0, 0, Request{NotBefore: now.Add(day)}, 15 * day, ""},
		{"from earlier on", 0, 0, Request{NotBefore: now.Add(-day)}, 14 * day, ""},
		{"begins at its end", 0, 0, Request{NotBefore: now.Add(day), Expires: now.Add(day)}, 0, "not_before"},
		{"begins after its end", 0, 0, Request{NotBefore: now.Add(2 * day), Expires: now.Add(day)}, 0, "not_before"},
		{"begins and ends within one second", 0, 0, Request{NotBefore: now.Add(10 * time.Second), Expires: now.Add(10*time.Second + 500*time.Millisecond)}, 0, "not_before"},
		{"begins too late for the default", 0, 0, Request{NotBefore: now.Add(352 * day)}, 0, "expires"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			i := testIssuer(t)
			i.Lifetime, i.Max = tt.lifetime, tt.max
			tt.request.Org, tt.request.Streams = "org1", []string{"cam1"}
			issued, err := i.Issue(tt.request)
			if tt.want == 0 {
				wantField(t, err, tt.field, "")
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got := time.Duration(issued.Grant.Expires-now.Unix()) * time.Second; got != tt.want {
				t.Errorf("lives %v, want %v", got, tt.want)
			}
			if tt.request.NotBefore.After(now) != (issued.Grant.NotBefore != 0) {
				t.Errorf("nbf %d", issued.Grant.NotBefore)
			}
		})
	}
}

func wantField(t *testing.T, err error, field, says string) {
	t.Helper()
	var e *Error
	if !errors.As(err, &e) {
		t.Fatalf("got %v, want an error of field %s", err, field)
	}
	if e.Field != field || e.Text == "" || !strings.Contains(e.Text, says) {
		t.Errorf("got %v, want field %s with %q", err, field, says)
	}
}

func TestErrorsSayWhichFieldAndWhatToChange(t *testing.T) {
	base := Request{Org: "org1", Streams: []string{"cam1"}}
	tests := []struct {
		name        string
		change      func(r *Request)
		field, says string
	}{
		{"no organisation", func(r *Request) { r.Org = "" }, "org", "letters, digits and underscore"},
		{"hyphen in the organisation", func(r *Request) { r.Org = "org-1" }, "org", "letters, digits and underscore"},
		{"organisation of another key", func(r *Request) { r.Org = "org2" }, "org", "k2345678 may not speak for"},
		{"no scope", func(r *Request) { r.Streams = nil }, "streams", "exactly one"},
		{"empty scope", func(r *Request) { r.Streams = []string{} }, "streams", "exactly one"},
		{"both scopes", func(r *Request) { r.OrgWide = true }, "streams", "exactly one"},
		{"empty stream", func(r *Request) { r.Streams = []string{""} }, "streams", "no stream name"},
		{"odd stream", func(r *Request) { r.Streams = []string{"cam1", "cam/2"} }, "streams", `"cam/2"`},
		{"star", func(r *Request) { r.Streams = []string{"*"} }, "streams", "no stream name"},
		{"dots", func(r *Request) { r.Streams = []string{".."} }, "streams", "no stream name"},
		{"stream twice", func(r *Request) { r.Streams = []string{"a", "b", "a"} }, "streams", "a is named twice"},
		{"long tag", func(r *Request) { r.Tag = strings.Repeat("x", 129) }, "tag", "128 characters"},
		{"control character in the tag", func(r *Request) { r.Tag = "a\nb" }, "tag", "control character"},
		{"control character in the user", func(r *Request) { r.User = "a\x1b[m" }, "user", "control character"},
		{"host bits", func(r *Request) { r.IPs = []string{"203.0.113.0/24", "203.0.113.7/24"} }, "ip", "203.0.113.0/24"},
		{"no address", func(r *Request) { r.IPs = []string{"localhost"} }, "ip", "not an IP address"},
		{"everything", func(r *Request) { r.IPs = []string{"0.0.0.0/0"} }, "ip", "leave the rule out"},
		{"zone", func(r *Request) { r.IPs = []string{"fe80::1%eth0"} }, "ip", "zone"},
		{"scheme", func(r *Request) { r.Referers = []string{"https://example.com"} }, "referer", "without http"},
		{"path", func(r *Request) { r.Referers = []string{"example.com/page"} }, "referer", "without a path"},
		{"wildcard", func(r *Request) { r.Referers = []string{"*"} }, "referer", "not a host"},
		{"other alphabet", func(r *Request) { r.Referers = []string{"bücher.example"} }, "referer", "xn--"},
		{"too long", func(r *Request) { r.Expires = now.Add(366 * 24 * time.Hour) }, "expires", "at most 365 days; the latest is 2027-11-24T18:00:00Z"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			i := testIssuer(t)
			i.Key.Orgs = []string{"org1"}
			r := base
			tt.change(&r)
			issued, err := i.Issue(r)
			if issued != nil {
				t.Errorf("issued %s", issued.Token)
			}
			wantField(t, err, tt.field, tt.says)
		})
	}
}

func TestAKeyWithoutPrivatePartIssuesNothing(t *testing.T) {
	i := testIssuer(t)
	public, err := token.NewKey("main", token.EdDSA, i.Key.Public())
	if err != nil {
		t.Fatal(err)
	}
	i.Key = public
	if _, err := i.Issue(Request{Org: "org1", OrgWide: true}); err == nil || !strings.Contains(err.Error(), "no private part") {
		t.Errorf("got %v", err)
	}
}

// What the token itself cannot hold is a mistake in the request like any other.
func TestATokenThatWouldBeTooLongIsAnErrorOfTheRequest(t *testing.T) {
	var streams []string
	for range 40 {
		streams = append(streams, token.NewID(100))
	}
	_, err := testIssuer(t).Issue(Request{Org: "org1", Streams: streams})
	if _, ok := errors.AsType[*Error](err); !ok {
		t.Errorf("got %v, want an error that names a field", err)
	}
}
