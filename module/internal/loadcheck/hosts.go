package loadcheck

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// hosts are the hosts whose requests come to a route; nil means any.
type hosts []string

// hostsOf are the hosts of a route, or those of what it is in.
func hostsOf(route *caddyhttp.Route, outer hosts) hosts {
	var all hosts
	if len(route.MatcherSetsRaw) > 0 {
		for _, set := range route.MatcherSetsRaw {
			var some hosts
			if json.Unmarshal(set["host"], &some) != nil || len(some) == 0 {
				return outer
			}
			all = append(all, some...)
		}
	}
	for _, set := range route.MatcherSets {
		at := slices.IndexFunc(set, func(m any) bool { _, ok := m.(*caddyhttp.MatchHost); return ok })
		if at < 0 {
			return outer
		}
		all = append(all, *set[at].(*caddyhttp.MatchHost)...)
	}
	if all == nil {
		return outer
	}
	return all
}

// mayMeet reports whether a request can be for hosts of both.
func (h hosts) mayMeet(other hosts) bool {
	if h == nil || other == nil {
		return true
	}
	return slices.ContainsFunc(h, func(host string) bool {
		return isPattern(host) || slices.ContainsFunc(other, func(o string) bool { return isPattern(o) || strings.EqualFold(o, host) })
	})
}

func isPattern(host string) bool { return strings.ContainsAny(host, "*{") }
