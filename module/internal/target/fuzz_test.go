package target

import (
	"slices"
	"strings"
	"testing"
)

// FuzzRequest checks what must hold for every request that is let through: the
// path has one reading, the names are in their alphabets, and the origin gets
// every pair but the token's, byte for byte and in order. Other readers of path and
// query find no other stream.
func FuzzRequest(f *testing.F) {
	isToken := func(s string) bool { return strings.Count(s, ".") == 2 && !strings.Contains(s, "/") }
	inQuery := func(name, value string) bool { return tokenName(name, "") && isToken(value) }
	rs, crossed := siteRules(f), crossedRules(f)
	f.Fuzz(func(t *testing.T, path, rawQuery string) {
		path, tokens, err := rs.CutTokens(path, tilde(isToken))
		if err != nil {
			return
		}
		if _, more, err := rs.CutTokens(path, tilde(isToken)); err != nil || len(more) != 0 {
			t.Errorf("%q has more tokens: %v, %v", path, more, err)
		}
		for _, token := range tokens {
			if !isToken(token.Text) {
				t.Errorf("%q was cut out", token.Text)
			}
		}
		checkReaders(t, crossed, path, rawQuery)
		path, err = rs.ReadPath(path)
		if err != nil {
			return
		}
		checkRead(t, path)
		if again, err := rs.ReadPath(path); err != nil || again != path {
			t.Fatalf("%q, read again, is %q, %v", path, again, err)
		}
		q, err := ParseQuery(rawQuery, inQuery)
		if err != nil {
			return
		}
		if q.Raw() != rawQuery {
			t.Fatalf("%q has become %q", rawQuery, q.Raw())
		}
		target, err := rs.Target(Request{Method: "GET", Path: path, Query: q})
		if err != nil {
			return
		}
		forward := target.Forward(q, false)
		var want []string
		for _, p := range q.Pairs() {
			if !p.Token {
				want = append(want, p.Raw)
			}
		}
		out, err := ParseQuery(forward, inQuery)
		if err != nil {
			t.Fatalf("the origin gets %q: %v", forward, err)
		}
		var got []string
		for _, p := range out.Pairs() {
			if p.Token {
				t.Errorf("the origin gets the token in %q", forward)
			}
			got = append(got, p.Raw)
		}
		if len(want) == 1 && want[0] == "" && len(got) == 0 {
			got = want // one empty pair is an empty query
		}
		if len(got) < len(want) || !slices.Equal(got[:len(want)], want) {
			t.Errorf("from %q the origin gets %q", rawQuery, forward)
		}
		if target.Open {
			return
		}
		if !validOrg(target.Org) || !validStream(target.Stream) {
			t.Errorf("%q %q names %q, %q", path, rawQuery, target.Org, target.Stream)
		}
		checkQueryReaders(t, target.Rule, forward)
		for _, pin := range target.Rule.Pins {
			if p, n := out.Single(pin.Name); n != 1 || p.Value != pin.Value {
				t.Errorf("from %q the origin gets %q, pin %s", rawQuery, forward, pin.Name)
			}
		}
		// What the origin reads names the same stream as what was decided on.
		again, err := rs.Find(path, out)
		if err != nil || again.Org != target.Org || again.Stream != target.Stream {
			t.Errorf("%q %q was %s/%s, and is %s to the origin", path, rawQuery, target.Org, target.Stream, outcome(again, err))
		}
	})
}
