package integration_test

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/playgate/playgate/integration/harness"
)

// Every algorithm that "key new" makes keys for is accepted, and only with the
// key that it belongs to.
func TestAlgorithms(t *testing.T) {
	t.Parallel()
	algorithms := []string{"EdDSA", "ES256", "ES384", "RS256", "PS256", "HS256"}
	var app strings.Builder
	env := harness.Env{}
	keys := map[string]*harness.Key{}
	for _, algorithm := range algorithms {
		key := harness.NewKey(t, "key-"+algorithm, algorithm)
		keys[algorithm] = key
		app.WriteString("key " + key.ID + " {\nfile {$KEY_" + algorithm + "}\n}\n")
		env["KEY_"+algorithm] = key.PublicFile
	}
	origin := harness.NewOrigin(t, nil)
	env["ORIGIN"] = origin.Addr
	g := &guarded{Server: harness.Serve(t, setup{playgate: app.String()}.caddyfile(), env), origin: origin}
	payload := harness.Good("org1", "cam").JSON()
	for _, algorithm := range algorithms {
		t.Run(algorithm, func(t *testing.T) {
			key := keys[algorithm]
			g.allowed(t, g.get(t, target(key.Token(t, "--org", "org1", "--stream", "cam"))))
			g.allowed(t, g.get(t, target(key.Forge(t, key.Header(), payload))))
			for _, other := range algorithms {
				if other == algorithm {
					continue
				}
				// The key that the token names, with the other key's signature
				// and algorithm: the algorithm comes from the key.
				header := `{"alg":"` + other + `","kid":"` + key.ID + `"}`
				forged := keys[other].Forge(t, header, payload)
				if a := g.get(t, target(forged)); a.Status != 401 {
					t.Errorf("%s with the id of the key for %s: status %d", other, algorithm, a.Status)
				}
			}
		})
	}
}

// Tricks with the header and the text of a token that libraries have fallen
// for.
func TestTokenTricks(t *testing.T) {
	t.Parallel()
	g := guard(t, setup{}, nil)
	claims := harness.Good("org1", "cam")
	payload := claims.JSON()
	fine := g.key.Forge(t, g.key.Header(), payload)
	g.allowed(t, g.get(t, target(fine)))
	forge := func(header string) string { return g.key.Forge(t, header, payload) }
	for _, tc := range []struct{ name, token, reason string }{
		{"alg none", harness.Unsigned(forge(`{"alg":"none","kid":"main"}`)), ""},
		{"alg none with a signature", forge(`{"alg":"none","kid":"main"}`), ""},
		{"alg None", forge(`{"alg":"None","kid":"main"}`), ""},
		{"alg missing", forge(`{"kid":"main"}`), ""},
		{"alg null", forge(`{"alg":null,"kid":"main"}`), ""},
		{"alg with a blank", forge(`{"alg":"EdDSA ","kid":"main"}`), ""},
		{"alg in other case", forge(`{"alg":"EDDSA","kid":"main"}`), ""},
		{"public key as a secret", harness.Forge(t, "HS256", publicKey(t, g.key), `{"alg":"HS256","kid":"main"}`, payload), ""},
		{"public key file as a secret", harness.Forge(t, "HS256", fileOf(t, g.key.PublicFile), `{"alg":"HS256","kid":"main"}`, payload), ""},
		{"crit", forge(`{"alg":"EdDSA","kid":"main","crit":["exp"]}`), "malformed_token"},
		{"zip", forge(`{"alg":"EdDSA","kid":"main","zip":"DEF"}`), "malformed_token"},
		{"typ of something else", forge(`{"alg":"EdDSA","kid":"main","typ":"at+jwt"}`), "malformed_token"},
		{"kid is a number", forge(`{"alg":"EdDSA","kid":1}`), "malformed_token"},
		{"kid is a path", forge(`{"alg":"EdDSA","kid":"../../main"}`), ""},
		{"alg twice", forge(`{"alg":"EdDSA","alg":"EdDSA","kid":"main"}`), "malformed_token"},
		{"kid twice", forge(`{"alg":"EdDSA","kid":"other","kid":"main"}`), "malformed_token"},
		{"alg spelt with an escape, twice", forge(`{"alg":"EdDSA","\u0061lg":"none","kid":"main"}`), "malformed_token"},
		{"exp twice", g.key.Forge(t, g.key.Header(), strings.Replace(payload, `{`, `{"exp":4102444800,`, 1)), "malformed_token"},
		{"streams twice", g.key.Forge(t, g.key.Header(), strings.Replace(payload, `{`, `{"streams":["other"],`, 1)), "malformed_token"},
		{"EXP for exp", g.key.Forge(t, g.key.Header(), strings.Replace(payload, `"exp"`, `"EXP"`, 1)), "malformed_token"},
		{"long s in streams", g.key.Forge(t, g.key.Header(), strings.Replace(payload, `"streams"`, `"ſtreams"`, 1)), "malformed_token"},
		{"blank after the payload", g.key.Forge(t, g.key.Header(), payload+" {}"), "malformed_token"},
		{"payload is an array", g.key.Forge(t, g.key.Header(), "["+payload+"]"), "malformed_token"},
		{"padded", fine + "=", "malformed_token"},
		{"other bits at the end", harness.Respell(fine), "malformed_token"},
		{"signature empty", harness.Unsigned(fine), ""},
		{"signature cut", fine[:len(fine)-4], ""},
		{"fourth part", fine + ".AAAA", "malformed_token"},
		{"two parts", strings.TrimSuffix(harness.Unsigned(fine), "."), "malformed_token"},
		{"line break inside", fine[:20] + "%0A" + fine[20:], "malformed_token"},
		{"4 kB and more", g.key.Sign(t, claims.With("padding", strings.Repeat("x", 4096))), "malformed_token"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			mark := len(g.origin.Raw())
			answer := g.get(t, target(tc.token))
			if tc.reason != "" {
				g.refused(t, answer, 401, tc.reason)
			} else if answer.Status != 401 {
				t.Errorf("status %d instead of 401\n%s", answer.Status, answer.Body)
			}
			g.origin.SawNothing(t, mark)
		})
	}
}

func publicKey(t *testing.T, key *harness.Key) []byte {
	t.Helper()
	var public struct{ X string }
	if err := json.Unmarshal(fileOf(t, key.PublicFile), &public); err != nil {
		t.Fatal(err)
	}
	raw, err := base64.RawURLEncoding.DecodeString(public.X)
	if err != nil || len(raw) != ed25519.PublicKeySize {
		t.Fatalf("public key %q: %v", public.X, err)
	}
	return raw
}

func fileOf(t *testing.T, path string) []byte {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// A key speaks for the organisations that it was given and for no other, and a
// token without a key id is accepted only when one key can have been meant.
func TestKeyOfAnotherOrganisation(t *testing.T) {
	t.Parallel()
	one, two := harness.NewKey(t, "one", "EdDSA"), harness.NewKey(t, "two", "EdDSA")
	old, next := harness.NewKey(t, "old", "EdDSA"), harness.NewKey(t, "next", "EdDSA")
	origin := harness.NewOrigin(t, nil)
	app := `
		key one {
			file {$KEY_ONE}
			orgs org1
		}
		key two {
			file {$KEY_TWO}
			orgs org2 org3
		}
		key old {
			file {$KEY_OLD}
			orgs org3
			state retired
		}
		key next {
			file {$KEY_NEXT}
			orgs org3
			state next
		}
	`
	g := &guarded{origin: origin, Server: harness.Serve(t, setup{playgate: app}.caddyfile(), harness.Env{
		"KEY_ONE": one.PublicFile, "KEY_TWO": two.PublicFile, "KEY_OLD": old.PublicFile, "KEY_NEXT": next.PublicFile, "ORIGIN": origin.Addr,
	})}
	bare := func(key *harness.Key, org string) string {
		return key.Forge(t, `{"alg":"EdDSA"}`, harness.Good(org, "cam").JSON())
	}
	sign := func(key *harness.Key, org string) string { return key.Sign(t, harness.Good(org, "cam")) }
	for _, tc := range []struct{ name, org, token, reason string }{
		{"key one, org1", "org1", sign(one, "org1"), ""},
		{"key one, org2", "org2", sign(one, "org2"), "unknown_key"},
		{"key two, org1", "org1", sign(two, "org1"), "unknown_key"},
		{"key two, org2", "org2", sign(two, "org2"), ""},
		{"key two, org3", "org3", sign(two, "org3"), ""},
		{"key two for org2, asking for org1", "org1", sign(two, "org2"), "wrong_org"},
		{"retired key", "org3", sign(old, "org3"), "unknown_key"},
		{"next key", "org3", sign(next, "org3"), ""},
		{"no key id, one key of that organisation", "org1", bare(one, "org1"), ""},
		{"no key id, one key of that organisation, another's signature", "org1", bare(two, "org1"), "bad_signature"},
		{"no key id, several keys of that organisation", "org3", bare(two, "org3"), "unknown_key"},
		{"no key id, organisation without a key", "org4", bare(one, "org4"), "unknown_key"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			g.judged(t, g.get(t, "/live/"+tc.org+"/cam/seg.ts?token="+tc.token), tc.reason)
		})
	}
}

// Two sites with two keys, crosswise: each accepts its own key and refuses the
// other's.
func TestTwoSitesTwoKeys(t *testing.T) {
	t.Parallel()
	one, two := harness.NewKey(t, "one", "EdDSA"), harness.NewKey(t, "two", "EdDSA")
	originOne, originTwo := harness.NewOrigin(t, nil), harness.NewOrigin(t, nil)
	const caddyfile = "{\n" + globals + `
	log default {
		format playgate json
	}
	playgate {
		store off
		key one {
			file {$KEY_ONE}
		}
		key two {
			file {$KEY_TWO}
		}
	}
}

http://one.test:{$HTTP_PORT}, https://one.test:{$HTTPS_PORT} {
	tls internal
	playgate {
		stream /live/{org}/{stream}/*
		keys one
	}
	log {
		format playgate json
	}
	reverse_proxy {$ORIGIN_ONE}
}

http://two.test:{$HTTP_PORT}, https://two.test:{$HTTPS_PORT} {
	tls internal
	playgate {
		stream /live/{org}/{stream}/*
		keys two
	}
	log {
		format playgate json
	}
	reverse_proxy {$ORIGIN_TWO}
}

http://127.0.0.1:{$HTTP_PORT}, https://localhost:{$HTTPS_PORT} {
	respond 404
}
`
	server := harness.Serve(t, caddyfile, harness.Env{
		"KEY_ONE": one.PublicFile, "KEY_TWO": two.PublicFile, "ORIGIN_ONE": originOne.Addr, "ORIGIN_TWO": originTwo.Addr,
	})
	g := &guarded{Server: server}
	for _, tc := range []struct {
		name, host string
		key        *harness.Key
		reason     string
		origin     *harness.Origin
	}{
		{"site one, key one", "one.test", one, "", originOne},
		{"site one, key two", "one.test", two, "unknown_key", originOne},
		{"site two, key one", "two.test", one, "unknown_key", originTwo},
		{"site two, key two", "two.test", two, "", originTwo},
	} {
		t.Run(tc.name, func(t *testing.T) {
			mark, calls := len(tc.origin.Raw()), len(tc.origin.Calls())
			path := target(tc.key.Sign(t, harness.Good("org1", "cam")))
			plain := g.get(t, path, "Host: "+tc.host)
			g.judged(t, plain, tc.reason)
			secure := harness.Curl(t, onName(server, tc.host)+path, "--http2", "--connect-to", "::"+server.HTTPS)
			g.judged(t, secure, tc.reason)
			// HTTP/2 lets a client ask for one site on a connection that was made
			// for the other.
			crossed := harness.Curl(t, server.Secure()+path, "--http2", "--header", "Host: "+tc.host)
			if crossed.Status == 200 && tc.reason != "" {
				t.Errorf("another site's connection: status %d", crossed.Status)
			}
			if tc.reason != "" {
				tc.origin.SawNothing(t, mark)
			} else if got := len(tc.origin.Calls()) - calls; got < 2 {
				t.Errorf("the origin got %d requests", got)
			}
		})
	}
}

// onName is the start of a URL of a site with TLS under another name.
func onName(s *harness.Server, host string) string {
	return strings.Replace(s.Secure(), "localhost", host, 1)
}
