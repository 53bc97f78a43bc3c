// Package cache is a shared cache for media below the gate (RFC 9111): one request
// to the origin for everybody who asks for the same, and none where the answer is
// in memory.
package cache

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/dustin/go-humanize"
	"go.uber.org/zap"

	"github.com/playgate/playgate/module/app"
	"github.com/playgate/playgate/module/internal/directive"
	"github.com/playgate/playgate/module/internal/edge"
	"github.com/playgate/playgate/module/internal/handoff"
	"github.com/playgate/playgate/module/internal/loadcheck"
	"github.com/playgate/playgate/module/internal/target"
)

func init() { caddy.RegisterModule(new(Handler)) }

// Handler is a cache. It serves what a gate above it has let through.
type Handler struct {
	// Memory is how much the cached answers may take, as 512MiB. All caches of a
	// process share their memory, and the largest value counts. Default: 512MiB;
	// at least 16MiB.
	Memory string `json:"memory,omitempty"`

	// CMCD says what becomes of what players tell of themselves (CTA-5004), CMCD in the
	// query and four header fields: "drop" keeps it from the origin, so that viewers get
	// the same answer, "keep" passes it on, and no two get the same. Default: drop.
	CMCD string `json:"cmcd,omitempty"`

	// IgnoreQuery names pairs of the query that make no difference to answers. Requests
	// that are made for everybody go to the origin without them.
	IgnoreQuery []string `json:"ignore_query,omitempty"`

	// TTL says how long answers are fresh of which the origin says nothing. The
	// first rule whose pattern matches the public path counts.
	TTL []TTL `json:"ttl,omitempty"`

	id       string // of what answers come from, and how long they are fresh
	behind   loadcheck.Behind
	memory   int64
	patterns []target.Pattern
	store    *store
	edge     *edge.State
	logger   *zap.Logger
	unguided sync.Once // said that there is no gate
}

// TTL is a rule for answers of which the origin does not say how long they are
// fresh.
type TTL struct {
	// Path is a pattern of public paths: a path, with * for any characters.
	Path string `json:"path"`
	// For is how long they are fresh.
	For caddy.Duration `json:"for"`
}

// CaddyModule returns the Caddy module information.
func (*Handler) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "http.handlers.playgate_cache", New: func() caddy.Module { return new(Handler) }}
}

// UnmarshalJSON reads the configuration. Nothing in it may be empty.
func (h *Handler) UnmarshalJSON(data []byte) error {
	type plain Handler
	return directive.UnmarshalJSON(data, (*plain)(h))
}

const (
	defaultMemory = 512 << 20
	leastMemory   = 16 << 20
	longestTTL    = 24 * time.Hour
)

// Provision compiles the configuration and joins the cache of the process.
func (h *Handler) Provision(ctx caddy.Context) error {
	h.logger = ctx.Logger()
	a, err := ctx.App(app.ID)
	if err != nil {
		return err
	}
	h.memory = defaultMemory
	if h.Memory != "" {
		n, err := humanize.ParseBytes(h.Memory)
		if err != nil || n < leastMemory || n > 1<<42 {
			return fmt.Errorf("memory %s: write a size of at least 16MiB, as in memory 2GiB", h.Memory)
		}
		h.memory = int64(n)
	}
	if h.CMCD != "" && h.CMCD != dropCMCD && h.CMCD != keepCMCD {
		return fmt.Errorf("cmcd %s: write cmcd drop or cmcd keep", h.CMCD)
	}
	for i, rule := range h.TTL {
		if slices.ContainsFunc(h.TTL[:i], func(t TTL) bool { return t.Path == rule.Path }) {
			return fmt.Errorf("ttl %s stands twice; the first one counts, so take the other out", rule.Path)
		}
		p, err := target.ParsePattern(rule.Path)
		if err != nil {
			return fmt.Errorf("ttl %s: %w", rule.Path, err)
		}
		if d := time.Duration(rule.For); d <= 0 || d > longestTTL {
			return fmt.Errorf("ttl %s: write a duration above zero and of at most 24h, as in ttl /live/*/*/*.ts 1h", rule.Path)
		}
		h.patterns = append(h.patterns, p)
	}
	number := a.(*app.App).Ordinal("cache of " + loadcheck.Site(ctx))
	if h.behind, err = loadcheck.Cache(ctx, number); err != nil {
		return err
	}
	if err := h.checkNames(); err != nil {
		return err
	}
	if err := registerMetrics(ctx.GetMetricsRegistry()); err != nil {
		return err
	}
	h.id = h.identity()
	h.edge = a.(*app.App).Edge()
	if h.store, err = acquire(h, h.memory); err != nil {
		return err
	}
	h.edge.Caches.Add(purge)
	return nil
}

// checkNames checks the names of query pairs that make no difference.
func (h *Handler) checkNames() error {
	for i, name := range h.IgnoreQuery {
		switch {
		case name == "" || strings.ContainsAny(name, "=&{}"):
			return fmt.Errorf("ignore_query %q: write the names of query pairs, as in ignore_query utm_source", name)
		case slices.Contains(h.IgnoreQuery[:i], name):
			return fmt.Errorf("ignore_query: %s stands twice; take one out", name)
		case slices.Contains(h.behind.Matched, name):
			return fmt.Errorf("ignore_query %s: a matcher behind playgate_cache looks for it; take it out", name)
		case slices.Contains(h.behind.QueryNames, name):
			return fmt.Errorf("ignore_query %s: the gate has it as query or pin, and the origin needs it; take it out", name)
		}
	}
	if h.CMCD != keepCMCD && slices.Contains(slices.Concat(h.behind.QueryNames, h.behind.Matched), cmcdName) {
		return errors.New("the gate has CMCD as query or pin, or a matcher behind playgate_cache looks for it; write cmcd keep")
	}
	return nil
}

// identity is a text that caches have in common whose answers come from the same and are
// fresh for as long. It does not depend on where they stand, so that another
// configuration gives none the answers of another.
func (h *Handler) identity() string {
	sum := sha256.New()
	_ = json.NewEncoder(sum).Encode([]any{h.behind.Text, h.TTL})
	return string(sum.Sum(nil)[:16])
}

// Cleanup leaves the cache of the process.
func (h *Handler) Cleanup() error {
	if h.store == nil {
		return nil
	}
	h.edge.Caches.Remove()
	return release(h)
}

// ttl is what the rules say of a path.
func (h *Handler) ttl(path string) time.Duration {
	for i := range h.patterns {
		if h.patterns[i].Match(path) {
			return time.Duration(h.TTL[i].For)
		}
	}
	return 0
}

// ServeHTTP answers from memory what it may, and asks the origin once for what
// many ask for. All else passes.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	t := handoff.TargetOf(r.Context())
	l := lookup{h: h, w: w, r: r, next: next}
	if why := unfit(r, t); why != "" {
		if t == nil {
			h.unguided.Do(func() {
				h.logger.Warn("there is no playgate gate above this playgate_cache, so nothing is cached; write a playgate block into the site")
			})
		}
		return l.bypass(t, why)
	}
	l.given, l.now = h.given(r), time.Now()
	l.key = h.key(r, t, l.given)
	o := h.store.find(l.key)
	switch {
	case o == nil:
		l.why = "fwd=uri-miss"
	case o.kind == uncached:
		return l.alone("fwd=miss; detail=uncacheable")
	case o.kind == aResponse && o.fresh(l.now):
		requests.hit.Inc()
		return l.serve(o, "hit")
	case o.inMeantime(l.now):
		requests.stale.Inc()
		l.refresh(o)
		return l.serve(o, "hit; detail=stale-while-revalidate")
	default:
		l.why, l.stale = "fwd=stale", o
	}
	return l.fetch()
}

var errLeft = caddyhttp.Error(499, errors.New("the client has left"))

// Interface guards.
var (
	_ caddy.Provisioner           = (*Handler)(nil)
	_ caddy.CleanerUpper          = (*Handler)(nil)
	_ caddyhttp.MiddlewareHandler = (*Handler)(nil)
)
