package integration_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/playgate/playgate/integration/harness"
)

// reporting is an origin whose answers tell browsers to report what they do.
var reporting = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("NEL", `{"report_to":"x","max_age":3600,"success_fraction":1}`)
	h.Set("Report-To", `{"group":"x","max_age":3600,"endpoints":[{"url":"https://reports.test/"}]}`)
	h.Set("Reporting-Endpoints", `x="https://reports.test/"`)
	h.Set("Service-Worker-Allowed", "/")
	h.Set("SourceMap", "https://reports.test/map")
	h.Set("X-SourceMap", "https://reports.test/map")
	h.Add("Content-Security-Policy", "default-src 'self'; report-uri https://reports.test/ /x ; img-src *, REPORT-TO x;script-src 'none'")
	h.Add("Content-Security-Policy", "report-uri https://reports.test/")
	h.Set("Content-Security-Policy-Report-Only", "default-src 'self';Report-URI\thttps://reports.test/")
	h.Set("Link", `</live/org1/cam/next.ts>; rel="preload"`)
	h.Set("Refresh", "5; url=/live/org1/cam/next.ts")
	if strings.HasSuffix(r.URL.Path, ".m3u8") {
		h.Set("Content-Type", "application/vnd.apple.mpegurl")
		_, _ = w.Write([]byte("#EXTM3U\nseg.ts\n"))
		return
	}
	h.Set("Content-Type", "video/mp2t")
	_, _ = w.Write([]byte("media"))
})

// An answer to a request with a token has no browser report its URL to somebody else.
func TestNothingIsReported(t *testing.T) {
	t.Parallel()
	for _, option := range []string{"", "report_only on", "propagate off", "propagate cookie\ncors https://page.test"} {
		t.Run(option, func(t *testing.T) {
			t.Parallel()
			g := guard(t, setup{gate: option + "\nopen /pages/*", playgate: "org free {\nsecure off\n}"}, reporting)
			token := g.key.Token(t, "--org", "org1", "--stream", "cam")
			bearer := "Authorization: Bearer " + token
			free := g.key.Token(t, "--org", "free", "--orgwide")
			for name, r := range map[string]harness.Request{
				"segment":                  {Target: target(token)},
				"playlist":                 {Target: "/live/org1/cam/index.m3u8?token=" + token},
				"HEAD":                     {Method: http.MethodHead, Target: target(token)},
				"token in the path":        {Target: "/live/org1/cam/~" + token + "/seg.ts"},
				"token in the header":      {Target: "/live/org1/cam/seg.ts", Header: []string{bearer}},
				"public, with a token":     {Target: "/live/free/cam/seg.ts?token=" + free},
				"public, with another one": {Target: "/live/free/cam/index.m3u8?token=" + token},
			} {
				for _, client := range harness.Clients() {
					a := client.Do(t, g.Server, r)
					if a.Status != http.StatusOK {
						t.Errorf("%s: %s: status %d\n%s", client.Name, name, a.Status, a.Body)
					}
					for header, values := range a.Header {
						if text := strings.ToLower(strings.Join(values, " ")); strings.Contains(text, "reports.test") || strings.Contains(text, "report-to") {
							t.Errorf("%s: %s: %s: %q", client.Name, name, header, values)
						}
						if (header == "Link" || header == "Refresh") && strings.Contains(values[0], "token") {
							t.Errorf("%s: %s: %s: %q", client.Name, name, header, values)
						}
					}
					for header, want := range map[string]string{
						"Nel": "", "Service-Worker-Allowed": "", "X-Content-Type-Options": "nosniff",
						"Content-Security-Policy":             "default-src 'self'; img-src *,script-src 'none'",
						"Content-Security-Policy-Report-Only": "default-src 'self'",
					} {
						if got := strings.Join(a.Header.Values(header), "|"); got != want {
							t.Errorf("%s: %s: %s is %q", client.Name, name, header, got)
						}
					}
				}
			}
			// Without a token the origin's own business stays.
			for _, target := range []string{"/live/free/cam/seg.ts", "/pages/x.html"} {
				a := g.get(t, target)
				g.allowed(t, a)
				if a.Header.Get("Report-To") == "" || a.Header.Get("Service-Worker-Allowed") == "" || len(a.Header.Values("Content-Security-Policy")) != 2 {
					t.Errorf("%s: header %v", target, a.Header)
				}
			}
		})
	}
}

// A service worker sees the URLs of all requests that its pages make: none is loaded
// from a path of a stream.
func TestNoServiceWorkerFromAStream(t *testing.T) {
	t.Parallel()
	for _, option := range []string{"", "report_only on"} {
		g := guard(t, setup{gate: option + "\nopen /pages/*", playgate: "org free {\nsecure off\n}"}, nil)
		token := g.key.Token(t, "--org", "org1", "--stream", "cam")
		for _, client := range harness.Clients() {
			for target, status := range map[string]int{
				"/live/org1/cam/sw.js?token=" + token: 400, "/live/org1/cam/~" + token + "/sw.js": 400, "/live/free/cam/sw.js": 400, "/pages/sw.js": 200,
			} {
				for _, value := range []string{"script", "Script", "other"} {
					if value == "other" {
						status = 200
					}
					a := client.Do(t, g.Server, harness.Request{Target: target, Header: []string{"Service-Worker: " + value}})
					if a.Status != status || status == 400 && problemOf(t, a).Reason != "bad_request" {
						t.Errorf("%s: %q %s: status %d instead of %d\n%s", client.Name, value, target, a.Status, status, a.Body)
					}
				}
			}
		}
	}
}
