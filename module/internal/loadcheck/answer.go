package loadcheck

import (
	"slices"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// answer is how much of what comes to routes or handlers they may answer.
type answer uint8

const (
	nothing answer = iota
	some           // what their matchers take
	all
)

// reach is how much of what comes to routes or handlers they may answer at all, and how
// much with media: by a proxy, from files, or by a handler that is not Caddy's own.
type reach struct{ any, media answer }

func (r reach) and(other reach) reach {
	return reach{max(r.any, other.any), max(r.media, other.media)}
}

// answers is how much the routes of a list answer from one on, of requests that a route
// of a group has taken: the others of that group do not run any more.
func (p *position) answers(routes caddyhttp.RouteList, from int, group string) (a reach) {
	for i := from; i < len(routes); i++ {
		route := &routes[i]
		if group != "" && route.Group == group {
			continue
		}
		of := p.answersOf(stepsOf(route))
		if isMatched(route) {
			of = reach{min(of.any, some), min(of.media, some)}
		}
		a = a.and(of)
	}
	return a
}

// answersOf is how much some handlers answer.
func (p *position) answersOf(steps []step) (a reach) {
	for _, s := range steps {
		switch s.name {
		case "subroute":
			a = a.and(p.answers(s.routes, 0, ""))
		case "invoke":
			p.invoke(s, func(routes caddyhttp.RouteList) { a = a.and(p.answers(routes, 0, "")) })
		default:
			if s.mayAnswer() {
				a.any = all
				if s.mayServe() {
					a.media = all
				}
			}
		}
	}
	return a
}

// errorsMedia is the handler by which the error routes for requests of a scope may answer
// with what the gate protects; "" if there is none.
func (p *position) errorsMedia(of scope) string {
	lists := of.errors
	if p.server.Errors != nil {
		lists = append(slices.Clone(lists), p.server.Errors.Routes)
	}
	for _, routes := range lists {
		if found := p.media(routes, of.hosts, false); found != "" {
			return found
		}
	}
	return ""
}

// media is the handler in routes for some hosts that may answer with media: a proxy, or
// files under the path of the request, unless that has been rewritten.
func (p *position) media(routes caddyhttp.RouteList, of hosts, rewritten bool) (found string) {
	for i := range routes {
		if !hostsOf(&routes[i], of).mayMeet(of) {
			continue
		}
		for _, s := range stepsOf(&routes[i]) {
			p.invoke(s, func(named caddyhttp.RouteList) { found = p.media(named, of, rewritten) })
			switch {
			case s.name == "rewrite":
				rewritten = rewritten || !isMatched(&routes[i])
			case s.name == "reverse_proxy", s.name == "file_server" && !rewritten:
				found = s.name
			case s.holdsProxy:
				found = "reverse_proxy"
			}
			for _, inner := range []caddyhttp.RouteList{s.routes, s.errors} {
				if found == "" {
					found = p.media(inner, of, rewritten)
				}
			}
			if found != "" {
				return found
			}
		}
	}
	return ""
}

// invoke calls f for the named route that a handler runs, unless it is being walked.
func (p *position) invoke(s step, f func(caddyhttp.RouteList)) {
	named := p.server.NamedRoutes[s.invokes]
	if s.name != "invoke" || named == nil || slices.Contains(p.invoking, s.invokes) {
		return
	}
	p.invoking = append(p.invoking, s.invokes)
	f(caddyhttp.RouteList{*named})
	p.invoking = p.invoking[:len(p.invoking)-1]
}
