package api

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/playgate/playgate/module/app"
	"github.com/playgate/playgate/module/internal/registry"
)

// stand is an API on a real registry, with two organisations: acme, and other,
// which has the same of everything.
type stand struct {
	t       *testing.T
	dir     string
	app     *app.App
	handler *Handler
}

// newStand starts an app with this further configuration.
func newStand(t *testing.T, more string) *stand {
	t.Helper()
	// Where Caddy keeps the id of the instance.
	t.Setenv("XDG_DATA_HOME", t.TempDir())
	s := &stand{t: t, dir: t.TempDir()}
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
	s.handler = new(Handler)
	if err := s.handler.Provision(ctx); err != nil {
		t.Fatal(err)
	}
	if err := s.app.Start(); err != nil {
		t.Fatal(err)
	}
	for _, org := range []string{"acme", "other"} {
		if err := s.app.Registry().CreateOrg(t.Context(), &registry.Org{Hash: org, Name: "The " + org}, "test"); err != nil {
			t.Fatal(err)
		}
		if err := s.app.Registry().CreateStream(t.Context(), &registry.Stream{Org: org, Name: org + "-cam", Tags: []string{"hall"}}, "test"); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// key makes an API key.
func (s *stand) key(role registry.Role, orgs ...string) string {
	s.t.Helper()
	text, err := s.app.Registry().CreateAPIKey(s.t.Context(), &registry.APIKey{Role: role, Orgs: orgs}, "test")
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
	caddyhttp.SetVar(r.Context(), caddyhttp.ClientIPVarKey, "192.0.2.1")
	return r
}

func from(r *http.Request, address string) *http.Request {
	caddyhttp.SetVar(r.Context(), caddyhttp.ClientIPVarKey, address)
	return r
}

func (s *stand) send(r *http.Request) *answer {
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
func (s *stand) do(key, method, target, body string, headers ...string) *answer {
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
func (s *stand) all() string {
	s.t.Helper()
	ctx := context.Background()
	r := s.app.Registry()
	index, err := r.Tokens(ctx)
	if err != nil {
		s.t.Fatal(err)
	}
	tokens, _ := index.Page(registry.Filter{}, nil, 1000, time.Now())
	keys, err := r.APIKeys(ctx)
	if err != nil {
		s.t.Fatal(err)
	}
	text, err := json.Marshal([]any{r.Orgs(), r.Streams(""), tokens, keys, r.SigningKeys(), r.OrgKeys()})
	if err != nil {
		s.t.Fatal(err)
	}
	return string(text)
}
