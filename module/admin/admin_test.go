package admin

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/playgate/playgate/module/api"
)

func TestWhoeverComesIsTheOperator(t *testing.T) {
	for by, name := range map[string]string{
		"": "operator", "alice": "operator (alice)", strings.Repeat("a", 64): "operator (" + strings.Repeat("a", 64) + ")",
		strings.Repeat("a", 65): "", "al\tice": "", "älice": "",
	} {
		r := httptest.NewRequest(http.MethodGet, "/api/v1/orgs", nil)
		if by != "" {
			r.Header.Set(byHeader, by)
		}
		p, err := operator(r)
		if name == "" {
			if problem, ok := errors.AsType[*api.Problem](err); !ok || problem.Status != 400 {
				t.Errorf("%q: %v, want a problem", by, err)
			}
			continue
		}
		if err != nil || p.Name != name || !p.Operator || p.Orgs != nil {
			t.Errorf("%q: %+v, %v", by, p, err)
		}
	}
}

// Before there is any configuration, and after the last one.
func TestWithoutAnAppTheAnswerIsUnavailable(t *testing.T) {
	route := Routes{}.Routes()[0]
	w := httptest.NewRecorder()
	err := route.Handler.ServeHTTP(w, httptest.NewRequest(http.MethodGet, route.Pattern+"api/v1/orgs", nil))
	if err != nil || w.Code != http.StatusServiceUnavailable || w.Header().Get("Playgate-Instance") == "" {
		t.Errorf("%v, status %d, %v", err, w.Code, w.Header())
	}
}
