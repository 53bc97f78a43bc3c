package loadcheck

import (
	"errors"
	"slices"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// Cache checks the place of a cache that is being provisioned: it keeps what comes from
// handlers behind it in its own block, and nothing else.
func Cache(ctx caddy.Context) error {
	server := Server(ctx)
	if server == nil {
		return nil
	}
	lists := []caddyhttp.RouteList{server.Routes}
	if server.Errors != nil {
		lists = append(lists, server.Errors.Routes)
	}
	for _, route := range server.NamedRoutes {
		lists = append(lists, caddyhttp.RouteList{*route})
	}
	for _, routes := range lists {
		for i := range routes {
			if len(routes[i].HandlersRaw) == 0 {
				continue
			}
			// It is being loaded. What is loaded later is judged then.
			return checkCaches(routes, i)
		}
	}
	return nil
}

// checkCaches judges the caches in one route of a list.
func checkCaches(routes caddyhttp.RouteList, at int) error {
	steps := stepsOf(&routes[at])
	for i, s := range steps {
		if s.name == "playgate_cache" {
			if err := checkCache(routes, at, steps, i); err != nil {
				return err
			}
		}
		for _, inner := range []caddyhttp.RouteList{s.routes, s.errors} {
			for j := range inner {
				if err := checkCaches(inner, j); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// checkCache judges the cache that is a step of a route of a list, which is its block.
func checkCache(routes caddyhttp.RouteList, at int, steps []step, i int) error {
	answered := slices.ContainsFunc(steps[i+1:], step.mayAnswer)
	beside := slices.ContainsFunc(steps, step.routesProxy)
	for j := range routes {
		if j == at || routes[j].Terminal { // another site
			continue
		}
		others := stepsOf(&routes[j])
		answered = answered || j > at && slices.ContainsFunc(others, step.mayAnswer)
		beside = beside || slices.ContainsFunc(others, step.routesProxy)
	}
	switch {
	case beside:
		return errors.New("playgate_cache stands beside a handle, handle_path or route block with a proxy, and would keep nothing of it; write playgate_cache into that block, before its reverse_proxy, and a reverse_proxy that shall be cached outside of blocks into a handle block of its own")
	case !answered:
		return errors.New("playgate_cache has no handler behind it in its own block, so it would keep nothing; write it into the block that has the reverse_proxy, before it")
	}
	return nil
}
