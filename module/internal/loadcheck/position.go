package loadcheck

import (
	"errors"
	"fmt"
	"slices"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// mayPrecede are the handlers that may run before a gate: they neither answer a
// request nor change what the gate judges.
var mayPrecede = []string{
	"tracing", "map", "vars", "log_append", "headers", "copy_response_headers", "request_body", "timeouts",
	"playgate_health", "playgate_player", "playgate_api", "playgate_console", automaticRedirect,
}

// neverAnswer are the other handlers that answer nothing which the gate protects.
var neverAnswer = []string{"rewrite", "encode", "templates", "push", "intercept", "authentication", requestHeader, "playgate_cache"}

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
	errors   []caddyhttp.RouteList

	// What is behind in the same block: in the innermost route that takes some requests
	// and leaves others to what comes after it. If there is none, all is one block.
	block   bool
	behind  reach
	outside reach // of what comes after the block
}

// findGates finds the gates of the server whose routes are being loaded. It is an
// error if something can answer or change requests before one of them.
func findGates(server *caddyhttp.Server) (*position, error) {
	p := &position{server: server}
	loading := slices.IndexFunc(server.Routes, func(r caddyhttp.Route) bool { return len(r.HandlersRaw) > 0 })
	if loading >= 0 {
		p.walk(server.Routes, loading+1, scope{})
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
	return p.walk(routes, len(routes), in)
}

// walk is list for the first n of some routes.
func (p *position) walk(routes caddyhttp.RouteList, n int, in scope) (ran []string) {
	type earlier struct {
		group string
		hosts hosts
		ran   []string
	}
	var siblings []earlier
	for i := range n {
		route := &routes[i]
		of := p.enter(routes, i, in)
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

// enter is the scope of one of the routes of a list.
func (p *position) enter(routes caddyhttp.RouteList, i int, in scope) scope {
	route := &routes[i]
	after := p.answers(routes, i+1, route.Group)
	switch sibling := func(r caddyhttp.Route) bool { return r.Group == route.Group }; {
	case route.Terminal:
		in.block, in.behind = false, reach{}
	case isMatched(route), route.Group != "" && slices.ContainsFunc(routes[:i], sibling):
		in.block, in.behind, in.outside = true, reach{}, in.outside.and(in.behind).and(after)
	default:
		in.behind = in.behind.and(after)
	}
	return in
}

// route walks the handlers of one route.
func (p *position) route(route *caddyhttp.Route, in scope) (ran []string) {
	steps := stepsOf(route)
	for i, s := range steps {
		now := in
		now.before = append(slices.Clone(in.before), ran...)
		now.behind = in.behind.and(p.answersOf(steps[i+1:]))
		p.loggers = append(p.loggers, s.loggers...)
		in.named = in.named || s.names()
		switch {
		case s.name == "playgate":
			p.gates = append(p.gates, found{in.hosts, in.named})
			p.judge(s, now)
			ran = append(ran, s.name)
		case s.name == "subroute":
			if len(s.errors) > 0 {
				now.errors = append(slices.Clone(now.errors), s.errors)
			}
			ran = append(ran, p.list(s.routes, now)...)
			now.inErrors = true
			p.list(s.errors, now)
		case s.name == "invoke":
			p.invoke(s, func(named caddyhttp.RouteList) { ran = append(ran, p.list(named, now)...) })
		case s.holdsGate:
			p.fail(fmt.Errorf("the gate stands inside of %s; write playgate directly into the site block, or into a handle or route block", s.name))
		case !slices.Contains(mayPrecede, s.name):
			ran = append(ran, s.name)
		}
	}
	return ran
}

// judge says what is wrong with the place of a gate.
func (p *position) judge(gate step, in scope) {
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
	case in.block && (in.behind.any == nothing || in.behind.media < all && in.outside.media > nothing):
		p.fail(errors.New("the gate has no proxy behind it in its own block, and one outside of the block can be reached without a token; write reverse_proxy into the handle or route block that has the gate (what needs no token is named by open)"))
	case gate.passes:
		switch media := p.errorsMedia(in); media {
		case "":
		case "file_server":
			p.fail(errors.New("file_server stands in error routes that errors pass hands refusals on to, where it may have the file that was refused; write a rewrite without a matcher before it (rewrite * /{err.status_code}.html), or take pass out of errors"))
		default:
			p.fail(fmt.Errorf("%s stands in error routes that errors pass hands refusals on to, so that refused requests would reach the origin; take it out of handle_errors, or pass out of errors", media))
		}
	}
}

func (p *position) fail(err error) {
	if p.err == nil {
		p.err = err
	}
}
