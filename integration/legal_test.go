package integration_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/playgate/playgate/integration/harness"
)

// What standards allow is accepted, and what is empty or for something else is not.
func TestLegalTokens(t *testing.T) {
	t.Parallel()
	g := guard(t, setup{playgate: "leeway 0s"}, nil)
	now := time.Now().Unix()
	good := harness.Good("org1", "cam")
	number := func(format string, n int64) json.RawMessage { return json.RawMessage(fmt.Sprintf(format, n)) }
	plain := g.key.Header()
	header := strings.NewReplacer("EdDSA", "Ed25519", "JWT", "jwt").Replace(plain)
	for _, tc := range []struct {
		name, header string
		claims       harness.Claims
		reason       string
	}{
		{"Ed25519 and jwt", header, good, ""},
		{"ed25519", strings.Replace(plain, "EdDSA", "ed25519", 1), good, "malformed_token"},
		{"another typ", strings.Replace(plain, "JWT", "at+jwt", 1), good, "malformed_token"},
		{"times with fractions", plain, good.With("exp", number("%d.25", now+600)).With("iat", number("%d.75", now-60)).With("nbf", number("%d.5", now-60)), ""},
		{"times with exponents", plain, good.With("exp", number("%d000e-3", now+600)).With("iat", nil), ""},
		{"expired by a fraction", plain, good.With("exp", number("%d.999999999", now-1)).With("iat", nil), "expired"},
		{"milliseconds with a fraction", plain, good.With("exp", number("%d000.5", now+600)), "malformed_token"},
		{"negative", plain, good.With("nbf", number("-%d.5", now)), "malformed_token"},
		{"absurd exponent", plain, good.With("exp", json.RawMessage("1e999999999")), "malformed_token"},
		{"scope play", plain, good.With("scope", "play"), ""},
		{"scope publish", plain, good.With("scope", "publish"), "malformed_token"},
		{"scope empty", plain, good.With("scope", ""), "malformed_token"},
		{"start_within", plain, good.With("start_within", 60), "malformed_token"},
		{"expiry", plain, good.With("expiry", "hard"), "malformed_token"},
		{"first_prefixes", plain, good.With("first_prefixes", 1), "malformed_token"},
		{"single_use", plain, good.With("single_use", false), "malformed_token"},
		{"tag empty", plain, good.With("tag", ""), "malformed_token"},
		{"user empty", plain, good.With("sub", ""), "malformed_token"},
		{"id empty", plain, good.With("jti", ""), "malformed_token"},
		{"issuer empty", plain, good.With("iss", ""), "malformed_token"},
		{"audience empty", plain, good.With("aud", ""), "malformed_token"},
		{"audience without an entry", plain, good.With("aud", []string{}), "malformed_token"},
		{"audience with an empty entry", plain, good.With("aud", []string{"a", ""}), "malformed_token"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			mark := len(g.origin.Raw())
			token := g.key.Forge(t, tc.header, tc.claims.JSON())
			for range 2 { // the second time it is remembered
				g.judged(t, g.get(t, target(token)), tc.reason)
			}
			if tc.reason != "" {
				g.origin.SawNothing(t, mark)
			}
		})
	}
}

// changedKey writes the public key with members of it replaced or added, and gives the
// file's path.
func changedKey(t *testing.T, key *harness.Key, members map[string]any) string {
	t.Helper()
	var jwk map[string]any
	if err := json.Unmarshal(fileOf(t, key.PublicFile), &jwk); err != nil {
		t.Fatal(err)
	}
	for name, value := range members {
		if value == "absent" {
			delete(jwk, name)
		} else {
			jwk[name] = value
		}
	}
	text, err := json.Marshal(jwk)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "key.jwk")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// A key is used for what it is for, in files as in sets.
func TestLegalKeys(t *testing.T) {
	t.Parallel()
	ed, rs := harness.NewKey(t, "ed", "EdDSA"), harness.NewKey(t, "rs", "RS256")
	for _, tc := range []struct {
		name        string
		key         *harness.Key
		members     map[string]any
		line        string // of the key block
		file, inSet string // what the error, or the log, says; "" for none
	}{
		{"as it is", ed, nil, "key ed", "", ""},
		{"Ed25519", ed, map[string]any{"alg": "Ed25519"}, "key ed", "", ""},
		{"Ed25519 beside EdDSA", ed, nil, "key ed Ed25519", "", ""},
		{"Ed25519 beside ES256", ed, map[string]any{"alg": "Ed25519"}, "key ed ES256", "ES256", ""},
		{"another id", ed, nil, "key other", "other", ""},
		{"for encryption", ed, map[string]any{"use": "enc"}, "key ed", "use", "use"},
		{"use null", ed, map[string]any{"use": nil}, "key ed", "use", "use"},
		{"for signing alone", ed, map[string]any{"use": "absent", "key_ops": []string{"sign"}}, "key ed", "key_ops", "key_ops"},
		{"for nothing", ed, map[string]any{"key_ops": []string{}}, "key ed", "key_ops", "key_ops"},
		{"for verifying twice", ed, map[string]any{"key_ops": []string{"verify", "verify"}}, "key ed", "key_ops", "key_ops"},
		{"for verifying", ed, map[string]any{"use": "absent", "key_ops": []string{"verify"}}, "key ed", "", ""},
		{"RSA without alg", rs, map[string]any{"alg": "absent"}, "key rs", "RS256 or PS256", ""},
		{"RSA without alg, written", rs, map[string]any{"alg": "absent"}, "key rs RS256", "", ""},
		{"RSA without alg and use", rs, map[string]any{"alg": "absent", "use": "absent"}, "key rs", "RS256 or PS256", "RS256 or PS256"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			path := changedKey(t, tc.key, tc.members)
			file := filepath.Join(t.TempDir(), "Caddyfile")
			text := fmt.Sprintf("{\nadmin off\nplaygate {\nstore off\n%s {\nfile %s\n}\n}\n}\n", tc.line, path)
			if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			r := harness.Playgate(t, "validate", "--config", file, "--adapter", "caddyfile")
			if tc.file == "" && r.Code != 0 || tc.file != "" && (r.Code == 0 || !strings.Contains(lastLine(r.Stderr), tc.file)) {
				t.Errorf("in a file: status %d, and the message does not say %q:\n%s", r.Code, tc.file, lastLine(r.Stderr))
			}

			// Beside another key, since a set of which no key can be used is an error.
			spare := harness.NewKey(t, "spare", "EdDSA")
			set := filepath.Join(t.TempDir(), "set.json")
			keys := string(fileOf(t, spare.PublicFile)) + "," + string(fileOf(t, path))
			if err := os.WriteFile(set, []byte(`{"keys":[`+keys+`]}`), 0o600); err != nil {
				t.Fatal(err)
			}
			origin := harness.NewOrigin(t, nil)
			app := "key main {\nfile {$SPARE}\n}\njwks {$SET} {\norgs *\n}"
			g := &guarded{Server: harness.Serve(t, setup{playgate: app}.caddyfile(), harness.Env{"SPARE": changedKey(t, spare, map[string]any{"kid": "main"}), "SET": set, "ORIGIN": origin.Addr}), origin: origin}
			reason := ""
			if tc.inSet != "" {
				reason = "unknown_key"
				if log := g.Everything(); !strings.Contains(log, tc.inSet) {
					t.Errorf("the log does not say why the key of the set is ignored:\n%s", log)
				}
			}
			g.judged(t, g.get(t, target(tc.key.Sign(t, harness.Good("org1", "cam")))), reason)
		})
	}
}

// In JSON, what no Caddyfile can write is an error: nothing empty means all, and the
// bounds are those of the Caddyfile.
func TestLegalJSON(t *testing.T) {
	t.Parallel()
	key := harness.NewKey(t, "main", "EdDSA")
	for _, tc := range []struct {
		name, app, key, gate string // members
		says                 string // "" for none
	}{
		{"as it is", ``, ``, ``, ""},
		{"with an organisation", ``, `"orgs":["org1"]`, `"keys":["main"]`, ""},
		{"the key of nobody", ``, `"orgs":[]`, ``, "keys/0/orgs: an empty list does not mean all"},
		{"the key of null", ``, `"orgs":null`, ``, "keys/0/orgs: null is no value"},
		{"the gate without keys", ``, ``, `"keys":[]`, "keys: an empty list does not mean all"},
		{"the gate with null for keys", ``, ``, `"keys":null`, "keys: null is no value"},
		{"no place in the query", ``, ``, `"tokens":{"query":[]}`, "tokens/query: an empty list"},
		{"no web origin", ``, ``, `"cors":[]`, "cors: an empty list"},
		{"no cookie", ``, ``, `"tokens":{"cookie":""}`, "tokens/cookie: an empty text"},
		{"an open path of null", ``, ``, `"open":[null]`, "open/0: null"},
		{"an empty issuer", `"issuer":""`, ``, ``, "issuer: an empty text"},
		{"an audience of nobody", `"audience":[]`, ``, ``, "audience: an empty list"},
		{"a key set of null", `"jwks":[null]`, ``, ``, "jwks/0: null"},
		{"an organisation of null", `"orgs":{"acme":null}`, ``, ``, "orgs/acme: null"},
		{"a short lifetime", `"lifetime":"10ms"`, ``, ``, "from 1s to 365d"},
		{"a short stale_after", `"stale_after":"1s"`, ``, ``, "at least 5s"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			members := func(fixed string, more ...string) string {
				for _, m := range more {
					if m != "" {
						fixed += "," + m
					}
				}
				return fixed
			}
			config := fmt.Sprintf(`{"admin":{"disabled":true},"apps":{"playgate":{%s,"keys":[{%s}]},
				"http":{"servers":{"srv0":{"listen":["127.0.0.1:18080"],"routes":[{"handle":[{%s}]}]}}}}}`,
				members(`"store":{"driver":"off"}`, tc.app), members(`"id":"main","file":"`+key.PublicFile+`"`, tc.key),
				members(`"handler":"playgate","streams":[{"path":"/live/{org}/{stream}/*"}]`, tc.gate))
			validates(t, config, tc.says)
		})
	}
	for name, list := range map[string]string{"null among the keys": `[null]`, "null after a key": `[{"id":"main","file":"` + key.PublicFile + `"},null]`, "null for the keys": `null`} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			validates(t, `{"admin":{"disabled":true},"apps":{"playgate":{"store":{"driver":"off"},"keys":`+list+`}}}`, "null is no value")
		})
	}
}

// validates fails the test unless a configuration loads, or its last word says why not.
func validates(t *testing.T, config, says string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "config.json")
	if err := os.WriteFile(path, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	r := harness.Playgate(t, "validate", "--config", path)
	switch message := lastLine(r.Stderr); {
	case says == "" && r.Code != 0:
		t.Errorf("status %d:\n%s", r.Code, r.Text())
	case says != "" && (r.Code != 1 || !strings.Contains(message, says)):
		t.Errorf("status %d, and the message does not say %q:\n%s", r.Code, says, message)
	}
}

// No log has what is nearly a token: one character written in another way, as often as
// anybody likes, or the end lost.
func TestLogsHideWhatIsNearlyAToken(t *testing.T) {
	t.Parallel()
	g := guard(t, setup{}, nil)
	playback := g.key.Token(t, "--org", "org1", "--stream", "cam")
	session := "s." + strings.Repeat("Pl-_4nted", 12) + "Plan"
	for _, token := range []string{playback, session} {
		for _, whole := range []string{token, token[:len(token)-1]} {
			for _, at := range []int{0, 1, len(whole) / 2, len(whole) - 1} {
				for depth := range 7 {
					text := whole[:at] + "%" + strings.Repeat("25", depth) + fmt.Sprintf("%02X", whole[at]) + whole[at+1:]
					g.get(t, "/live/org1/cam/seg.ts?token="+text)
					g.get(t, "/live/org1/cam/seg.ts?other="+text, "Referer: https://page.test/x?y="+text, "X-Other: "+text)
				}
			}
			g.get(t, "/live/org1/cam/seg.ts?other="+whole, "X-Other: "+whole)
		}
	}
	if a := g.get(t, "/live/org1/cam/the-last.ts"); a.Status != 401 {
		t.Errorf("status %d", a.Status)
	}
	g.AccessLines("the-last.ts")
	signature := harness.Signature(playback)
	for _, part := range []string{signature[5:35], "Pl-_4ntedPl-_4nted"} {
		if log := g.Everything(); strings.Contains(log, part) {
			at := strings.Index(log, part)
			t.Errorf("the log has %s", log[max(0, at-200):min(len(log), at+200)])
		}
	}
	if !strings.Contains(g.Everything(), "REDACTED") {
		t.Error("nothing was redacted")
	}
}
