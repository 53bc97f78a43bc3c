package integration_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/playgate/playgate/integration/harness"
)

// tenantSite is the Caddyfile of a server for two organisations, with key blocks in its
// global options: a gate with two ways to name a stream, a cache for one path, and the API.
func tenantSite(keys string) string {
	site := strings.Replace(issuer, "stream_url", keys+"\n\t\tstream_url", 1)
	site = strings.Replace(site, liveRule, liveRule+`
		stream /joined/* {
			query stream {org}-{id}
		}
		errors verbose`, 1)
	return strings.Replace(site, "\treverse_proxy {$ORIGIN}", `	handle /live/*/*/kept.ts {
		playgate_cache
		reverse_proxy {$ORIGIN}
	}
	handle {
		reverse_proxy {$ORIGIN}
	}`, 1)
}

// tenantOrigin answers with what the gate says about the viewer. kept.ts is for caches, and
// says how often it was fetched.
func tenantOrigin() http.Handler {
	var fetched atomic.Int64
	media := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case strings.HasSuffix(r.URL.Path, "/stall"):
			new(endless).ServeHTTP(w, r)
		case strings.HasSuffix(r.URL.Path, "/kept.ts"):
			w.Header().Set("Cache-Control", "max-age=3600")
			fmt.Fprintf(w, "%s, fetch %d", r.URL.Path, fetched.Add(1))
		default:
			w.Header().Set("Cache-Control", "no-store")
			h := r.Header
			fmt.Fprintf(w, "%s/%s/%s/%s", h.Get("X-Playgate-Org"), h.Get("X-Playgate-Stream"), h.Get("X-Playgate-Token-Id"), h.Get("X-Playgate-Tag"))
		}
	})
	return playlistAnd(media)
}

// tenants is a server for two organisations. The tests attack org2 as the admin of org1.
type tenants struct {
	*issuing

	operator, first, second string // API keys of admins: of all, of org1 and of org2
	client                  *http.Client
}

// startTenants starts the server and makes both organisations and their API keys.
func startTenants(t *testing.T, keys string) *tenants {
	t.Helper()
	n := &tenants{issuing: startIssuingFor(t, tenantOrigin(), tenantSite(keys), nil)}
	n.client = &http.Client{Transport: new(http.Transport), Timeout: harness.Deadline}
	t.Cleanup(n.client.CloseIdleConnections)
	n.operator = n.do(t, "apikey", "create", "--role", "admin")
	n.must(t, n.operator, "POST", "/api/v1/orgs", object{"org": "org1"}, nil)
	n.must(t, n.operator, "POST", "/api/v1/orgs", object{"org": "org2", "name": marker}, nil)
	n.first, n.second = n.apiKey(t, "attacker", "org1"), n.apiKey(t, marker, "org2")
	return n
}

// marker is a text that only org2 may read.
const marker = "known-to-org2-alone"

// object is a JSON object.
type object = map[string]any

// apiKey makes an API key of an admin.
func (n *tenants) apiKey(t *testing.T, name string, orgs ...string) string {
	t.Helper()
	var made struct{ APIKey string }
	n.must(t, n.operator, "POST", "/api/v1/apikeys", object{"name": name, "role": "admin", "orgs": orgs}, &made)
	return made.APIKey
}

// call asks the API. A body that is a string is sent as a backup.
func (n *tenants) call(t *testing.T, key, method, path string, body any) (int, string) {
	t.Helper()
	var in []byte
	kind := ""
	switch b := body.(type) {
	case nil:
	case string:
		in, kind = []byte(b), "application/jsonl"
	default:
		in, _ = json.Marshal(b)
		kind = "application/json"
	}
	r, err := http.NewRequestWithContext(t.Context(), method, n.api+path, bytes.NewReader(in))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+key)
	if kind != "" {
		r.Header.Set("Content-Type", kind)
	}
	status, text := n.send(t, r)
	return status, text
}

func (n *tenants) send(t *testing.T, r *http.Request) (int, string) {
	t.Helper()
	a, err := n.client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Body.Close()
	text, err := io.ReadAll(a.Body)
	if err != nil {
		t.Fatal(err)
	}
	return a.StatusCode, string(text)
}

// must is call for what has to succeed. It reads the answer into out unless that is nil.
func (n *tenants) must(t *testing.T, key, method, path string, body, out any) {
	t.Helper()
	status, text := n.call(t, key, method, path, body)
	if status >= 300 {
		t.Fatalf("%s %s %v: %d %s", method, path, body, status, text)
	}
	if out != nil {
		if err := json.Unmarshal([]byte(text), out); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
	}
}

// play asks the gate. It returns the status with the origin's text or the gate's reason.
func (n *tenants) play(t *testing.T, path string) string {
	t.Helper()
	n.origin.Forget()
	r, err := http.NewRequestWithContext(t.Context(), "GET", n.Plain()+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	status, text := n.send(t, r)
	if status == http.StatusOK {
		return "200 " + sessionToken.ReplaceAllString(text, "SESSION")
	}
	if calls := n.origin.Calls(); len(calls) > 0 {
		t.Errorf("%s is refused with %d, and the origin got %s", path, status, calls[0].Head)
	}
	var p problem
	if json.Unmarshal([]byte(text), &p) != nil || p.Reason == "" {
		return fmt.Sprintf("%d %s", status, text)
	}
	return fmt.Sprintf("%d %s", status, p.Reason)
}

// segment is a segment of a stream called cam, with a token.
func segment(org, token string) string { return "/live/" + org + "/cam/seg.ts?token=" + token }

// session begins a session of org2 with a token, and returns its token.
func (n *tenants) session(t *testing.T, token string) string {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), "GET", n.Plain()+"/live/org2/cam/index.m3u8?token="+token, nil)
	if err != nil {
		t.Fatal(err)
	}
	status, text := n.send(t, r)
	found := sessionToken.FindString(text)
	if found == "" {
		t.Fatalf("no session: %d %s", status, text)
	}
	return found
}

// isRunning tells whether a response that has no end goes on.
func isRunning(conn net.Conn) bool {
	_ = conn.SetReadDeadline(time.Now().Add(time.Millisecond))
	_, err := io.Copy(io.Discard, conn)
	return errors.Is(err, os.ErrDeadlineExceeded)
}

// restart stops the server and starts it with another Caddyfile.
func (n *tenants) restart(t *testing.T, caddyfile string) {
	t.Helper()
	if err := n.Stop(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(n.Caddyfile(), []byte(caddyfile), 0o600); err != nil {
		t.Fatal(err)
	}
	n.client.CloseIdleConnections()
	n.Start()
	harness.Wait(t, "the API to answer", func() bool { return harness.Curl(t, n.api+"/.well-known/jwks.json").Status == 200 })
}

// tenantKey is a key pair of a test.
type tenantKey struct {
	*harness.Key // without its private part

	private ed25519.PrivateKey
	jwk     object // public
}

// newTenantKey makes a key pair, and a file with its public part.
func newTenantKey(t *testing.T, id string) *tenantKey {
	t.Helper()
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	x := base64.RawURLEncoding.EncodeToString(public)
	k := &tenantKey{private: private, jwk: object{"kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "kid": id, "x": x}}
	k.Key = &harness.Key{ID: id, Algorithm: "EdDSA", PublicFile: filepath.Join(t.TempDir(), id+".jwk")}
	text, _ := json.Marshal(k.jwk)
	if err := os.WriteFile(k.PublicFile, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return k
}

// token signs a token for a stream called cam.
func (k *tenantKey) token(t *testing.T, org string) string {
	t.Helper()
	return harness.Forge(t, "EdDSA", k.private, k.Header(), harness.Good(org, "cam").With("jti", org+"."+k.ID).JSON())
}

// block is the key's block of a Caddyfile.
func (k *tenantKey) block(options string) string {
	return "key " + k.ID + " {\n\t\t\tfile " + k.PublicFile + "\n\t\t\t" + options + "\n\t\t}\n\t\t"
}
