package loadcheck

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/headers"
)

// mayPrecede are the handlers that may run before a gate: they neither answer a
// request nor change what the gate judges.
var mayPrecede = []string{
	"tracing", "map", "vars", "log_append", "headers", "copy_response_headers", "request_body", "timeouts",
	"playgate_health", "playgate_player", "playgate_api", "playgate_console", automaticRedirect,
}

// neverAnswer are the other handlers that hand every request on.
var neverAnswer = []string{"rewrite", "encode", "templates", "push", "intercept", requestHeader, "playgate_cache"}

const (
	// requestHeader is the handler of headers if it changes the request.
	requestHeader = "request_header"
	// automaticRedirect is what Caddy adds to servers on the HTTP port for hosts that
	// it serves over HTTPS.
	automaticRedirect = "automatic_https"
)

// directives are the names that Caddyfiles have for handlers.
var directives = map[string]string{
	"static_response": "respond or redir",
	"rewrite":         "rewrite, uri, method, try_files or handle_path",
	"authentication":  "basic_auth",
	"reverse_proxy":   "reverse_proxy or forward_auth",
}

// position judges where the gates of a server stand. It sees what Caddy has loaded
// before, and the top-level route that it is loading: a gate that is being
// provisioned is in there, and so is all that runs before it.
type position struct {
	server   *caddyhttp.Server
	invoking []string // named routes that are being walked
	gates    []found
	loggers  []string // that log_name names
	err      error
}

// found is a gate: the hosts that it is for, and whether log_name says under which name
// the requests that come to it are logged.
type found struct {
	hosts hosts
	named bool
}

// scope is what is known of the requests that come to a route.
type scope struct {
	hosts    hosts
	before   []string // handlers that may have run, without those of mayPrecede
	named    bool     // log_name has been set
	inErrors bool     // it is an error route
}

// findGates finds the gates of the server whose routes are being loaded. It is an
// error if something can answer or change requests before one of them.
func findGates(server *caddyhttp.Server) (*position, error) {
	p := &position{server: server}
	loading := slices.IndexFunc(server.Routes, func(r caddyhttp.Route) bool { return len(r.HandlersRaw) > 0 })
	if loading >= 0 {
		p.list(server.Routes[:loading+1], scope{})
		return p, p.err
	}
	p.list(server.Routes, scope{})
	if server.Errors != nil {
		p.list(server.Errors.Routes, scope{inErrors: true})
	}
	return p, p.err
}

// list walks routes that follow one another, and gives the handlers that may have
// run on a request that comes out of them.
func (p *position) list(routes caddyhttp.RouteList, in scope) (ran []string) {
	type earlier struct {
		group string
		hosts hosts
		ran   []string
	}
	var siblings []earlier
	for i := range routes {
		route := &routes[i]
		of := in
		of.hosts, of.before = hostsOf(route, in.hosts), slices.Clone(in.before)
		for _, s := range siblings {
			if (s.group == "" || s.group != route.Group) && s.hosts.mayMeet(of.hosts) {
				of.before = append(of.before, s.ran...)
			}
		}
		inner := p.route(route, of)
		in.named = in.named || !isMatched(route) && slices.ContainsFunc(stepsOf(route), step.names)
		if !route.Terminal { // or else nothing comes after it
			siblings = append(siblings, earlier{route.Group, of.hosts, inner})
		}
	}
	for _, s := range siblings {
		ran = append(ran, s.ran...)
	}
	slices.Sort(ran)
	return slices.Compact(ran)
}

// route walks the handlers of one route.
func (p *position) route(route *caddyhttp.Route, in scope) (ran []string) {
	steps := stepsOf(route)
	for i, s := range steps {
		now := in
		now.before = append(slices.Clone(in.before), ran...)
		p.loggers = append(p.loggers, s.loggers...)
		in.named = in.named || s.names()
		switch {
		case s.name == "playgate":
			p.gates = append(p.gates, found{in.hosts, in.named})
			p.judge(now, isMatched(route) && !route.Terminal && !slices.ContainsFunc(steps[i+1:], step.mayAnswer))
			ran = append(ran, s.name)
		case s.name == "subroute":
			ran = append(ran, p.list(s.routes, now)...)
			now.inErrors = true
			p.list(s.errors, now)
		case s.name == "invoke":
			if named := p.server.NamedRoutes[s.invokes]; named != nil && !slices.Contains(p.invoking, s.invokes) {
				p.invoking = append(p.invoking, s.invokes)
				ran = append(ran, p.list(caddyhttp.RouteList{*named}, now)...)
				p.invoking = p.invoking[:len(p.invoking)-1]
			}
		case s.holdsGate:
			p.fail(fmt.Errorf("the gate stands inside of %s; write playgate directly into the site block, or into a handle or route block", s.name))
		case !slices.Contains(mayPrecede, s.name):
			ran = append(ran, s.name)
		}
	}
	return ran
}

// judge says what is wrong with the place of a gate. alone means that the gate has a
// matcher, and that other routes answer what it lets through.
func (p *position) judge(in scope, alone bool) {
	switch {
	case in.inErrors:
		p.fail(errors.New("the gate stands in error routes, where it protects nothing; write playgate into the site block, or into a handle or route block outside of handle_errors"))
	case slices.Contains(in.before, "playgate"):
		p.fail(errors.New("two gates stand one behind the other; write playgate once, either into the site block or into each of its handle blocks"))
	case len(in.before) > 0:
		first := in.before[0]
		if name := directives[first]; name != "" {
			first = name
		}
		p.fail(fmt.Errorf("%s would run before the gate has checked a token; write it behind playgate in the same block (what needs no token is named by open, or has a handle block of its own). Only tracing, map, vars, fs, root, log_*, header, copy_response_headers, request_body, timeouts and Playgate's own directives may stand before a gate", first))
	case alone:
		p.fail(errors.New("the gate has a matcher, so what comes after it can be reached without a token; write the gate without a matcher, or with the proxy into one handle block that has the matcher (what needs no token is named by open)"))
	}
}

func (p *position) fail(err error) {
	if p.err == nil {
		p.err = err
	}
}

// step is a handler of a route, loaded or still in JSON.
type step struct {
	name      string              // of the module, without its namespace
	routes    caddyhttp.RouteList // of a subroute
	errors    caddyhttp.RouteList // of a subroute
	invokes   string              // the named route that invoke runs
	loggers   []string            // that vars name for the access log
	holdsGate bool                // somewhere in the JSON of another handler
}

// isMatched reports whether a route is for some requests only.
func isMatched(route *caddyhttp.Route) bool {
	return len(route.MatcherSets)+len(route.MatcherSetsRaw) > 0
}

func (s step) names() bool { return len(s.loggers) > 0 }

func (s step) mayAnswer() bool {
	return !slices.Contains(mayPrecede, s.name) && !slices.Contains(neverAnswer, s.name)
}

func stepsOf(route *caddyhttp.Route) (steps []step) {
	if len(route.HandlersRaw) == 0 {
		for _, handler := range route.Handlers {
			steps = append(steps, loadedStep(handler))
		}
		return steps
	}
	for _, raw := range route.HandlersRaw {
		steps = append(steps, rawStep(raw))
	}
	return steps
}

func loadedStep(handler caddyhttp.MiddlewareHandler) step {
	s := step{name: strings.TrimPrefix(caddy.GetModuleID(handler), "http.handlers.")}
	switch h := handler.(type) {
	case *caddyhttp.Subroute:
		s.setRoutes(h)
	case *caddyhttp.Invoke:
		s.invokes = h.Name
	case *caddyhttp.VarsMiddleware:
		s.loggers = loggerNames(*h)
	case *headers.Handler:
		if h.Request != nil {
			s.name = requestHeader
		}
	case caddyhttp.StaticResponse: // no pointer, so it comes from no configuration
		s.name = automaticRedirect
	}
	return s
}

// rawStep reads the JSON of a handler. What cannot be read fails when it is loaded.
func rawStep(raw json.RawMessage) step {
	var members map[string]any
	_ = json.Unmarshal(raw, &members)
	s := step{}
	s.name, _ = members["handler"].(string)
	switch s.name {
	case "playgate":
	case "subroute":
		var sub caddyhttp.Subroute
		_ = json.Unmarshal(raw, &sub)
		s.setRoutes(&sub)
	case "invoke":
		var invoke caddyhttp.Invoke
		_ = json.Unmarshal(raw, &invoke)
		s.invokes = invoke.Name
	case "vars":
		s.loggers = loggerNames(members)
	case "headers":
		var h struct{ Request json.RawMessage }
		_ = json.Unmarshal(raw, &h)
		if len(h.Request) > 0 && string(h.Request) != "null" {
			s.name = requestHeader
		}
	default:
		s.holdsGate = holdsGate(members)
	}
	return s
}

func (s *step) setRoutes(sub *caddyhttp.Subroute) {
	s.routes = sub.Routes
	if sub.Errors != nil {
		s.errors = sub.Errors.Routes
	}
}

// loggerNames are the names that the log_name directive gives to access logs.
func loggerNames(vars map[string]any) (names []string) {
	list, _ := vars[caddyhttp.AccessLoggerNameVarKey].([]any)
	for _, name := range list {
		if name, ok := name.(string); ok {
			names = append(names, name)
		}
	}
	return names
}

// holdsGate reports whether a gate is anywhere in the JSON of a handler.
func holdsGate(value any) bool {
	switch v := value.(type) {
	case map[string]any:
		if v["handler"] == "playgate" {
			return true
		}
		for _, member := range v {
			if holdsGate(member) {
				return true
			}
		}
	case []any:
		return slices.ContainsFunc(v, holdsGate)
	}
	return false
}
