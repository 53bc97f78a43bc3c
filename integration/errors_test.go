package integration_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/playgate/playgate/integration/harness"
)

// "errors … pass" leaves the page to the operator's handle_errors, which sees
// the status and not the token.
func TestErrorsPass(t *testing.T) {
	t.Parallel()
	const page = `
	handle_errors {
		respond "page for {err.status_code} at {uri} {http.request.orig_uri} {query} {header.Referer} {header.Authorization}"
	}
	`
	g := guard(t, setup{gate: "errors terse pass", site: page}, nil)
	token := g.key.Sign(t, harness.Good("org1", "other"))
	for _, client := range harness.Clients() {
		answer := client.Do(t, g.Server, harness.Request{
			Target: target(token) + "&a=1",
			Header: []string{"Referer: https://page.test/?token=" + token, "Authorization: Bearer " + token},
		})
		if answer.Status != http.StatusForbidden || !strings.HasPrefix(string(answer.Body), "page for 403 at /live/org1/cam/seg.ts") {
			t.Errorf("%s: status %d, %q", client.Name, answer.Status, answer.Body)
		}
		plant(token).nowhere(t, string(answer.Body))
		if answer.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: Cache-Control is %q", client.Name, answer.Header.Get("Cache-Control"))
		}
	}
	unauthorized := g.get(t, "/live/org1/cam/seg.ts")
	if unauthorized.Status != http.StatusUnauthorized || !strings.HasPrefix(unauthorized.Header.Get("WWW-Authenticate"), "Bearer") {
		t.Errorf("status %d, WWW-Authenticate %q", unauthorized.Status, unauthorized.Header.Get("WWW-Authenticate"))
	}
	g.origin.SawNothing(t, 0)
}

// What stands below the gate finds the token in no placeholder.
func TestNoTokenInPlaceholders(t *testing.T) {
	t.Parallel()
	const page = `
	respond "{uri} {query} {http.request.orig_uri} {http.request.orig_uri.query} {http.request.uri} {http.request.uri.query.token} {header.Referer} {header.Authorization} {path} {http.request.orig_uri.path}"
	`
	g := guard(t, setup{site: page}, nil)
	token := g.key.Token(t, "--org", "org1", "--stream", "cam")
	for _, request := range []harness.Request{
		{Target: target(token) + "&a=1", Header: []string{"Referer: https://page.test/live/~" + token + "/org1/cam/"}},
		{Target: "/live/~" + token + "/org1/cam/seg.ts?a=1", Header: []string{"Referer: https://page.test/?x=1&jwtoken=" + token}},
		{Target: "/live/org1/cam/seg.ts?a=1", Header: []string{"Authorization: Bearer " + token}},
	} {
		for _, client := range harness.Clients() {
			answer := client.Do(t, g.Server, request)
			g.allowed(t, answer)
			plant(token).nowhere(t, string(answer.Body))
			if !strings.HasPrefix(string(answer.Body), "/live/org1/cam/seg.ts?a=1 a=1 /live/org1/cam/seg.ts?a=1") {
				t.Errorf("%s: %q", client.Name, answer.Body)
			}
		}
	}
}

// Trailers are one more way to send a header: none of ours comes that way.
func TestTrailers(t *testing.T) {
	t.Parallel()
	g := guard(t, setup{}, nil)
	token := g.key.Token(t, "--org", "org1", "--stream", "cam")
	request := "GET " + target(token) + " HTTP/1.1\r\nHost: " + g.HTTP + "\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n" +
		"Trailer: X-Playgate-Org, X-Playgate-Tag\r\n\r\n1\r\nx\r\n0\r\nX-Playgate-Org: forged\r\nX-Playgate-Tag: forged\r\n\r\n"
	harness.Raw(t, g.Server, request)
	if strings.Contains(strings.ToLower(g.origin.Raw()), "forged") {
		t.Errorf("a trailer of ours arrived:\n%s", g.origin.Raw())
	}
}

// An origin that sends the gate's own headers back, or a token it was never
// given, does not confuse a viewer about who spoke.
func TestAnswerOfAHostileOrigin(t *testing.T) {
	t.Parallel()
	g := guard(t, setup{}, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("WWW-Authenticate", `Basic realm="origin"`)
		w.WriteHeader(http.StatusUnauthorized)
		io.WriteString(w, "origin's refusal")
	}))
	token := g.key.Token(t, "--org", "org1", "--stream", "cam")
	answer := g.get(t, target(token))
	// The origin's own word passes as it is; it bears no id of the gate's.
	if answer.Status != http.StatusUnauthorized || answer.Header.Get("Playgate-Id") != "" {
		t.Errorf("status %d, Playgate-Id %q", answer.Status, answer.Header.Get("Playgate-Id"))
	}
}

// What a proxy says of the public name counts only when the proxy is trusted:
// else a client could have its token written into URIs of another site.
func TestForwardedHostIsNotBelieved(t *testing.T) {
	t.Parallel()
	const body = "#EXTM3U\nhttps://evil.test/live/org1/cam/seg.ts\nseg.ts\n"
	for _, tc := range []struct {
		name, globals string
		believed      bool
	}{
		{"untrusted", "", false},
		{"trusted", behindProxy, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			g := guard(t, setup{globals: tc.globals}, serve(hls, body))
			token := g.key.Token(t, "--org", "org1", "--stream", "cam")
			answer := g.get(t, "/live/org1/cam/index.m3u8?token="+token, "X-Forwarded-Host: evil.test", "X-Forwarded-Proto: https")
			if believed := strings.Contains(string(answer.Body), "https://evil.test/live/org1/cam/seg.ts?token="); believed != tc.believed {
				t.Errorf("believed: %v\n%s", believed, answer.Body)
			}
			if !strings.Contains(string(answer.Body), "\nseg.ts?token="+token) {
				t.Errorf("a relative URI without the token:\n%s", answer.Body)
			}
		})
	}
}

// A browser wants one answer to who may read: the gate's, not a second one from
// the origin beside it.
func TestOneAnswerAboutSites(t *testing.T) {
	t.Parallel()
	for cors, want := range map[string]string{"*": "*", "https://page.test": "https://page.test", "off": "https://origin.test"} {
		t.Run(cors, func(t *testing.T) {
			t.Parallel()
			g := guard(t, setup{gate: "cors " + cors}, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Access-Control-Allow-Origin", "https://origin.test")
				w.Header().Set("Vary", "X-Own")
				io.WriteString(w, "origin\n")
			}))
			token := g.key.Token(t, "--org", "org1", "--stream", "cam")
			answer := g.get(t, target(token), "Origin: https://page.test")
			if got := answer.Header["Access-Control-Allow-Origin"]; len(got) != 1 || got[0] != want {
				t.Errorf("Access-Control-Allow-Origin is %q", got)
			}
			vary := strings.Join(answer.Header["Vary"], ",")
			if !strings.Contains(vary, "X-Own") || cors == "https://page.test" && !strings.Contains(vary, "Origin") {
				t.Errorf("Vary is %q", vary)
			}
		})
	}
}

// Segments pass as they are: ranges, HEAD, statuses and headers of the origin.
func TestSegmentsPass(t *testing.T) {
	t.Parallel()
	content := strings.Repeat("0123456789", 100_000)
	g := guard(t, setup{}, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/gone.ts") {
			http.Error(w, "gone", http.StatusNotFound)
			return
		}
		w.Header().Set("Content-Type", "video/mp2t")
		w.Header().Set("ETag", `"v1"`)
		w.Header().Set("X-Origin", "yes")
		http.ServeContent(w, r, "", time.Time{}, strings.NewReader(content))
	}))
	token := g.key.Token(t, "--org", "org1", "--stream", "cam")
	for _, client := range harness.Clients() {
		whole := client.Do(t, g.Server, harness.Request{Target: target(token)})
		if whole.Status != 200 || string(whole.Body) != content || whole.Header.Get("ETag") != `"v1"` || whole.Header.Get("X-Origin") != "yes" {
			t.Errorf("%s: status %d, %d bytes, %v", client.Name, whole.Status, len(whole.Body), whole.Header)
		}
		part := client.Do(t, g.Server, harness.Request{Target: target(token), Header: []string{"Range: bytes=5-14"}})
		if part.Status != 206 || string(part.Body) != content[5:15] {
			t.Errorf("%s: range: status %d, %q", client.Name, part.Status, part.Body)
		}
		head := client.Do(t, g.Server, harness.Request{Method: "HEAD", Target: target(token)})
		if head.Status != 200 || head.Header.Get("Content-Length") != "1000000" {
			t.Errorf("%s: HEAD: status %d, %v", client.Name, head.Status, head.Header)
		}
		same := client.Do(t, g.Server, harness.Request{Target: target(token), Header: []string{`If-None-Match: "v1"`}})
		if same.Status != 304 {
			t.Errorf("%s: If-None-Match: status %d", client.Name, same.Status)
		}
		gone := client.Do(t, g.Server, harness.Request{Target: "/live/org1/cam/gone.ts?token=" + token})
		if gone.Status != 404 || string(gone.Body) != "gone\n" || gone.Header.Get("Playgate-Id") != "" {
			t.Errorf("%s: the origin's 404: status %d, %q", client.Name, gone.Status, gone.Body)
		}
	}
}
