package loadcheck

import (
	"cmp"
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
	// Text is its configuration, and Words are the texts in it.
	Text, Words string
	// Placeholders are those in it that handlers above may have set.
	Placeholders []string
	// Matched are the names in the query by which it chooses.
	Matched []string
	// QueryNames are the names in the query by which the gates of the site tell streams,
	// or that they pin.
	QueryNames []string
}

// site is the route of a server that is being loaded, in JSON.
type site struct {
	routes caddyhttp.RouteList
	at     int
	named  bool // it is a named route
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
	unnamed := len(lists)
	for _, name := range slices.Sorted(maps.Keys(server.NamedRoutes)) {
		lists = append(lists, caddyhttp.RouteList{*server.NamedRoutes[name]})
	}
	for n, routes := range lists {
		for i := range routes {
			if len(routes[i].HandlersRaw) > 0 { // what is loaded later is judged then
				return site{routes, i, n >= unnamed}, true
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
	return Server(ctx).Name() + " " + part{&s.routes[s.at], 0}.text()
}

// Cache checks the places of the caches in the site that is being loaded, and returns what
// stands behind the one with a number. The request for everybody has nothing of a viewer,
// so nothing that looks for one may stand there: what does not is listed, and all else is
// an error.
func Cache(ctx caddy.Context, number int) (Behind, error) {
	s, ok := loading(ctx)
	if !ok {
		return Behind{}, nil
	}
	if s.named {
		return Behind{}, errors.New("playgate_cache stands in a named route, which cannot know what stands behind it where it is invoked; write it into the site, or use a snippet (import)")
	}
	var walk cacheWalk
	if err := walk.route(s.routes, s.at, nil); err != nil {
		return Behind{}, err
	}
	var handlers any
	raw, _ := json.Marshal(s.routes[s.at].HandlersRaw)
	_ = json.Unmarshal(raw, &handlers)
	if len(walk.found) == 0 || len(walk.found) != count(handlers, "playgate_cache") {
		return Behind{}, errors.New("playgate_cache stands inside of another handler, such as handle_response or intercept; write it into a site, handle or route block, before its reverse_proxy")
	}
	b := walk.found[number%len(walk.found)] // the same site may be there twice
	b.QueryNames = queryNames(handlers, nil)
	return b, nil
}

// count is how often a handler is in JSON.
func count(value any, handler string) (n int) {
	switch v := value.(type) {
	case map[string]any:
		if v["handler"] == handler {
			n++
		}
		for _, member := range v {
			n += count(member, handler)
		}
	case []any:
		for _, e := range v {
			n += count(e, handler)
		}
	}
	return n
}

// part is the handlers of a route from one on.
type part struct {
	route *caddyhttp.Route
	from  int
}

// steps are the handlers of the part.
func (p part) steps() []step { return stepsOf(p.route)[p.from:] }

// matchers are those of the route, as JSON, if the part is not behind them already.
func (p part) matchers() (sets []caddy.ModuleMap) {
	if p.from > 0 {
		return nil
	}
	return matchersOf(p.route)
}

// answersAll reports whether the part lets no request through.
func (p part) answersAll() bool {
	return len(p.matchers()) == 0 && slices.ContainsFunc(p.steps(), func(s step) bool { return s.mayAnswer() && !s.passesOn })
}

// text is the configuration of the part.
func (p part) text() string {
	matchers, _ := json.Marshal(p.matchers())
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n", matchers)
	for _, raw := range p.route.HandlersRaw[min(p.from, len(p.route.HandlersRaw)):] {
		b.Write(raw)
		b.WriteByte('\n')
	}
	return b.String()
}

// matchersOf are the matchers of a route, loaded or still in JSON.
func matchersOf(route *caddyhttp.Route) []caddy.ModuleMap {
	sets := slices.Clone(route.MatcherSetsRaw)
	for _, set := range route.MatcherSets {
		raw := caddy.ModuleMap{}
		for _, m := range set {
			value := any(m)
			if not, ok := m.(*caddyhttp.MatchNot); ok {
				value = matchersOf(&caddyhttp.Route{MatcherSets: not.MatcherSets})
			}
			raw[strings.TrimPrefix(caddy.GetModuleID(m), "http.matchers.")], _ = json.Marshal(value)
		}
		sets = append(sets, raw)
	}
	return sets
}

// cacheWalk goes through the caches of a route in the order in which they are loaded.
type cacheWalk struct{ found []Behind }

// route judges the caches in one route of a list. after is what runs after that list.
func (w *cacheWalk) route(routes caddyhttp.RouteList, at int, after []part) error {
	route := &routes[at]
	if route.Terminal {
		after = nil
	} else {
		var following []part
		for i := at + 1; i < len(routes); i++ {
			if route.Group == "" || routes[i].Group != route.Group { // of a group one runs
				following = append(following, part{&routes[i], 0})
			}
		}
		after = append(following, after...)
	}
	for i, s := range stepsOf(route) {
		behind := append([]part{{route, i + 1}}, after...)
		if s.name == "playgate_cache" {
			if slices.ContainsFunc(routes, func(r caddyhttp.Route) bool {
				return !r.Terminal && slices.ContainsFunc(stepsOf(&r), step.routesProxy)
			}) {
				return errors.New("playgate_cache stands beside a handle, handle_path or route block with a proxy, and would keep nothing of it; write playgate_cache into that block, before its reverse_proxy, and a reverse_proxy that shall be cached outside of blocks into a handle block of its own")
			}
			b, err := judgeBehind(behind)
			if err != nil {
				return err
			}
			w.found = append(w.found, b)
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

// judgeBehind judges what stands behind a cache, up to what answers every request.
func judgeBehind(parts []part) (b Behind, err error) {
	answered := false
	for _, p := range parts {
		steps := p.steps()
		if len(steps) == 0 {
			continue
		}
		b.Text += p.text()
		why := b.judgeMatchers(p.matchers())
		for i, s := range steps {
			answered = answered || s.mayAnswer()
			if why == "" {
				why = b.judgeHandler(s, p.route.HandlersRaw, p.from+i)
			}
		}
		if why != "" {
			return b, fmt.Errorf("behind playgate_cache stands %s; the request that is made for everybody has nothing of a viewer, so write that before playgate_cache, or its proxy into a handle block of its own with that matcher", why)
		}
		if p.answersAll() {
			break
		}
	}
	if !answered {
		return b, errors.New("playgate_cache has no handler behind it in its own block, so it would keep nothing; write it into the block that has the reverse_proxy, before it")
	}
	slices.Sort(b.Placeholders)
	b.Placeholders = slices.Compact(b.Placeholders)
	return b, nil
}

// judgeHandler is what of a handler must not stand behind a cache; "" for nothing.
func (b *Behind) judgeHandler(s step, raws []json.RawMessage, i int) string {
	switch s.name {
	case "playgate_cache":
		return "another playgate_cache"
	case "reverse_proxy", "file_server", "static_response", "headers":
	case "":
		return "a handler without a name"
	default:
		name := s.name
		for directive, handler := range map[string]string{"basic_auth": "authentication", "a handle or route block": "subroute", "rewrite, uri, method or try_files": "rewrite", "request_header": requestHeader} {
			if handler == name {
				name = directive
			}
		}
		return name
	}
	var members map[string]any
	if i >= len(raws) || json.Unmarshal(raws[i], &members) != nil {
		return "what cannot be read"
	}
	transport, _ := members["transport"].(map[string]any)
	balancing, _ := members["load_balancing"].(map[string]any)
	policy, _ := balancing["selection_policy"].(map[string]any)
	switch {
	case s.asksFirst:
		return "a forward_auth"
	case members["handle_response"] != nil:
		return "a handle_response"
	case transport["proxy_protocol"] != nil:
		return "a proxy_protocol"
	case policy != nil && slices.Contains([]any{"ip_hash", "client_ip_hash", "header", "cookie"}, policy["policy"]):
		return fmt.Sprint("an lb_policy ", policy["policy"])
	}
	return b.judgeTexts(members)
}

// judgeMatchers is what of matchers looks at what the request for everybody has not; "" for
// nothing.
func (b *Behind) judgeMatchers(sets []caddy.ModuleMap) string {
	for _, set := range sets {
		for _, name := range slices.Sorted(maps.Keys(set)) {
			var value any
			_ = json.Unmarshal(set[name], &value)
			switch name {
			case "path", "path_regexp", "host":
			case "query":
				pairs, _ := value.(map[string]any)
				b.Matched = append(b.Matched, slices.Collect(maps.Keys(pairs))...)
			case "not":
				var inner []caddy.ModuleMap
				_ = json.Unmarshal(set[name], &inner)
				if why := b.judgeMatchers(inner); why != "" {
					return why
				}
			default:
				return "the matcher " + name
			}
			if why := b.judgeTexts(value); why != "" {
				return why
			}
		}
	}
	return ""
}

var placeholder = regexp.MustCompile(`\{([^{}]+)\}`)

// ofAll are the placeholders that the request for everybody has by itself.
var ofAll = []string{"http.request.host", "http.request.hostport", "http.request.port", "http.request.scheme", "http.request.uri", "http.request.method"}

// judgeTexts notes the placeholders in the texts of JSON, and returns one of a client; ""
// for none.
func (b *Behind) judgeTexts(value any) (why string) {
	switch v := value.(type) {
	case string:
		b.Words += v + "\n"
		for _, m := range placeholder.FindAllStringSubmatch(v, -1) {
			name, _, _ := strings.Cut(m[1], ":") // a default
			switch {
			case name == "http.vars.client_ip",
				strings.HasPrefix(name, "http.request.") && !slices.ContainsFunc(ofAll, func(own string) bool { return name == own || strings.HasPrefix(name, own+".") }):
				return "the placeholder {" + name + "}"
			case slices.ContainsFunc([]string{"http.request.", "http.reverse_proxy.", "http.vars.", "env.", "system.", "time.", "file."}, func(p string) bool { return strings.HasPrefix(name, p) }):
			default:
				b.Placeholders = append(b.Placeholders, name)
			}
		}
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(v)) {
			if why = cmp.Or(b.judgeTexts(name), b.judgeTexts(v[name])); why != "" {
				return why
			}
		}
	case []any:
		for _, e := range v {
			if why = b.judgeTexts(e); why != "" {
				return why
			}
		}
	}
	return ""
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
