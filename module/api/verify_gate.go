package api

import (
	"cmp"
	"net/http"
	"net/url"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/playgate/playgate/module/api/types"
	"github.com/playgate/playgate/module/internal/access"
	"github.com/playgate/playgate/module/internal/issue"
)

// askGate asks the gate that a URL leads to, by its host and path. What cannot be asked is
// never a yes.
func askGate(c *call, q issue.Question, e *issue.Explanation, answer *types.TokenAnswer) {
	check := types.Check{Name: "gate", Result: issue.Skipped}
	defer func() {
		answer.Checks = append(answer.Checks, check)
		answer.Allowed = answer.Allowed && check.Result == issue.OK
	}()
	streamURL, text := e.URL, ""
	if q.URL != "" { // it does not carry the token
		text = e.Text
	}
	if played := issue.StreamURLOf(c.app.Playout, c.app.StreamURL, streamURL); played != "" { // the player page's
		streamURL, text = played, e.Text
	}
	u, err := url.Parse(streamURL)
	if err != nil || u.Host == "" {
		check.Text = "write a whole URL, with its host: the gate of that host is asked"
		return
	}
	r := caddyhttp.PrepareRequest(&http.Request{
		Method: http.MethodGet, URL: u, Host: u.Host, RequestURI: u.RequestURI(), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: make(http.Header), Body: http.NoBody,
	}, caddy.NewReplacer(), nil, nil)
	caddyhttp.SetVar(r.Context(), caddyhttp.ClientIPVarKey, q.IP)
	caddyhttp.SetVar(r.Context(), caddyhttp.TrustedProxyVarKey, false)
	if q.Referer != "" {
		r.Header.Set("Referer", q.Referer)
	}
	v, ok := c.app.Gates.Verdict(r, text, q.At)
	switch {
	case !ok:
		check.Text = "no gate of this node serves " + u.Hostname() + ", or several do that say different things"
	case v.Reason == access.WrongIP && q.IP == "":
		check.Text = "the token is for certain addresses, and the viewer's was not given (--ip)"
	case v.Reason == access.WrongReferer && q.Referer == "":
		check.Text = "the token is for certain pages, and none was given (--referer)"
	case v.Allowed:
		check.Result, check.Text = issue.OK, "the gate of "+u.Hostname()+" lets it through"
	default:
		check.Result, check.Reason, check.Text = issue.Failed, string(v.Reason), cmp.Or(v.Detail, "the gate of "+u.Hostname()+" refuses it")
		answer.Reason = cmp.Or(answer.Reason, check.Reason)
	}
}
