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

// rewritten are sites that change the URL above the gate, each with a first part of
// its path that is gone then.
var rewritten = map[string]string{
	"handle_path":      "handle_path /secure/* {\nplaygate {\n" + liveRule + "\n}\n" + shown + "}",
	"uri strip_prefix": "route {\nuri strip_prefix /secure\nplaygate {\n" + liveRule + "\n}\n" + shown + "}",
	"rewrite": "route {\n@secure path_regexp p ^/secure(/.*)$\nrewrite @secure {re.p.1}?token={http.request.uri.query.t}&{query}\n" +
		"playgate {\n" + liveRule + "\n}\n" + shown + "}",
}

// A token does not survive in the original URL, which handlers below the gate can show
// and send on, if handlers above it have changed the URL: the rules do not match the
// original path then.
func TestOriginalURLHasNoToken(t *testing.T) {
	t.Parallel()
	for name, site := range rewritten {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			key := harness.NewKey(t, "main", "EdDSA")
			origin := harness.NewOrigin(t, nil)
			caddyfile := "{\n" + globals + "log default {\nformat playgate json\n}\nplaygate {\nstore off\nkey main {\nfile {$KEY}\n}\n}\n}\n" + addresses + " {\n" + site + "\n}\n"
			g := &guarded{harness.Serve(t, caddyfile, harness.Env{"KEY": key.PublicFile, "ORIGIN": origin.Addr}), origin, key}
			token := key.Token(t, "--org", "org1", "--stream", "cam")
			for target, want := range map[string]string{
				"/secure/live/org1/cam/seg.ts?token=TOKEN":           "/secure/live/org1/cam/seg.ts",
				"/secure/live/org1/cam/seg.ts?a=1&token=TOKEN&b=%2F": "/secure/live/org1/cam/seg.ts?a=1&b=%2F",
				"/secure/live/~TOKEN/org1/cam/seg.ts":                "/secure/live/org1/cam/seg.ts",
				"/secure/live/~TOKEN/org1/cam/seg.ts?jwtoken=TOKEN":  "/secure/live/org1/cam/seg.ts",
				"/secure/live/~TOKEN/~TOKEN/org1/cam/a%20b.ts?a":     "/secure/live/org1/cam/a%20b.ts?a",
				"/secure/live/org1/cam/seg.ts?t=TOKEN":               "/secure/live/org1/cam/seg.ts",
				"/secure/live/org1/cam/seg.ts?t=TOKEN&token=TOKEN":   "/secure/live/org1/cam/seg.ts",
			} {
				if strings.Contains(target, "t=TOKEN") && name != "rewrite" && !strings.Contains(target, "token=") {
					continue // it is no token where nothing makes it one
				}
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
