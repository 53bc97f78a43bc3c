package jwt

import (
	"encoding/json"
	"io"
	"math/big"
	"slices"
	"strings"
	"testing"

	"github.com/playgate/playgate/module/token"
)

// FuzzRead reads whatever comes. What is accepted is written in canonical
// base64url, and is the one text for these contents and this key.
func FuzzRead(f *testing.F) {
	ring := mustRing(f, edKey, es256, hs256)
	for _, key := range ring.Keys() {
		header := `{"alg":"` + key.Algorithm + `","kid":"` + key.ID + `"}`
		f.Add(forge(f, header, goodClaims, key))
		f.Add(forge(f, header, with("jti", ""), key))
	}
	accepted := map[string]string{} // signed text by contents
	f.Fuzz(func(t *testing.T, text string) {
		g, err := Read(text, ring)
		if err != nil {
			if g != nil {
				t.Errorf("%q: a grant and an error", text)
			}
			return
		}
		parts := strings.Split(text, ".")
		if len(parts) != 3 || len(text) > token.MaxToken || !HasForm(text) {
			t.Fatalf("%q verifies", text)
		}
		contents := g.KeyID
		for i, part := range parts {
			decoded, err := strict.DecodeString(part)
			if err != nil || encode(string(decoded)) != part {
				t.Errorf("%q verifies with a part that is not canonical", text)
			}
			if i < 2 {
				contents += "\x00" + string(decoded)
			}
		}
		signed := parts[0] + "." + parts[1]
		if g.KeyID == edKey.ID {
			signed = text
		}
		if first, ok := accepted[contents]; ok && first != signed {
			t.Errorf("two texts for the same contents:\n%q\n%q", first, signed)
		}
		accepted[contents] = signed
		checkGrant(t, g)
	})
}

// FuzzClaims signs whatever header and claims come, so that nothing but the
// reader stands between them and a grant. What is accepted means the same to
// encoding/json, and one byte changed makes it worthless.
func FuzzClaims(f *testing.F) {
	ring := mustRing(f, edKey)
	f.Add(goodHeader, goodClaims, uint16(3), byte('A'))
	f.Add(`{"alg":"EdDSA","typ":"JWT"}`, `{"org":"o","orgwide":true,"exp":1,"ip":["::ffff:203.0.113.7"],"referer":["*.example.com"]}`, uint16(60), byte('\n'))
	f.Add(`{"alg":"Ed25519","typ":"jwt"}`, `{"org":"o","orgwide":true,"exp":1.9000000005e9,"nbf":1890000000.25,"scope":"play"}`, uint16(60), byte('0'))
	f.Fuzz(func(t *testing.T, header, claims string, at uint16, c byte) {
		text := forge(t, header, claims, edKey)
		g, err := Read(text, ring)
		if err != nil {
			return
		}
		checkGrant(t, g)
		checkHeader(t, header)
		checkClaims(t, g, claims)
		i := int(at) % len(text)
		for how, other := range map[string]string{
			"replaced": text[:i] + string([]byte{c}) + text[i+1:],
			"put in":   text[:i] + string([]byte{c}) + text[i:],
			"left out": text[:i] + text[i+1:],
		} {
			if other == text {
				continue
			}
			if _, err := Read(other, ring); err == nil {
				t.Errorf("%q verifies, and so does %q with byte %d %s", text, other, i, how)
			}
		}
	})
}

func checkGrant(t *testing.T, g *token.Grant) {
	t.Helper()
	if !token.ValidOrg(g.Org) || g.OrgWide == (len(g.Streams) > 0) || g.KeyID == "" || !token.ValidID(g.ID) {
		t.Errorf("grant %+v", *g)
	}
	for _, s := range g.Streams {
		if !token.ValidStream(s) {
			t.Errorf("stream %q", s)
		}
	}
	for _, n := range []int64{g.Expires, g.NotBefore, g.IssuedAt} {
		if n < 0 || n > 100_000_000_000 {
			t.Errorf("time %d", n)
		}
	}
	if g.IPs != nil && len(g.IPs) == 0 || g.Referers != nil && len(g.Referers) == 0 {
		t.Errorf("an empty restriction in %+v", *g)
	}
	if !token.ValidText(g.Tag) || !token.ValidText(g.Subject) {
		t.Errorf("tag %q, user %q", g.Tag, g.Subject)
	}
}

func checkHeader(t *testing.T, header string) {
	t.Helper()
	m := objectMembers(t, header)
	if string(m["alg"]) == "" {
		t.Errorf("header %q", header)
	}
	for name := range m {
		for _, refused := range []string{"crit", "zip", "b64"} {
			if strings.EqualFold(name, refused) {
				t.Errorf("header %q", header)
			}
		}
	}
}

func checkClaims(t *testing.T, g *token.Grant, claims string) {
	t.Helper()
	m := objectMembers(t, claims)
	for name := range m {
		if slices.ContainsFunc([]string{"ips", "referers", "referrer", "referrers", "domain", "domains", "stream", "groupid", "max_sessions", "start_within", "expiry", "first_prefixes", "single_use"},
			func(refused string) bool { return strings.EqualFold(name, refused) }) {
			t.Errorf("claim %s in %q", name, claims)
		}
	}
	var folded struct {
		Org     string
		Exp     json.Number
		OrgWide bool
		Nbf     json.Number
		Iat     json.Number
		IP      []string
		Referer []string
	}
	if err := json.Unmarshal([]byte(claims), &folded); err != nil {
		t.Fatalf("%q: %v", claims, err)
	}
	if folded.Org != g.Org || folded.OrgWide != g.OrgWide ||
		rounded(t, folded.Exp, false) != g.Expires || rounded(t, folded.Nbf, true) != g.NotBefore || rounded(t, folded.Iat, true) != g.IssuedAt ||
		len(folded.IP) != len(g.IPs) || len(folded.Referer) != len(g.Referers) {
		t.Errorf("%q means %+v to encoding/json, %+v here", claims, folded, *g)
	}
}

// rounded is the value of a number as math/big reads it.
func rounded(t *testing.T, n json.Number, up bool) int64 {
	t.Helper()
	if n == "" {
		return 0
	}
	r, ok := new(big.Rat).SetString(string(n))
	if !ok {
		t.Fatalf("%s is no number", n)
	}
	whole, rest := new(big.Int).DivMod(r.Num(), r.Denom(), new(big.Int))
	if up && rest.Sign() > 0 {
		whole.Add(whole, big.NewInt(1))
	}
	return whole.Int64()
}

// objectMembers reads an object by encoding/json, and fails when a name stands
// twice at any depth.
func objectMembers(t *testing.T, text string) map[string]json.RawMessage {
	t.Helper()
	m := map[string]json.RawMessage{}
	if err := json.Unmarshal([]byte(text), &m); err != nil {
		t.Fatalf("%q verifies, and encoding/json says %v", text, err)
	}
	d := json.NewDecoder(strings.NewReader(text))
	type object struct {
		seen map[string]bool // nil for an array
		name bool            // a name comes next
	}
	var open []*object
	for {
		tok, err := d.Token()
		if err == io.EOF {
			return m
		}
		if err != nil {
			t.Fatalf("%q verifies, and encoding/json says %v", text, err)
		}
		var top *object
		if len(open) > 0 {
			top = open[len(open)-1]
		}
		if top != nil && top.seen != nil && top.name {
			if name, ok := tok.(string); ok {
				if top.seen[name] {
					t.Errorf("%q verifies, and %q stands twice", text, name)
				}
				top.seen[name], top.name = true, false
				continue
			}
		}
		switch tok {
		case json.Delim('{'):
			open = append(open, &object{seen: map[string]bool{}, name: true})
			continue
		case json.Delim('['):
			open = append(open, &object{})
			continue
		case json.Delim('}'), json.Delim(']'):
			open = open[:len(open)-1]
			if len(open) == 0 {
				continue
			}
			top = open[len(open)-1]
		}
		if top != nil && top.seen != nil {
			top.name = true
		}
	}
}
