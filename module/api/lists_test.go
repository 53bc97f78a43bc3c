package api

import (
	"testing"

	"github.com/playgate/playgate/module/internal/registry"
)

// Four lists of one principal run at once, the fifth is told to wait, and nobody else is.
func TestListsOfOneTakeNothingFromOthers(t *testing.T) {
	s := newTestAPI(t, "")
	busy, other := s.key(registry.Admin, "acme"), s.key(registry.Read)
	running := &s.handler.api.(*server).lists
	var who string
	for _, k := range s.do(s.key(registry.Admin), "GET", "/api/v1/apikeys", "").want(200).json()["apikeys"].([]any) {
		if k := k.(map[string]any); busy[4:16] == k["id"] {
			who = "apikey " + k["id"].(string)
		}
	}
	for range maxLists {
		if !running.begin(who) {
			t.Fatal("fewer than four")
		}
	}
	for _, path := range []string{"tokens", "audit", "revocations", "streams", "orgs", "keys", "apikeys"} {
		a := s.do(busy, "GET", "/api/v1/"+path, "")
		if a.problem(429); a.Header().Get("Retry-After") != "1" {
			t.Errorf("%s: %v", path, a.Header())
		}
		s.do(other, "GET", "/api/v1/streams", "").want(200)
	}
	s.do(busy, "POST", "/api/v1/revocations", `{"org":"acme","kind":"tag","value":"press"}`).want(201)
	running.end(who)
	for range 3 {
		s.do(busy, "GET", "/api/v1/tokens", "").want(200)
	}
	for range maxLists - 1 {
		running.end(who)
	}
	if len(running.of) != 0 {
		t.Errorf("%v", running.of)
	}
}
