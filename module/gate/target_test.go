package gate

import (
	"cmp"
	"context"
	"errors"
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
		{"a segment", "", media + "?token=" + text, nil, handoff.Target{Org: "acme", Stream: "cam", URI: media, Pages: true}, ""},
		{"with a query", "", media + "?a=1&token=" + text + "&b", nil, handoff.Target{Org: "acme", Stream: "cam", URI: media + "?a=1&b", Pages: true}, ""},
		{"a token in the path", "", "/live/~" + text + media[len("/live"):], nil, handoff.Target{Org: "acme", Stream: "cam", URI: media, Pages: true}, ""},
		{"a token in a header", "", media, []string{"Authorization: Bearer " + text}, handoff.Target{Org: "acme", Stream: "cam", URI: media, Pages: true}, ""},
		{"an open path", "open /live/acme/poster.jpg", "/live/acme/poster.jpg", nil, handoff.Target{URI: "/live/acme/poster.jpg", Pages: true}, ""},
		{"pages are the origin's", "cors off", media + "?token=" + text, nil, handoff.Target{Org: "acme", Stream: "cam", URI: media}, ""},
		{"the token goes on", "upstream_token keep", media + "?token=" + text, nil, handoff.Target{Org: "acme", Stream: "cam", URI: media, Own: true, Pages: true}, ""},
		{"the token goes on as a bearer", "upstream_token bearer", media + "?token=" + text, nil, handoff.Target{Org: "acme", Stream: "cam", URI: media, Own: true, Pages: true}, ""},
		{"a socket", "", media + "?token=" + text, []string{"Connection: Upgrade", "Upgrade: websocket"}, handoff.Target{Org: "acme", Stream: "cam", URI: media, Own: true, Pages: true}, ""},
		{"WHEP", "stream /live/{org}/{stream}/* {\nmethods whep\n}", media + "?token=" + text, nil, handoff.Target{Org: "acme", Stream: "cam", URI: media, Own: true, Pages: true}, "POST"},
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
	o := &origin{answer: func(w http.ResponseWriter, r *http.Request) error {
		got = handoff.TargetOf(r.Context())
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
	slices.SortFunc(got.Sent, func(a, b handoff.Field) int { return cmp.Compare(a.Name, b.Name) })
	want := []handoff.Field{{Name: "Accept", Value: "video/mp4"}, {Name: "Referer", Value: "https://www.example.com/"}, {Name: "X-Forwarded-Host", Value: "evil.example.com"}}
	if !slices.Equal(got.Sent, want) {
		t.Errorf("%q", got.Sent)
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

// The context below the gate is that of the server until it is cut, and then over,
// whether somebody waited for that before or not.
func TestContextBelow(t *testing.T) {
	server, leave := context.WithCancel(context.Background())
	for _, cutFirst := range []bool{false, true} {
		b := &below{Context: server, ends: true}
		if cutFirst {
			b.cancel()
		}
		child, stop := context.WithCancel(b)
		defer stop()
		if !cutFirst {
			if b.Err() != nil || child.Err() != nil {
				t.Fatalf("over before it was cut: %v, %v", b.Err(), child.Err())
			}
			b.cancel()
		}
		<-b.Done()
		<-child.Done()
		if !errors.Is(b.Err(), context.Canceled) || !errors.Is(child.Err(), context.Canceled) {
			t.Errorf("after the cut: %v, %v", b.Err(), child.Err())
		}
		b.cancel() // again
	}
	untouched := &below{Context: server, ends: true}
	untouched.cancel()
	if !errors.Is(untouched.Err(), context.Canceled) {
		t.Errorf("cut and not waited for: %v", untouched.Err())
	}
	left, never := &below{Context: server, ends: true}, &below{Context: server}
	<-afterwards(left, leave).Done()
	if left.Err() == nil || never.Err() == nil {
		t.Errorf("the client has left: %v, %v", left.Err(), never.Err())
	}
	<-never.Done()
	if never.live.Load() != nil {
		t.Error("what cannot be cut has a context of its own")
	}
}

func afterwards(ctx context.Context, do func()) context.Context {
	ctx.Done()
	do()
	return ctx
}

// The rest of the context is that of the server.
func TestValuesBelow(t *testing.T) {
	type key struct{}
	b := &below{Context: context.WithValue(context.Background(), key{}, "x"), ends: true, hasOriginal: true}
	b.original.RequestURI = "/clean"
	for range 2 {
		if b.Value(key{}) != "x" {
			t.Error("a value of the server is lost")
		}
		if r := b.Value(caddyhttp.OriginalRequestCtxKey).(http.Request); !strings.HasPrefix(r.RequestURI, "/clean") {
			t.Errorf("the original request is %q", r.RequestURI)
		}
		b.Done() // and with a context of its own
	}
}
