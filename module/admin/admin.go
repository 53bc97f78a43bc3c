// Package admin puts Playgate's API on Caddy's admin endpoint, below /playgate/,
// for the commands of the same machine. Whoever reaches that endpoint can take
// the gate away, and so is the operator, who may do everything.
package admin

import (
	"net/http"
	"strings"

	"github.com/caddyserver/caddy/v2"

	"github.com/playgate/playgate/module/api"
	"github.com/playgate/playgate/module/app"
	"github.com/playgate/playgate/module/internal/registry"
)

func init() { caddy.RegisterModule(Routes{}) }

// prefix is where the API is on the admin endpoint.
const prefix = "/playgate"

// Routes are Playgate's routes on Caddy's admin endpoint.
type Routes struct{}

// CaddyModule returns the Caddy module information.
func (Routes) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "admin.api.playgate", New: func() caddy.Module { return new(Routes) }}
}

// Routes has one route, for all of the API.
func (Routes) Routes() []caddy.AdminRoute {
	handler := http.StripPrefix(prefix, api.New(running, operator))
	return []caddy.AdminRoute{{
		Pattern: prefix + "/",
		Handler: caddy.AdminHandlerFunc(func(w http.ResponseWriter, r *http.Request) error {
			handler.ServeHTTP(w, r)
			return nil // the API has answered, also when it refuses
		}),
	}}
}

// running is the app of the configuration that runs now. The admin endpoint is
// there before any app, and may outlive it.
func running() *app.App {
	a, err := caddy.ActiveContext().AppIfConfigured(app.ID)
	if err != nil {
		return nil
	}
	found, _ := a.(*app.App)
	return found
}

// byHeader names the person who uses the command, for the audit trail.
const byHeader = "X-Playgate-By"

const maxBy = 64

// operator is whoever comes.
func operator(r *http.Request) (api.Principal, error) {
	p := api.Principal{Name: "operator", Role: registry.Admin, Operator: true}
	by := r.Header.Get(byHeader)
	if len(by) > maxBy || strings.ContainsFunc(by, func(c rune) bool { return c < ' ' || c > '~' }) {
		return api.Principal{}, api.Refuse(http.StatusBadRequest, byHeader+": write at most 64 characters of ASCII, or leave it out")
	}
	if by != "" {
		p.Name += " (" + by + ")"
	}
	return p, nil
}

// Interface guards.
var (
	_ caddy.Module      = Routes{}
	_ caddy.AdminRouter = Routes{}
)
