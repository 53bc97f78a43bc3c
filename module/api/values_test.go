package api

import (
	"strings"
	"testing"

	"github.com/playgate/playgate/module/internal/registry"
)

// A value that is empty, given twice, or of no use is a mistake with its place, and changes
// nothing.
func TestValuesThatMeanNothingAreMistakes(t *testing.T) {
	s := newTestAPI(t, "")
	all := s.key(registry.Admin)
	for _, tc := range []struct{ method, path, body, location string }{
		{"POST", "/api/v1/apikeys", `{"role":"read","orgs":[]}`, "body.orgs"},
		{"POST", "/api/v1/revocations", `{"org":"acme","kind":"stream","value":"a!b"}`, "body.value"},
		{"POST", "/api/v1/revocations", `{"org":"acme","kind":"stream","value":""}`, "body.value"},
		{"POST", "/api/v1/tokens", `{"org":"acme","orgwide":true,"ip":[" , "]}`, "body.ip"},
		{"GET", "/api/v1/tokens?org=acme&org=zebra", "", "query.org"},
		{"GET", "/api/v1/tokens?org=", "", "query.org"},
		{"DELETE", "/api/v1/orgs/acme?force=true&force=false", "", "query.force"},
	} {
		before := s.all()
		a := s.do(all, tc.method, tc.path, tc.body)
		if a.Code != 400 && a.Code != 422 {
			t.Errorf("%s %s %s: %d", tc.method, tc.path, tc.body, a.Code)
			continue
		}
		if p := a.problem(a.Code); len(p.Errors) != 1 || !strings.HasPrefix(p.Errors[0].Location, tc.location) {
			t.Errorf("%s %s %s: %+v", tc.method, tc.path, tc.body, p)
		}
		if s.all() != before {
			t.Errorf("%s %s %s has changed something", tc.method, tc.path, tc.body)
		}
	}
}

func TestWrittenIsNoSuccess(t *testing.T) {
	if p := problemOf(registry.ErrNotInForce); p.Status != 503 || !strings.HasPrefix(p.Detail, "written, not in force on this node yet") {
		t.Errorf("%+v", p)
	}
}
