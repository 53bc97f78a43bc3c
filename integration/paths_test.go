package integration_test

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/playgate/playgate/integration/harness"
)

// Ambiguous paths: what two servers could read as two streams is refused, with
// a token that is good for either reading.
func TestAmbiguousPaths(t *testing.T) {
	t.Parallel()
	g := guard(t, setup{}, nil)
	token := g.key.Token(t, "--org", "org1", "--orgwide")
	for _, path := range []string{
		"/live/org1/cam%2fseg.ts",
		"/live/org1/cam%2Fseg.ts",
		"/live/org1/cam/a%2f..%2f..%2fother/seg.ts",
		"/live/org1/cam%5cseg.ts",
		`/live/org1/cam\..\cam2/seg.ts`,
		"/live/org1/cam/%252e%252e/other/seg.ts",
		"/live/org1/cam%25/seg.ts",
		"/live/org1//cam/seg.ts",
		"//live/org1/cam/seg.ts",
		"/live/org1/cam//seg.ts",
		"/live/org1/cam/../other/seg.ts",
		"/live/org1/cam/./seg.ts",
		"/live/org1/cam/..",
		"/live/org1/cam/.",
		"/live/org1/cam/%2e%2e/other/seg.ts",
		"/live/org1/cam/%2e/seg.ts",
		"/live/org1/cam/.%2e/other/seg.ts",
		"/live/org1/cam;x=1/seg.ts",
		"/live/org1/cam/..;/other/seg.ts",
		"/live/org1/cam/..;jsessionid=1",
		"/live/org1/cam/seg%00.ts",
		"/live/org1/cam/seg%0d%0a.ts",
		"/live/org1/cam/seg%7f.ts",
		"/live/org1/cam%23/seg.ts",
		"/live/org1/cam%3f/seg.ts",
		"/live/org1/cam/seg#.ts",
		"/live/org1/cam/%ff.ts",
		"/live/org1/cam/%c0%af.ts",
		`/live/org1/cam/a"b.ts`,
		"/live/org1/cam/a<b>.ts",
		"/live/org1/c[am]/seg.ts",
		"/live/org1/cam/a{b}.ts",
		"/live/org1/c|am/seg.ts",
		"/live/org1/cam/a`b.ts",
		"/live/org1/c%61m/seg.ts",
		"/live/%6frg1/cam/seg.ts",
	} {
		t.Run(path, func(t *testing.T) {
			a := harness.Raw(t, g.Server, harness.RawTarget(g.Server, path+"?token="+token))
			// A fragment ends the target for Go's own parser: the token is lost
			// with it, and a raw "#" is refused all the same.
			g.refused(t, a, 400, "bad_request")
		})
	}
	g.origin.SawNothing(t, 0)
}

// Targets that are no path at all, and what net/http refuses by itself.
func TestOddTargets(t *testing.T) {
	t.Parallel()
	g := guard(t, setup{}, nil)
	token := g.key.Token(t, "--org", "org1", "--orgwide")
	host := "\r\nHost: " + g.HTTP + "\r\nConnection: close\r\n\r\n"
	for _, line := range []string{
		"GET /live/org1/cam/%zz.ts?token=" + token + " HTTP/1.1",
		"GET /live/org1/cam/%.ts?token=" + token + " HTTP/1.1",
		"GET * HTTP/1.1",
		"CONNECT " + g.HTTP + " HTTP/1.1",
		"TRACE " + target(token) + " HTTP/1.1",
		"get " + target(token) + " HTTP/1.1",
		"PUT " + target(token) + " HTTP/1.1",
		"DELETE " + target(token) + " HTTP/1.1",
		"PROPFIND " + target(token) + " HTTP/1.1",
		"GET live/org1/cam/seg.ts?token=" + token + " HTTP/1.1",
	} {
		t.Run(strings.ReplaceAll(line, token, "TOKEN"), func(t *testing.T) {
			if a := harness.Raw(t, g.Server, line+host); a.Status < 400 || a.Status > 499 {
				t.Errorf("status %d", a.Status)
			}
		})
	}
	g.origin.SawNothing(t, 0)
}

// Queries that two servers could read in two ways.
func TestAmbiguousQueries(t *testing.T) {
	t.Parallel()
	g := guard(t, setup{}, nil)
	token := g.key.Token(t, "--org", "org1", "--orgwide")
	many := strings.Repeat("a&", 1001)
	for _, query := range []string{
		"token=" + token + ";a=1",
		"a=1;token=" + token,
		"token=" + token + "&a=%zz",
		"token=" + token + "&%=1",
		"token=" + token + "&" + many,
	} {
		name := strings.ReplaceAll(query, token, "TOKEN")
		t.Run(name[:min(len(name), 40)], func(t *testing.T) {
			a := harness.Raw(t, g.Server, harness.RawTarget(g.Server, "/live/org1/cam/seg.ts?"+query))
			g.refused(t, a, 400, "bad_request")
		})
	}
	g.origin.SawNothing(t, 0)
}

// A request in absolute form is judged by its own host and path.
func TestAbsoluteForm(t *testing.T) {
	t.Parallel()
	g := guard(t, setup{}, nil)
	token := g.key.Token(t, "--org", "org1", "--stream", "cam")
	g.allowed(t, harness.Raw(t, g.Server, harness.RawTarget(g.Server, g.Plain()+target(token))))
	mark := len(g.origin.Raw())
	a := harness.Raw(t, g.Server, harness.RawTarget(g.Server, g.Plain()+"/live/org1/other/seg.ts?token="+token))
	g.refused(t, a, 403, "wrong_stream")
	g.origin.SawNothing(t, mark)
}

// An upgrade that does not offer a WebSocket alone is not taken: the request is a
// plain one, and the origin does not see that it asked. If the origin switches
// protocols all the same, no tunnel is made, for which one decision would stand for
// everything that follows.
func TestOtherUpgradesAreNotTaken(t *testing.T) {
	t.Parallel()
	g := guard(t, setup{}, nil)
	eager := guard(t, setup{}, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		conn, rw, err := w.(http.Hijacker).Hijack()
		if err != nil {
			return
		}
		defer conn.Close()
		io.WriteString(rw, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\nraw bytes\n")
		rw.Flush()
		bufio.NewReader(rw).ReadByte() // until the gate hangs up
	}))
	for _, lines := range []string{
		"Connection: Upgrade\r\nUpgrade: foo",
		"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA",
		"Connection: Upgrade, http2-settings\r\nUpgrade: websocket, h2c\r\nHTTP2-Settings: AAMAAABk",
		"Connection: Upgrade\r\nHTTP2-Settings: AAMAAABk\r\nUpgrade: h2c",
		"Connection: Upgrade\r\nUpgrade: foo, websocket",
		"Connection: Upgrade\r\nConnection: upgrade\r\nUpgrade: websocket\r\nUpgrade: h2c",
		"Connection: Upgrade\r\nUpgrade: websocket\r\nUpgrade: websocket",
		"Connection: Upgrade\r\nUpgrade: TLS/1.0",
		"Connection: Upgrade\r\nUpgrade:",
		"Upgrade: h2c",
	} {
		t.Run(lines, func(t *testing.T) {
			raw := func(g *guarded, proto string) harness.Answer {
				token := g.key.Token(t, "--org", "org1", "--stream", "cam")
				return harness.Raw(t, g.Server, fmt.Sprintf("GET %s %s\r\nHost: %s\r\n%s\r\n\r\n", target(token), proto, g.HTTP, lines))
			}
			for _, proto := range []string{"HTTP/1.1", "HTTP/1.0"} {
				g.allowed(t, raw(g, proto))
				last := g.origin.Last(t)
				for _, name := range []string{"Upgrade", "HTTP2-Settings", "Connection"} {
					if got := last.Values(name); got != nil {
						t.Errorf("%s: the origin got %s: %q", proto, name, got)
					}
				}
				if a := raw(eager, proto); a.Status != http.StatusBadGateway || strings.Contains(string(a.Body), "raw bytes") {
					t.Errorf("%s: an origin that switches unasked: status %d\n%s", proto, a.Status, a.Body)
				}
			}
		})
	}
}

// curl --http2 asks for h2c on plain HTTP, and gets its answer.
func TestCurlMayOfferHTTP2(t *testing.T) {
	t.Parallel()
	g := guard(t, setup{}, nil)
	answer := harness.Curl(t, g.Plain()+target(g.key.Token(t, "--org", "org1", "--stream", "cam")), "--http2")
	g.allowed(t, answer)
	if head := g.origin.Last(t).Head; strings.Contains(strings.ToLower(head), "h2c") || strings.Contains(strings.ToLower(head), "http2-settings") {
		t.Errorf("the origin got\n%s", head)
	}
}

// A WebSocket is asked for with GET: no other method gets in by calling itself
// an upgrade. It is the plain method, which streams do not take.
func TestUpgradeWithAnotherMethod(t *testing.T) {
	t.Parallel()
	g := guard(t, setup{}, nil)
	token := g.key.Token(t, "--org", "org1", "--stream", "cam")
	for _, method := range []string{"POST", "PUT", "PATCH", "DELETE", "BREW"} {
		t.Run(method, func(t *testing.T) {
			request := fmt.Sprintf("%s %s HTTP/1.1\r\nHost: %s\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
				"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n", method, target(token), g.HTTP)
			g.refused(t, harness.Raw(t, g.Server, request), 405, "method")
		})
	}
	g.origin.SawNothing(t, 0)
}
