package app

import (
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/playgate/playgate/module/internal/access"
)

// asking is how a gate is asked what it would answer to a GET with a token at a time. Where
// text is empty, the request has the token already. It is found out by what judges requests,
// and nothing else happens.
type asking = func(r *http.Request, text string, at time.Time) access.Verdict

// Gates are those of a configuration, each with the hosts of its site.
type Gates struct {
	mu  sync.Mutex
	all []gateOf
}

type gateOf struct {
	hosts []string // none for any
	ask   asking
}

// Add has a gate be asked about requests to some hosts, which may have * for a label;
// none are any.
func (gs *Gates) Add(hosts []string, ask asking) {
	gs.mu.Lock()
	defer gs.mu.Unlock()
	gs.all = append(gs.all, gateOf{hosts, ask})
}

// Verdict is what the gate of a request's host would answer to it. A gate without a rule for
// the path counts only if no other has one. ok is false if no gate serves the host, or if
// several do and differ: which of them gets the request is not known here.
func (gs *Gates) Verdict(r *http.Request, text string, at time.Time) (v access.Verdict, ok bool) {
	gs.mu.Lock()
	all := slices.Clone(gs.all)
	gs.mu.Unlock()
	host := r.URL.Hostname()
	for _, serves := range []func(hosts []string) bool{
		func(hosts []string) bool {
			return slices.ContainsFunc(hosts, func(h string) bool { return strings.EqualFold(h, host) })
		},
		func(hosts []string) bool {
			return slices.ContainsFunc(hosts, func(h string) bool { return isWildcardOf(h, host) })
		},
		func(hosts []string) bool { return len(hosts) == 0 },
	} {
		for _, g := range all {
			if !serves(g.hosts) {
				continue
			}
			switch one := g.ask(r, text, at); {
			case !ok || v.Reason == access.NoStream:
				v, ok = one, true
			case one.Reason == access.NoStream:
			case one.Allowed != v.Allowed || one.Reason != v.Reason:
				return access.Verdict{}, false
			}
		}
		if ok {
			return v, true
		}
	}
	return v, false
}

// isWildcardOf reports whether a pattern such as *.example.com includes a host.
func isWildcardOf(pattern, host string) bool {
	rest, wild := strings.CutPrefix(pattern, "*.")
	_, domain, has := strings.Cut(host, ".")
	return wild && has && strings.EqualFold(rest, domain)
}
