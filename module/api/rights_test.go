package api

import (
	"net/http"
	"strings"
	"testing"

	"github.com/playgate/playgate/module/internal/registry"
)

const publicJWK = `{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","kid":"new-key"}`

// routes are all that need rights. ORG stands for the organisation that is
// asked about, and APIKEY for the id of its API key.
var routes = []struct {
	method, path, body string
	need               need
	ok, foreign        int // foreign 0: the answer is ok, without what is foreign
	changes            bool
}{
	{"GET", "/api/v1/orgs", "", toRead, 200, 0, false},
	{"POST", "/api/v1/orgs", `{"org":"fresh"}`, toAdministerAll, 201, 0, true},
	{"GET", "/api/v1/orgs/ORG", "", toRead, 200, 404, false},
	{"PATCH", "/api/v1/orgs/ORG", `{"secure":"off"}`, toAdminister, 200, 404, true},
	{"DELETE", "/api/v1/orgs/ORG", "", toAdministerAll, 409, 409, false}, // it has streams
	{"POST", "/api/v1/orgs/ORG/break-glass", `{"for":"2h","reason":"fire"}`, toAdminister, 200, 404, true},
	{"DELETE", "/api/v1/orgs/ORG/break-glass", "", toAdminister, 200, 404, true},
	{"GET", "/api/v1/streams", "", toRead, 200, 0, false},
	{"GET", "/api/v1/streams?tag=hall&limit=500", "", toRead, 200, 0, false},
	{"GET", "/api/v1/streams?org=ORG", "", toRead, 200, 404, false},
	{"POST", "/api/v1/streams", `{"org":"ORG","stream":"fresh"}`, toAdminister, 201, 422, true},
	{"GET", "/api/v1/streams/ORG/cam", "", toRead, 200, 404, false},
	{"PATCH", "/api/v1/streams/ORG/cam", `{"public":true}`, toAdminister, 200, 404, true},
	{"DELETE", "/api/v1/streams/ORG/cam", "", toAdminister, 204, 404, true},
	{"GET", "/api/v1/tokens", "", toRead, 200, 0, false},
	{"GET", "/api/v1/tokens?stream=cam&tag=hall&user=ann&status=active", "", toRead, 200, 0, false},
	{"GET", "/api/v1/tokens?org=ORG", "", toRead, 200, 404, false},
	{"POST", "/api/v1/tokens", `{"org":"ORG","streams":["cam"]}`, toIssue, 201, 422, true},
	{"GET", "/api/v1/tokens/ORG-id", "", toRead, 200, 404, false},
	{"GET", "/api/v1/tokens/shared?org=ORG", "", toRead, 200, 404, false},
	{"DELETE", "/api/v1/tokens/ORG-id", "", toIssue, 204, 404, true},
	{"GET", "/api/v1/revocations", "", toRead, 200, 0, false},
	{"GET", "/api/v1/revocations?org=ORG", "", toRead, 200, 404, false},
	{"GET", "/api/v1/revocations?kind=tag&value=x&limit=500", "", toRead, 200, 0, false},
	{"POST", "/api/v1/revocations", `{"org":"ORG","kind":"tag","value":"x"}`, toIssue, 201, 422, true},
	{"POST", "/api/v1/revocations", `{"org":"ORG","kind":"stream","value":"x"}`, toAdminister, 201, 422, true},
	{"POST", "/api/v1/revocations", `{"org":"ORG","kind":"org"}`, toAdminister, 201, 422, true},
	{"POST", "/api/v1/revocations/preview", `{"org":"ORG","kind":"tag","value":"x"}`, toIssue, 200, 422, false},
	{"POST", "/api/v1/revocations/preview", `{"org":"ORG","kind":"org"}`, toAdminister, 200, 422, false},
	{"POST", "/api/v1/tokens/check", `{"org":"ORG","streams":["cam"]}`, toIssue, 200, 422, false},
	{"DELETE", "/api/v1/revocations/ORG/none", "", toIssue, 404, 404, false},
	{"POST", "/api/v1/tokens/verify", `{"token":"x"}`, toRead, 200, 0, false},
	{"GET", "/api/v1/refusals/ORG-refusal", "", toRead, 200, 404, false},
	{"GET", "/api/v1/refusals/none", "", toRead, 404, 404, false},
	{"POST", "/api/v1/purges", `{"org":"ORG"}`, toPurge, 200, 422, false},
	{"POST", "/api/v1/purges", `{"org":"ORG","stream":"cam"}`, toPurge, 200, 422, false},
	{"POST", "/api/v1/purges", `{"url":"https://live.example.com/live/ORG/cam/x"}`, toPurge, 200, 0, false},
	{"GET", "/api/v1/keys", "", toRead, 200, 0, false},
	{"POST", "/api/v1/keys", `{"org":"ORG","jwk":` + publicJWK + `}`, toAdminister, 201, 422, true},
	{"POST", "/api/v1/keys/rotate", "", toAdministerAll, 200, 0, true},
	{"POST", "/api/v1/keys/ORG-key/retire", "", toAdministerAll, 404, 404, false}, // not Playgate's own
	{"POST", "/api/v1/keys/ORG-key/retire?org=ORG", "", toAdminister, 204, 404, true},
	{"GET", "/api/v1/apikeys", "", toAdminister, 200, 0, false},
	{"POST", "/api/v1/apikeys", `{"role":"read","orgs":["ORG"]}`, toAdminister, 201, 422, true},
	{"DELETE", "/api/v1/apikeys/APIKEY", "", toAdminister, 204, 404, true},
	{"GET", "/api/v1/audit", "", toAdminister, 200, 0, false},
	{"GET", "/api/v1/audit?org=ORG", "", toAdminister, 200, 404, false},
	{"GET", "/api/v1/status", "", toRead, 200, 0, false},
	{"GET", "/api/v1/backup", "", toAdministerAll, 200, 0, false},
	{"POST", "/api/v1/restore", "{}", toAdministerAll, 422, 0, false}, // no backup
}

// Every role on every route, for an organisation of its own and for another
// one: who has not the rights is refused, what is not his does not exist, and
// whoever is refused has changed nothing.
func TestRights(t *testing.T) {
	shared := newTestAPI(t, "")
	type who struct {
		role registry.Role
		orgs []string
	}
	callers := []who{{"", nil}, {"nonsense", nil}}
	for _, role := range registry.Roles {
		callers = append(callers, who{role, []string{"acme"}}, who{role, nil})
	}
	keys := make([]string, len(callers))
	for i, c := range callers {
		if c.role != "" {
			keys[i] = shared.key(c.role, c.orgs...)
		}
	}
	before := shared.all()
	for _, route := range routes {
		for _, org := range []string{"acme", "zebra"} {
			for i, caller := range callers {
				s, key := shared, keys[i]
				fill := func(org string) (path, body string) {
					r := strings.NewReplacer("ORG", org, "APIKEY", s.apiKeys[org])
					return r.Replace(route.path), r.Replace(route.body)
				}
				want := route.ok
				switch limited := caller.orgs != nil; {
				case caller.role == "":
					want = 401
				case !caller.role.Allows(route.need.role), route.need.all && limited,
					strings.Contains(route.path, "/retire") && !strings.Contains(route.path, "?org=") && limited:
					want = 403
				case limited && org == "zebra" && route.foreign != 0:
					want = route.foreign
				}
				if route.changes && want == route.ok {
					s = newTestAPI(t, "")
					key = s.key(caller.role, caller.orgs...)
				}
				path, body := fill(org)
				a := s.do(key, route.method, path, body)
				if a.Code != want {
					t.Errorf("%s %s of %s as %v: status %d instead of %d: %s", route.method, path, org, caller, a.Code, want, a.Body)
				}
				if caller.orgs != nil && strings.Contains(a.Body.String(), "zebra") {
					t.Errorf("%s %s as %v tells of zebra: %s", route.method, path, caller, a.Body)
				}
				if s == shared {
					if after := s.all(); after != before {
						t.Fatalf("%s %s as %v has changed something:\n%s\n%s", route.method, path, caller, before, after)
					}
				} else if s.all() == before {
					t.Errorf("%s %s as %v has changed nothing", route.method, path, caller)
				}
				// A foreign organisation and none are the same.
				if caller.orgs != nil && org == "zebra" && route.foreign != 0 {
					shared.apiKeys["nobody"] = "nobody"
					path, body := fill("nobody")
					if none := shared.do(keys[i], route.method, path, body); none.Code != a.Code || none.Body.String() != a.Body.String() {
						t.Errorf("%s %s as %v: %d %s, and for nobody: %d %s", route.method, path, caller, a.Code, a.Body, none.Code, none.Body)
					}
				}
			}
		}
	}
}

// All routes of the document are in the matrix, so that a new one cannot be
// forgotten there.
func TestAllRoutesAreInTheMatrix(t *testing.T) {
	s := newTestAPI(t, "")
	in := make(map[string]bool)
	for _, route := range routes {
		path, _, _ := strings.Cut(route.path, "?")
		r := strings.NewReplacer("/tokens/ORG-id", "/tokens/{id}", "/tokens/shared", "/tokens/{id}", "/refusals/ORG-refusal", "/refusals/{id}", "/refusals/none", "/refusals/{id}", "/keys/ORG-key", "/keys/{id}", "/revocations/ORG/none", "/revocations/{org}/{id}", "ORG/cam", "{org}/{stream}", "ORG", "{org}", "APIKEY", "{id}")
		in[strings.ToLower(route.method)+" "+r.Replace(path)] = true
	}
	for _, route := range []string{"post /api/v1/splay", "post /api/v1/splay/verify", "post /api/v1/splay/revoke", "get /.well-known/jwks.json"} {
		in[route] = true // tests of their own
	}
	document := s.send(request(http.MethodGet, "/api/openapi.json", "")).want(200).json()
	if v, _ := document["openapi"].(string); !strings.HasPrefix(v, "3.1") {
		t.Errorf("OpenAPI %q", v)
	}
	for path, methods := range document["paths"].(map[string]any) {
		for method := range methods.(map[string]any) {
			if !in[method+" "+path] {
				t.Errorf("%s %s is in no matrix", method, path)
			}
			delete(in, method+" "+path)
		}
	}
	for route := range in {
		t.Errorf("%s is not in the document", route)
	}
	yaml := s.send(request(http.MethodGet, "/api/openapi.yaml", "")).want(200).Body.String()
	if !strings.Contains(yaml, "openapi: 3.1") || !strings.Contains(yaml, "/api/v1/splay/verify") || strings.Contains(yaml, "ErrorModel") {
		t.Error("the YAML form is another document")
	}
}

// A cursor says where a page begins, not what is on it.
func TestCursorsShowNothingForeign(t *testing.T) {
	s := newTestAPI(t, "")
	all, acme := s.key(registry.Read), s.key(registry.Read, "acme")
	for _, org := range []string{"acme", "zebra"} {
		for _, value := range []string{"one", "two"} {
			s.do(s.key(registry.Admin), "POST", "/api/v1/revocations", `{"org":"`+org+`","kind":"tag","value":"`+value+`"}`).want(201)
		}
	}
	for _, list := range []string{"streams", "tokens", "revocations"} {
		seen := 0
		for next := ""; ; {
			a := s.do(all, "GET", "/api/v1/"+list+"?limit=1"+next, "").want(200).json()
			seen += len(a[list].([]any))
			if a["next"] == nil {
				break
			}
			next = "&cursor=" + a["next"].(string)
			b := s.do(acme, "GET", "/api/v1/"+list+"?limit=50"+next, "").want(200)
			if strings.Contains(b.Body.String(), "zebra") {
				t.Errorf("%s: %s", list, b.Body)
			}
		}
		if seen != 4 {
			t.Errorf("%d %s on all pages", seen, list)
		}
		for _, bad := range []string{"x", "e30", "bnVsbA==", "eyJ4IjoxfQ", "%00", strings.Repeat("a", 2000)} {
			a := s.do(acme, "GET", "/api/v1/"+list+"?cursor="+bad, "")
			if bad == "e30" { // {} is the beginning
				a.want(200)
				continue
			}
			a.problem(422)
		}
		if list == "tokens" {
			sorted := s.do(all, "GET", "/api/v1/tokens?limit=1&sort=expires", "").want(200).json()["next"].(string)
			for _, other := range []string{"", "&sort=newest", "&sort=used"} {
				s.do(acme, "GET", "/api/v1/tokens?cursor="+sorted+other, "").problem(422)
			}
			if b := s.do(acme, "GET", "/api/v1/tokens?sort=expires&cursor="+sorted, "").want(200); strings.Contains(b.Body.String(), "zebra") {
				t.Errorf("sorted: %s", b.Body)
			}
		}
		for _, bad := range []string{"0", "501", "-1", "x", "1.5"} {
			s.do(acme, "GET", "/api/v1/"+list+"?limit="+bad, "").problem(422)
		}
	}
}

// An API key never makes one with more than it has.
func TestAPIKeysHandOnNoMore(t *testing.T) {
	s := newTestAPI(t, "")
	acme, all := s.key(registry.Admin, "acme"), s.key(registry.Admin)
	before := s.all()
	for _, body := range []string{
		`{"role":"read"}`,
		`{"role":"read","orgs":null}`,
		`{"role":"read","orgs":[]}`,
		`{"role":"read","orgs":["zebra"]}`,
		`{"role":"read","orgs":["acme","zebra"]}`,
		`{"role":"read","orgs":["acme","acme"]}`,
		`{"role":"read","orgs":[""]}`,
		`{"role":"operator","orgs":["acme"]}`,
		`{"role":"","orgs":["acme"]}`,
		`{"orgs":["acme"]}`,
		`{"role":"read","orgs":["acme"],"expires":"2020-01-01T00:00:00Z"}`,
		`{"role":"read","orgs":["acme"],"expires":"-2h"}`,
		`{"role":"read","orgs":["acme"],"hash":"AAAA"}`,
		`{"role":"read","orgs":["acme"],"id":"x"}`,
	} {
		s.do(acme, "POST", "/api/v1/apikeys", body).problem(badValue(body))
	}
	s.do(all, "POST", "/api/v1/apikeys", `{"role":"read","orgs":[]}`).problem(400)
	if s.all() != before {
		t.Error("there is another key now")
	}
	// One for several organisations is not for who has only one of them.
	both := s.do(all, "POST", "/api/v1/apikeys", `{"role":"issue","orgs":["acme","zebra"],"name":"both"}`).want(201).json()
	everywhere := s.do(all, "POST", "/api/v1/apikeys", `{"role":"issue"}`).want(201).json()
	if list := s.do(acme, "GET", "/api/v1/apikeys", "").want(200).Body.String(); strings.Contains(list, both["id"].(string)) || strings.Contains(list, everywhere["id"].(string)) {
		t.Errorf("acme sees %s", list)
	}
	for _, k := range []map[string]any{both, everywhere} {
		s.do(acme, "DELETE", "/api/v1/apikeys/"+k["id"].(string), "").problem(404)
		s.do(k["apikey"].(string), "GET", "/api/v1/orgs", "").want(200)
		s.do(all, "DELETE", "/api/v1/apikeys/"+k["id"].(string), "").want(204)
		s.do(k["apikey"].(string), "GET", "/api/v1/orgs", "").problem(401)
	}
	// Nor does it last longer.
	short := s.do(all, "POST", "/api/v1/apikeys", `{"role":"admin","orgs":["acme"],"expires":"1h"}`).want(201).json()
	mine := short["apikey"].(string)
	s.do(mine, "POST", "/api/v1/apikeys", `{"role":"admin","orgs":["acme"],"expires":"2h"}`).problem(422)
	child := s.do(mine, "POST", "/api/v1/apikeys", `{"role":"admin","orgs":["acme"]}`).want(201).json()
	if child["expires"] != short["expires"] {
		t.Errorf("a key that ends at %v has made one that ends at %v", short["expires"], child["expires"])
	}
}

// A principal's name and rights come from who says who asks, whoever that is.
func TestOperator(t *testing.T) {
	s := newTestAPI(t, "")
	s.handler.api = New(s.handlerApp, func(*http.Request) (Principal, error) {
		return Principal{Name: "operator (ann)", Operator: true}, nil
	})
	s.do("", "POST", "/api/v1/orgs", `{"org":"fresh"}`).want(201)
	if a := s.do("", "GET", "/api/v1/audit?org=fresh", "").want(200).Body.String(); !strings.Contains(a, `"by":"operator (ann)"`) {
		t.Error(a)
	}
	// Nobody in particular may do nothing.
	s.handler.api = New(s.handlerApp, func(*http.Request) (Principal, error) { return Principal{}, nil })
	s.do("", "GET", "/api/v1/orgs", "").problem(403)
}
