package integration_test

import (
	"strings"
	"testing"

	"github.com/playgate/playgate/integration/harness"
)

// shown are the ways in which a handler below the gate, and the origin, may be told of
// the URL that the client asked for.
const shown = `
	header >X-Shown "{http.request.orig_uri} {http.request.orig_uri.path} {http.request.orig_uri.query} {http.request.orig_uri.path.dir}{http.request.orig_uri.path.file}"
	reverse_proxy {$ORIGIN} {
		header_up X-Original "{http.request.orig_uri}"
	}
`

// sites are those in which a gate may stand, and what changes the URL below it.
var sites = map[string]string{
	"alone":            "playgate {\n" + liveRule + "\n}\n" + shown,
	"handle":           "handle /live/* {\nplaygate {\n" + liveRule + "\n}\n" + shown + "}",
	"uri strip_prefix": "route {\nplaygate {\n" + liveRule + "\n}\nuri strip_prefix /live\n" + shown + "}",
	"rewrite":          "route {\nplaygate {\n" + liveRule + "\n}\nrewrite * /other?{query}\n" + shown + "}",
}

// A token does not survive in the original URL, which handlers below the gate can show
// and send on.
func TestOriginalURLHasNoToken(t *testing.T) {
	t.Parallel()
	for name, site := range sites {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			key := harness.NewKey(t, "main", "EdDSA")
			origin := harness.NewOrigin(t, nil)
			caddyfile := "{\n" + globals + "log default {\nformat playgate json\n}\nplaygate {\nstore off\nkey main {\nfile {$KEY}\n}\n}\n}\n" + addresses + " {\n" + site + "\n}\n"
			g := &guarded{harness.Serve(t, caddyfile, harness.Env{"KEY": key.PublicFile, "ORIGIN": origin.Addr}), origin, key}
			token := key.Token(t, "--org", "org1", "--stream", "cam")
			for target, want := range map[string]string{
				"/live/org1/cam/seg.ts?token=TOKEN":           "/live/org1/cam/seg.ts",
				"/live/org1/cam/seg.ts?a=1&token=TOKEN&b=%2F": "/live/org1/cam/seg.ts?a=1&b=%2F",
				"/live/~TOKEN/org1/cam/seg.ts":                "/live/org1/cam/seg.ts",
				"/live/~TOKEN/org1/cam/seg.ts?jwtoken=TOKEN":  "/live/org1/cam/seg.ts",
				"/live/~TOKEN/~TOKEN/org1/cam/a%20b.ts?a":     "/live/org1/cam/a%20b.ts?a",
			} {
				for _, client := range harness.Clients() {
					origin.Forget()
					answer := client.Do(t, g.Server, harness.Request{Target: strings.ReplaceAll(target, "TOKEN", token)})
					g.allowed(t, answer)
					path, query, _ := strings.Cut(want, "?")
					path = strings.ReplaceAll(path, "%20", " ")
					if got := answer.Header.Get("X-Shown"); got != want+" "+path+" "+query+" "+path {
						t.Errorf("%s: %s: the handler shows %q", client.Name, target, got)
					}
					last := origin.Last(t)
					if got := last.Values("X-Original"); len(got) != 1 || got[0] != want {
						t.Errorf("%s: %s: the origin is told %q instead of %q", client.Name, target, got, want)
					}
					for what, text := range map[string]string{"the handler": answer.Header.Get("X-Shown"), "X-Original": strings.Join(last.Values("X-Original"), " ")} {
						if strings.Contains(text, harness.Signature(token)) {
							t.Errorf("%s: %s: %s has the token", client.Name, target, what)
						}
					}
				}
			}
		})
	}
}
