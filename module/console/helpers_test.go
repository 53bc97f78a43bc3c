package console

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/playgate/playgate/module/app"
)

// fixture is a console on a real registry, for the users ann (an admin of all),
// oscar (who operates acme) and rita (who reads acme).
type fixture struct {
	t       *testing.T
	app     *app.App
	handler *Handler
}

// newTestConsole starts an app with this configuration, and a console on it.
func newTestConsole(t *testing.T, config string) *fixture {
	t.Helper()
	t.Setenv("XDG_DATA_HOME", t.TempDir()) // where Caddy keeps the id of the instance
	ctx, err := caddy.ProvisionContext(&caddy.Config{AppsRaw: caddy.ModuleMap{app.ID: json.RawMessage(config)}})
	if err != nil {
		t.Fatal(err)
	}
	found, err := ctx.App(app.ID)
	if err != nil {
		t.Fatal(err)
	}
	f := &fixture{t: t, app: found.(*app.App), handler: &Handler{
		User: "{test.user}", Hosts: []string{"console.test"}, Ingest: []string{"rtmp://in.test/{org}/{stream}"},
		Grants: []Grant{{User: "ann", Role: "admin", Orgs: []string{"*"}}, {User: "oscar", Role: "operate", Orgs: []string{"acme"}}, {User: "rita", Role: "read", Orgs: []string{"acme"}}},
	}}
	t.Cleanup(func() { _ = f.app.Cleanup() })
	t.Cleanup(func() { _ = f.handler.Cleanup() })
	if err := f.handler.Provision(ctx); err != nil {
		t.Fatal(err)
	}
	if err := f.app.Start(); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(10 * time.Second); f.app.Registry().Writable() != nil; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal(f.app.Registry().Writable())
		}
	}
	return f
}

// get asks for a page.
func (f *fixture) get(user, path string) *httptest.ResponseRecorder {
	f.t.Helper()
	return f.send(user, httptest.NewRequest(http.MethodGet, "https://console.test/console"+path, nil))
}

// post sends a form.
func (f *fixture) post(user, path string, form url.Values) *httptest.ResponseRecorder {
	f.t.Helper()
	sent := url.Values{"form": {formToken("console " + user)}}
	for name, values := range form {
		sent[name] = values
	}
	r := httptest.NewRequest(http.MethodPost, "https://console.test/console"+path, strings.NewReader(sent.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	return f.send(user, r)
}

func (f *fixture) send(user string, r *http.Request) *httptest.ResponseRecorder {
	f.t.Helper()
	repl := caddy.NewReplacer()
	repl.Set("test.user", user)
	w := httptest.NewRecorder()
	r = caddyhttp.PrepareRequest(r.WithContext(context.Background()), repl, w, new(caddyhttp.Server))
	next := caddyhttp.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) error {
		w.WriteHeader(http.StatusTeapot)
		return nil
	})
	if err := f.handler.ServeHTTP(w, r, next); err != nil {
		f.t.Fatal(err)
	}
	return w
}
