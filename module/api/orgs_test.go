package api

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/playgate/playgate/module/internal/access"
	"github.com/playgate/playgate/module/internal/registry"
	"github.com/playgate/playgate/module/token/jwt"
)

// What the configuration says of an organisation wins, and is changed there;
// what it does not say is the registry's.
func TestOrganisationsOfTheConfiguration(t *testing.T) {
	s := newTestAPI(t, `"orgs": {"shut": {"name": "Shut", "secure": true}, "open": {"secure": false}, "named": {"name": "Named"}, "bare": {}, "acme": {"name": "Configured"}}`)
	key := s.key(registry.Admin)
	for org, want := range map[string][4]any{
		"shut":  {"Shut", "on", "configuration", true},
		"open":  {nil, "off", "configuration", false},
		"named": {"Named", "unset", "configuration", true},
		"bare":  {nil, "unset", "configuration", true},
		"acme":  {"Configured", "unset", "configuration", false}, // its glass is broken
		"zebra": {"The zebra", "unset", "registry", false},
	} {
		o := s.do(key, "GET", "/api/v1/orgs/"+org, "").want(200).json()
		if got := [4]any{o["name"], o["secure"], o["source"], o["needs_token"]}; got != want {
			t.Errorf("%s: %v instead of %v", org, got, want)
		}
	}
	if list := s.do(key, "GET", "/api/v1/orgs", "").want(200).json()["orgs"].([]any); len(list) != 6 {
		t.Errorf("%v", list)
	}
	for _, tc := range []struct{ method, path, body, location string }{
		{"PATCH", "/api/v1/orgs/shut", `{"secure":"off"}`, "body.secure"},
		{"PATCH", "/api/v1/orgs/open", `{"secure":"on"}`, "body.secure"},
		{"PATCH", "/api/v1/orgs/named", `{"name":"x","secure":"off"}`, "body.name"},
		{"POST", "/api/v1/orgs", `{"org":"bare"}`, "body.org"},
		{"DELETE", "/api/v1/orgs/bare", "", "path.org"},
		{"POST", "/api/v1/streams", `{"org":"shut","stream":"cam","public":true}`, "body.public"},
	} {
		before := s.all()
		p := s.do(key, tc.method, tc.path, tc.body).problem(409)
		if len(p.Errors) != 1 || p.Errors[0].Location != tc.location || !strings.Contains(p.Detail, "the configuration says") {
			t.Errorf("%s %s: %+v", tc.method, tc.path, p)
		}
		if s.all() != before {
			t.Errorf("%s %s has changed something", tc.method, tc.path)
		}
	}
	if o := s.do(key, "PATCH", "/api/v1/orgs/named", `{"secure":"off"}`).want(200).json(); o["secure"] != "off" || o["needs_token"] != false || o["name"] != "Named" {
		t.Errorf("%v", o)
	}
	s.do(key, "POST", "/api/v1/streams", `{"org":"shut","stream":"cam"}`).want(201)
	s.do(key, "PATCH", "/api/v1/streams/shut/cam", `{"public":true}`).problem(409)
	s.do(key, "POST", "/api/v1/tokens", `{"org":"bare","orgwide":true}`).want(201)
	// A broken glass wins over the configuration, which does not speak of it.
	if o := s.do(key, "POST", "/api/v1/orgs/shut/break-glass", `{"for":"2h","reason":"fire"}`).want(200).json(); o["needs_token"] != false || o["secure"] != "on" || o["break_glass"].(map[string]any)["reason"] != "fire" {
		t.Errorf("%v", o)
	}
	if o := s.do(key, "DELETE", "/api/v1/orgs/shut/break-glass", "").want(200).json(); o["needs_token"] != true || o["break_glass"] != nil {
		t.Errorf("%v", o)
	}
	s.do(key, "DELETE", "/api/v1/orgs/open/break-glass", "").want(200) // there was none
	status := s.do(key, "GET", "/api/v1/status", "").want(200).json()
	if status["organisations"] != 6.0 || status["streams"] != 5.0 || len(status["broken_glass"].([]any)) != 2 {
		t.Errorf("%v", status)
	}
}

func TestOrganisations(t *testing.T) {
	s := newTestAPI(t, "")
	key := s.key(registry.Admin)
	for _, body := range []string{`{"org":""}`, `{"org":"a-b"}`, `{"org":"a.b"}`, `{"org":"` + strings.Repeat("x", 65) + `"}`, `{}`, `{"org":"x","secure":"unset"}`, `{"org":"x","secure":""}`, `{"org":"x","name":"\u0007"}`, `{"org":7}`} {
		s.do(key, "POST", "/api/v1/orgs", body).problem(badValue(body))
	}
	o := s.do(key, "POST", "/api/v1/orgs", `{"org":"fresh","name":"Fresh","secure":"off"}`).want(201).json()
	if o["needs_token"] != false || o["source"] != "registry" || !strings.HasPrefix(o["by"].(string), "apikey ") {
		t.Errorf("%v", o)
	}
	s.do(key, "POST", "/api/v1/orgs", `{"org":"fresh"}`).problem(409)
	o = s.do(key, "PATCH", "/api/v1/orgs/fresh", `{"name":"","secure":"unset"}`).want(200).json()
	if o["needs_token"] != true || o["name"] != nil || o["secure"] != "unset" {
		t.Errorf("%v", o)
	}
	for _, body := range []string{`{}`, `{"name":null}`, `{"secure":"maybe"}`, `{"name":"` + strings.Repeat("x", 129) + `"}`, `{"break_glass":{}}`, `{"org":"other"}`} {
		s.do(key, "PATCH", "/api/v1/orgs/fresh", body).problem(badValue(body))
	}
	for _, body := range []string{`{"for":"2h"}`, `{"reason":"x"}`, `{"for":"2h","reason":""}`, `{"for":"25h","reason":"x"}`, `{"for":"0s","reason":"x"}`, `{"for":"-1h","reason":"x"}`, `{"for":"soon","reason":"x"}`, `{"for":"2027-01-01T00:00:00Z","reason":"x"}`, `{"for":"1h","reason":"\n"}`} {
		s.do(key, "POST", "/api/v1/orgs/fresh/break-glass", body).problem(badValue(body))
	}
	s.do(key, "POST", "/api/v1/orgs/fresh/break-glass", `{"for":"24h","reason":"x"}`).want(200)
	s.do(key, "POST", "/api/v1/streams", `{"org":"fresh","stream":"cam"}`).want(201)
	s.do(key, "DELETE", "/api/v1/orgs/fresh", "").problem(409)
	s.do(key, "DELETE", "/api/v1/streams/fresh/cam", "").want(204)
	s.do(key, "DELETE", "/api/v1/orgs/fresh", "").want(204)
	s.do(key, "GET", "/api/v1/orgs/fresh", "").problem(404)
	s.do(key, "GET", "/api/v1/audit?org=fresh", "").want(200) // what is left of it
	s.do(s.key(registry.Admin, "acme"), "GET", "/api/v1/audit?org=fresh", "").problem(404)
	if all := s.do(key, "GET", "/api/v1/audit", "").want(200).Body.String(); !strings.Contains(all, `"org":"fresh","what":"org.delete"`) {
		t.Errorf("%s", all)
	}
}

// What a status counts is the caller's own.
func TestStatusIsOfOwnOrganisations(t *testing.T) {
	s := newTestAPI(t, "")
	for _, tc := range []struct {
		orgs          []string
		organisations float64
	}{{nil, 2}, {[]string{"acme"}, 1}, {[]string{"nobody"}, 0}} {
		v := s.do(s.key(registry.Read, tc.orgs...), "GET", "/api/v1/status", "").want(200).json()
		if v["organisations"] != tc.organisations || v["streams"] != 2*tc.organisations || float64(len(v["broken_glass"].([]any))) != tc.organisations {
			t.Errorf("%v: %v", tc.orgs, v)
		}
	}
}

func TestAudit(t *testing.T) {
	s := newTestAPI(t, "")
	key := s.key(registry.Admin)
	s.do(key, "POST", "/api/v1/keys/rotate", "{}").want(200)
	s.do(key, "PATCH", "/api/v1/orgs/acme", `{"secure":"on"}`).want(200)
	read := func(key, query string) (what []string) {
		t.Helper()
		for _, e := range s.do(key, "GET", "/api/v1/audit"+query, "").want(200).json()["events"].([]any) {
			what = append(what, e.(map[string]any)["what"].(string))
		}
		return what
	}
	if all := read(key, ""); all[0] != "org.change" || all[1] != "key.rotate" || len(all) != 13 {
		t.Errorf("%v", all)
	}
	if all := read(key, "?limit=2"); len(all) != 2 {
		t.Errorf("%v", all)
	}
	if acme := read(s.key(registry.Admin, "acme"), ""); acme[1] != "org.change" || len(acme) != 7 {
		t.Errorf("%v", acme)
	}
	if both := read(s.key(registry.Admin, "acme", "zebra"), ""); len(both) != 14 {
		t.Errorf("%v", both)
	}
	// An API key for two organisations is in the trail of each.
	for _, org := range []string{"acme", "zebra"} {
		own := s.key(registry.Admin, org)
		if list := read(own, ""); list[0] != "apikey.create" || list[1] != "apikey.create" {
			t.Errorf("%s: %v", org, list)
		}
		other := map[string]string{"acme": "zebra", "zebra": "acme"}[org]
		if text := s.do(own, "GET", "/api/v1/audit", "").Body.String(); strings.Contains(text, other) {
			t.Errorf("%s reads of the other one: %s", org, text)
		}
	}
}

// Deleting an organisation ends its tokens, keys and API keys, or is refused while it has
// any; nothing of it revives when one of the same hash is made again. Who administers all
// may act on what is left.
func TestDeletedOrganisationsStayDeleted(t *testing.T) {
	s := newTestAPI(t, "")
	all, r := s.key(registry.Admin), s.app.Registry()
	both := s.key(registry.Admin, "acme", "zebra")
	own := s.key(registry.Admin, "acme")
	issued := s.do(all, "POST", "/api/v1/tokens", `{"org":"acme","streams":["cam"],"tag":"press"}`).want(201).json()
	id := fmt.Sprint(issued["id"])
	g, err := jwt.Read(fmt.Sprint(issued["token"]), s.app.Trust().Keys)
	if err != nil {
		t.Fatal(err)
	}
	subject := access.SubjectOf(g, "cam", s.app.Trust().Hasher)
	later := time.Now().Add(time.Minute)
	zebra := len(keysNamed(s, "zebra"))

	p := s.do(all, "DELETE", "/api/v1/orgs/acme", "").problem(409)
	for _, what := range []string{"stream", "token", "API key", "1 key", "force"} {
		if !strings.Contains(p.Detail, what) {
			t.Errorf("the refusal does not name %s: %s", what, p.Detail)
		}
	}
	if s.app.Revoked(&subject, later) {
		t.Error("a refused deletion has revoked something")
	}
	s.do(own, "DELETE", "/api/v1/orgs/acme?force=true", "").problem(403)
	s.do(all, "DELETE", "/api/v1/orgs/acme?force=true", "").want(204)
	for range 2 {
		if !s.app.Revoked(&subject, later) {
			t.Error("its token plays")
		}
		if n := len(keysNamed(s, "acme")); n != 0 {
			t.Errorf("%d keys are left", n)
		}
		s.do(own, "GET", "/api/v1/orgs", "").want(401)
		s.do(both, "GET", "/api/v1/orgs/acme", "").want(404)
		s.do(both, "GET", "/api/v1/tokens/"+id+"?org=acme", "").want(404)
		if r.View().Public("acme", "acme-cam") || len(r.Streams.List("acme")) != 0 {
			t.Error("its streams are left")
		}
		s.do(all, "POST", "/api/v1/orgs", `{"org":"acme"}`) // again
	}
	again := s.key(registry.Admin, "acme")
	made, _ := r.Revocations.List(registry.RevocationFilter{Orgs: []string{"acme"}}, nil, 10)
	for _, c := range made {
		s.do(again, "DELETE", "/api/v1/revocations/acme/"+c.ID, "").problem(404)
	}
	s.do(all, "DELETE", "/api/v1/orgs/acme?force=true", "").want(204)

	// Another organisation has lost nothing.
	s.do(both, "GET", "/api/v1/orgs/zebra", "").want(200)
	if n := len(keysNamed(s, "zebra")); n != zebra {
		t.Errorf("zebra has %d keys instead of %d", n, zebra)
	}
	// What is left can be seen, and undone, by who administers all.
	if v := s.do(all, "GET", "/api/v1/tokens/"+id+"?org=acme", "").want(200).json(); v["status"] != "revoked" {
		t.Errorf("%v", v)
	}
	list := s.do(all, "GET", "/api/v1/revocations?org=acme", "").want(200).json()["revocations"].([]any)
	if len(list) != 2 {
		t.Errorf("%v", list)
	}
	for _, one := range list {
		s.do(both, "DELETE", fmt.Sprint("/api/v1/revocations/acme/", one.(map[string]any)["id"]), "").want(404)
		s.do(all, "DELETE", fmt.Sprint("/api/v1/revocations/acme/", one.(map[string]any)["id"]), "").want(204)
	}
	s.do(all, "POST", "/api/v1/revocations", `{"org":"acme","kind":"org"}`).want(201)
	s.do(all, "POST", "/api/v1/revocations", `{"org":"never","kind":"org"}`).problem(422)
}

// keysNamed are the keys of an organisation's own.
func keysNamed(s *fixture, org string) []*registry.OrgKey {
	return slices.DeleteFunc(s.app.Registry().OrgKeys.List(), func(k *registry.OrgKey) bool { return k.Org != org })
}

// What exists when a revocation or a deletion is acknowledged is refused, also a token that
// was made in the same second, after another revocation.
func TestRevocationsReachWhatWasMadeJustBefore(t *testing.T) {
	s := newTestAPI(t, "")
	all := s.key(registry.Admin)
	revoked := func(text string) bool {
		t.Helper()
		g, err := jwt.Read(text, s.app.Trust().Keys)
		if err != nil {
			t.Fatal(err)
		}
		subject := access.SubjectOf(g, "cam", s.app.Trust().Hasher)
		return s.app.Revoked(&subject, time.Now())
	}
	make := func() string {
		t.Helper()
		return fmt.Sprint(s.do(all, "POST", "/api/v1/tokens", `{"org":"acme","streams":["cam"],"tag":"press"}`).want(201).json()["token"])
	}
	for _, body := range []string{`{"org":"acme","kind":"tag","value":"press"}`, `{"org":"acme","kind":"org"}`, `{"org":"acme","kind":"stream","value":"cam"}`} {
		text := make()
		if revoked(text) {
			t.Errorf("%s: a token that was made after it is refused", body)
		}
		s.do(all, "POST", "/api/v1/revocations", body).want(201)
		if !revoked(text) {
			t.Errorf("%s: a token that was made before it plays", body)
		}
	}
	text := make()
	s.do(all, "DELETE", "/api/v1/orgs/acme?force=true", "").want(204)
	if !revoked(text) {
		t.Error("a token of a deleted organisation plays")
	}
}

// A tenant of an organisation sees nothing of an earlier one by the same hash; who administers
// all does.
func TestTenantsSeeNothingOfADeletedOrganisation(t *testing.T) {
	s := newTestAPI(t, "")
	all := s.key(registry.Admin)
	former := fmt.Sprint(s.do(all, "POST", "/api/v1/tokens", `{"org":"acme","orgwide":true,"user":"eve"}`).want(201).json()["id"])
	revoked := fmt.Sprint(s.do(all, "POST", "/api/v1/revocations", `{"org":"acme","kind":"tag","value":"former-tag"}`).want(201).json()["id"])
	s.do(all, "DELETE", "/api/v1/orgs/acme?force=true", "").want(204)
	s.do(all, "POST", "/api/v1/orgs", `{"org":"acme"}`).want(201)
	own := s.key(registry.Admin, "acme")
	made := fmt.Sprint(s.do(own, "POST", "/api/v1/tokens", `{"org":"acme","orgwide":true,"user":"ann"}`).want(201).json()["id"])
	for path, sees := range map[string]int{"/api/v1/tokens?org=acme": 1, "/api/v1/tokens?sort=expires": 1, "/api/v1/revocations?org=acme": 0} {
		list := s.do(own, "GET", path, "").want(200).json()
		if n := len(list[strings.Split(path[len("/api/v1/"):], "?")[0]].([]any)); n != sees || strings.Contains(fmt.Sprint(list), "eve") {
			t.Errorf("%s: its tenant sees %v", path, list)
		}
	}
	for _, id := range []string{former, made} {
		s.do(all, "GET", "/api/v1/tokens/"+id+"?org=acme", "").want(200)
	}
	s.do(own, "GET", "/api/v1/tokens/"+made, "").want(200)
	s.do(own, "GET", "/api/v1/tokens/"+former, "").problem(404)
	s.do(own, "DELETE", "/api/v1/tokens/"+former+"?org=acme", "").problem(404)
	s.do(own, "DELETE", "/api/v1/revocations/acme/"+revoked, "").problem(404)
	trail := fmt.Sprint(s.do(own, "GET", "/api/v1/audit?org=acme", "").want(200).json())
	for _, text := range []string{"former-tag", "stream.delete", "org.delete", "acme-cam"} {
		if strings.Contains(trail, text) {
			t.Errorf("its tenant reads %s in %s", text, trail)
		}
	}
	if trail := fmt.Sprint(s.do(all, "GET", "/api/v1/audit?org=acme", "").want(200).json()); !strings.Contains(trail, "former-tag") {
		t.Errorf("who administers all reads %s", trail)
	}
}

// Where the configuration forbids it, nobody breaks the glass, and one that was broken before
// lets nobody in.
func TestGlassThatTheConfigurationForbids(t *testing.T) {
	s := newTestAPI(t, `"orgs": {"acme": {"secure": true, "break_glass": false}, "zebra": {"secure": true, "break_glass": true}}`)
	key := s.key(registry.Admin)
	for org, needs := range map[string]bool{"acme": true, "zebra": false} { // both are broken in the registry
		o := s.do(key, "GET", "/api/v1/orgs/"+org, "").want(200).json()
		if o["needs_token"] != needs || s.app.Public(org, "cam", time.Now()) == needs || (o["break_glass"] == nil) != needs {
			t.Errorf("%s: %v", org, o)
		}
	}
	if broken := fmt.Sprint(s.do(key, "GET", "/api/v1/status", "").want(200).json()["broken_glass"]); broken != "[zebra]" {
		t.Errorf("status: %s", broken)
	}
	if p := s.do(key, "POST", "/api/v1/orgs/acme/break-glass", `{"for":"2h","reason":"fire"}`).problem(409); !strings.Contains(p.Detail, "break_glass off") {
		t.Errorf("%+v", p)
	}
	s.do(key, "POST", "/api/v1/orgs/zebra/break-glass", `{"for":"2h","reason":"fire"}`).want(200)
	s.do(key, "DELETE", "/api/v1/orgs/acme/break-glass", "").want(200)
}
