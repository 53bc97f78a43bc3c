package gate

import (
	"crypto/tls"
	"net/http"
	"testing"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/playgate/playgate/module/token"
)

// A token with an ip rule waits for the end of the TLS handshake: in early
// data the address is not proven. Other tokens do not wait.
func TestEarlyDataIsTooEarlyForAddressRules(t *testing.T) {
	h := newGate(t, "errors verbose")
	bound := mint(t, func(g *token.Grant) { g.IPs = addressRules(t, "192.0.2.1") })
	for _, complete := range []bool{false, true} {
		r := request(http.MethodGet, media+"?token="+bound)
		r.TLS = &tls.ConnectionState{HandshakeComplete: complete}
		var o origin
		w := serve(t, h, &o, r)
		if complete {
			allowed(t, w)
			continue
		}
		refusedWith(t, w, &o, http.StatusTooEarly, "too_early")
	}
	r := request(http.MethodGet, media+"?token="+mint(t, nil))
	r.TLS = &tls.ConnectionState{}
	allowed(t, serve(t, h, new(origin), r))
}

// The address is the one that Caddy found, and unknown where it is none or
// where a trusted proxy's own entry cannot be read: an unknown address meets
// no rule.
func TestAddressRules(t *testing.T) {
	h := newGate(t, "errors verbose")
	for _, tc := range []struct {
		name, rule string
		client     any
		trusted    bool
		forwarded  []string
		ok         bool
	}{
		{"the same", "203.0.113.7", "203.0.113.7", false, nil, true},
		{"another", "203.0.113.7", "203.0.113.8", false, nil, false},
		{"in the prefix", "203.0.113.0/24", "203.0.113.200", false, nil, true},
		{"mapped", "203.0.113.7", "::ffff:203.0.113.7", false, nil, true},
		{"v6", "2001:db8::/64", "2001:db8::7", false, nil, true},
		{"v6 outside", "2001:db8::/64", "2001:db8:0:1::7", false, nil, false},
		{"a zone", "fe80::/64", "fe80::1%eth0", false, nil, false},
		{"a unix socket", "203.0.113.7", "@", false, nil, false},
		{"empty", "203.0.113.7", "", false, nil, false},
		{"no variable", "203.0.113.7", nil, false, nil, false},
		{"another type", "203.0.113.7", 7, false, nil, false},
		{"forged by the client", "203.0.113.7", "198.51.100.1", false, []string{"203.0.113.7"}, false},
		{"behind a proxy", "203.0.113.7", "203.0.113.7", true, []string{"203.0.113.7"}, true},
		{"behind a proxy, with a port", "203.0.113.7", "203.0.113.7", true, []string{"203.0.113.7:4711"}, true},
		{"garbage on the right", "203.0.113.7", "203.0.113.7", true, []string{"203.0.113.7, garbage"}, false},
		{"garbage in the last line", "203.0.113.7", "203.0.113.7", true, []string{"203.0.113.7", "garbage"}, false},
		{"nothing on the right", "203.0.113.7", "203.0.113.7", true, []string{"203.0.113.7, "}, false},
		{"a zone on the right", "203.0.113.7", "203.0.113.7", true, []string{"203.0.113.7, fe80::1%eth0"}, false},
		{"garbage on the left", "203.0.113.7", "203.0.113.7", true, []string{"garbage, 203.0.113.7"}, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tok := mint(t, func(g *token.Grant) { g.IPs = addressRules(t, tc.rule) })
			r := request(http.MethodGet, media+"?token="+tok)
			for _, line := range tc.forwarded {
				r.Header.Add("X-Forwarded-For", line)
			}
			setVar(r, caddyhttp.ClientIPVarKey, tc.client)
			setVar(r, caddyhttp.TrustedProxyVarKey, tc.trusted)
			var o origin
			w := serve(t, h, &o, r)
			if tc.ok {
				allowed(t, w)
				return
			}
			refusedWith(t, w, &o, 403, "wrong_ip")
		})
	}
}

// A request that no server has prepared has no address.
func TestAddressWithoutAServer(t *testing.T) {
	h := newGate(t, "errors verbose")
	tok := mint(t, func(g *token.Grant) { g.IPs = addressRules(t, "192.0.2.1") })
	r, err := http.NewRequest(http.MethodGet, "http://edge.test"+media+"?token="+tok, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.RemoteAddr = "192.0.2.1:1234"
	var o origin
	refusedWith(t, serve(t, h, &o, r), &o, 403, "wrong_ip")
}

// The page: Origin before Referer, and nothing odd counts as absent.
func TestRefererRules(t *testing.T) {
	tok := mint(t, func(g *token.Grant) { g.Referers = hostPatterns(t, "page.test", "*.wide.test", "port.test:8443") })
	deny, allow := newGate(t, "errors verbose"), newGate(t, "errors verbose\nreferer_missing allow")
	for _, tc := range []struct {
		name            string
		headers         []string
		strict, lenient bool
	}{
		{"the page", []string{"Referer: https://page.test/watch?v=1"}, true, true},
		{"its origin", []string{"Origin: https://page.test"}, true, true},
		{"a subdomain", []string{"Referer: https://a.b.wide.test/"}, true, true},
		{"the apex", []string{"Referer: https://wide.test/"}, false, false},
		{"the port", []string{"Origin: https://port.test:8443"}, true, true},
		{"another port", []string{"Origin: https://port.test"}, false, false},
		{"neither", nil, false, true},
		{"Origin null", []string{"Origin: null"}, false, true},
		{"Origin null and a page", []string{"Origin: null", "Referer: https://page.test/"}, true, true},
		{"Origin null and another", []string{"Origin: null", "Referer: https://evil.test/"}, false, false},
		{"Origin beats Referer", []string{"Origin: https://evil.test", "Referer: https://page.test/"}, false, false},
		{"two Origins", []string{"Origin: https://page.test", "Origin: https://page.test"}, false, false},
		{"two Referers", []string{"Referer: https://page.test/", "Referer: https://page.test/"}, false, false},
		{"empty Referer", []string{"Referer: "}, false, false},
		{"look-alike suffix", []string{"Referer: https://page.test.evil.test/"}, false, false},
		{"look-alike prefix", []string{"Referer: https://evilpage.test/"}, false, false},
		{"user information", []string{"Referer: https://page.test@evil.test/"}, false, false},
		{"a backslash", []string{`Referer: https://evil.test\@page.test/`}, false, false},
		{"in the path", []string{"Referer: https://evil.test/page.test"}, false, false},
		{"another scheme", []string{"Referer: ftp://page.test/"}, false, false},
	} {
		for _, gate := range []struct {
			h  *Handler
			ok bool
		}{{deny, tc.strict}, {allow, tc.lenient}} {
			t.Run(tc.name+" "+gate.h.RefererMissing, func(t *testing.T) {
				var o origin
				w := get(t, gate.h, &o, media+"?token="+tok, tc.headers...)
				if gate.ok {
					allowed(t, w)
					return
				}
				refusedWith(t, w, &o, 403, "wrong_referer")
			})
		}
	}
}
