package app

import (
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/playgate/playgate/module/internal/access"
	"github.com/playgate/playgate/module/internal/directive"
	"github.com/playgate/playgate/module/internal/edge"
	"github.com/playgate/playgate/module/internal/registry"
)

// Store says where organisations, streams, token records and keys are kept.
type Store struct {
	// Driver is "embedded", a store in this process with no open port; "nats",
	// the operator's NATS servers; or "off", with which only the configuration
	// counts. Default: embedded.
	Driver string `json:"driver,omitempty"`

	// Dir is the directory of the embedded store, and of what is kept beside
	// servers of the operator's. Default: playgate in Caddy's data directory.
	Dir string `json:"dir,omitempty"`

	// URLs are NATS servers, such as nats://10.0.0.1:4222.
	URLs []string `json:"urls,omitempty"`

	// Credentials is a NATS credentials file. Default: none.
	Credentials string `json:"credentials,omitempty"`

	// Bucket is the name of the key-value bucket, and begins those of two
	// others. Default: playgate.
	Bucket string `json:"bucket,omitempty"`

	// Domain is the JetStream domain of the servers, where the way to them leads
	// over a leaf node. Default: none.
	Domain string `json:"domain,omitempty"`

	// Monitor are the monitoring URLs of the NATS servers, such as
	// http://10.0.0.1:8222, where it is looked up whether they sync every write.
	// Default: none, and nobody knows.
	Monitor []string `json:"monitor,omitempty"`
}

func (s *Store) check() error {
	switch s.Driver {
	case "", "embedded", "off":
		if len(s.URLs) > 0 || s.Credentials != "" || s.Bucket != "" || s.Domain != "" || len(s.Monitor) > 0 {
			return fmt.Errorf("store %s: urls, credentials, bucket, domain and monitor belong to store nats", s.Driver)
		}
	case "nats":
		if len(s.URLs) == 0 {
			return errors.New("store nats: name at least one server, like nats://10.0.0.1:4222")
		}
		for _, text := range s.URLs {
			u, err := url.Parse(text)
			if err != nil || !slices.Contains([]string{"nats", "tls", "ws", "wss"}, u.Scheme) || u.Host == "" {
				return errors.New("store nats: a server is written like nats://10.0.0.1:4222 or tls://nats.example.com")
			}
		}
		if strings.ContainsAny(s.Domain, ".*> \t") {
			return fmt.Errorf("store nats: domain %s: a JetStream domain is one word without dots, as in the jetstream block of the servers", s.Domain)
		}
		for _, text := range s.Monitor {
			u, err := url.Parse(text)
			if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil {
				return errors.New("store nats: monitor is written like http://10.0.0.1:8222, without a name and a password")
			}
		}
	default:
		return fmt.Errorf("store %s: write embedded, nats or off", s.Driver)
	}
	return nil
}

func (s *Store) off() bool { return s.Driver == "off" }

func (s *Store) settings() registry.Settings {
	dir := s.Dir
	if dir == "" {
		dir = filepath.Join(caddy.AppDataDir(), "playgate")
	}
	return registry.Settings{Dir: dir, URLs: s.URLs, Credentials: s.Credentials, Bucket: s.Bucket, Domain: s.Domain, Monitor: s.Monitor}
}

// parse reads the store line and its block.
func (s *Store) parse(d *caddyfile.Dispenser) error {
	args := d.RemainingArgs()
	if len(args) == 0 {
		return d.Err("store needs a value: embedded, nats or off")
	}
	s.Driver = args[0]
	args = args[1:]
	switch s.Driver {
	case "embedded":
		if len(args) > 1 {
			return d.Errf("store embedded takes at most a directory, not %d values", len(args))
		}
		if len(args) == 1 {
			if s.Dir = args[0]; s.Dir == "" {
				return d.Err("store embedded has an empty directory; leave it out instead")
			}
		}
	case "nats":
		s.URLs = args
	case "off":
		if len(args) > 0 {
			return d.Errf("store off takes no further value (%s)", args[0])
		}
	default:
		return d.Errf("store %s: write embedded, nats or off", s.Driver)
	}
	once := directive.Once{}
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		if s.Driver != "nats" {
			return d.Errf("store %s has no options", s.Driver)
		}
		if err := once.Check(d); err != nil {
			return err
		}
		var err error
		switch option := d.Val(); option {
		case "credentials":
			err = directive.OneArg(d, &s.Credentials)
		case "bucket":
			err = directive.OneArg(d, &s.Bucket)
		case "domain":
			err = directive.OneArg(d, &s.Domain)
		case "monitor":
			s.Monitor, err = directive.SomeArgs(d)
		default:
			return d.Errf("unknown option %q in store nats; it has credentials, bucket, domain and monitor", option)
		}
		if err != nil {
			return err
		}
	}
	if err := s.check(); err != nil {
		return d.Err(err.Error())
	}
	return nil
}

// registries are those that some configuration uses. One outlives a reload:
// the new configuration takes its reference before the old one drops its own.
var registries = caddy.NewUsagePool()

// pooled is a registry in the pool.
type pooled struct{ *registry.Registry }

// Destruct closes the registry when nobody uses it any more.
func (p pooled) Destruct() error { return p.Close() }

// acquireRegistry takes a reference to the registry, which registries has under the
// key. It touches no file.
func acquireRegistry(store *Store, state *edge.State) (r *registry.Registry, key string, err error) {
	settings := store.settings()
	key = string(caddyconfig.JSON(settings, nil))
	value, _, err := registries.LoadOrNew(key, func() (caddy.Destructor, error) {
		r := registry.New(settings, caddy.Log().Named(ID))
		// Whoever has the registry has the State too.
		r.OnRevoke(state.Events.TellRevoked)
		r.OnChange(state.Changes.RegistryChanged)
		r.Link.OnAsk(func(question []byte) []byte { return state.Answer(r, question) })
		return pooled{r}, nil
	})
	if err != nil {
		return nil, "", err
	}
	return value.(pooled).Registry, key, nil
}

// Registry is what keeps organisations, tokens and keys. It is nil with store off.
func (a *App) Registry() *registry.Registry { return a.registry }

// startsWithin is how long a request waits for the app to start.
const startsWithin = 10 * time.Second

// AwaitStart returns at once, unless the app is about to start: Caddy may listen
// before what is known of the registry has been read.
func (a *App) AwaitStart() {
	if a.registry == nil || knows(a.registry.View()) {
		return
	}
	select {
	case <-a.started:
	case <-time.After(startsWithin):
	}
}

// knows reports whether it is known what the registry says, and how to look up what it
// says of a token.
func knows(view *registry.View) bool {
	_, hasher := view.Sessions()
	return view.Complete() && hasher.Valid()
}

// Ready reports whether tokens can be judged: a key is known that is not retired,
// and what the registry says.
func (a *App) Ready(now time.Time) bool { return a.Unavailable(now) == "" && a.Trust().Verifies() }

// Unavailable is why no token can be judged to the end now, or "".
func (a *App) Unavailable(now time.Time) access.Reason {
	switch {
	case a.registry == nil:
	case !knows(a.registry.View()):
		return access.StoreUnavailable
	case a.StaleAfter > 0 && now.Sub(a.registry.Seen()) > time.Duration(a.StaleAfter):
		return access.StoreUnavailable
	}
	return ""
}
