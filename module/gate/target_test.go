package gate

import (
	"cmp"
	"context"
	"maps"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/playgate/playgate/module/internal/handoff"
)

// What handlers below the gate are told of a request that was let through.
func TestTargetBelow(t *testing.T) {
	text := mint(t, nil)
	for _, tt := range []struct {
		name, lines, target string
		headers             []string
		want                handoff.Target
		method              string // GET
	}{
		{"a segment", "", media + "?token=" + text, nil, handoff.Target{Org: "acme", Stream: "cam", URI: media, Pages: true, Identity: true}, ""},
		{"with a query", "", media + "?a=1&token=" + text + "&b", nil, handoff.Target{Org: "acme", Stream: "cam", URI: media + "?a=1&b", Pages: true, Identity: true}, ""},
		{"a token in the path", "", "/live/~" + text + media[len("/live"):], nil, handoff.Target{Org: "acme", Stream: "cam", URI: media, Pages: true, Identity: true}, ""},
		{"a token in a header", "", media, []string{"Authorization: Bearer " + text}, handoff.Target{Org: "acme", Stream: "cam", URI: media, Pages: true, Identity: true}, ""},
		{"an open path", "open /live/acme/poster.jpg", "/live/acme/poster.jpg", nil, handoff.Target{URI: "/live/acme/poster.jpg", Pages: true}, ""},
		{"pages are the origin's", "cors off", media + "?token=" + text, nil, handoff.Target{Org: "acme", Stream: "cam", URI: media, Identity: true}, ""},
		{"the token goes on", "upstream_token keep", media + "?token=" + text, nil, handoff.Target{Org: "acme", Stream: "cam", URI: media, Own: true, Pages: true, Identity: true}, ""},
		{"the token goes on as a bearer", "upstream_token bearer", media + "?token=" + text, nil, handoff.Target{Org: "acme", Stream: "cam", URI: media, Own: true, Pages: true, Identity: true}, ""},
		{"a socket", "", media + "?token=" + text, []string{"Connection: Upgrade", "Upgrade: websocket"}, handoff.Target{Org: "acme", Stream: "cam", URI: media, Own: true, Pages: true, Identity: true}, ""},
		{"WHEP", "stream /live/{org}/{stream}/* {\nmethods whep\n}", media + "?token=" + text, nil, handoff.Target{Org: "acme", Stream: "cam", URI: media, Own: true, Pages: true, Identity: true}, "POST"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := newGate(t, tt.lines)
			var got *handoff.Target
			o := &origin{answer: func(w http.ResponseWriter, r *http.Request) error {
				got = handoff.TargetOf(r.Context())
				w.WriteHeader(http.StatusOK)
				return nil
			}}
			serve(t, h, o, request(cmp.Or(tt.method, http.MethodGet), tt.target, tt.headers...))
			if !reflect.DeepEqual(got, &tt.want) {
				t.Errorf("%+v, want %+v", got, tt.want)
			}
		})
	}
}

// Caches are told more: the public origin, and what the client has sent but for
// what is a token and what is the gate's own to say.
func TestTargetForCaches(t *testing.T) {
	h := newGate(t, "")
	h.app.Edge().Caches.Add(nil)
	defer h.app.Edge().Caches.Remove()
	var got *handoff.Target
	var header http.Header
	o := &origin{answer: func(w http.ResponseWriter, r *http.Request) error {
		got, header = handoff.TargetOf(r.Context()), r.Header
		w.WriteHeader(http.StatusOK)
		return nil
	}}
	text := mint(t, nil)
	headers := []string{
		"Accept: video/mp4", "X-Playgate-Org: forged", "X-Original-Url: /elsewhere", "Authorization: Bearer " + text,
		"Cookie: playgate_token=" + text, "Referer: https://www.example.com/?token=" + text, "X-Forwarded-Host: evil.example.com",
	}
	get(t, h, o, "https://example.com:8443"+media, headers...)
	if !got.Secure || got.Host != "example.com:8443" {
		t.Errorf("the public origin is %v, %s", got.Secure, got.Host)
	}
	want := http.Header{
		"Accept": {"video/mp4"}, "Referer": {"https://www.example.com/"}, "X-Forwarded-Host": {"evil.example.com"},
		"X-Playgate-Org": {"acme"}, "X-Playgate-Stream": {"cam"}, "X-Playgate-Token-Id": header["X-Playgate-Token-Id"],
	}
	if !maps.EqualFunc(header, want, slices.Equal) {
		t.Errorf("%q", header)
	}
	for name, values := range header {
		for _, v := range values {
			if !got.Sent.Has(v) {
				t.Errorf("%s: %s is not the client's", name, v)
			}
		}
	}
	if got.Sent.Has(strings.Clone("video/mp4")) {
		t.Error("what a handler of the site sets is taken for the client's")
	}
	r := request(http.MethodGet, "http://example.com"+media+"?token="+text, "X-Forwarded-Host: live.example.com", "X-Forwarded-Proto: https")
	setVar(r, caddyhttp.TrustedProxyVarKey, true)
	serve(t, h, o, r)
	if !got.Secure || got.Host != "live.example.com" {
		t.Errorf("behind a proxy the public origin is %v, %s", got.Secure, got.Host)
	}
}

// Of a request that was refused, nothing below is told anything: an error route
// with a cache must not answer it from there.
func TestNoTargetOfRefusedRequests(t *testing.T) {
	h := newGate(t, "errors terse pass")
	for _, target := range []string{media, media + "?token=" + mintWith(t, strangerKey, nil), "/live/acme/other/x.ts?token=" + mint(t, nil), "/nowhere"} {
		r := request(http.MethodGet, target)
		if err := h.ServeHTTP(httptest.NewRecorder(), r, new(origin)); err == nil {
			t.Fatalf("%s was not refused", target)
		}
		if got := handoff.TargetOf(r.Context()); got != nil {
			t.Errorf("%s: an error route is told %+v", target, got)
		}
	}
}

// The rest of the context is that of the server.
func TestValuesBelow(t *testing.T) {
	type key struct{}
	b := &below{hasOriginal: true}
	b.Context.Context = context.WithValue(context.Background(), key{}, "x")
	b.original.RequestURI = "/clean"
	for range 2 {
		if b.Value(key{}) != "x" {
			t.Error("a value of the server is lost")
		}
		if r := b.Value(caddyhttp.OriginalRequestCtxKey).(http.Request); !strings.HasPrefix(r.RequestURI, "/clean") {
			t.Errorf("the original request is %q", r.RequestURI)
		}
		b.Cancelable()
		b.Done()
	}
}
