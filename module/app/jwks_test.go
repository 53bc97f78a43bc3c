package app

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/playgate/playgate/module/internal/access"
	"github.com/playgate/playgate/module/token"
)

// keySet is a set of new EdDSA keys with these ids.
func keySet(t *testing.T, ids ...string) string {
	t.Helper()
	keys := []string{}
	for _, id := range ids {
		key, err := token.GenerateKey(id, token.EdDSA)
		if err != nil {
			t.Fatal(err)
		}
		jwk, err := key.MarshalJWK(true)
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, string(jwk))
	}
	return `{"keys":[` + strings.Join(keys, ",") + `]}`
}

func setFile(t *testing.T, document string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "jwks.json")
	if err := os.WriteFile(path, []byte(document), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// publisher serves a set on loopback, or nothing, and counts how often it is
// asked.
type publisher struct {
	*httptest.Server
	document atomic.Value
	asked    atomic.Int64
}

func publish(t *testing.T, document string) *publisher {
	t.Helper()
	p := &publisher{}
	p.document.Store(document)
	p.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		p.asked.Add(1)
		_, _ = io.WriteString(w, p.document.Load().(string))
	}))
	t.Cleanup(p.Close)
	return p
}

// storageIn lets Caddy keep what it keeps in a directory of the test.
func storageIn(t *testing.T) (dir string) {
	t.Helper()
	before := caddy.DefaultStorage.Path
	dir = filepath.Join(t.TempDir(), "storage")
	caddy.DefaultStorage.Path = dir
	t.Cleanup(func() { caddy.DefaultStorage.Path = before })
	return dir
}

// load provisions an app. end is what Caddy does when the configuration ends;
// the end of the test does it too.
func load(t *testing.T, config string) (a *App, end func()) {
	t.Helper()
	a, err := provision(t, strings.Replace(config, "{", `{"store": {"driver": "off"}, `, 1))
	if err != nil {
		t.Fatal(err)
	}
	end = sync.OnceFunc(func() {
		if err := a.Cleanup(); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(end)
	return a, end
}

func start(t *testing.T, a *App) {
	t.Helper()
	if err := a.Start(); err != nil {
		t.Fatal(err)
	}
}

// trusted are the keys that an app trusts now.
func trusted(a *App) string {
	var list []string
	for _, k := range a.Trust().Keys.Keys() {
		list = append(list, fmt.Sprintf("%s %v %s %v", k.ID, k.Orgs, k.Issuer, k.Audience))
	}
	return strings.Join(list, ", ")
}

func await(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !holds(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited 20 s for %s", what)
		}
	}
}

// Keys of a set speak for the organisations of its block, under its terms.
// Where two keys have one id, the configured one comes before a set, and an earlier set
// before a later one; for other organisations the others count.
func TestKeysOfSets(t *testing.T) {
	storageIn(t)
	first, second := setFile(t, keySet(t, "main", "a", "b")), setFile(t, keySet(t, "a", "b", "c"))
	a, _ := load(t, fmt.Sprintf(`{
		"keys": [{"id": "main", "file": %q, "orgs": ["acme"]}],
		"jwks": [
			{"source": %q, "orgs": ["acme", "beta"], "issuer": "us", "audience": ["edge"]},
			{"source": %q, "orgs": ["gamma"]},
			{"source": %[3]q, "orgs": ["*"], "refresh": "10s"}
		]
	}`, keyFile(t, "main", token.EdDSA), first, second))
	core, logs := observer.New(zap.WarnLevel)
	a.logger = zap.New(core)
	start(t, a)
	const want = "main [acme]  [], main [acme beta] us [edge], a [acme beta] us [edge], b [acme beta] us [edge], " +
		"a [gamma]  [], b [gamma]  [], c [gamma]  [], a []  [], b []  [], c []  []"
	for org, sources := range map[string]string{"acme": "conf set1 set1 set3", "beta": "set1 set1 set1 set3", "gamma": "none set2 set2 set2", "delta": "none set3 set3 set3"} {
		for i, id := range []string{"main", "a", "b", "c"} {
			k, _ := a.Trust().Keys.Lookup(org, id, token.EdDSA)
			source := "none"
			switch {
			case k == nil:
			case k.Issuer == "us":
				source = "set1"
			case k.Orgs == nil:
				source = "set3"
			case k.Orgs[0] == "gamma":
				source = "set2"
			default:
				source = "conf"
			}
			if want := strings.Fields(sources)[i]; source != want {
				t.Errorf("%s of %s is that of %s instead of %s", id, org, source, want)
			}
		}
	}
	if got := trusted(a); got != want {
		t.Errorf("trusted: %s\ninstead of %s", got, want)
	}
	a.edge.Changes.KeySetChanged() // whatever else makes a new trust
	if got := trusted(a); got != want {
		t.Errorf("later, trusted: %s", got)
	}
	var told []string
	for _, entry := range logs.All() {
		told = append(told, fmt.Sprint(entry.ContextMap()["source"], " ", entry.ContextMap()["key_id"]))
	}
	if got, want := strings.Join(told, ", "), first+" main, "+second+" a, "+second+" b, "+second+" c"; got != want {
		t.Errorf("told of %s\ninstead of %s", got, want)
	}
	if a.StaticKeys() {
		t.Error("no further key can come")
	}
}

// What the configuration alone decides can be told from what cannot.
func TestFixed(t *testing.T) {
	if a, _ := load(t, `{"leeway": "1s"}`); !a.StaticKeys() {
		t.Error("keys may come from nowhere")
	}
}

// Loading a configuration asks nobody and writes nothing; starting it does.
func TestProvisionTouchesNothing(t *testing.T) {
	dir := storageIn(t)
	p := publish(t, keySet(t, "a"))
	config := fmt.Sprintf(`{"jwks": [{"source": %q, "orgs": ["*"]}]}`, p.URL)
	if err := caddy.Validate(&caddy.Config{AppsRaw: caddy.ModuleMap{ID: json.RawMessage(config)}}); err != nil {
		t.Fatal(err)
	}
	a, _ := load(t, config)
	if _, err := os.Stat(dir); !os.IsNotExist(err) || p.asked.Load() != 0 || trusted(a) != "" {
		t.Errorf("the publisher was asked %d times; the storage: %v", p.asked.Load(), err)
	}
	before := a.Trust()
	start(t, a)
	await(t, "the set", func() bool { return trusted(a) == "a []  []" })
	if before.Keys.Len() != 0 {
		t.Error("a trust has changed")
	}
}

// A set that was never read may have the key that a token names: until it was,
// nobody can say that the key is unknown, for its organisations.
func TestSetThatWasNeverRead(t *testing.T) {
	storageIn(t)
	p := publish(t, keySet(t, "a"))
	p.Close()
	a, end := load(t, fmt.Sprintf(`{
		"keys": [{"id": "main", "file": %q}],
		"jwks": [{"source": %q, "orgs": ["acme"]}]
	}`, keyFile(t, "main", token.EdDSA), p.URL))
	start(t, a)
	for org, want := range map[string]access.Reason{"acme": access.KeysUnavailable, "beta": ""} {
		if got := a.KeyMissing(org); got != want {
			t.Errorf("%s: %q", org, got)
		}
	}
	end()
	all, _ := load(t, fmt.Sprintf(`{"keys": [{"id": "main", "file": %q}], "jwks": [{"source": %q, "orgs": ["*"]}]}`, keyFile(t, "main", token.EdDSA), p.URL))
	start(t, all)
	if got := all.KeyMissing("beta"); got != access.KeysUnavailable {
		t.Errorf("for all organisations: %q", got)
	}
	// A set that was read and has no such key says so, and an empty one beside
	// no other key is no key at all.
	read, _ := load(t, fmt.Sprintf(`{"jwks": [{"source": %q, "orgs": ["acme"]}]}`, setFile(t, keySet(t, "a"))))
	start(t, read)
	if got := read.KeyMissing("acme"); got != "" {
		t.Errorf("a set that was read: %q", got)
	}
	empty := publish(t, `{"keys":[]}`)
	none, _ := load(t, fmt.Sprintf(`{"jwks": [{"source": %q, "orgs": ["acme"]}]}`, empty.URL))
	generation := none.generation()
	start(t, none)
	await(t, "the empty set", func() bool { return none.generation() > generation })
	if got := none.KeyMissing("acme"); got != access.KeysUnavailable {
		t.Errorf("no key of any kind: %q", got)
	}
}

// At a cold start the set that was kept is there before anything is fetched.
func TestColdStart(t *testing.T) {
	dir := storageIn(t)
	p := publish(t, keySet(t, "a"))
	config := fmt.Sprintf(`{"jwks": [{"source": %q, "orgs": ["acme"]}]}`, p.URL)
	first, end := load(t, config)
	start(t, first)
	kept := func() []string {
		files, _ := filepath.Glob(filepath.Join(dir, "playgate", "jwks", "*.json"))
		return files
	}
	await(t, "the set to be kept", func() bool { return len(kept()) == 1 && trusted(first) != "" })
	end()
	p.Close()
	second, end := load(t, config)
	start(t, second)
	if got := trusted(second); got != "a [acme]  []" || second.KeyMissing("acme") != "" {
		t.Errorf("with a kept set, trusted: %q", got)
	}
	end()
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	third, _ := load(t, config)
	start(t, third)
	if got := trusted(third); got != "" || third.KeyMissing("acme") != access.KeysUnavailable {
		t.Errorf("with nothing kept, trusted: %q", got)
	}
}

// A reload takes over what was read, even if it could not be read again, and
// the requests of the old configuration go on with it.
func TestReloadKeepsKeySets(t *testing.T) {
	dir := storageIn(t)
	p := publish(t, keySet(t, "a"))
	config := func(org string) string {
		return fmt.Sprintf(`{"jwks": [{"source": %q, "orgs": [%q], "refresh": "1h"}]}`, p.URL, org)
	}
	first, end := load(t, config("acme"))
	start(t, first)
	await(t, "the set to be kept", func() bool {
		files, _ := filepath.Glob(filepath.Join(dir, "playgate", "jwks", "*.json"))
		return len(files) == 1 && trusted(first) != ""
	})
	p.Close()
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	// A configuration that is loaded and not started changes nothing.
	_, fails := load(t, config("gamma"))
	fails()
	second, last := load(t, config("beta"))
	if got := trusted(second); got != "a [beta]  []" {
		t.Errorf("before its start, trusted: %q", got)
	}
	start(t, second)
	end()
	if got := trusted(second) + ", " + trusted(first); got != "a [beta]  [], a [acme]  []" {
		t.Errorf("trusted: %q", got)
	}
	last()
	if got := trusted(first); got != "a [acme]  []" {
		t.Errorf("after the end, trusted: %q", got)
	}
	third, _ := load(t, config("acme"))
	start(t, third)
	if got := trusted(third); got != "" {
		t.Errorf("nobody held the set, and trusted is %q", got)
	}
}

// A file is read anew by each configuration, and by none that cannot be loaded.
func TestReloadReadsFilesAgain(t *testing.T) {
	storageIn(t)
	path := setFile(t, keySet(t, "a"))
	config := fmt.Sprintf(`{"jwks": [{"source": %q, "orgs": ["acme"]}]}`, path)
	first, end := load(t, config)
	if got := trusted(first); got != "a [acme]  []" {
		t.Errorf("before its start, trusted: %q", got)
	}
	start(t, first)
	if err := os.WriteFile(path, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := provision(t, config); err == nil {
		t.Error("a file that is no set was loaded")
	}
	if got := trusted(first); got != "a [acme]  []" {
		t.Errorf("after a bad file, trusted: %q", got)
	}
	if err := os.WriteFile(path, []byte(keySet(t, "b")), 0o600); err != nil {
		t.Fatal(err)
	}
	generation := first.generation()
	second, _ := load(t, config)
	if got := trusted(first); got != "a [acme]  []" {
		t.Errorf("before the next start, trusted: %q", got)
	}
	start(t, second)
	end()
	if got := trusted(second); got != "b [acme]  []" || second.generation() == generation {
		t.Errorf("after the next start, trusted: %q", got)
	}
}

// What cannot be used is an error at load that says what to change, and that
// shows nothing secret of the URL.
func TestKeySetsAreCheckedAtLoad(t *testing.T) {
	storageIn(t)
	t.Setenv("PLAYGATE_TEST_JWKS", "https://user:sesame@keys.example/set?sesame")
	for config, says := range map[string]string{
		`{"source": "https://keys.example"}`:                                       "write orgs <org>..., or orgs *",
		`{"source": "https://keys.example", "orgs": []}`:                           "jwks/0/orgs: an empty list",
		`{"source": "https://keys.example", "orgs": null}`:                         "jwks/0/orgs: null",
		`{"source": "https://keys.example", "orgs": ["acme"], "issuer": ""}`:       "jwks/0/issuer: an empty text",
		`{"source": "https://keys.example", "orgs": ["acme"], "audience": []}`:     "jwks/0/audience: an empty list",
		`{"source": "https://keys.example", "orgs": ["a-b"]}`:                      "letters, digits and underscore",
		`{"source": "https://keys.example", "orgs": [""]}`:                         "jwks/0/orgs/0: an empty text",
		`{"source": "https://keys.example", "orgs": ["*", "acme"]}`:                "write it alone",
		`{"source": "https://keys.example", "orgs": ["acme"], "refresh": "9s"}`:    "at least 10s",
		`{"source": "https://keys.example", "orgs": ["acme"], "refresh": -1}`:      "at least 10s",
		`{"source": "http://keys.example", "orgs": ["acme"]}`:                      "write https",
		`{"source": "http://user:sesame@keys.example?sesame", "orgs": ["acme"]}`:   "write https",
		`{"source": "{env.PLAYGATE_TEST_JWKS}"}`:                                   "jwks https://keys.example/set: it does not say",
		`{"source": "{env.PLAYGATE_TEST_NOTHING}/sesame", "orgs": ["acme"]}`:       "placeholder",
		`{"source": "", "orgs": ["acme"]}`:                                         "jwks/0/source: an empty text",
		`{"orgs": ["acme"]}`:                                                       "https URL or the path",
		`{"source": "/nowhere/jwks.json", "orgs": ["acme"]}`:                       "no such file",
		fmt.Sprintf(`{"source": %q, "orgs": ["acme"]}`, setFile(t, "")):            "the file is empty",
		fmt.Sprintf(`{"source": %q, "orgs": ["acme"]}`, setFile(t, "{}")):          "not a JSON Web Key Set",
		fmt.Sprintf(`{"source": %q, "orgs": ["acme"]}`, setFile(t, `{"keys":[]}`)): "there is no key in the set",
		`{"source": "https://keys.example", "orgs": ["acme"], "colour": "blue"}`:   "colour",
		`null`: "jwks/0: null is no value",
	} {
		_, err := provision(t, `{"jwks": [`+config+`]}`)
		if err == nil || !strings.Contains(err.Error(), says) || strings.Contains(err.Error(), "sesame") {
			t.Errorf("%s: the error does not say %q: %v", config, says, err)
		}
	}
	pooled := 0
	keySetPool.Range(func(any, any) bool { pooled++; return true })
	if pooled != 0 {
		t.Errorf("%d sets are held by configurations that were not loaded", pooled)
	}
}
