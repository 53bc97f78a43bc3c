package gate

import (
	"context"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/go-json-experiment/json"
	"go.uber.org/zap"

	"github.com/playgate/playgate/module/app"
	"github.com/playgate/playgate/module/token"
	"github.com/playgate/playgate/module/token/jwt"
)

// discardLog keeps the stacks of wanted panics out of the tests' output.
var discardLog = log.New(io.Discard, "", 0)

// noon is the time of all tests that do not say another.
var noon = time.Date(2027, 1, 15, 12, 0, 0, 0, time.UTC)

const (
	media    = "/live/acme/cam/seg-1.m4s"
	playlist = "/live/acme/cam/index.m3u8"
)

// testKey is the one key of the tests, and strangerKey one that no gate has.
var testKey, strangerKey = newKey("main", token.EdDSA), newKey("stranger", token.EdDSA)

func newKey(id, algorithm string) *token.Key {
	key, err := token.GenerateKey(id, algorithm)
	if err != nil {
		panic(err)
	}
	return key
}

// mint signs a grant for stream cam of organisation acme, good for an hour,
// after change has had its way with it.
func mint(t testing.TB, change func(*token.Grant)) string {
	t.Helper()
	return mintWith(t, testKey, change)
}

func mintWith(t testing.TB, key *token.Key, change func(*token.Grant)) string {
	t.Helper()
	g := &token.Grant{
		ID: "token-1", Org: "acme", Streams: []string{"cam"},
		IssuedAt: noon.Unix(), Expires: noon.Add(time.Hour).Unix(),
	}
	if change != nil {
		change(g)
	}
	text, err := jwt.Sign(g, key)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func addressRules(t testing.TB, texts ...string) []token.AddressRule {
	t.Helper()
	var rules []token.AddressRule
	for _, text := range texts {
		rule, err := token.ParseAddressRule(text)
		if err != nil {
			t.Fatal(err)
		}
		rules = append(rules, rule)
	}
	return rules
}

func hostPatterns(t testing.TB, texts ...string) []token.HostPattern {
	t.Helper()
	var patterns []token.HostPattern
	for _, text := range texts {
		pattern, err := token.ParseHostPattern(text)
		if err != nil {
			t.Fatal(err)
		}
		patterns = append(patterns, pattern)
	}
	return patterns
}

// keyFile writes a key as a gate's operator would.
func keyFile(t testing.TB, key *token.Key) string {
	t.Helper()
	jwk, err := key.MarshalJWK(!key.Symmetric())
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), key.ID+".jwk")
	if err := os.WriteFile(path, jwk, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// newGate provisions a gate from the lines of its Caddyfile block, and an app
// with the test key and appLines. A gate without a stream line has one.
func newGate(t testing.TB, lines string, appLines ...string) *Handler {
	t.Helper()
	h, err := tryGate(t, lines, appLines...)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func tryGate(t testing.TB, lines string, appLines ...string) (*Handler, error) {
	t.Helper()
	return tryGateWith(t, "key main {\nfile "+keyFile(t, testKey)+"\n}", lines, appLines...)
}

// tryGateWith is tryGate with other keys.
func tryGateWith(t testing.TB, keys, lines string, appLines ...string) (*Handler, error) {
	t.Helper()
	if !strings.Contains(lines, "stream ") {
		lines = "stream /live/{org}/{stream}/*\n" + lines
	}
	a := new(app.App)
	block := "playgate {\nstore off\n" + keys + "\n" + strings.Join(appLines, "\n") + "\n}"
	if err := a.UnmarshalCaddyfile(caddyfile.NewTestDispenser(block)); err != nil {
		t.Fatal(err)
	}
	gate := new(Handler)
	if err := gate.UnmarshalCaddyfile(caddyfile.NewTestDispenser("playgate {\n" + lines + "\n}")); err != nil {
		return nil, err
	}
	ctx, err := caddy.ProvisionContext(&caddy.Config{AppsRaw: caddy.ModuleMap{app.ID: caddyconfig.JSON(a, nil)}})
	if err != nil {
		t.Fatal(err)
	}
	module, err := ctx.LoadModuleByID("http.handlers.playgate", caddyconfig.JSON(gate, nil))
	if err != nil {
		return nil, err
	}
	h := module.(*Handler)
	h.now = func() time.Time { return noon }
	h.logger = zap.NewNop()
	return h, nil
}

// passed is a request as the next handler got it.
type passed struct {
	*http.Request
	original http.Request // from the context
	body     string
}

// origin records what passes the gate, and answers it.
type origin struct {
	passed []passed
	answer caddyhttp.HandlerFunc // nil: 200 and "media"
}

func (o *origin) ServeHTTP(w http.ResponseWriter, r *http.Request) error {
	seen := passed{Request: r.Clone(context.WithoutCancel(r.Context()))}
	seen.original, _ = r.Context().Value(caddyhttp.OriginalRequestCtxKey).(http.Request)
	if r.Body != nil {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return err
		}
		seen.body = string(body)
	}
	seen.Trailer = r.Trailer.Clone() // after the body, when trailers are there
	o.passed = append(o.passed, seen)
	if o.answer != nil {
		return o.answer(w, r)
	}
	w.Header().Set("Content-Type", "video/iso.segment")
	_, err := io.WriteString(w, "media")
	return err
}

func (o *origin) only(t testing.TB) passed {
	t.Helper()
	if len(o.passed) != 1 {
		t.Fatalf("%d requests passed the gate, not 1", len(o.passed))
	}
	return o.passed[0]
}

func (o *origin) sawNothing(t testing.TB) {
	t.Helper()
	if len(o.passed) != 0 {
		t.Errorf("a request passed the gate: %s %s", o.passed[0].Method, o.passed[0].URL)
	}
}

// request makes a request as Caddy's server would hand it on. Each header is
// "Name: value"; a name is used as it is written.
func request(method, target string, headers ...string) *http.Request {
	r := httptest.NewRequest(method, target, http.NoBody)
	for _, line := range headers {
		name, value, _ := strings.Cut(line, ": ")
		r.Header[name] = append(r.Header[name], value)
	}
	return prepared(r, httptest.NewRecorder())
}

func prepared(r *http.Request, w http.ResponseWriter) *http.Request {
	server := &caddyhttp.Server{ClientIPHeaders: []string{"X-Forwarded-For"}}
	r = caddyhttp.PrepareRequest(r, caddy.NewReplacer(), w, server)
	if a, err := netip.ParseAddrPort(r.RemoteAddr); err == nil {
		setVar(r, caddyhttp.ClientIPVarKey, a.Addr().String())
	}
	return r
}

func setVar(r *http.Request, name string, value any) { caddyhttp.SetVar(r.Context(), name, value) }

func replacer(r *http.Request) *caddy.Replacer {
	return r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer)
}

// serve sends a request through a gate.
func serve(t testing.TB, h *Handler, o *origin, r *http.Request) *httptest.ResponseRecorder {
	t.Helper()
	w := httptest.NewRecorder()
	if err := h.ServeHTTP(w, r, o); err != nil {
		t.Fatalf("the gate returned an error instead of answering: %v", err)
	}
	return w
}

// get is serve for a GET.
func get(t testing.TB, h *Handler, o *origin, target string, headers ...string) *httptest.ResponseRecorder {
	t.Helper()
	return serve(t, h, o, request(http.MethodGet, target, headers...))
}

// allowed checks that an answer came from below.
func allowed(t testing.TB, w *httptest.ResponseRecorder) {
	t.Helper()
	if w.Code != http.StatusOK {
		t.Fatalf("status %d instead of 200:\n%s", w.Code, w.Body)
	}
}

// refusedWith checks that an answer is a refusal of the gate, and returns it.
func refusedWith(t testing.TB, w *httptest.ResponseRecorder, o *origin, status int, reason string) told {
	t.Helper()
	o.sawNothing(t)
	p := readProblem(t, w, status)
	if p.Reason != reason {
		t.Errorf("the reason is %q, not %q", p.Reason, reason)
	}
	return p
}

// told is a problem document as a client reads it.
type told struct {
	Type      string     `json:"type"`
	Title     string     `json:"title"`
	Status    int        `json:"status"`
	Detail    string     `json:"detail"`
	Reason    string     `json:"reason"`
	ID        string     `json:"id"`
	ExpiredAt *time.Time `json:"expired_at"`
}

// readProblem reads the body of an answer that the gate wrote itself.
func readProblem(t testing.TB, w *httptest.ResponseRecorder, status int) told {
	t.Helper()
	if w.Code != status {
		t.Fatalf("status %d instead of %d:\n%.200s", w.Code, status, w.Body)
	}
	for name, want := range map[string]string{
		"Content-Type":           "application/problem+json",
		"Cache-Control":          "no-store",
		"X-Content-Type-Options": "nosniff",
	} {
		if got := w.Header().Values(name); !slices.Equal(got, []string{want}) {
			t.Errorf("%s is %q, not %q", name, got, want)
		}
	}
	var p told
	if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil {
		t.Fatalf("the body is no problem document: %v\n%s", err, w.Body)
	}
	if p.Status != status || p.ID == "" || p.Title == "" || p.Type == "" {
		t.Errorf("the problem document is incomplete: %s", w.Body)
	}
	if got := w.Header().Get("Playgate-Id"); got != p.ID {
		t.Errorf("Playgate-Id is %q and the id in the body %q", got, p.ID)
	}
	return p
}
