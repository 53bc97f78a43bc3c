//go:build players

package integration_test

import (
	"fmt"
	"maps"
	"net"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/playgate/playgate/integration/harness"
)

// stage is all that the runs share.
type stage struct {
	gate    *harness.Server
	key     *harness.Key
	browser *harness.Browser
	// sites are addresses, by mode; shaped are those before the origin that is
	// shaped like MediaMTX, and named those whose cors names otherPage.
	sites, shaped, named map[string]string
	// prefixed are URLs of proxies before sites, with their prefix.
	prefixed map[string]string
	// open is the address of what all of these have behind them, without a gate.
	open string
	// otherPage is a page on another site.
	otherPage string
	// origin has the formats, and pool is another host that has segments.
	origin, pool *harness.Origin

	mu sync.Mutex
	// told is how a page learned why it was refused, for each cell that was.
	told map[string]string
	// played are the cells that did.
	played map[string]bool
}

func newStage(t *testing.T) *stage {
	t.Helper()
	packages := harness.InstallPackages(t)
	s := &stage{
		key:      harness.NewKey(t, "main", "EdDSA"),
		sites:    map[string]string{},
		shaped:   map[string]string{},
		named:    map[string]string{},
		prefixed: map[string]string{},
		open:     harness.Loopback(harness.Port(t)),
		pool:     harness.ForeignPool(t),
		told:     map[string]string{},
		played:   map[string]bool{},
	}
	s.origin = harness.NewOrigin(t, formatsHandler(t, s.pool.URL))
	s.browser = harness.StartBrowser(t, packages)
	// localhost and 127.0.0.1 are two sites.
	other := strings.Replace(s.browser.Pages, "127.0.0.1", "localhost", 1)
	s.otherPage = other + "/page.html"
	flv := harness.StartFLV(t, packages)
	env := harness.Env{
		"KEY":         s.key.PublicFile,
		"SESSION_KEY": strings.Repeat("only for tests; ", 4),
		"ORIGIN":      s.origin.Addr,
		"SHAPED":      harness.MediaMTX(t).Addr,
		"FLV":         flv.Addr,
		"FLV_PATH":    flv.Path,
		"PAGES":       strings.TrimPrefix(s.browser.Pages, "http://"),
		"OTHER":       other,
		"OPEN":        s.open,
	}
	s.gate = harness.Serve(t, s.caddyfile(t), env)
	for _, addr := range slices.Concat(slices.Collect(maps.Values(s.sites)), slices.Collect(maps.Values(s.shaped)), slices.Collect(maps.Values(s.named)), []string{s.open}) {
		harness.Wait(t, "the server to answer at "+addr, func() bool {
			conn, err := net.Dial("tcp", addr)
			if err == nil {
				conn.Close()
			}
			return err == nil
		})
	}
	for _, mode := range byPrefix.modes {
		s.prefixed[mode] = harness.StripPrefix(t, "/edge", s.sites[mode])
	}
	return s
}

// formatsHandler has every format but FLV below /live/{org}/{stream}/.
func formatsHandler(t *testing.T, pool string) http.Handler {
	t.Helper()
	mux := http.NewServeMux()
	harness.Kinds(t, mux, pool)
	mux.Handle("/live/{org}/{stream}/low/", harness.LowLatency(t))
	for dir, tree := range map[string]*harness.Tree{
		"ts": harness.PlainTS(t), "fmp4": harness.FragmentedMP4(t), "dash": harness.DASH(t), "file": harness.Progressive(t),
	} {
		mux.HandleFunc("/live/{org}/{stream}/"+dir+"/", tree.ServeFile)
	}
	return mux
}

// caddyfile has sites for each mode, on ports of their own. One mode has a cache.
func (s *stage) caddyfile(t *testing.T) string {
	t.Helper()
	var out strings.Builder
	out.WriteString("{\n" + globals + `
	servers {
		trusted_proxies static 127.0.0.1/32
		trusted_proxies_strict
	}
	log default {
		format playgate json
	}
	playgate {
		store off
		session_key {env.SESSION_KEY}
		key main {
			file {$KEY}
		}
	}
}

(origin) {
	@flv path *.flv
	rewrite @flv {$FLV_PATH}
	reverse_proxy @flv {$FLV}
	reverse_proxy {$ORIGIN}
}

http://{$OPEN} {
	header Access-Control-Allow-Origin *
	handle_path /page/* {
		reverse_proxy {$PAGES}
	}
	import origin
}
`)
	site := func(addr, rule, options, origin string) {
		fmt.Fprintf(&out, `
http://%s {
	log {
		format playgate json
	}
	playgate {
		stream %s
		%s
	}
	%s
}
`, addr, rule, options, origin)
	}
	address := func(of map[string]string, mode string) string {
		of[mode] = harness.Loopback(harness.Port(t))
		return of[mode]
	}
	const live = "/live/{org}/{stream}/*"
	const pages = "open /page/*\n"
	const pagesOrigin = "handle_path /page/* {\nreverse_proxy {$PAGES}\n}\n"
	for _, mode := range modes {
		cache := ""
		if mode == "session" { // the default
			cache = "playgate_cache\n"
		}
		site(address(s.sites, mode), live, pages+"propagate "+mode, pagesOrigin+"handle {\n"+cache+"import origin\n}")
		site(address(s.shaped, mode), "/{org}/{stream}/*", "propagate "+mode, cache+"reverse_proxy {$SHAPED}")
	}
	site(address(s.sites, "off"), live, "propagate off", "import origin")
	for _, mode := range byPage.modes {
		site(address(s.named, mode), live, "cors {$OTHER}\npropagate "+mode, "import origin")
	}
	return out.String()
}

// aToken matches every form of a token, in a path, a query or a header.
var aToken = regexp.MustCompile(`~|%7[Ee]|[?&](token|jwtoken)=|eyJ|\bs\.[A-Za-z0-9_-]{40}|(?i)authorization:|(?i)cookie:`)

// checkPool wants that the other host was asked for segments, and that it got nothing
// that is a token or a part of one.
func (s *stage) checkPool(t *testing.T) {
	t.Helper()
	asked := map[string]bool{}
	for _, call := range s.pool.Calls() {
		asked[strings.Split(call.Target, "/")[2]] = true
	}
	t.Logf("the other host was asked in the runs %q", slices.Sorted(maps.Keys(asked)))
	for _, c := range kindCells() {
		if c.format == foreign && c.player.name == "dash.js" && s.played[c.String()] && !asked[c.stream()] {
			t.Errorf("%s asked the other host for nothing", c)
		}
	}
	if raw := s.pool.Raw(); aToken.MatchString(raw) {
		t.Errorf("the other host got %q", aToken.FindAllString(raw, 5))
	}
}
