package api

import (
	"cmp"
	"crypto/tls"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/playgate/playgate/module/api/types"
	"github.com/playgate/playgate/module/internal/access"
	"github.com/playgate/playgate/module/internal/issue"
	"github.com/playgate/playgate/module/internal/redact"
	"github.com/playgate/playgate/module/internal/target"
)

// askGate asks the gate that a URL leads to, by its host and path. Its verdict is the answer,
// whatever the other checks say: it knows public streams, report_only, and its own rules. What
// cannot be asked is never a yes.
func askGate(c *call, q issue.Question, e *issue.Explanation, answer *types.TokenAnswer) {
	check := types.Check{Name: "gate", Result: issue.Skipped}
	defer func() {
		answer.Checks = append(answer.Checks, check)
		answer.Allowed = check.Result == issue.OK
		if check.Result != issue.Skipped {
			answer.Reason = check.Reason
		}
	}()
	streamURL, text := e.URL, ""
	if q.URL != "" { // it does not carry the token
		text = e.Text
	}
	if played := issue.StreamURLOf(c.app.Playout, c.app.StreamURL, streamURL); played != "" { // the player page's
		// The page asks for its stream.
		q.Referer, streamURL, text = streamURL, played, e.Text
	}
	r := viewerOf(streamURL, q)
	if r == nil {
		check.Text = "write a whole URL, with its host: the gate of that host is asked"
		return
	}
	host := r.URL.Hostname()
	v, ok := c.app.Gates.Verdict(r, text, q.At)
	switch {
	case !ok:
		check.Text = "no gate of this node serves " + host + r.URL.EscapedPath() + ", or which one does depends on more than the URL and the address"
	case v.Reason == access.WrongIP && q.IP == "":
		check.Text = "the token is for certain addresses, and the viewer's was not given (--ip)"
	case v.Reason == access.WrongReferer && q.Referer == "":
		check.Text = "the token is for certain pages, and none was given (--referer)"
	case v.Allowed && v.Reason != "":
		check.Result, check.Text = issue.OK, "the gate of "+host+" only reports (report_only): it lets this through, and would refuse it as "+string(v.Reason)
	case v.Allowed:
		check.Result, check.Text = issue.OK, "the gate of "+host+" lets it through"
	default:
		check.Result, check.Reason, check.Text = issue.Failed, string(v.Reason), cmp.Or(v.Detail, "the gate of "+host+" refuses it")
	}
}

// orOpen is a refusal of a token, unless the gate of a URL lets everybody in. The gate is asked
// without the token: nobody learns anything of one that is not of an own organisation.
func orOpen(c *call, q issue.Question, streamURL string, refused *types.TokenAnswer) *types.TokenAnswer {
	u, err := url.Parse(streamURL)
	if err != nil {
		return refused
	}
	bare := &url.URL{Scheme: u.Scheme, Host: u.Host}
	bare.Path, bare.RawPath = target.Unescape(withoutTokens(u))
	r := viewerOf(bare.String(), q)
	if r == nil {
		return refused
	}
	if v, ok := c.app.Gates.Verdict(r, "", q.At); ok && v.Allowed {
		refused.Allowed, refused.Reason = true, ""
		refused.Checks = append(refused.Checks, types.Check{
			Name: "gate", Result: issue.OK, Text: "the gate of " + bare.Hostname() + " lets everybody in there, with any token or none",
		})
	}
	return refused
}

// withoutTokens is the escaped path of a URL without segments that are tokens.
func withoutTokens(u *url.URL) string {
	segments := strings.Split(u.EscapedPath(), "/")
	return strings.Join(slices.DeleteFunc(segments, func(s string) bool { text, _ := redact.Segment(s); return text != "" }), "/")
}

// viewerOf is the request that a question is about; nil if its URL has no host.
func viewerOf(streamURL string, q issue.Question) *http.Request {
	u, err := url.Parse(streamURL)
	if err != nil || u.Host == "" {
		return nil
	}
	r := &http.Request{
		Method: http.MethodGet, URL: u, Host: u.Host, RequestURI: u.RequestURI(), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: make(http.Header), Body: http.NoBody,
	}
	u.Fragment, u.RawFragment = "", ""
	if u.Scheme == "https" || u.Scheme == "wss" {
		r.TLS = &tls.ConnectionState{HandshakeComplete: true}
	}
	if q.IP != "" {
		r.RemoteAddr = net.JoinHostPort(q.IP, "0")
	}
	if q.Referer != "" {
		r.Header.Set("Referer", q.Referer)
	}
	r = caddyhttp.PrepareRequest(r, caddy.NewReplacer(), nil, nil)
	caddyhttp.SetVar(r.Context(), caddyhttp.ClientIPVarKey, q.IP)
	caddyhttp.SetVar(r.Context(), caddyhttp.TrustedProxyVarKey, false)
	return r
}
