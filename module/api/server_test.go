package api

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/playgate/playgate/module/app"
	"github.com/playgate/playgate/module/internal/registry"
)

// Unknown members are refused by every route that takes a body, and so is a
// body where none is taken; parameters likewise. Nothing is changed by it.
func TestUnknownMembersAreRefused(t *testing.T) {
	s := newTestAPI(t, "")
	key := s.key(registry.Admin)
	before := s.all()
	for _, route := range routes {
		r := strings.NewReplacer("ORG", "acme", "APIKEY", s.apiKeys["acme"])
		path, body := r.Replace(route.path), r.Replace(route.body)
		question := "?"
		if strings.Contains(path, "?") {
			question = "&"
		}
		p := s.do(key, route.method, path+question+"colour=blue", body).problem(422)
		if len(p.Errors) != 1 || p.Errors[0].Location != "query.colour" {
			t.Errorf("%s %s: %+v", route.method, path, p)
		}
		if route.method == "GET" {
			continue
		}
		with := `{"colour":"blue"}`
		if body != "" {
			with = `{"colour":"blue",` + body[1:]
		}
		p = s.do(key, route.method, path, with).problem(422)
		if !strings.HasPrefix(p.Errors[0].Location, "body") {
			t.Errorf("%s %s: %+v", route.method, path, p)
		}
		if body == "" {
			continue
		}
		// Names that differ in case, or stand twice, and other texts.
		name, _, _ := strings.Cut(body[2:], `"`)
		for _, bad := range []string{
			strings.Replace(body, name, strings.ToUpper(name), 1), `{"` + name + `":"x",` + body[1:],
			body + "{}", body[:len(body)-1], "[" + body + "]", `"x"`, "null", "\xff" + body, strings.Replace(body, `":"`, "\":\"\xff", 1),
		} {
			if bad == body {
				continue
			}
			if a := s.do(key, route.method, path, bad); a.Code != 400 && a.Code != 422 {
				t.Errorf("%s %s: %d for %q", route.method, path, a.Code, bad)
			}
		}
	}
	if s.all() != before {
		t.Error("something has changed")
	}
}

// Bodies are JSON by their header, so that no form of another site can post,
// and not longer than 64 KiB; pages of other sites are refused whatever they
// send.
func TestBodies(t *testing.T) {
	s := newTestAPI(t, "")
	key := s.key(registry.Admin)
	before := s.all()
	const body = `{"org":"fresh"}`
	for _, kind := range []string{"", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/problem+json", "application/json; charset=latin1", "text/plain; application/json", "application/json, text/plain"} {
		s.do(key, "POST", "/api/v1/orgs", body, "Content-Type: "+kind).problem(415)
	}
	s.do(key, "POST", "/api/v1/orgs", "").problem(400)
	long := `{"org":"fresh","name":"` + strings.Repeat("x", maxBody) + `"}`
	if p := s.do(key, "POST", "/api/v1/orgs", long).problem(413); !strings.Contains(p.Detail, "64 KiB") {
		t.Error(p.Detail)
	}
	for _, header := range []string{"Origin: https://evil.test", "Sec-Fetch-Site: cross-site", "Sec-Fetch-Site: same-site"} {
		s.do(key, "POST", "/api/v1/orgs", body, header).problem(403)
		s.do(key, "POST", "/api/v1/keys/rotate", "", header).problem(403)
	}
	if s.all() != before {
		t.Error("something has changed")
	}
	exact := `{"org":"fresh"` + strings.Repeat(" ", maxBody-len(body)) + `}`
	s.do(key, "POST", "/api/v1/orgs", exact, "Content-Type: application/json; charset=UTF-8").want(201)
}

// What every answer has, and what none has.
func TestHeaders(t *testing.T) {
	s := newTestAPI(t, "")
	key := s.key(registry.Admin)
	for _, a := range []*answer{
		s.do(key, "GET", "/api/v1/orgs", "", "Origin: https://evil.test").want(200),
		s.do(key, "GET", "/api/v1/orgs/nobody", "").want(404),
		s.do("", "GET", "/api/v1/orgs", "").want(401),
		s.do(key, "GET", "/api/v1/nowhere", "").want(404),
		s.do(key, "OPTIONS", "/api/v1/orgs", "", "Origin: https://evil.test").want(405),
		s.do(key, "DELETE", "/api/v1/apikeys/"+s.apiKeys["acme"], "").want(204),
		s.send(request("GET", "/api/openapi.json", "")).want(200),
	} {
		h := a.Header()
		if h.Get("X-Content-Type-Options") != "nosniff" || h.Get("Cache-Control") != "no-store" || strings.Count(h.Get("Playgate-Instance"), "/") != 1 {
			t.Errorf("%v", h)
		}
		for name := range h {
			if strings.HasPrefix(name, "Access-Control-") {
				t.Errorf("%v", h)
			}
		}
	}
}

func TestNoRoute(t *testing.T) {
	s := newTestAPI(t, "")
	key := s.key(registry.Admin)
	for _, path := range []string{"/api/", "/api/v1", "/api/v1/orgs/", "/api/v1//orgs", "/api/v1/x/../orgs", "/api/v1/splay/unrevoke", "/api/docs", "/api/v1/orgs/a%2Fb"} {
		s.do(key, "GET", path, "").problem(404)
	}
	a := s.do(key, "PUT", "/api/v1/orgs", `{}`)
	a.problem(405)
	if a.Header().Get("Allow") == "" {
		t.Error("no Allow")
	}
	for _, path := range []string{"/", "/api", "/apis", "/.well-known/jwks", "/live/acme/cam"} {
		s.do(key, "GET", path, "").want(http.StatusTeapot) // the next handler
	}
}

// Where there is nobody to ask, nothing is answered, and nobody is let in.
func TestAPIWithoutApp(t *testing.T) {
	s := newTestAPI(t, "")
	operator := func(*http.Request) (Principal, error) { return Principal{Operator: true}, nil }
	off, err := caddy.ProvisionContext(&caddy.Config{AppsRaw: caddy.ModuleMap{app.ID: json.RawMessage(`{"store":{"driver":"off"}}`)}})
	if err != nil {
		t.Fatal(err)
	}
	found, err := off.App(app.ID)
	if err != nil {
		t.Fatal(err)
	}
	for name, find := range map[string]func() *app.App{"no app": func() *app.App { return nil }, "no store": func() *app.App { return found.(*app.App) }} {
		s.handler.api = New(find, operator)
		p := s.do("", "GET", "/api/v1/orgs", "").problem(503)
		if name == "no store" && p.Detail != app.ErrNoStore.Error() {
			t.Error(p.Detail)
		}
		s.send(request("GET", jwksPath, "")).problem(503)
		s.do("", "POST", "/api/v1/tokens", `{"org":"acme","orgwide":true}`).problem(503)
	}
	if err := new(Handler).Provision(off); err == nil || !strings.Contains(err.Error(), "write store embedded") {
		t.Errorf("with store off: %v", err)
	}
}

// A token whose record cannot be kept is not shown.
func TestNoRecordNoToken(t *testing.T) {
	s := newTestAPI(t, "")
	key := s.key(registry.Issue, "acme")
	const body = `{"org":"acme","orgwide":true}`
	s.do(key, "POST", "/api/v1/tokens", body).want(201)
	if err := s.app.Registry().Close(); err != nil {
		t.Fatal(err)
	}
	a := s.do(key, "POST", "/api/v1/tokens", body)
	p := a.problem(503)
	if strings.Contains(a.Body.String(), "eyJ") || a.Header().Get("Retry-After") != "2" || !strings.Contains(p.Detail, "no token") {
		t.Errorf("%v %s", a.Header(), a.Body)
	}
	a = s.do(key, "POST", "/api/v1/splay", `{"orgawide":true}`).want(503)
	if strings.Contains(a.Body.String(), "eyJ") || !strings.Contains(a.Body.String(), `"success":false`) {
		t.Errorf("%s", a.Body)
	}
}

func TestDirective(t *testing.T) {
	for text, ok := range map[string]bool{"playgate_api": true, "playgate_api /x": false, "playgate_api {\n}": false, "playgate_api {\n x\n}": false} {
		err := new(Handler).UnmarshalCaddyfile(caddyfile.NewTestDispenser(text))
		if ok != (err == nil) || err != nil && !strings.Contains(err.Error(), "neither a matcher nor values nor a block") {
			t.Errorf("%q: %v", text, err)
		}
	}
}
