package loadcheck

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// Behind is what stands behind a cache: what the answers come from.
type Behind struct {
	// Text is its configuration.
	Text string
	// Placeholders are those in it that handlers above may have set.
	Placeholders []string
	// QueryNames are the names in the query by which the gates of the site tell streams,
	// or that they pin.
	QueryNames []string
}

// site is the route of a server that is being loaded, in JSON.
type site struct {
	routes caddyhttp.RouteList
	at     int
}

// loading is the route of a server that is being loaded. ok is false outside of one.
func loading(ctx caddy.Context) (s site, ok bool) {
	server := Server(ctx)
	if server == nil {
		return s, false
	}
	lists := []caddyhttp.RouteList{server.Routes}
	if server.Errors != nil {
		lists = append(lists, server.Errors.Routes)
	}
	for _, name := range slices.Sorted(maps.Keys(server.NamedRoutes)) {
		lists = append(lists, caddyhttp.RouteList{*server.NamedRoutes[name]})
	}
	for _, routes := range lists {
		for i := range routes {
			if len(routes[i].HandlersRaw) > 0 { // what is loaded later is judged then
				return site{routes, i}, true
			}
		}
	}
	return s, false
}

// Site names what is being loaded: the caches in it are numbered.
func Site(ctx caddy.Context) string {
	s, ok := loading(ctx)
	if !ok {
		return ""
	}
	return Server(ctx).Name() + " " + textOf(s.routes[s.at:s.at+1])
}

// Cache checks the places of the caches in the site that is being loaded: each keeps what
// comes from handlers behind it in its own block, and nothing else; and nothing there
// judges viewers, of whom the request for everybody has nothing. It returns what stands
// behind the one with a number.
func Cache(ctx caddy.Context, number int) (Behind, error) {
	s, ok := loading(ctx)
	if !ok {
		return Behind{}, nil
	}
	walk := cacheWalk{wanted: number}
	if err := walk.route(s.routes, s.at, ""); err != nil {
		return Behind{}, err
	}
	b := Behind{Text: walk.found}
	if !walk.done { // it is in the block of another handler
		b.Text = textOf(s.routes[s.at : s.at+1])
	}
	b.Placeholders = placeholdersIn(b.Text)
	for _, raw := range s.routes[s.at].HandlersRaw {
		var handler any
		_ = json.Unmarshal(raw, &handler)
		b.QueryNames = queryNames(handler, b.QueryNames)
	}
	return b, nil
}

// cacheWalk goes through the caches of a route in the order in which they are loaded.
type cacheWalk struct {
	wanted, seen int
	found        string
	done         bool
}

// route judges the caches in one route of a list. after is what stands behind that list.
func (w *cacheWalk) route(routes caddyhttp.RouteList, at int, after string) error {
	steps := stepsOf(&routes[at])
	own := ""
	if !routes[at].Terminal {
		own = textOf(routes[at+1:])
	}
	for i, s := range steps {
		behind := handlersText(&routes[at], i+1) + own
		if !answersAll(steps[i+1:], routes[at+1:]) {
			behind += after
		}
		if s.name == "playgate_cache" {
			if err := checkCache(routes, at, steps, i); err != nil {
				return err
			}
			if w.seen == w.wanted {
				w.found, w.done = behind, true
			}
			w.seen++
		}
		for _, inner := range []caddyhttp.RouteList{s.routes, s.errors} {
			for j := range inner {
				if err := w.route(inner, j, behind); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// answersAll reports whether handlers, or routes after them, let no request through.
func answersAll(steps []step, routes caddyhttp.RouteList) bool {
	sure := func(s step) bool { return s.mayAnswer() && !s.passesOn }
	return slices.ContainsFunc(steps, sure) || slices.ContainsFunc(routes, func(r caddyhttp.Route) bool {
		return !isMatched(&r) && slices.ContainsFunc(stepsOf(&r), sure)
	})
}

// textOf is the configuration of routes.
func textOf(routes caddyhttp.RouteList) string {
	var b strings.Builder
	for i := range routes {
		if isMatched(&routes[i]) {
			raw, _ := json.Marshal(routes[i].MatcherSetsRaw)
			loaded, _ := json.Marshal(routes[i].MatcherSets)
			fmt.Fprintf(&b, "%s %s\n", raw, loaded)
		}
		b.WriteString(handlersText(&routes[i], 0))
	}
	return b.String()
}

// handlersText is the configuration of the handlers of a route from one on.
func handlersText(route *caddyhttp.Route, from int) string {
	var b strings.Builder
	for _, raw := range route.HandlersRaw[min(from, len(route.HandlersRaw)):] {
		b.Write(raw)
		b.WriteByte('\n')
	}
	return b.String()
}

var placeholder = regexp.MustCompile(`\{([A-Za-z0-9_.:@/ -]+)\}`)

// placeholdersIn are the placeholders in a text that no request has by itself.
func placeholdersIn(text string) (names []string) {
	own := []string{"http.request.", "http.response.", "http.reverse_proxy.", "http.vars.", "env.", "system.", "time.", "file."}
	for _, m := range placeholder.FindAllStringSubmatch(text, -1) {
		if name := m[1]; !slices.Contains(names, name) && !slices.ContainsFunc(own, func(p string) bool { return strings.HasPrefix(name, p) }) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// queryNames are those of the rules of all gates in a configuration.
func queryNames(value any, names []string) []string {
	switch v := value.(type) {
	case map[string]any:
		if streams, ok := v["streams"].([]any); ok && v["handler"] == "playgate" {
			for _, s := range streams {
				rule, _ := s.(map[string]any)
				if name, _ := rule["query_key"].(string); name != "" {
					names = append(names, name)
				}
				pins, _ := rule["pins"].([]any)
				for _, p := range pins {
					pin, _ := p.(map[string]any)
					if name, _ := pin["name"].(string); name != "" {
						names = append(names, name)
					}
				}
			}
		}
		for _, member := range v {
			names = queryNames(member, names)
		}
	case []any:
		for _, e := range v {
			names = queryNames(e, names)
		}
	}
	return names
}

// checkCache judges the cache that is a step of a route of a list, which is its block.
func checkCache(routes caddyhttp.RouteList, at int, steps []step, i int) error {
	answered := slices.ContainsFunc(steps[i+1:], step.mayAnswer)
	beside := slices.ContainsFunc(steps, step.routesProxy)
	judge := judgeIn(steps[i+1:])
	for j := range routes {
		if j == at || routes[j].Terminal { // another site
			continue
		}
		others := stepsOf(&routes[j])
		answered = answered || j > at && slices.ContainsFunc(others, step.mayAnswer)
		beside = beside || slices.ContainsFunc(others, step.routesProxy)
		if j > at && judge == "" {
			if judge = judgeOf(&routes[j]); judge == "" {
				judge = judgeIn(others)
			}
		}
	}
	switch {
	case beside:
		return errors.New("playgate_cache stands beside a handle, handle_path or route block with a proxy, and would keep nothing of it; write playgate_cache into that block, before its reverse_proxy, and a reverse_proxy that shall be cached outside of blocks into a handle block of its own")
	case !answered:
		return errors.New("playgate_cache has no handler behind it in its own block, so it would keep nothing; write it into the block that has the reverse_proxy, before it")
	case judge != "":
		return fmt.Errorf("behind playgate_cache stands %s, which would judge the request that is made for everybody and no viewer; write that rule before playgate_cache, or its proxy into a handle block of its own with that matcher", judge)
	}
	return nil
}

// judgeIn is what of some handlers judges a viewer, or needs an address; "" for nothing.
func judgeIn(steps []step) string {
	for _, s := range steps {
		switch {
		case s.name == "authentication":
			return "an authentication"
		case s.asksFirst:
			return "a forward_auth"
		case s.proxyProtocol:
			return "a proxy_protocol"
		case s.name == "invoke":
			return "an invoke, whose route may judge viewers"
		}
		for i := range s.routes {
			if judge := judgeOf(&s.routes[i]); judge != "" {
				return judge
			}
			if judge := judgeIn(stepsOf(&s.routes[i])); judge != "" {
				return judge
			}
		}
	}
	return ""
}

// judgeOf is a matcher of a route, loaded or still in JSON, that looks at what the request
// for everybody has not, or may not have; "" for none.
func judgeOf(route *caddyhttp.Route) string {
	sets := slices.Clone(route.MatcherSetsRaw)
	for _, set := range route.MatcherSets {
		raw := caddy.ModuleMap{}
		for _, m := range set {
			name := strings.TrimPrefix(caddy.GetModuleID(m), "http.matchers.")
			if not, ok := m.(*caddyhttp.MatchNot); ok {
				if judge := judgeOf(&caddyhttp.Route{MatcherSets: not.MatcherSets}); judge != "" {
					return judge
				}
				continue
			}
			raw[name], _ = json.Marshal(m)
		}
		sets = append(sets, raw)
	}
	for _, set := range sets {
		for _, name := range slices.Sorted(maps.Keys(set)) {
			switch name {
			case "path", "path_regexp", "query", "host", "method", "file":
			case "vars", "vars_regexp":
				if strings.Contains(string(set[name]), "{\"{") || strings.Contains(string(set[name]), ",\"{") {
					return "the matcher " + name + " of a placeholder"
				}
			case "not":
				var inner caddyhttp.RawMatcherSets
				_ = json.Unmarshal(set[name], &inner)
				if judge := judgeOf(&caddyhttp.Route{MatcherSetsRaw: inner}); judge != "" {
					return judge
				}
			default:
				return "the matcher " + name
			}
		}
	}
	return ""
}
