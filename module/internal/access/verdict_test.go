package access

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"github.com/playgate/playgate/module/internal/target"
	"github.com/playgate/playgate/module/token"
)

const now = 1_900_000_000

// attempt is one request with its token; good is one that is allowed.
type attempt struct {
	grant  *token.Grant
	target target.Target
	facts  Facts
	policy Policy
}

func (a attempt) judge() Verdict {
	return Judge(Credential{Grant: a.grant}, a.target, a.facts, a.policy)
}

func good(tb testing.TB) attempt {
	tb.Helper()
	return attempt{
		grant: &token.Grant{
			ID: "t1", Org: "org1", Streams: []string{"cam1"}, Expires: now + 1000, NotBefore: now - 100, IssuedAt: now - 200,
			IPs: []token.AddressRule{rule(tb, "203.0.113.0/24")}, Referers: []token.HostPattern{pattern(tb, "*.example.com")},
			Issuer: "us", Audience: []string{"edge"}, KeyID: "k",
		},
		target: target.Target{Org: "org1", Stream: "cam1"},
		facts: Facts{
			Now: time.Unix(now, 0), Address: netip.MustParseAddr("203.0.113.7"),
			Page: Page{State: PageKnown, Host: "www.example.com", Port: "443"},
		},
		policy: Policy{Terms: &token.Terms{Max: token.MaxLifetime, Leeway: token.DefaultLeeway, Issuer: "us", Audience: []string{"edge"}}},
	}
}

func rule(tb testing.TB, s string) token.AddressRule {
	tb.Helper()
	r, err := token.ParseAddressRule(s)
	if err != nil {
		tb.Fatal(err)
	}
	return r
}

func pattern(tb testing.TB, s string) token.HostPattern {
	tb.Helper()
	p, err := token.ParseHostPattern(s)
	if err != nil {
		tb.Fatal(err)
	}
	return p
}

// faults are ways to fail, each by one field, in the order in which the gate looks.
var faults = []struct {
	name, field string
	reason      Reason
	add         func(a *attempt)
}{
	{"expired", "exp", Expired, func(a *attempt) { a.grant.Expires = now - 10 }},
	{"nbf in the future", "nbf", NotYetValid, func(a *attempt) { a.grant.NotBefore = now + 100 }},
	{"iat in the future", "iat", NotYetValid, func(a *attempt) { a.grant.IssuedAt = now + 100 }},
	{"expires too late", "exp", Lifetime, func(a *attempt) { a.grant.Expires = now + 366*24*3600 }},
	{"issued too long ago", "iat", Lifetime, func(a *attempt) { a.grant.IssuedAt = now - 366*24*3600 }},
	{"wrong iss", "iss", Issuer, func(a *attempt) { a.grant.Issuer = "them" }},
	{"wrong aud", "aud", Issuer, func(a *attempt) { a.grant.Audience = nil }},
	{"wrong organisation", "org", WrongOrg, func(a *attempt) { a.target.Org = "org2" }},
	{"wrong stream", "stream", WrongStream, func(a *attempt) { a.target.Stream = "cam2" }},
	{"early data", "early", TooEarly, func(a *attempt) { a.facts.EarlyData = true }},
	{"wrong address", "address", WrongIP, func(a *attempt) { a.facts.Address = netip.MustParseAddr("198.51.100.9") }},
	{"unknown address", "address", WrongIP, func(a *attempt) { a.facts.Address = netip.Addr{} }},
	{"wrong page", "page", WrongReferer, func(a *attempt) { a.facts.Page.Host = "evil.example" }},
	{"odd page", "page", WrongReferer, func(a *attempt) { a.facts.Page = Page{} }},
	{"no page", "page", WrongReferer, func(a *attempt) { a.facts.Page = Page{State: PageAbsent} }},
}

func TestWhatIsInOrderIsAllowed(t *testing.T) {
	if v := good(t).judge(); v != Allow || !v.Allowed || v.Reason != "" {
		t.Errorf("got %+v", v)
	}
}

func TestTheFirstFaultIsTheReason(t *testing.T) {
	for i, first := range faults {
		a := good(t)
		first.add(&a)
		if v := a.judge(); v.Allowed || v.Reason != first.reason || v.Detail == "" {
			t.Errorf("%s: got %+v, want %s", first.name, v, first.reason)
		}
		for _, second := range faults[i+1:] {
			if second.field == first.field {
				continue
			}
			a := good(t)
			first.add(&a)
			second.add(&a)
			if v := a.judge(); v.Allowed || v.Reason != first.reason {
				t.Errorf("%s and %s: got %+v, want %s", first.name, second.name, v, first.reason)
			}
		}
	}
}

func TestWhatNobodySaidDenies(t *testing.T) {
	var zero Verdict
	if zero.Allowed {
		t.Error("the zero verdict allows")
	}
	tests := []struct {
		name string
		add  func(a *attempt)
		want Reason
	}{
		{"no grant", func(a *attempt) { a.grant = nil }, Internal},
		{"no terms", func(a *attempt) { a.policy = Policy{} }, Internal},
		{"empty terms", func(a *attempt) { a.policy.Terms = &token.Terms{} }, Lifetime},
		{"empty grant", func(a *attempt) { a.grant = &token.Grant{} }, Expired},
		{"no facts", func(a *attempt) { a.facts = Facts{Now: a.facts.Now} }, WrongIP},
		{"no time", func(a *attempt) { a.facts.Now = time.Time{} }, NotYetValid},
		{"no target", func(a *attempt) { a.target = target.Target{} }, WrongOrg},
		{"no organisation on either side", func(a *attempt) { a.target.Org, a.grant.Org = "", "" }, WrongOrg},
		{"no stream, whole organisation", func(a *attempt) { a.target.Stream, a.grant.Streams, a.grant.OrgWide = "", nil, true }, WrongStream},
		{"no stream on either side", func(a *attempt) { a.target.Stream, a.grant.Streams = "", nil }, WrongStream},
		{"no scope", func(a *attempt) { a.grant.Streams = nil }, WrongStream},
		{"an address rule without addresses", func(a *attempt) { a.grant.IPs = []token.AddressRule{} }, WrongIP},
		{"an address rule that is empty", func(a *attempt) { a.grant.IPs = make([]token.AddressRule, 1) }, WrongIP},
		{"a page rule without pages", func(a *attempt) { a.grant.Referers = []token.HostPattern{} }, WrongReferer},
		{"a page rule that is empty", func(a *attempt) { a.grant.Referers = make([]token.HostPattern, 1) }, WrongReferer},
		{"a page without host", func(a *attempt) { a.facts.Page = Page{State: PageKnown} }, WrongReferer},
	}
	for _, tt := range tests {
		a := good(t)
		tt.add(&a)
		if v := a.judge(); v.Allowed || v.Reason != tt.want {
			t.Errorf("%s: got %+v, want %s", tt.name, v, tt.want)
		}
	}
}

func TestScopesAreComparedByteByByte(t *testing.T) {
	for _, tt := range []struct{ org, stream string }{
		{"ORG1", "cam1"}, {"org", "cam1"}, {"org11", "cam1"}, {"org1 ", "cam1"}, {"org1", "CAM1"}, {"org1", "cam"}, {"org1", "cam11"}, {"org1", "cam1/"}, {"org1", "org1-cam1"}, {"org1", "с\u0430m1"},
	} {
		a := good(t)
		a.target.Org, a.target.Stream = tt.org, tt.stream
		if a.judge().Allowed {
			t.Errorf("%q %q is allowed", tt.org, tt.stream)
		}
	}
	a := good(t)
	a.grant.Streams, a.grant.OrgWide = nil, true
	a.target.Stream = "any"
	if !a.judge().Allowed {
		t.Error("a token of the whole organisation plays no other stream")
	}
	a.target.Org = "org2"
	if a.judge().Reason != WrongOrg {
		t.Error("a token of the whole organisation plays another's")
	}
}

func TestEarlyDataMattersToAddressRulesOnly(t *testing.T) {
	a := good(t)
	a.grant.IPs, a.facts.EarlyData = nil, true
	if v := a.judge(); !v.Allowed {
		t.Errorf("got %+v", v)
	}
}

func TestAMissingPageIsAllowedOnlyWhereThePolicySaysSo(t *testing.T) {
	for state, want := range map[PageState]bool{PageAbsent: true, PageMalformed: false} {
		a := good(t)
		a.facts.Page, a.policy.MissingPage = Page{State: state}, AllowMissingPage
		if v := a.judge(); v.Allowed != want {
			t.Errorf("state %d: got %+v", state, v)
		}
	}
	a := good(t)
	a.facts.Page.Host, a.policy.MissingPage = "evil.example", AllowMissingPage
	if v := a.judge(); v.Reason != WrongReferer {
		t.Errorf("another page: got %+v", v)
	}
}

// What is decided holds for every mixture of faults: allowed means in time, in
// scope and within the rules, and a rule more never allows what was denied.
func TestVerdictsHoldForEveryMixture(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	pick := func(values ...int64) int64 { return values[random.IntN(len(values))] }
	names := []string{"", "org1", "org2", "cam1", "cam2"}
	for range 50_000 {
		a := good(t)
		edges := []int64{0, 1, now - 366*24*3600, now - 10, now - 5, now - 4, now, now + 5, now + 6, now + 1000, now + 365*24*3600 + 5, now + 365*24*3600 + 6, 100_000_000_000}
		a.grant.Expires, a.grant.NotBefore, a.grant.IssuedAt = pick(edges...), pick(edges...), pick(edges...)
		a.grant.Org, a.target.Org = names[random.IntN(3)], names[random.IntN(3)]
		a.target.Stream = names[random.IntN(5)]
		a.grant.OrgWide = random.IntN(2) == 0
		a.facts.EarlyData = random.IntN(4) == 0
		a.facts.Address = []netip.Addr{{}, netip.MustParseAddr("203.0.113.7"), netip.MustParseAddr("::1")}[random.IntN(3)]
		a.facts.Page = []Page{{}, {State: PageAbsent}, {PageKnown, "www.example.com", "443"}, {PageKnown, "evil.example", "443"}}[random.IntN(4)]
		restricted := a.judge()
		if restricted != a.judge() {
			t.Fatal("two answers")
		}
		for i := range 3 {
			b := a
			g := *a.grant
			b.grant = &g
			if i != 0 {
				g.IPs = nil
			}
			if i != 1 {
				g.Referers = nil
			}
			if free := b.judge(); restricted.Allowed && !free.Allowed {
				t.Errorf("a rule more allows: %+v, without %+v", a, free)
			}
		}
		if !restricted.Allowed {
			if restricted.Reason == "" {
				t.Errorf("denied without a reason: %+v", a)
			}
			continue
		}
		g := a.grant
		if g.Expires+5 <= now || g.NotBefore > now+5 || g.IssuedAt > now+5 || g.Expires > now+365*24*3600+5 || g.Org == "" || g.Org != a.target.Org ||
			a.target.Stream == "" || !g.OrgWide && a.target.Stream != "cam1" || a.facts.EarlyData || !a.facts.Address.Is4() || a.facts.Page.Host != "www.example.com" {
			t.Errorf("allowed: %+v", a)
		}
	}
}

func TestDenyErrorTellsTheReasonOfEachError(t *testing.T) {
	tests := []struct {
		err    error
		reason Reason
		detail string
	}{
		{&token.Error{Kind: token.ErrExpired, Detail: "x"}, Expired, "x"},
		{fmt.Errorf("wrapped: %w", &token.Error{Kind: token.ErrUnknownKey, Detail: "x"}), UnknownKey, "x"},
		{&target.Error{Kind: target.ErrBadRequest, Detail: "y"}, BadRequest, "y"},
		{token.ErrIssuer, Issuer, ""},
		{errors.New("something else"), Internal, ""},
		{nil, Internal, ""},
	}
	for _, tt := range tests {
		if v := DenyError(tt.err); v.Allowed || v.Reason != tt.reason || v.Detail != tt.detail {
			t.Errorf("%v: got %+v", tt.err, v)
		}
	}
}
