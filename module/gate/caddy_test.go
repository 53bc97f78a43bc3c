package gate

import (
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	_ "github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy" // shows what a real proxy makes of a request

	"github.com/playgate/playgate/module/token"
)

// run loads a Caddyfile into the Caddy of this process. Its global options
// have the test key and whatever global says; sites listen on http://:0.
func run(t testing.TB, global, sites string) {
	t.Helper()
	text := "{\nadmin off\nauto_https off\npersist_config off\nlog {\noutput discard\n}\nplaygate {\nstore off\nkey main {\nfile " + keyFile(t, testKey) + "\n}\n}\n" + global + "\n}\n" + sites
	adapter := caddyfile.Adapter{ServerType: httpcaddyfile.ServerType{}}
	config, _, err := adapter.Adapt([]byte(text), nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := caddy.Load(config, true); err != nil {
		t.Fatal(err)
	}
}

func stopAtEnd(t testing.TB) {
	t.Cleanup(func() {
		if err := caddy.Stop(); err != nil {
			t.Error(err)
		}
	})
}

// bases are the URLs of the running servers, in the order of their names.
func bases(t testing.TB) []string {
	t.Helper()
	app, err := caddy.ActiveContext().App("http")
	if err != nil {
		t.Fatal(err)
	}
	servers := app.(*caddyhttp.App).Servers
	var list []string
	for _, name := range slices.Sorted(maps.Keys(servers)) {
		for _, listener := range servers[name].Listeners() {
			list = append(list, "http://"+listener.Addr().String())
		}
	}
	return list
}

// current is a token that the real clock accepts.
func current(t testing.TB) string {
	t.Helper()
	return mint(t, func(g *token.Grant) {
		g.IssuedAt, g.Expires = time.Now().Unix(), time.Now().Add(time.Hour).Unix()
		g.Tag = "press"
	})
}

func fetch(t testing.TB, r *http.Request) (*http.Response, string) {
	t.Helper()
	answer, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer, string(body)
}

const gateBlock = "playgate {\nstream /live/{org}/{stream}/*\n}\n"

// A client cannot have our headers taken out on the way to the origin by
// calling them hop-by-hop (RFC 9110, section 7.6.1).
func TestIdentitySurvivesAConnectionHeader(t *testing.T) {
	var header http.Header
	backend := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { header = r.Header }))
	defer backend.Close()
	for name, tc := range map[string]struct{ option, want string }{
		"X-Playgate-Org":      {"", "acme"},
		"X-Playgate-Stream":   {"", "cam"},
		"X-Playgate-Token-Id": {"", "token-1"},
		"X-Playgate-Tag":      {"", "press"},
		"Authorization":       {"upstream_token bearer", "Bearer "},
	} {
		t.Run(name, func(t *testing.T) {
			run(t, "", "http://:0 {\nplaygate {\nstream /live/{org}/{stream}/*\n"+tc.option+"\n}\nreverse_proxy "+backend.URL+"\n}")
			stopAtEnd(t)
			r, err := http.NewRequest(http.MethodGet, bases(t)[0]+media+"?token="+current(t), nil)
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("Connection", "keep-alive, "+strings.ToLower(name))
			if answer, body := fetch(t, r); answer.StatusCode != http.StatusOK {
				t.Fatalf("status %d: %s", answer.StatusCode, body)
			}
			if got := header.Get(name); got == "" || !strings.HasPrefix(got, tc.want) {
				t.Errorf("the origin got %s: %q instead of %q", name, got, tc.want)
			}
		})
	}
}

// What a real proxy reports of an origin that cannot be reached, that breaks
// off, or that switches protocols unasked, is answered by the gate.
func TestFailuresOfARealProxy(t *testing.T) {
	backend := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "unasked") {
			w.Header().Set("Connection", "Upgrade")
			w.Header().Set("Upgrade", "foo")
			w.WriteHeader(http.StatusSwitchingProtocols)
			return
		}
		w.Header().Set("Content-Length", "1000")
		_, _ = io.WriteString(w, "#EXTM3U\nseg-1.ts\n")
		panic(http.ErrAbortHandler)
	}))
	backend.Config.ErrorLog = discardLog
	backend.Start()
	defer backend.Close()
	closed := httptest.NewServer(nil)
	closed.Close()
	for target, proxy := range map[string]string{media: closed.URL, playlist: backend.URL, "/live/acme/cam/unasked": backend.URL} {
		t.Run(target, func(t *testing.T) {
			run(t, "", "http://:0 {\n"+gateBlock+"reverse_proxy "+proxy+"\n}")
			stopAtEnd(t)
			r, err := http.NewRequest(http.MethodGet, bases(t)[0]+target+"?token="+current(t), nil)
			if err != nil {
				t.Fatal(err)
			}
			answer, body := fetch(t, r)
			if answer.StatusCode != http.StatusBadGateway || answer.Header.Get("Playgate-Id") == "" || answer.Header.Get("Access-Control-Allow-Origin") != "*" {
				t.Errorf("status %d, header %v: %s", answer.StatusCode, answer.Header, body)
			}
		})
	}
}

// The gate stands ahead of what answers or changes a request, wherever it is
// written in its site.
func TestNothingAnswersBeforeTheGate(t *testing.T) {
	for name, site := range map[string]string{
		"respond":    "respond open",
		"handle":     "handle {\nrespond open\n}",
		"route":      "route {\nrespond open\n}",
		"rewrite":    "rewrite * /open\nrespond open",
		"uri":        "uri strip_prefix /live\nrespond open",
		"method":     "method GET\nrespond open",
		"error":      "error open 500",
		"the health": "playgate_health\nrespond open",
	} {
		t.Run(name, func(t *testing.T) {
			run(t, "", "http://:0 {\n"+site+"\n"+gateBlock+"}")
			stopAtEnd(t)
			r, err := http.NewRequest(http.MethodGet, bases(t)[0]+media, nil)
			if err != nil {
				t.Fatal(err)
			}
			if answer, body := fetch(t, r); answer.StatusCode != http.StatusUnauthorized {
				t.Errorf("status %d: %s", answer.StatusCode, body)
			}
		})
	}
}

// requestsTotal is the sum of the counters for a result and reason, in the
// registry of the running configuration, and how many families there are.
func requestsTotal(t testing.TB, result, reason string) (sum float64) {
	t.Helper()
	ctx := caddy.ActiveContext()
	families, err := ctx.GetMetricsRegistry().Gather()
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, family := range families {
		if family.GetName() != "playgate_requests_total" {
			continue
		}
		for _, metric := range family.GetMetric() {
			labels := map[string]string{}
			for _, label := range metric.GetLabel() {
				labels[label.GetName()] = label.GetValue()
			}
			if len(labels) != 2 {
				t.Errorf("labels %v: only result and reason belong here", labels)
			}
			if labels["result"] == result && labels["reason"] == reason {
				found++
				sum += metric.GetCounter().GetValue()
			}
		}
	}
	if found != 1 {
		t.Fatalf("%d series for %s %s", found, result, reason)
	}
	return sum
}

// Counters go on counting through reloads, and two gates share them.
func TestMetricsSurviveReloads(t *testing.T) {
	stopAtEnd(t)
	const sites = "http://:0 {\nbind 127.0.0.1\n" + gateBlock + "respond media\n}\nhttp://:0 {\nbind 127.0.0.2\nplaygate {\nstream /live/{org}/{stream}/*\nreport_only on\n}\nrespond media\n}"
	run(t, "", sites)
	start := map[[2]string]float64{}
	series := [][2]string{{"allow", ""}, {"deny", "missing_token"}, {"report", "missing_token"}, {"deny", "bad_request"}}
	for _, s := range series {
		start[s] = requestsTotal(t, s[0], s[1])
	}
	want := map[[2]string]float64{}
	for load := range 3 {
		if load > 0 {
			run(t, "", sites)
		}
		servers := bases(t)
		if len(servers) != 2 {
			t.Fatalf("servers %v", servers)
		}
		for _, base := range servers {
			for _, target := range []string{media + "?token=" + current(t), media, "/live/%2f"} {
				r, err := http.NewRequest(http.MethodGet, base+target, nil)
				if err != nil {
					t.Fatal(err)
				}
				fetch(t, r)
			}
		}
		want[series[0]] += 2
		want[series[1]]++
		want[series[2]]++
		want[series[3]] += 2
		for _, s := range series {
			if got := requestsTotal(t, s[0], s[1]) - start[s]; got != want[s] {
				t.Errorf("after load %d: %v is %v instead of %v", load, s, got, want[s])
			}
		}
	}
}

// A configuration that does not load leaves the running one as it is.
func TestBadReloadKeepsTheGate(t *testing.T) {
	run(t, "", "http://:0 {\n"+gateBlock+"respond media\n}")
	stopAtEnd(t)
	base := bases(t)[0]
	adapter := caddyfile.Adapter{ServerType: httpcaddyfile.ServerType{}}
	config, _, err := adapter.Adapt([]byte("{\nadmin off\nauto_https off\npersist_config off\nplaygate {\nstore off\n}\n}\nhttp://:0 {\n"+gateBlock+"respond open\n}"), nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := caddy.Load(config, true); err == nil || !strings.Contains(err.Error(), "playgate key new") {
		t.Errorf("a gate without keys: %v", err)
	}
	for target, want := range map[string]int{media: 401, media + "?token=" + current(t): 200} {
		r, err := http.NewRequest(http.MethodGet, base+target, nil)
		if err != nil {
			t.Fatal(err)
		}
		if answer, _ := fetch(t, r); answer.StatusCode != want {
			t.Errorf("%s: status %d instead of %d", target, answer.StatusCode, want)
		}
	}
}
