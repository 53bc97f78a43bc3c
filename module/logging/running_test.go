package logging_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

const gateBlock = "playgate {\nstream /live/{org}/{stream}/*\n}\n"

// A configuration in which a log would write tokens is refused with a line that says
// what to write, at a reload too, which leaves the running one as it is.
func TestLogsWithoutTheEncoderAreRefused(t *testing.T) {
	stopAtEnd(t)
	const memoryLog = "log {\noutput memory\n%s\n}"
	with, without := strings.ReplaceAll(memoryLog, "%s", "format playgate"), strings.ReplaceAll(memoryLog, "%s", "format json")
	for _, tc := range []struct {
		name, global, site string
		refused            bool
	}{
		{"no access log", without, gateBlock + "respond media", false},
		{"access log without the encoder", without, "log\n" + gateBlock + "respond media", true},
		{"access log of its own without it", with, "log {\noutput memory\n}\n" + gateBlock + "respond media", true},
		{"access log that is discarded", "log {\noutput memory\n}", "log {\noutput discard\n}\n" + gateBlock + "respond media", false},
		{"encoder in the default log", with, "log\n" + gateBlock + "respond media", false},
		{"encoder in the access log", without, "log {\noutput memory\nformat playgate console\n}\n" + gateBlock + "respond media", false},
		{"encoder inside another", without, "log {\noutput memory\nformat filter {\nwrap playgate\nrequest>x delete\n}\n}\n" + gateBlock + "respond media", true},
		// Reloads: what was said of one configuration is not said of the next.
		{"with again", with, "log\n" + gateBlock + "respond media", false},
		{"and without again", without, "log\n" + gateBlock + "respond media", true},
		{"and with", with, "log\n" + gateBlock + "respond media", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			takeLog()
			err := tryLoad(t, tc.global, tc.site)
			if (err != nil) != tc.refused {
				t.Fatalf("refused: %v", err)
			}
			if tc.refused && !strings.Contains(err.Error(), `would write tokens; write "format playgate"`) {
				t.Errorf("the error does not say what to write: %v", err)
			}
			if text := takeLog(); strings.Contains(text, "playgate asks") {
				t.Errorf("asking the logs has written into one:\n%s", text)
			}
		})
	}
}

// With the encoder no token is in any line, access and error logs and the
// lines of a proxy included, at DEBUG.
func TestNoTokenInTheLogAtDebug(t *testing.T) {
	backend := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Location", "https://elsewhere.test/")
		if strings.HasSuffix(r.URL.Path, "abort") {
			w.Header().Set("Content-Length", "100")
			_, _ = io.WriteString(w, "half")
			panic(http.ErrAbortHandler)
		}
		_, _ = io.WriteString(w, "#EXTM3U\nseg.ts\n")
	}))
	defer backend.Close()
	closed := httptest.NewServer(nil)
	closed.Close()
	tok := mint(t)
	for name, tc := range map[string]struct {
		gate  string
		proxy string
		site  string
	}{
		"proxied":          {"", backend.URL, ""},
		"origin is down":   {"", closed.URL, ""},
		"errors pass":      {"errors verbose pass\n", closed.URL, ""},
		"error routes":     {"errors verbose pass\n", closed.URL, "handle_errors {\nrespond {err.message} {err.status_code}\n}\n"},
		"keep":             {"upstream_token keep\n", backend.URL, ""},
		"bearer":           {"upstream_token bearer\n", backend.URL, ""},
		"report only":      {"report_only on\n", backend.URL, ""},
		"own log lines":    {"", backend.URL, "log_append was {http.request.orig_uri}\nlog_append ref {http.request.header.Referer}\n"},
		"with credentials": {"upstream_token bearer\n", backend.URL, ""},
	} {
		for _, format := range []string{"playgate", "playgate console"} {
			t.Run(name+" "+format, func(t *testing.T) {
				global := "log {\noutput memory\nlevel DEBUG\nformat " + format + "\n}"
				if name == "with credentials" {
					global += "\nservers {\nlog_credentials\n}"
				}
				takeLog()
				load(t, global, "log\n"+tc.site+"playgate {\nstream /live/{org}/{stream}/*\n"+tc.gate+"}\nreverse_proxy "+tc.proxy)
				stopAtEnd(t)
				requests := []string{
					"/live/acme/cam/index.m3u8?token=" + tok, "/live/~" + tok + "/acme/cam/index.m3u8", "/live/acme/cam/abort?jwtoken=" + tok,
					"/live/acme/other/seg.ts?token=" + tok, "/live/acme/cam/%2f?token=" + tok, "/elsewhere?token=" + tok,
					"/live/acme/cam/seg.ts?token=" + tok + "&a=;", "/live/acme/cam/seg.ts?token=" + escapeAll(tok), "/live/acme/cam/seg.ts",
				}
				for _, target := range requests {
					r, err := http.NewRequest(http.MethodGet, base(t)+target, nil)
					if err != nil {
						t.Fatal(err)
					}
					r.Header.Set("Referer", "https://page.test/watch?token="+tok)
					if target == "/live/acme/cam/seg.ts" {
						r.Header.Set("Authorization", "Bearer "+tok)
					}
					answer, err := http.DefaultTransport.RoundTrip(r)
					if err != nil {
						continue // the abort
					}
					_, _ = io.Copy(io.Discard, answer.Body)
					_ = answer.Body.Close()
				}
				if err := caddy.Stop(); err != nil { // every line is written then
					t.Fatal(err)
				}
				text := takeLog()
				if n := strings.Count(text, "handled request"); n < len(requests)-1 {
					t.Errorf("only %d requests are in the log", n)
				}
				if !strings.Contains(text, "REDACTED") || !strings.Contains(strings.ToLower(text), "debug") {
					t.Error("the log says nothing of tokens, or nothing at DEBUG")
				}
				checkClean(t, unescaped(text), tok)
			})
		}
	}
}

// The same with a gate and no log section at all: what the gate itself and the
// handlers below it write has no token at INFO and above.
func TestNoTokenInTheDefaultLog(t *testing.T) {
	closed := httptest.NewServer(nil)
	closed.Close()
	tok := mint(t)
	takeLog()
	load(t, "log {\noutput memory\n}", gateBlock+"reverse_proxy "+closed.URL)
	stopAtEnd(t)
	for _, target := range []string{"/live/acme/cam/seg.ts?token=" + tok, "/live/~" + tok + "/acme/cam/x.m3u8", "/live/acme/other/x?token=" + tok} {
		r, err := http.NewRequest(http.MethodGet, base(t)+target, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Referer", "https://page.test/watch?token="+tok)
		answer, err := http.DefaultTransport.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = answer.Body.Close()
	}
	if err := caddy.Stop(); err != nil {
		t.Fatal(err)
	}
	text := takeLog()
	if !strings.Contains(text, "failed") {
		t.Errorf("the operator is not told of the failures:\n%s", text)
	}
	checkClean(t, unescaped(text), tok)
}

// base is the URL of the running server.
func base(t testing.TB) string {
	t.Helper()
	app, err := caddy.ActiveContext().App("http")
	if err != nil {
		t.Fatal(err)
	}
	for _, server := range app.(*caddyhttp.App).Servers {
		return "http://" + server.Listeners()[0].Addr().String()
	}
	t.Fatal("no server")
	return ""
}
