package api

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/caddyserver/caddy/v2/modules/caddytls"

	"github.com/playgate/playgate/module/app"
	"github.com/playgate/playgate/module/internal/access"
	"github.com/playgate/playgate/module/internal/cluster"
	"github.com/playgate/playgate/module/internal/redact"
	"github.com/playgate/playgate/module/internal/registry"
	"github.com/playgate/playgate/module/internal/target"
	"github.com/playgate/playgate/module/token"
	"github.com/playgate/playgate/module/token/jwt"
)

// fixture is an API on a real registry, with two organisations that have the same
// of everything: acme, and zebra, whose name no text of ours has in it.
type fixture struct {
	t       *testing.T
	dir     string
	app     *app.App
	handler *Handler
	apiKeys map[string]string // the id of the API key that each has
}

// newTestAPI starts an app with this further configuration.
func newTestAPI(t *testing.T, more string) *fixture {
	t.Helper()
	// Where Caddy keeps the id of the instance.
	t.Setenv("XDG_DATA_HOME", t.TempDir())
	s := &fixture{t: t, dir: t.TempDir(), apiKeys: make(map[string]string)}
	if more != "" {
		more = ", " + more
	}
	ctx, err := caddy.ProvisionContext(&caddy.Config{AppsRaw: caddy.ModuleMap{
		app.ID: json.RawMessage(fmt.Sprintf(`{"store": {"dir": %q}%s}`, s.dir, more)),
	}})
	if err != nil {
		t.Fatal(err)
	}
	found, err := ctx.App(app.ID)
	if err != nil {
		t.Fatal(err)
	}
	s.app = found.(*app.App)
	t.Cleanup(func() { _ = s.app.Cleanup() })
	s.app.Gates.Add(&caddyhttp.Server{Listen: []string{":8443"}, TLSConnPolicies: caddytls.ConnectionPolicies{{}}, Routes: caddyhttp.RouteList{{
		MatcherSets: caddyhttp.MatcherSets{{&caddyhttp.MatchHost{"live.test"}}}, Handlers: []caddyhttp.MiddlewareHandler{testGate{app: s.app}},
	}}})
	s.handler = new(Handler)
	if err := s.handler.Provision(ctx); err != nil {
		t.Fatal(err)
	}
	if err := s.app.Start(); err != nil {
		t.Fatal(err)
	}
	for _, org := range []string{"acme", "zebra"} {
		s.app.Edge().RecordRefusal(&cluster.Refusal{ID: org + "-refusal", Reason: access.WrongStream, Org: org, Stream: "cam", TokenID: "zebra-token", TokenOrg: "zebra"})
		s.furnish(org)
	}
	return s
}

// furnish makes an organisation and one of everything for it.
func (s *fixture) furnish(org string) {
	s.t.Helper()
	ctx, r := s.t.Context(), s.app.Registry()
	key, err := token.GenerateKey(org+"-key", token.ES256)
	if err != nil {
		s.t.Fatal(err)
	}
	_, keyErr := r.OrgKeys.Add(ctx, org, key, org+"-by")
	now := time.Now().UTC()
	apiKey := &registry.APIKey{Name: org + "-apikey", Role: registry.Read, Orgs: []string{org}}
	_, apiKeyErr := r.APIKeys.Create(ctx, apiKey, org+"-by")
	s.apiKeys[org] = apiKey.ID
	for _, err := range []error{
		r.Orgs.Create(ctx, &registry.Org{Hash: org, Name: "The " + org, Glass: &registry.Glass{Since: now, Until: now.Add(time.Hour), Reason: org + "-fire"}}, org+"-by"),
		r.Streams.Create(ctx, &registry.Stream{Org: org, Name: org + "-cam", Title: org + "-title", Tags: []string{"hall"}}, org+"-by"),
		r.Streams.Create(ctx, &registry.Stream{Org: org, Name: "cam", Tags: []string{"hall"}}, org+"-by"),
		r.Tokens.Create(ctx, &registry.Token{ID: org + "-id", Org: org, Streams: []string{"cam"}, Tag: "hall", User: "ann", Created: now, Expires: now.Add(time.Hour), Key: "k"}),
		r.Tokens.Create(ctx, &registry.Token{ID: "shared", Org: org, OrgWide: true, Tag: org + "-tag", Created: now, Expires: now.Add(time.Hour), Key: "k"}),
		keyErr, apiKeyErr,
	} {
		if err != nil {
			s.t.Fatal(err)
		}
	}
}

// key makes an API key.
func (s *fixture) key(role registry.Role, orgs ...string) string {
	s.t.Helper()
	text, err := s.app.Registry().APIKeys.Create(s.t.Context(), &registry.APIKey{Role: role, Orgs: orgs}, "test")
	if err != nil {
		s.t.Fatal(err)
	}
	return text
}

// answer is what came back.
type answer struct {
	*httptest.ResponseRecorder
	t *testing.T
}

// request makes a request as Caddy's server hands it on, from an address of
// its own.
func request(method, target, body string, headers ...string) *http.Request {
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
		if strings.HasPrefix(target, restorePath) {
			r.Header.Set("Content-Type", backupType)
		}
	} else {
		r.Body = http.NoBody
	}
	for _, line := range headers {
		name, value, _ := strings.Cut(line, ": ")
		r.Header.Del(name)
		if value != "" {
			r.Header.Set(name, value)
		}
	}
	r = caddyhttp.PrepareRequest(r, caddy.NewReplacer(), httptest.NewRecorder(), new(caddyhttp.Server))
	n := clients.Add(1)
	return from(r, fmt.Sprintf("10.%d.%d.%d", n>>16&255, n>>8&255, n&255))
}

// clients counts requests, each of which comes from an address of its own.
var clients atomic.Uint32

// from is the request, from this address.
func from(r *http.Request, address string) *http.Request {
	caddyhttp.SetVar(r.Context(), caddyhttp.ClientIPVarKey, address)
	return r
}

func (s *fixture) send(r *http.Request) *answer {
	s.t.Helper()
	w := httptest.NewRecorder()
	next := caddyhttp.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) error {
		w.WriteHeader(http.StatusTeapot)
		return nil
	})
	if err := s.handler.ServeHTTP(w, r, next); err != nil {
		s.t.Fatal(err)
	}
	return &answer{w, s.t}
}

// do sends a request with an API key.
func (s *fixture) do(key, method, target, body string, headers ...string) *answer {
	s.t.Helper()
	return s.send(request(method, target, body, append([]string{"Authorization: Bearer " + key}, headers...)...))
}

func (a *answer) want(status int) *answer {
	a.t.Helper()
	if a.Code != status {
		a.t.Fatalf("status %d instead of %d: %s", a.Code, status, a.Body)
	}
	return a
}

// json reads the body.
func (a *answer) json() map[string]any {
	a.t.Helper()
	var v map[string]any
	if err := json.Unmarshal(a.Body.Bytes(), &v); err != nil {
		a.t.Fatalf("%v: %s", err, a.Body)
	}
	return v
}

// problem checks that the answer is one, and reads it.
func (a *answer) problem(status int) *Problem {
	a.t.Helper()
	a.want(status)
	p := new(Problem)
	d := json.NewDecoder(bytes.NewReader(a.Body.Bytes()))
	d.DisallowUnknownFields()
	if err := d.Decode(p); err != nil || a.Header().Get("Content-Type") != problemType || p.Status != status || p.Detail == "" || p.Title == "" || p.Type != "about:blank" {
		a.t.Fatalf("%v: %s %s", err, a.Header(), a.Body)
	}
	for _, m := range p.Errors {
		if m.Message == "" || m.Location == "" {
			a.t.Fatalf("a mistake says too little: %s", a.Body)
		}
	}
	return p
}

// all is what the registry holds, as text, so that a change of anything shows.
func (s *fixture) all() string {
	s.t.Helper()
	ctx := context.Background()
	r := s.app.Registry()
	index, err := r.Tokens.Index(ctx)
	if err != nil {
		s.t.Fatal(err)
	}
	now := time.Now()
	tokens, _ := index.Page(registry.Filter{}, nil, 1000, now)
	keys, err := r.APIKeys.List(ctx)
	if err != nil {
		s.t.Fatal(err)
	}
	text, err := json.Marshal([]any{r.Orgs.List(), r.Streams.List(""), tokens, keys, r.Keys.List(), r.OrgKeys.List()})
	if err != nil {
		s.t.Fatal(err)
	}
	return string(text)
}

func (s *fixture) handlerApp() *app.App { return s.app }

// badValue is the status of a body with a value that is none: 400 where it is empty.
func badValue(body string) int {
	for _, empty := range []string{`:""`, `:[]`, `:null`, `[""]`, `[null]`} {
		if strings.Contains(body, empty) {
			return http.StatusBadRequest
		}
	}
	return http.StatusUnprocessableEntity
}

// testGate is a gate of the host live.test, with a rule that most have.
type testGate struct {
	caddyhttp.MiddlewareHandler
	app *app.App
}

func (g testGate) WouldAnswer(r *http.Request, text string, at time.Time) access.Verdict {
	rule, err := target.ParseRule("/live/{org}/{stream}/*", "", "")
	if err != nil {
		return access.DenyError(err)
	}
	rules := target.Rules{Rules: []*target.Rule{rule}}
	path, inPath, err := rules.CutTokens(r.URL.EscapedPath(), redact.Segment)
	if err != nil {
		return access.DenyError(err)
	}
	for _, s := range inPath {
		text = s.Text
	}
	if text == "" {
		text = r.URL.Query().Get("token")
	}
	wanted, err := rules.Find(path, target.Query{})
	if err != nil {
		return access.DenyError(err)
	}
	grant, err := jwt.Read(text, g.app.Trust().Keys)
	if err != nil {
		return access.DenyError(err)
	}
	return access.Judge(access.Credential{Grant: grant}, wanted, access.Facts{
		Now: at, Address: app.ClientAddress(r), Page: access.ReadPage(nil, r.Header["Referer"]),
	}, access.Policy{Terms: g.app.Terms()})
}
