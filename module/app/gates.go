package app

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/playgate/playgate/module/internal/access"
)

// Gates finds the gate that a request would meet, by the routes of the servers that have
// gates, and asks it. No request is made, and no other handler runs.
type Gates struct {
	mu      sync.Mutex
	servers []*caddyhttp.Server
}

// Add says that a server has a gate among its routes.
func (gs *Gates) Add(server *caddyhttp.Server) {
	gs.mu.Lock()
	defer gs.mu.Unlock()
	if server != nil && !slices.Contains(gs.servers, server) {
		gs.servers = append(gs.servers, server)
	}
}

// Verdict is what a gate would answer at a time to a GET with a token; where text is empty,
// the request has the token already. ok is false where that is not known: no gate is met, or
// it depends on something that only a real request has.
func (gs *Gates) Verdict(r *http.Request, text string, at time.Time) (v access.Verdict, ok bool) {
	var all outcome
	for i, server := range gs.listening(r) {
		w := walk{server: server, r: r, ask: func(g gate) access.Verdict { return g.WouldAnswer(r, text, at) }}
		o := w.list(server.Routes, nil, func([]string) outcome { return outcome{} })
		switch {
		case i == 0 || !all.met && !all.unsure:
			all = o
		case o.met || o.unsure: // a server without a gate for this site does not count
			all = all.or(o)
		}
	}
	return all.verdict, all.met && !all.unsure
}

// listening are the servers that listen on the port of a request, with TLS or without as it
// comes. What listens in front may map the ports that URLs leave out: where no server has
// that port, they are all.
func (gs *Gates) listening(r *http.Request) []*caddyhttp.Server {
	gs.mu.Lock()
	all := slices.Clone(gs.servers)
	gs.mu.Unlock()
	port := r.URL.Port()
	if port == "" {
		port = "80"
		if r.TLS != nil {
			port = "443"
		}
	}
	number, err := strconv.ParseUint(port, 10, 16)
	listens := func(address string) bool {
		a, parseErr := caddy.ParseNetworkAddress(address)
		return parseErr == nil && err == nil && !a.IsUnixNetwork() && a.StartPort <= uint(number) && uint(number) <= a.EndPort
	}
	some := slices.DeleteFunc(slices.Clone(all), func(s *caddyhttp.Server) bool {
		return !slices.ContainsFunc(s.Listen, listens) || (r.TLS != nil) != (len(s.TLSConnPolicies) > 0)
	})
	if len(some) > 0 || r.URL.Port() != "" {
		return some
	}
	return all
}

// gate is a handler that can be asked.
type gate interface {
	WouldAnswer(r *http.Request, text string, at time.Time) access.Verdict
}

// outcome is where a request goes: to a gate, or past all of them.
type outcome struct {
	verdict access.Verdict
	met     bool
	unsure  bool // it depends on what is not known here
}

// or is the outcome where it is not known which of two comes.
func (o outcome) or(other outcome) outcome {
	same := o.met == other.met && o.verdict.Allowed == other.verdict.Allowed && o.verdict.Reason == other.verdict.Reason
	o.unsure = o.unsure || other.unsure || !same
	return o
}

// walk follows a request through routes in Caddy's order. That nothing before a gate answers
// or changes a request is made sure when the configuration is loaded; so the matchers decide.
type walk struct {
	server *caddyhttp.Server
	r      *http.Request
	ask    func(gate) access.Verdict
	routes int // walked so far
}

// maxWalk bounds the routes of a walk: each matcher that cannot be asked doubles them.
const maxWalk = 10_000

// next goes on behind a route or handler, with the groups of which a route has been taken.
type next = func(groups []string) outcome

func (w *walk) list(routes caddyhttp.RouteList, groups []string, after next) outcome {
	if w.routes++; w.routes > maxWalk {
		return outcome{unsure: true}
	}
	if len(routes) == 0 {
		return after(groups)
	}
	route := &routes[0]
	rest := func(groups []string) outcome { return w.list(routes[1:], groups, after) }
	if route.Group != "" && slices.Contains(groups, route.Group) {
		return rest(groups)
	}
	take := func() outcome {
		taken, behind := groups, rest
		if route.Group != "" {
			taken = append(slices.Clip(groups), route.Group)
		}
		if route.Terminal {
			behind = func([]string) outcome { return outcome{} }
		}
		return w.handlers(route.Handlers, taken, behind)
	}
	switch w.matches(route.MatcherSets) {
	case yes:
		return take()
	case no:
		return rest(groups)
	}
	return take().or(rest(groups))
}

func (w *walk) handlers(handlers []caddyhttp.MiddlewareHandler, groups []string, after next) outcome {
	if len(handlers) == 0 {
		return after(groups)
	}
	rest := func(groups []string) outcome { return w.handlers(handlers[1:], groups, after) }
	switch h := handlers[0].(type) {
	case gate:
		return outcome{verdict: w.ask(h), met: true}
	case *caddyhttp.Subroute:
		return w.list(h.Routes, groups, rest)
	case *caddyhttp.Invoke:
		if named := w.server.NamedRoutes[h.Name]; named != nil {
			return w.list(caddyhttp.RouteList{*named}, groups, rest)
		}
	}
	return rest(groups)
}

// answer is what a matcher says.
type answer int

const (
	no answer = iota
	unknown
	yes
)

// matches is whether any of some sets matches; without a set, all requests do.
func (w *walk) matches(sets caddyhttp.MatcherSets) answer {
	if len(sets) == 0 {
		return yes
	}
	best := no
	for _, set := range sets {
		all := yes
		for _, m := range set {
			all = min(all, w.match(m))
		}
		best = max(best, all)
	}
	return best
}

// hasPlaceholder reports whether what a pattern means depends on the request.
func hasPlaceholder(patterns []string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool { return strings.ContainsRune(p, '{') })
}

func (w *walk) match(m any) answer {
	switch m := m.(type) {
	case *caddyhttp.MatchNot:
		best := no
		for _, set := range m.MatcherSets {
			best = max(best, w.matches(caddyhttp.MatcherSets{set}))
		}
		return yes - best
	case *caddyhttp.MatchHost:
		if hasPlaceholder(*m) {
			return unknown
		}
	case *caddyhttp.MatchPath:
		if hasPlaceholder(*m) {
			return unknown
		}
	case *caddyhttp.MatchPathRE, *caddyhttp.MatchMethod:
	case *caddyhttp.MatchProtocol:
		if *m != "http" && *m != "https" { // a version
			return unknown
		}
	case *caddyhttp.MatchClientIP:
		if w.r.RemoteAddr == "" {
			return unknown
		}
	default:
		return unknown
	}
	matcher, ok := m.(caddyhttp.RequestMatcherWithError)
	if !ok {
		return unknown
	}
	switch matched, err := matcher.MatchWithError(w.r); {
	case err != nil:
		return unknown
	case matched:
		return yes
	}
	return no
}
