package app

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"

	"github.com/playgate/playgate/module/internal/access"
	"github.com/playgate/playgate/module/internal/registry"
	"github.com/playgate/playgate/module/token"
)

// provision loads an app from JSON, as Caddy does.
func provision(t *testing.T, config string) (*App, error) {
	t.Helper()
	ctx, err := caddy.ProvisionContext(&caddy.Config{AppsRaw: caddy.ModuleMap{ID: json.RawMessage(config)}})
	if err != nil {
		return nil, err
	}
	a, err := ctx.App(ID)
	if err != nil {
		return nil, err
	}
	return a.(*App), nil
}

// keyFile writes a private key and returns its path as JSON.
func keyFile(t *testing.T, id, algorithm string) string {
	t.Helper()
	key, err := token.GenerateKey(id, algorithm)
	if err != nil {
		t.Fatal(err)
	}
	jwk, err := key.MarshalJWK(false)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), id+".jwk")
	if err := os.WriteFile(path, jwk, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// What a Caddyfile leaves out has the defaults of the design.
func TestDefaults(t *testing.T) {
	a, err := provision(t, `{}`)
	if err != nil {
		t.Fatal(err)
	}
	if terms := a.Terms(); terms.Max != 365*24*time.Hour || terms.Leeway != 5*time.Second || terms.Issuer != "" || len(terms.Audience) != 0 {
		t.Errorf("the terms are %+v", terms)
	}
	if len(a.Keyring().Keys()) != 0 {
		t.Error("there are keys from nowhere")
	}
	a, err = provision(t, `{"leeway": "0s", "max_lifetime": "30d", "issuer": "i", "audience": ["a"]}`)
	if err != nil {
		t.Fatal(err)
	}
	if terms := a.Terms(); terms.Max != 30*24*time.Hour || terms.Leeway != 0 || terms.Issuer != "i" || terms.Audience[0] != "a" {
		t.Errorf("the terms are %+v", terms)
	}
}

// What no Caddyfile can say, JSON can: it is checked at load all the same.
func TestJSONIsCheckedAtLoad(t *testing.T) {
	for config, says := range map[string]string{
		`{"store": {"driver": "redis"}}`:                       "write embedded, nats or off",
		`{"store": {"driver": "nats"}}`:                        "at least one server",
		`{"store": {"driver": "nats", "urls": ["10.0.0.1"]}}`:  "nats://",
		`{"store": {"driver": "off", "bucket": "x"}}`:          "belong to store nats",
		`{"store": {"driver": "off"}, "stale_after": "1m"}`:    "needs a store",
		`{"lifetime": "30d", "max_lifetime": "20d"}`:           "from the default to 365d",
		`{"lifetime": "999ms"}`:                                "lifetime: write a duration from 1s",
		`{"lifetime": -1}`:                                     "lifetime: write a duration from 1s",
		`{"lifetime": "366d"}`:                                 "lifetime: write a duration from 1s to 365d",
		`{"max_lifetime": "999ms"}`:                            "lifetime: write a duration from 1s",
		`{"stale_after": "4999ms"}`:                            "stale_after: write a duration of at least 5s",
		`{"stale_after": -1}`:                                  "stale_after: write a duration of at least 5s",
		`{"bad_signatures": {"count": 0, "within": "1m"}}`:     "from 1 to 1000000",
		`{"bad_signatures": {"count": 1, "within": "999ms"}}`:  "from 1s to 24h",
		`{"playout": ["live"]}`:                                "playout live",
		`{"max_lifetime": "366d"}`:                             "from the default to 365d",
		`{"max_lifetime": -1}`:                                 "lifetime: write a duration from 1s",
		`{"leeway": "121s"}`:                                   "0s to 120s",
		`{"leeway": -1}`:                                       "0s to 120s",
		`{"orgs": {"a-b": {}}}`:                                "letters, digits and underscore",
		`{"keys": [{}]}`:                                       "a key id is 1 to 64",
		`{"keys": [null]}`:                                     "keys/0: null is no value",
		`{"keys": null}`:                                       "keys: null is no value",
		`{"keys": []}`:                                         "keys: an empty list does not mean all",
		`{"keys": [{"id": ""}]}`:                               "keys/0/id: an empty text",
		`{"keys": [{"id": "a", "algorithm": ""}]}`:             "keys/0/algorithm: an empty text",
		`{"keys": [{"id": "a", "orgs": []}]}`:                  "keys/0/orgs: an empty list does not mean all",
		`{"keys": [{"id": "a", "orgs": null}]}`:                "keys/0/orgs: null",
		`{"orgs": {"acme": null}}`:                             "orgs/acme: null",
		`{"issuer": ""}`:                                       "issuer: an empty text",
		`{"audience": []}`:                                     "audience: an empty list",
		`{"audience": [""]}`:                                   "audience/0: an empty text",
		`{"session_key": ""}`:                                  "session_key: an empty text",
		`{"leeway": null}`:                                     "leeway: null",
		`{"store": {"driver": ""}}`:                            "store/driver: an empty text",
		`{"playout": []}`:                                      "playout: an empty list",
		`{"stream_url": [""]}`:                                 "stream_url/0: an empty text",
		`null`:                                                 "null",
		`{"keys": [{"id": "a"}]}`:                              "file <path> or secret <placeholder>",
		`{"keys": [{"id": "a", "secret": "literal"}]}`:         "one placeholder",
		`{"keys": [{"id": "a", "secret": "{env.A} {env.B}"}]}`: "one placeholder",
		`{"keys": [{"id": "a", "secret": "x{env.A}"}]}`:        "one placeholder",
		`{"keys": [{"id": "a", "state": "asleep"}]}`:           "next, active, verify and retired",
		`{"keys": [{"id": "a", "orgs": [""]}]}`:                "keys/0/orgs/0: an empty text",
		`{"keys": [{"id": "a", "orgs": ["a-b"]}]}`:             "letters, digits and underscore",
		`{"colour": "blue"}`:                                   "colour",
		`{"keys": [{"id": "a", "colour": "blue"}]}`:            "colour",
	} {
		if _, err := provision(t, config); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: the error does not say %q: %v", config, says, err)
		}
	}
}

// An organisation of which nothing is said is secure, and so is one of which
// only the name is.
func TestOrganisationsAreSecureUnlessTheyAreNot(t *testing.T) {
	a, err := provision(t, `{"store": {"driver": "off"}, "orgs": {"open": {"secure": false}, "shut": {"secure": true}, "named": {"name": "x"}, "bare": {}}}`)
	if err != nil {
		t.Fatal(err)
	}
	for org, want := range map[string]bool{"open": false, "shut": true, "named": true, "bare": true, "unheard": true, "": true, "OPEN": true} {
		if got := !a.Public(org, "cam", time.Now()); got != want {
			t.Errorf("%q: secure %t", org, got)
		}
	}
}

// The word on wins over off, whoever says it; a broken glass wins over all; a
// public stream is public unless the configuration says on; and as long as
// nobody knows what the registry says, everything is secure.
func TestWhoseWordCounts(t *testing.T) {
	for _, tc := range []struct{ config, stored, glass, stream, want string }{
		{"", "", "", "", "secure"},
		{"", "on", "", "", "secure"},
		{"", "off", "", "", "public"},
		{"on", "off", "", "", "secure"},
		{"off", "on", "", "", "secure"},
		{"off", "", "", "", "public"},
		{"off", "off", "", "", "public"},
		{"named", "off", "", "", "public"},
		{"named", "", "", "", "secure"},
		{"on", "on", "broken", "", "public"},
		{"", "", "broken", "", "public"},
		{"on", "on", "mended", "", "secure"},
		{"", "", "", "public", "public"},
		{"", "on", "", "public", "public"},
		{"on", "", "", "public", "secure"},
		{"on", "on", "", "public", "secure"},
		{"", "unreadable", "", "public", "secure"},
		{"off", "unreadable", "", "", "secure"},
	} {
		t.Run(fmt.Sprintf("%+v", tc), func(t *testing.T) {
			config := map[string]string{"": `{}`, "named": `{"acme": {"name": "x"}}`, "on": `{"acme": {"secure": true}}`, "off": `{"acme": {"secure": false}}`}[tc.config]
			a, err := provision(t, fmt.Sprintf(`{"store": {"dir": %q}, "orgs": %s}`, t.TempDir(), config))
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = a.Cleanup() })
			now := time.Now()
			if a.Public("acme", "cam", now) {
				t.Error("public before anything is known")
			}
			if err := a.Start(); err != nil {
				t.Fatal(err)
			}
			o := &registry.Org{Hash: "acme", Secure: tc.stored}
			switch tc.glass {
			case "broken":
				o.Glass = &registry.Glass{Until: now.Add(time.Hour)}
			case "mended":
				o.Glass = &registry.Glass{Until: now}
			}
			if tc.stored == "unreadable" {
				o.Secure, o.Needs = "off", []string{"what the future brings"}
			}
			if err := a.Registry().Orgs.Create(t.Context(), o, "test"); err != nil {
				t.Fatal(err)
			}
			if tc.stream != "" {
				if err := a.Registry().Streams.Create(t.Context(), &registry.Stream{Org: "acme", Name: "cam", Public: true}, "test"); err != nil {
					t.Fatal(err)
				}
			}
			if got := a.Public("acme", "cam", now); got != (tc.want == "public") {
				t.Errorf("public: %t", got)
			}
			if a.Public("other", "cam", now) {
				t.Error("so is another organisation")
			}
		})
	}
}

// Loading a configuration touches no file of the store: validate does no more.
func TestProvisionOpensNoStore(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "store")
	a, err := provision(t, fmt.Sprintf(`{"store": {"dir": %q}}`, dir))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = a.Cleanup() }()
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Errorf("there is a directory now: %v", err)
	}
}

// Keys of the registry verify beside those of the configuration, which win.
func TestKeysOfTheRegistry(t *testing.T) {
	a, err := provision(t, fmt.Sprintf(`{"store": {"dir": %q}}`, t.TempDir()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = a.Cleanup() })
	if a.KeyMissing("acme") != access.StoreUnavailable || a.Unavailable(time.Now()) != access.StoreUnavailable {
		t.Error("something is known before the start")
	}
	if err := a.Start(); err != nil {
		t.Fatal(err)
	}
	if a.KeyMissing("acme") != "" || a.Unavailable(time.Now()) != "" {
		t.Error("nothing is known after the start")
	}
	before := a.Trust()
	if before.Keys.Len() != 2 || !before.Sessions.Signing().Valid() {
		t.Fatalf("keys %v", before.Keys)
	}
	active, former, err := a.Registry().Keys.Rotate(t.Context(), "test")
	if err != nil {
		t.Fatal(err)
	}
	after := a.Trust()
	if after.Keys.Len() != 3 || after == before {
		t.Errorf("after the rotation: %v", after.Keys)
	}
	hashOf := func(id string) uint64 {
		for _, k := range a.Trust().Keys.Keys() {
			if k.ID == id {
				return a.Trust().Hasher.Key(k)
			}
		}
		return 0
	}
	for _, id := range []string{active, former} {
		if after.Active(hashOf(id), "acme") == nil {
			t.Errorf("key %s does not verify", id)
		}
	}
	if err := a.Registry().Keys.Retire(t.Context(), former, "test"); err != nil {
		t.Fatal(err)
	}
	if a.Trust().Active(hashOf(former), "acme") != nil {
		t.Error("a retired key verifies")
	}
	if again := a.Trust(); again != a.Trust() {
		t.Error("trust is made anew without need")
	}
}

// A key of the configuration takes its state and organisations from there.
func TestKeysOfTheConfiguration(t *testing.T) {
	eddsa, secret := keyFile(t, "main", token.EdDSA), keyFile(t, "shared", token.HS256)
	plain := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(plain, []byte(strings.Repeat("s", 32)+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	a, err := provision(t, fmt.Sprintf(`{"keys": [
		{"id": "main", "file": %q, "orgs": ["acme"], "state": "active"},
		{"id": "shared", "secret": "{file.%s}"},
		{"id": "plain", "algorithm": "HS256", "secret": "{file.%s}", "state": "retired"}
	]}`, eddsa, secret, plain))
	if err != nil {
		t.Fatal(err)
	}
	keys := a.Keyring().Keys()
	for i, want := range []string{"main EdDSA active [acme]", "shared HS256 verify []", "plain HS256 retired []"} {
		if got := fmt.Sprintf("%s %s %s %v", keys[i].ID, keys[i].Algorithm, keys[i].State, keys[i].Orgs); got != want {
			t.Errorf("a key is %q, not %q", got, want)
		}
	}
}

// Whatever makes a key whose list of organisations is empty, the key is nobody's.
func TestAnEmptyListOfOrganisationsIsNotAll(t *testing.T) {
	file := keyFile(t, "main", token.EdDSA)
	for want, orgs := range map[bool][]string{true: nil, false: {}} {
		key, err := (&Key{ID: "main", File: file, Orgs: orgs}).load()
		if err != nil {
			t.Fatal(err)
		}
		if got := key.MaySpeakFor("acme"); got != want {
			t.Errorf("orgs %#v: the key may speak for acme: %t", orgs, got)
		}
	}
}

// No dump of the configuration and no way of printing shows a secret.
func TestSecretsAreInNoDump(t *testing.T) {
	const secret = "correct-horse-battery-staple-correct-horse"
	t.Setenv("PLAYGATE_TEST_SECRET", secret)
	a, err := provision(t, `{"keys": [{"id": "a", "secret": "{env.PLAYGATE_TEST_SECRET}"}]}`)
	if err != nil {
		t.Fatal(err)
	}
	dump, err := json.Marshal(a)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{string(dump), fmt.Sprintf("%v", a.Keyring().Keys()), fmt.Sprintf("%+v", a.Keyring().Keys()), fmt.Sprintf("%#v", a.Keyring().Keys()[0])} {
		if strings.Contains(text, secret) || strings.Contains(text, fmt.Sprint(string([]byte(secret)))) {
			t.Errorf("the secret is in %s", text)
		}
	}
	if !strings.Contains(string(dump), "{env.PLAYGATE_TEST_SECRET}") {
		t.Errorf("the placeholder is not in %s", dump)
	}
	for _, short := range []string{"", "short-secret-nobody-should-see"} {
		t.Setenv("PLAYGATE_TEST_SECRET", short)
		_, err := provision(t, `{"keys": [{"id": "a", "secret": "{env.PLAYGATE_TEST_SECRET}"}]}`)
		if err == nil || short != "" && strings.Contains(err.Error(), short) {
			t.Errorf("a secret of %d bytes: %v", len(short), err)
		}
	}
}

// What is known may be older than the operator allows: then tokens are refused
// instead of judged by it.
func TestStaleAfter(t *testing.T) {
	dir := t.TempDir()
	r := registry.New(registry.Settings{Dir: dir}, zap.NewNop())
	if err := r.Start(); err != nil {
		t.Fatal(err)
	}
	if err := r.Close(); err != nil { // which leaves its copy
		t.Fatal(err)
	}
	for config, stale := range map[string]access.Reason{`"stale_after": "10m",`: access.StoreUnavailable, "": ""} {
		a, err := provision(t, fmt.Sprintf(`{%s "store": {"driver": "nats", "urls": ["nats://127.0.0.1:1"], "dir": %q}}`, config, dir))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = a.Cleanup() })
		if err := a.Start(); err != nil {
			t.Fatal(err)
		}
		now := time.Now()
		if got := a.Unavailable(now); got != "" {
			t.Errorf("%s: at once %q", config, got)
		}
		if got := a.Unavailable(now.Add(11 * time.Minute)); got != stale {
			t.Errorf("%s: after 11 minutes %q", config, got)
		}
	}
}
