package jwt

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/playgate/playgate/module/token"
)

func jsonString(tb testing.TB, s string) string {
	tb.Helper()
	b, err := json.Marshal(s)
	if err != nil {
		tb.Fatal(err)
	}
	return string(b)
}

// badClaim is a member that makes a good claims set malformed. An empty value
// leaves the member out.
type badClaim struct{ name, claim, value string }

func refuseAll(t *testing.T, tests []badClaim) {
	t.Helper()
	ring := mustRing(t, allKeys()...)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			claims := with(tt.claim, tt.value)
			if _, err := Read(forge(t, goodHeader, claims, edKey), ring); !errors.Is(err, token.ErrMalformed) {
				t.Errorf("%s: got %v, want malformed_token", claims, err)
			}
		})
	}
}

func TestReadRefusesOddTimes(t *testing.T) {
	var tests []badClaim
	for _, claim := range []string{"exp", "nbf", "iat"} {
		for _, value := range []string{
			`null`, `"1890000000"`, `""`, `[]`, `1e300`, `-1e300`, `1e-300`, `1e65`, `1e-65`, `1e99999999999999999999`, `1e-99999999999999999999`,
			`0`, `0.0`, `0e9`, `0.000e-9`, `-1890000000.5`, `-0.5`, `-0.0`, `-1e-9`, `1890000000.` + strings.Repeat("0", 54), `1` + strings.Repeat("0", 64) + `e-55`,
			`1890000000.`, `.5e10`, `1890000000e`, `1890000000e+`, `1e9.5`, `1e0x9`, `"1.89e9"`, `"NaN"`, `-Infinity`, `nan`,
			`9223372036854775807`, `9223372036854775808`, `18446744073709551616`, `-9223372036854775808`, `99999999999999999999999`,
			`-1`, `-0`, `-1890000000`, `1890000000000`, `100000000001`, `true`, `[1890000000]`, `{"s":1890000000}`,
			`01890000000`, `+1890000000`, `0x70000000`, `NaN`, `Infinity`, `1_890_000_000`,
		} {
			tests = append(tests, badClaim{claim + " " + value, claim, value})
		}
	}
	refuseAll(t, append(tests,
		badClaim{"exp missing", "exp", ""},
		badClaim{"exp is nbf", "nbf", `1900000000`},
		badClaim{"exp before nbf", "nbf", `1900000001`},
		badClaim{"exp is iat", "iat", `1900000000`},
		badClaim{"exp before iat", "iat", `1900000001`},
	))
}

// Issued at second 0 is not the same as issued nobody knows when: it is a life
// of more than half a century.
func TestAnIssueTimeOfZeroIsNotAMissingOne(t *testing.T) {
	g, err := Read(forge(t, goodHeader, with("iat", "0"), edKey), mustRing(t, edKey))
	if errors.Is(err, token.ErrMalformed) {
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	terms := token.Terms{Max: token.MaxLifetime, Leeway: token.DefaultLeeway}
	if err := terms.Check(g, g.ExpiresAt().Add(-token.DefaultLifetime)); !errors.Is(err, token.ErrLifetime) {
		t.Errorf("got %v, want lifetime or malformed_token", err)
	}
}

func TestReadRefusesOddScopes(t *testing.T) {
	long := strings.Repeat("a", 129)
	tests := []badClaim{
		{"org missing", "org", ""},
		{"org empty", "org", `""`},
		{"org null", "org", `null`},
		{"org a number", "org", `1`},
		{"org in an array", "org", `["org1"]`},
		{"org with a hyphen", "org", `"org-1"`},
		{"org with a dot", "org", `"org.1"`},
		{"org a star", "org", `"*"`},
		{"org of 65", "org", quoted(long[:65])},
		{"org with a NUL", "org", `"org1\u0000"`},
		{"org with a Cyrillic letter", "org", `"\u043erg1"`},
		{"org with a blank", "org", `"org1 "`},

		{"streams missing, and no orgwide", "streams", ""},
		{"streams empty", "streams", `[]`},
		{"streams null", "streams", `null`},
		{"streams a number", "streams", `1`},
		{"streams true", "streams", `true`},
		{"streams an object", "streams", `{"cam1":true}`},
		{"streams an empty string", "streams", `""`},
		{"streams one that is empty", "streams", `["cam1",""]`},
		{"streams one that is null", "streams", `["cam1",null]`},
		{"streams one that is a number", "streams", `["cam1",2]`},
		{"streams nested", "streams", `[["cam1"]]`},
		{"streams a star", "streams", `"*"`},
		{"streams a glob", "streams", `["cam*"]`},
		{"streams with a slash", "streams", `["cam1/x"]`},
		{"streams with an escaped slash", "streams", `["cam1%2fx"]`},
		{"streams a dot", "streams", `["."]`},
		{"streams two dots", "streams", `[".."]`},
		{"streams of 129", "streams", `["` + long + `"]`},
		{"streams with a homoglyph", "streams", `["c\u0430m1"]`},
		{"streams with a comma", "streams", `"cam1,cam2"`},

		{"both scopes", "orgwide", `true`},
		{"orgwide false beside streams", "orgwide", `false`},
		{"orgwide null beside streams", "orgwide", `null`},
	}
	refuseAll(t, tests)

	ring := mustRing(t, edKey)
	for _, orgwide := range []string{`false`, `1`, `0`, `"true"`, `null`, `[true]`, `{}`, `""`, `True`} {
		claims := strings.Replace(with("streams", ""), `"exp"`, `"orgwide":`+orgwide+`,"exp"`, 1)
		if _, err := Read(forge(t, goodHeader, claims, edKey), ring); !errors.Is(err, token.ErrMalformed) {
			t.Errorf("%s: got %v, want malformed_token", claims, err)
		}
	}
	claims := strings.Replace(with("streams", "[]"), `"exp"`, `"orgwide":true,"exp"`, 1)
	if _, err := Read(forge(t, goodHeader, claims, edKey), ring); !errors.Is(err, token.ErrMalformed) {
		t.Errorf("%s: got %v, want malformed_token", claims, err)
	}
}

func TestReadRefusesNearMissesOfRestrictions(t *testing.T) {
	var tests []badClaim
	for _, name := range []string{"ips", "referers", "referrer", "referrers", "domain", "domains", "stream", "groupid"} {
		for _, value := range []string{`["198.51.100.1"]`, `"x"`, `null`, `[]`} {
			tests = append(tests, badClaim{name + " " + value, name, value})
		}
		tests = append(tests, badClaim{strings.ToUpper(name), strings.ToUpper(name), `"x"`})
	}
	refuseAll(t, tests)
}

func TestReadRefusesNamesInTheWrongCase(t *testing.T) {
	var tests []badClaim
	for _, name := range []string{"org", "streams", "orgwide", "exp", "nbf", "iat", "jti", "ip", "referer", "tag", "sub", "iss", "aud", "scope", "max_sessions", "start_within", "expiry", "first_prefixes", "single_use"} {
		upper, title := strings.ToUpper(name), strings.ToUpper(name[:1])+name[1:]
		tests = append(tests, badClaim{upper, upper, `1`}, badClaim{title, title, `1`})
	}
	refuseAll(t, append(tests,
		badClaim{"streams with LONG S", "ſtreams", `["cam2"]`},
		badClaim{"sub with LONG S", "ſub", `"x"`},
		badClaim{"iss with LONG S", "isſ", `"x"`},
		badClaim{"max_sessions with LONG S", "max_ſessions", `1`},
		badClaim{"domains with LONG S", "domainſ", `["x"]`},
	))
}

func TestReadRefusesNamesThatAreWrittenWithEscapes(t *testing.T) {
	refuseAll(t, []badClaim{
		{"exp", `\u0065xp`, `1900000001`},
		{"streams", `stream\u0073`, `["cam2"]`},
		{"ips", `ip\u0073`, `["198.51.100.1"]`},
		{"a name that means nothing", `x\u0079`, `1`},
		{"a slash", `a\/b`, `1`},
		{"a quote", `a\"b`, `1`},
	})
}

func TestReadRefusesMembersThatStandTwice(t *testing.T) {
	refuseAll(t, []badClaim{
		{"org, the same", "org", `"org1","org":"org1"`},
		{"org, another", "org", `"org2","org":"org1"`},
		{"exp", "exp", `1,"exp":1900000000`},
		{"streams", "streams", `["cam2"],"streams":["cam1"]`},
		{"jti", "jti", `"t2","jti":"t1"`},
		{"ip", "ip", `["203.0.113.7"],"ip":["198.51.100.1"]`},
		{"an unknown one", "x", `1,"x":1`},
		{"by an escape", "org", `"org1","\u006frg":"org2"`},
		{"one level down", "x", `{"a":1,"a":2}`},
		{"one level down by an escape", "x", `{"a":1,"\u0061":2}`},
		{"in an array", "x", `[{"a":1,"a":2}]`},
		{"far down", "x", `{"a":[{"b":{"c":1,"c":1}}]}`},
	})
}

func TestReadRefusesOddRestrictions(t *testing.T) {
	var tests []badClaim
	for _, value := range []string{
		`null`, `""`, `"203.0.113.7"`, `[]`, `[""]`, `[null]`, `[1]`, `{}`, `true`, `["203.0.113.7",""]`, `[["203.0.113.7"]]`,
		`["203.0.113.7/24"]`, `["2001:db8::1/64"]`, `["fe80::1%eth0"]`, `["fe80::%eth0/64"]`, `["0.0.0.0/0"]`, `["::/0"]`, `["0.0.0.0"]`, `["::"]`,
		`["127.1"]`, `["127.0.0.01"]`, `["0x7f000001"]`, `["2130706433"]`, `["203.0.113.7 "]`, `[" 203.0.113.7"]`, `["203.0.113.7:80"]`,
		`["[2001:db8::1]"]`, `["203.0.113.0/33"]`, `["2001:db8::/129"]`, `["203.0.113.0/-1"]`, `["203.0.113.0/024"]`, `["203.0.113.0/255.255.255.0"]`,
		`["*"]`, `["203.0.113.*"]`, `["203.0.113.0-203.0.113.9"]`, `["203.0.113.7,203.0.113.8"]`, `["localhost"]`,
		`["::ffff:0.0.0.0/96"]`, `["::ffff:0:0/64"]`, `["::ffff:203.0.113.7/120"]`, `["::ffff:0.0.0.0"]`,
	} {
		tests = append(tests, badClaim{"ip " + value, "ip", value})
	}
	for _, value := range []string{
		`null`, `""`, `"example.com"`, `[]`, `[""]`, `[null]`, `[1]`, `{}`, `["example.com",""]`,
		`["https://example.com"]`, `["//example.com"]`, `["example.com/"]`, `["example.com/page"]`, `["example.com?x"]`, `["example.com#x"]`,
		`["*"]`, `["*."]`, `[".*"]`, `["*.*.example.com"]`, `["www.*.com"]`, `["*example.com"]`, `["example.*"]`, `["exam*ple.com"]`,
		`["user@example.com"]`, `["example.com:0"]`, `["example.com:"]`, `["example.com:443x"]`, `["example.com:65536"]`, `["example.com:0443"]`, `["example.com:*"]`,
		`["example..com"]`, `[".example.com"]`, `["example.com."]`, `["-example.com"]`, `["example-.com"]`, `["exa mple.com"]`, `["bücher.example"]`, `["example.com\u0000"]`,
		`["*.203.0.113.7"]`, `["[example.com]"]`, `["[::1"]`, `["2001:db8::1"]`, `["^example\\.com$"]`,
	} {
		tests = append(tests, badClaim{"referer " + value, "referer", value})
	}
	for _, claim := range sessionLimits {
		for _, value := range []string{`1`, `0`, `-1`, `1.5`, `null`, `"1"`, `""`, `"hard"`, `true`, `false`, `[]`} {
			tests = append(tests, badClaim{claim + " " + value, claim, value})
		}
	}
	refuseAll(t, tests)
}

var sessionLimits = []string{"max_sessions", "start_within", "expiry", "first_prefixes", "single_use"}

func TestReadSaysThatSessionLimitsAreNotBuilt(t *testing.T) {
	for _, claim := range sessionLimits {
		_, err := Parse(forge(t, goodHeader, with(claim, "2"), edKey))
		if err == nil || !strings.Contains(err.Error(), claim+" is not supported by this version") {
			t.Errorf("%s: got %v", claim, err)
		}
	}
}

// A token for something else than playing does not play.
func TestReadKnowsOneScope(t *testing.T) {
	if _, err := Read(forge(t, goodHeader, with("scope", `"play"`), edKey), mustRing(t, edKey)); err != nil {
		t.Error(err)
	}
	var tests []badClaim
	for _, value := range []string{`""`, `null`, `"publish"`, `"Play"`, `"PLAY"`, `"play "`, `" play"`, `"play publish"`, `["play"]`, `[]`, `{}`, `1`, `true`, `"play\u0000"`} {
		tests = append(tests, badClaim{"scope " + value, "scope", value})
	}
	refuseAll(t, append(tests, badClaim{"scope twice", "scope", `"play","scope":"play"`}))
}

func TestReadRefusesOddNames(t *testing.T) {
	var tests []badClaim
	for _, claim := range []string{"tag", "sub"} {
		for name, value := range map[string]string{
			"null": `null`, "empty": `""`, "number": `1`, "array": `["x"]`, "object": `{}`, "true": `true`,
			"129 characters": quoted(strings.Repeat("x", 129)), "129 wide characters": quoted(strings.Repeat("é", 129)),
			"line feed": `"a\nb"`, "NUL": `"a\u0000"`, "escape": `"\u001b[31m"`, "delete": `"\u007f"`, "C1": `"\u0085"`, "lone surrogate": `"\ud800"`,
		} {
			tests = append(tests, badClaim{claim + " " + name, claim, value})
		}
	}
	for _, value := range []string{
		`null`, `1`, `""`, `["t1"]`, `{}`, quoted(strings.Repeat("x", 129)), `"t 1"`, `"t/1"`, `"t\n1"`, `"t\u0000"`, `"té"`, `"t%31"`, `"t+1"`, `"t=1"`, `"<b>"`, `"../t"`,
	} {
		tests = append(tests, badClaim{"jti " + value, "jti", value})
	}
	for _, value := range []string{`null`, `""`, `1`, `["us"]`, `[]`, `{}`, `true`} {
		tests = append(tests, badClaim{"iss " + value, "iss", value})
	}
	for _, value := range []string{`null`, `""`, `[]`, `[""]`, `["a",""]`, `1`, `{}`, `true`, `[1]`, `["a",null]`, `[["a"]]`} {
		tests = append(tests, badClaim{"aud " + value, "aud", value})
	}
	refuseAll(t, tests)
}

func TestReadRefusesClaimsThatAreNotOneObject(t *testing.T) {
	ring := mustRing(t, edKey)
	for name, claims := range map[string]string{
		"empty": ``, "blank": ` `, "null": `null`, "string": `"org1"`, "array": `[` + goodClaims + `]`, "empty object": `{}`,
		"not closed": strings.TrimSuffix(goodClaims, "}"), "second object": goodClaims + goodClaims, "text behind it": goodClaims + "x",
		"NUL behind it": goodClaims + "\x00", "brace behind it": goodClaims + "}", "comma too many": strings.Replace(goodClaims, "}", ",}", 1),
		"byte order mark": "\ufeff" + goodClaims, "invalid UTF-8 value": with("tag", "\"\xff\""), "invalid UTF-8 name": with("\xff", "1"),
		"invalid UTF-8 far down": with("x", "[[\"\xed\xa0\x80\"]]"), "control character in a string": with("tag", "\"a\nb\""),
		"number as a name": `{1:2}`, "deep nesting": with("x", strings.Repeat("[", 1400)+strings.Repeat("]", 1300)),
	} {
		if _, err := Read(forge(t, goodHeader, claims, edKey), ring); !errors.Is(err, token.ErrMalformed) {
			t.Errorf("%s: got %v, want malformed_token", name, err)
		}
	}
}

// Refusals are told and logged before the signature is known to be good.
func TestNoRefusalTellsAValueOfTheToken(t *testing.T) {
	const planted = "PLANTED"
	tests := []struct{ header, claims, value string }{
		{`{"alg":"PLANTED"}`, goodClaims, planted},
		{`{"alg":"EdDSA","kid":"PLANTED"}`, goodClaims, planted},
		{`{"alg":"EdDSA","typ":"PLANTED"}`, goodClaims, planted},
		{`{"alg":"EdDSA","PLANTED\u0041":1}`, goodClaims, planted},
		{goodHeader, with("org", `"PLANTED-"`), planted},
		{goodHeader, with("streams", `["PLANTED/"]`), planted},
		{goodHeader, with("exp", `"PLANTED"`), planted},
		{goodHeader, with("exp", `1770070077e77`), "77007"},
		{goodHeader, with("scope", `"PLANTED"`), planted},
		{goodHeader, with("jti", `"PLANTED/"`), planted},
		{goodHeader, with("tag", `"PLANTED\n"`), planted},
		{goodHeader, with("iss", `["PLANTED"]`), planted},
		{goodHeader, with("aud", `{"PLANTED":1}`), planted},
		{goodHeader, with("max_sessions", `"PLANTED"`), planted},
		{goodHeader, with("ips", `["PLANTED"]`), planted},
		{goodHeader, with("ip", `["PLANTED"]`), planted},
		{goodHeader, with("ip", `["fe80::77%PLANTED"]`), planted},
		{goodHeader, with("ip", `["203.0.113.77/24"]`), "203.0.113"},
		{goodHeader, with("ip", `["2001:db8:77::1/64"]`), "2001:db8:77"},
		{goodHeader, with("referer", `["https://PLANTED.example"]`), planted},
		{goodHeader, with("referer", `["-PLANTED"]`), planted},
		{goodHeader, with("PLANTED\\u0041", `1`), planted},
		{goodHeader, with("PLANTED", `1,"PLANTED":2`), planted},
	}
	ring := mustRing(t, edKey)
	for _, tt := range tests {
		_, err := Read(forge(t, tt.header, tt.claims, edKey), ring)
		if err == nil {
			t.Errorf("%s %s: read", tt.header, tt.claims)
			continue
		}
		if strings.Contains(strings.ToLower(err.Error()), strings.ToLower(tt.value)) {
			t.Errorf("%s %s: %q tells %s", tt.header, tt.claims, err, tt.value)
		}
	}
}
