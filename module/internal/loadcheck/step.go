package loadcheck

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/headers"
)

// step is a handler of a route, loaded or still in JSON.
type step struct {
	name          string              // of the module, without its namespace
	routes        caddyhttp.RouteList // of a subroute
	errors        caddyhttp.RouteList // of a subroute
	invokes       string              // the named route that invoke runs
	loggers       []string            // that vars name for the access log
	passes        bool                // it is a gate that hands refusals on to error routes
	passesOn      bool                // it hands on what it does not refuse, or does not have
	asksFirst     bool                // it is a reverse_proxy of forward_auth
	proxyProtocol bool                // it tells the upstream the client's address
	// What is somewhere in the JSON of another handler.
	holdsGate, holdsProxy bool
}

// isMatched reports whether a route is for some requests only.
func isMatched(route *caddyhttp.Route) bool {
	return len(route.MatcherSets)+len(route.MatcherSetsRaw) > 0
}

func (s step) names() bool { return len(s.loggers) > 0 }

func (s step) mayAnswer() bool {
	return !slices.Contains(mayPrecede, s.name) && !slices.Contains(neverAnswer, s.name)
}

// mayServe reports whether what it answers may be media.
func (s step) mayServe() bool {
	return s.mayAnswer() && !s.passesOn && s.name != "static_response" && s.name != "error"
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
	default:
		for _, routes := range routesIn(reflect.ValueOf(handler), 0) {
			for i := range routes {
				for _, inner := range stepsOf(&routes[i]) {
					s.holdsGate = s.holdsGate || inner.name == "playgate" || inner.holdsGate
					s.holdsProxy = s.holdsProxy || inner.name == "reverse_proxy" || inner.holdsProxy || inner.routesProxy()
				}
			}
		}
	}
	return s
}

// routesIn are the routes in the configuration of a loaded handler, such as those for
// responses of intercept.
func routesIn(v reflect.Value, depth int) (all []caddyhttp.RouteList) {
	const deep = 6
	if !v.IsValid() || depth > deep {
		return nil
	}
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		return routesIn(v.Elem(), depth+1)
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				all = append(all, routesIn(v.Field(i), depth+1)...)
			}
		}
	case reflect.Slice:
		if routes, ok := v.Interface().(caddyhttp.RouteList); ok {
			return []caddyhttp.RouteList{routes}
		}
		if kind := v.Type().Elem().Kind(); kind == reflect.Struct || kind == reflect.Pointer || kind == reflect.Interface {
			for i := range v.Len() {
				all = append(all, routesIn(v.Index(i), depth+1)...)
			}
		}
	}
	return all
}

// rawStep reads the JSON of a handler. What cannot be read fails when it is loaded.
func rawStep(raw json.RawMessage) step {
	var members map[string]any
	_ = json.Unmarshal(raw, &members)
	s := step{}
	s.name, _ = members["handler"].(string)
	switch s.name {
	case "playgate":
		s.passes, _ = members["errors_pass"].(bool)
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
		passThru, _ := members["pass_thru"].(bool)
		s.asksFirst = asksFirst(members)
		s.passesOn = passThru || s.asksFirst
		transport, _ := members["transport"].(map[string]any)
		s.proxyProtocol = transport["proxy_protocol"] != nil
		s.holdsGate = holds(members, "playgate")
		s.holdsProxy = holds(members, "reverse_proxy")
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

// asksFirst reports whether a reverse_proxy is one of forward_auth: another request is
// sent, and the request goes on if that is answered with 2xx.
func asksFirst(members map[string]any) bool {
	responses, _ := members["handle_response"].([]any)
	for _, r := range responses {
		response, _ := r.(map[string]any)
		match, _ := response["match"].(map[string]any)
		statuses, _ := match["status_code"].([]any)
		if members["rewrite"] != nil && slices.Contains(statuses, any(float64(2))) {
			return true
		}
	}
	return false
}

// holds reports whether a handler is anywhere in the JSON of another one.
func holds(value any, handler string) bool {
	switch v := value.(type) {
	case map[string]any:
		if v["handler"] == handler {
			return true
		}
		for _, member := range v {
			if holds(member, handler) {
				return true
			}
		}
	case []any:
		return slices.ContainsFunc(v, func(e any) bool { return holds(e, handler) })
	}
	return false
}

// routesProxy reports whether a proxy is in a block.
func (s step) routesProxy() bool {
	for i := range s.routes {
		for _, inner := range stepsOf(&s.routes[i]) {
			if inner.name == "reverse_proxy" || inner.routesProxy() {
				return true
			}
		}
	}
	return false
}
