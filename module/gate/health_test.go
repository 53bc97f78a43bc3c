package gate

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/playgate/playgate/module/app"
)

func newHealth(t *testing.T, appLines string) *Health {
	t.Helper()
	a := new(app.App)
	if err := a.UnmarshalCaddyfile(caddyfile.NewTestDispenser("playgate {\nstore off\n" + appLines + "\n}")); err != nil {
		t.Fatal(err)
	}
	ctx, err := caddy.ProvisionContext(&caddy.Config{AppsRaw: caddy.ModuleMap{app.ID: caddyconfig.JSON(a, nil)}})
	if err != nil {
		t.Fatal(err)
	}
	module, err := ctx.LoadModuleByID("http.handlers.playgate_health", nil)
	if err != nil {
		t.Fatal(err)
	}
	return module.(*Health)
}

// It serves without a key, and is ready with one that is not retired.
func TestHealth(t *testing.T) {
	key := "key main {\nfile " + keyFile(t, testKey) + "\n"
	for name, tc := range map[string]struct {
		lines string
		ready int
	}{
		"no key":        {"", 503},
		"a key":         {key + "}", 200},
		"a next key":    {key + "state next\n}", 200},
		"a retired key": {key + "state retired\n}", 503},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHealth(t, tc.lines)
			for target, want := range map[string]int{"/healthz": 200, "/readyz": tc.ready} {
				for _, method := range []string{http.MethodGet, http.MethodHead} {
					var o origin
					w := httptest.NewRecorder()
					if err := h.ServeHTTP(w, request(method, target), &o); err != nil {
						t.Fatal(err)
					}
					o.sawNothing(t)
					if w.Code != want || w.Header().Get("Cache-Control") != "no-store" {
						t.Errorf("%s %s: status %d, header %v", method, target, w.Code, w.Header())
					}
				}
			}
		})
	}
}

// Everything else passes on.
func TestHealthLeavesOtherRequestsAlone(t *testing.T) {
	h := newHealth(t, "")
	for _, r := range []*http.Request{
		request(http.MethodGet, "/healthz/"), request(http.MethodGet, "/live/healthz"), request(http.MethodGet, "/%68ealthz"),
		request(http.MethodPost, "/healthz"), request(http.MethodOptions, "/readyz"), request(http.MethodGet, "/HEALTHZ"),
	} {
		var o origin
		if err := h.ServeHTTP(httptest.NewRecorder(), r, &o); err != nil {
			t.Fatal(err)
		}
		o.only(t)
	}
}
