package access

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/playgate/playgate/module/internal/target"
	"github.com/playgate/playgate/module/token"
)

// The alphabets of names stand in package token and again in package target,
// which do not know each other.
func TestTokensAndRequestsHaveTheSameNames(t *testing.T) {
	inPath, err := target.ParseRule("/{stream}", "", "")
	if err != nil {
		t.Fatal(err)
	}
	orgInPath, err := target.ParseRule("/{org}/{stream}", "", "")
	if err != nil {
		t.Fatal(err)
	}
	inQuery, err := target.ParseRule("/*", "s", "{stream}")
	if err != nil {
		t.Fatal(err)
	}
	found := func(r *target.Rule, org, path, query string) target.Target {
		q, err := target.ParseQuery(query, nil)
		if err != nil {
			return target.Target{}
		}
		rs := target.Rules{Rules: []*target.Rule{r}, DefaultOrg: org}
		if path, err = rs.ReadPath(path); err != nil {
			return target.Target{}
		}
		wanted, err := rs.Find(path, q)
		if err != nil {
			return target.Target{}
		}
		return wanted
	}
	check := func(s string) {
		t.Helper()
		if strings.ContainsAny(s, "/&") {
			return // ends the path segment or the pair
		}
		if got := found(inPath, s, "/cam1", "").Org != ""; got != token.ValidOrg(s) {
			t.Errorf("organisation %q is good for a token: %v, as default_org: %v", s, !got, got)
		}
		if got := found(orgInPath, "", "/"+s+"/cam1", "").Org; got != "" && got != s || (got != "") != token.ValidOrg(s) {
			t.Errorf("organisation %q is good for a token: %v, in a path: %q", s, token.ValidOrg(s), got)
		}
		if got := found(inPath, "org1", "/"+s, "").Stream; got != "" && got != s || (got != "") != token.ValidStream(s) {
			t.Errorf("stream %q is good for a token: %v, in a path: %q", s, token.ValidStream(s), got)
		}
		if got := found(inQuery, "org1", "/x", "s="+s).Stream; got != "" && got != s || (got != "") != token.ValidStream(s) {
			t.Errorf("stream %q is good for a token: %v, in a query: %q", s, token.ValidStream(s), got)
		}
	}
	for b := range 256 {
		check(string([]byte{byte(b)}))
		check("a" + string([]byte{byte(b)}) + "b")
	}
	for n := range 140 {
		check(strings.Repeat("a", n))
	}
	for _, s := range []string{".", "..", "...", "..a", "-", "_", "é", "a%41", "%61"} {
		check(s)
	}
	random := rand.New(rand.NewPCG(3, 4))
	for range 20_000 {
		b := make([]byte, random.IntN(6))
		for i := range b {
			b[i] = "aZ09._-~:+ /é\x00"[random.IntN(15)]
		}
		check(string(b))
	}
}
