package issue

import (
	"errors"
	"fmt"
	"math"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/playgate/playgate/module/api/types"
	"github.com/playgate/playgate/module/internal/access"
	"github.com/playgate/playgate/module/internal/places"
	"github.com/playgate/playgate/module/internal/redact"
	"github.com/playgate/playgate/module/internal/target"
	"github.com/playgate/playgate/module/token"
	"github.com/playgate/playgate/module/token/jwt"
)

// Question is what to explain: a token, and the request that it is tried with.
type Question struct {
	Text    string // the token, or a URL that carries it
	At      time.Time
	IP      string // empty: not checked
	Referer string // the page; empty: not checked
	URL     string // the stream's URL; empty: the one in Text, or not checked
	Rule    string // the template by which the URL names a stream; empty: it is not read
	Terms   *token.Terms
	Keys    *token.Keyring // nil: not checked
}

// Outcomes of a check.
const (
	OK      = "ok"
	Failed  = "failed"
	Skipped = "skipped"
)

// Explanation is the answer.
type Explanation struct {
	Allowed bool          `json:"allowed"`          // nothing refuses the token, and nothing that needs an answer was skipped
	Reason  string        `json:"reason,omitempty"` // of the first check that failed
	Checks  []types.Check `json:"checks"`
	Grant   *token.Grant  `json:"-"`
	URL     string        `json:"-"` // of the stream; "" where none was given
	Text    string        `json:"-"` // the token
}

func (e *Explanation) add(name, result, reason, text string) {
	e.Checks = append(e.Checks, types.Check{Name: name, Result: result, Reason: reason, Text: text})
	if result == Failed && e.Reason == "" {
		e.Reason = reason
	}
}

// addError adds the outcome of a check that returns an error of package token.
func (e *Explanation) addError(name string, err error, ok string) bool {
	if err == nil {
		e.add(name, OK, "", ok)
		return true
	}
	v := access.DenyError(err)
	e.add(name, Failed, string(v.Reason), v.Detail)
	return false
}

// Explain goes through the checks in the gate's order, and past the first
// failure, so that everything that is wrong shows at once.
func Explain(q Question) (*Explanation, error) {
	text, streamURL, err := split(q.Text, q.Rule)
	if err != nil {
		return nil, err
	}
	if q.URL != "" {
		streamURL = q.URL
	}
	e := &Explanation{URL: streamURL, Text: text}
	u, err := jwt.Parse(text)
	if !e.addError("shape", err, "one token, written in the one way that is accepted") {
		return e, nil
	}
	e.Grant = u.Grant
	if q.Keys == nil {
		e.add("signature", Skipped, "", "no key was given (--key-file)")
	} else if _, err := u.Verify(q.Keys); err == nil {
		e.add("signature", OK, "", fmt.Sprintf("made with key %s, %s", u.Grant.KeyID, u.Algorithm))
	} else {
		e.addError("signature", err, "")
	}
	e.explainTimes(q)
	if err := e.explainScope(q, streamURL); err != nil {
		return nil, err
	}
	if err := e.explainAddress(q); err != nil {
		return nil, err
	}
	e.explainPage(q)
	// Without a URL nobody asks for a stream, and so there is no scope to check.
	e.Allowed = e.Reason == "" && !slices.ContainsFunc(e.Checks, func(c types.Check) bool { return c.Result == Skipped && c.Name != "scope" })
	return e, nil
}

func (e *Explanation) explainTimes(q Question) {
	// The three parts of Terms are tried one by one.
	g := e.Grant
	at := q.At.UTC().Format(time.RFC3339)
	times := token.Terms{Max: math.MaxInt64, Leeway: q.Terms.Leeway}
	timesErr := times.Check(g, q.At)
	if errors.Is(timesErr, token.ErrLifetime) {
		timesErr = nil // told by the next check
	}
	e.addError("times", timesErr, fmt.Sprintf("valid at %s; expires %s, in %s", at, g.ExpiresAt().UTC().Format(time.RFC3339), Days(g.ExpiresAt().Sub(q.At))))
	lifetime := *q.Terms
	lifetime.Issuer, lifetime.Audience = "", nil
	if err := lifetime.Check(g, q.At); !errors.Is(err, token.ErrExpired) && !errors.Is(err, token.ErrNotYetValid) {
		e.addError("lifetime", err, "not longer than "+Days(q.Terms.Max))
	}
	if q.Terms.Issuer != "" || len(q.Terms.Audience) > 0 {
		issuer := token.Terms{Max: 1 << 62, Leeway: 1 << 62, Issuer: q.Terms.Issuer, Audience: q.Terms.Audience}
		e.addError("issuer", issuer.Check(g, g.ExpiresAt()), "as expected")
	}
}

func (e *Explanation) explainScope(q Question, streamURL string) error {
	g := e.Grant
	scope := "streams " + strings.Join(g.Streams, ", ") + " of organisation " + g.Org
	if g.OrgWide {
		scope = "every stream of organisation " + g.Org
	}
	if streamURL == "" {
		e.add("scope", Skipped, "", scope+"; no stream URL was given (--url)")
		return nil
	}
	parsed, err := url.Parse(streamURL)
	if err != nil {
		return wrong("url", "that is no URL")
	}
	if q.Rule == "" {
		e.add("scope", OK, "", scope)
		return nil
	}
	rule, err := target.ParseRule(q.Rule, "", "")
	if err != nil {
		return wrong("rule", "%v", err)
	}
	rules := target.Rules{Rules: []*target.Rule{rule}, DefaultOrg: g.Org}
	path, segments, err := rules.CutTokens(parsed.EscapedPath(), redact.Segment)
	if err == nil {
		path, err = rules.ReadPath(path)
	}
	var query target.Query
	if err == nil {
		usual, _ := places.New(nil, true, true, "") // none of these is wrong
		query, err = usual.ReadQuery(parsed.RawQuery)
	}
	if err != nil {
		e.addError("scope", err, "")
		return nil
	}
	carried := q.URL != "" || len(segments) > 0 || slices.ContainsFunc(query.Pairs(), func(p target.Pair) bool { return p.Token })
	wanted, err := rules.Find(path, query)
	switch {
	case !carried:
		e.add("scope", Failed, string(access.MissingToken), "the token is in a parameter in which gates do not look; they look in token and jwtoken, unless a site says otherwise")
	case err != nil:
		e.add("scope", Failed, string(access.NoStream), scope+"; the URL is not of the form "+q.Rule)
	case wanted.Org != g.Org:
		e.add("scope", Failed, string(access.WrongOrg), fmt.Sprintf("%s; the URL is of organisation %s", scope, wanted.Org))
	case !g.MayPlay(wanted.Stream):
		e.add("scope", Failed, string(access.WrongStream), fmt.Sprintf("%s; the URL is of stream %s", scope, wanted.Stream))
	default:
		e.add("scope", OK, "", scope)
	}
	return nil
}

func (e *Explanation) explainAddress(q Question) error {
	rules := e.Grant.IPs
	if rules == nil {
		e.add("address", OK, "", "any address")
		return nil
	}
	names := make([]string, len(rules))
	for i, r := range rules {
		names[i] = r.String()
	}
	allowed := "only " + strings.Join(names, ", ")
	if q.IP == "" {
		e.add("address", Skipped, "", allowed+"; no address was given (--ip)")
		return nil
	}
	a, err := netip.ParseAddr(q.IP)
	if err != nil || a.Zone() != "" {
		return wrong("ip", "that is no IP address")
	}
	for _, r := range rules {
		if r.Match(a) {
			e.add("address", OK, "", allowed)
			return nil
		}
	}
	e.add("address", Failed, string(access.WrongIP), allowed)
	return nil
}

func (e *Explanation) explainPage(q Question) {
	patterns := e.Grant.Referers
	if patterns == nil {
		e.add("page", OK, "", "any page")
		return
	}
	names := make([]string, len(patterns))
	for i, p := range patterns {
		names[i] = p.String()
	}
	allowed := "only pages of " + strings.Join(names, ", ")
	if q.Referer == "" {
		e.add("page", Skipped, "", allowed+"; no page was given (--referer)")
		return
	}
	page := access.ReadPage(nil, []string{q.Referer})
	for _, p := range patterns {
		if page.State == access.PageKnown && p.Match(page.Host, page.Port) {
			e.add("page", OK, "", allowed)
			return
		}
	}
	e.add("page", Failed, string(access.WrongReferer), allowed)
}

// split finds the token in what was pasted: a token, or a URL that carries one
// in its query or path. It returns the URL too.
func split(pasted, rule string) (text, streamURL string, err error) {
	pasted = strings.TrimSpace(pasted)
	if !strings.Contains(pasted, "://") {
		return pasted, "", nil
	}
	u, err := url.Parse(pasted)
	if err != nil {
		return "", "", wrong("url", "that is no URL")
	}
	add := func(t string) bool {
		other := text != "" && text != t
		text = t
		return other
	}
	for _, values := range u.Query() {
		for _, v := range values {
			if jwt.HasForm(v) && add(v) {
				return "", "", wrong("url", "this URL carries different tokens; the gate refuses it (ambiguous_token)")
			}
		}
	}
	for segment := range strings.SplitSeq(u.Path, "/") {
		if t, _ := redact.Segment(segment); t != "" && jwt.HasForm(t) && add(t) {
			return "", "", wrong("url", "this URL carries different tokens; the gate refuses it (ambiguous_token)")
		}
	}
	if text != "" {
		return text, pasted, nil
	}
	return "", "", wrong("url", "there is no token in this URL")
}
