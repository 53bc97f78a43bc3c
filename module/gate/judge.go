package gate

import (
	"errors"
	"net/http"
	"net/netip"
	"net/url"
	"strings"

	"github.com/playgate/playgate/module/app"
	"github.com/playgate/playgate/module/internal/access"
	"github.com/playgate/playgate/module/internal/redact"
	"github.com/playgate/playgate/module/internal/target"
	"github.com/playgate/playgate/module/internal/verify"
	"github.com/playgate/playgate/module/token/sessiontoken"
)

// judge is the order of checks: canonical request, preflight, target, public, token,
// signature, times, scope, address and page, store, revocation, WHEP resource. The
// first failure is the reason.
func (x *exchange) judge() (v access.Verdict, preflight bool) {
	x.h.app.AwaitStart()
	x.changes, x.at = x.h.app.Edge().Changes.Count(), x.h.now()
	inPath, err := x.readRequest()
	if err != nil {
		return access.DenyError(err), false
	}
	if isPreflight(x.r) {
		return access.Verdict{}, true
	}
	x.findResource()
	x.target, err = x.h.rules.Target(target.Request{Method: x.r.Method, Path: x.path, Query: x.query, Socket: x.socket, Resource: x.resource != nil})
	if err != nil {
		return access.DenyError(err), false
	}
	x.public = x.target.Open || x.h.app.Public(x.target.Org, x.target.Stream, x.at)
	if x.public {
		x.subject = access.Subject{Org: x.target.Org, Stream: x.target.Stream, Public: true}
		return access.Allow, false
	}
	if x.token, v = x.h.places.find(inPath, x.query, x.r.Header); !v.Allowed {
		return v, false
	}
	if x.token.cookie && !x.cookieAllowed() {
		return access.Deny(access.MissingToken, "a token in a cookie counts for GET and HEAD, and for a socket that a page of this site or one listed by cors opens"), false
	}
	x.trust = x.h.trust()
	if sessiontoken.HasForm(x.token.text) {
		v = x.judgeSession()
	} else if seen, err := x.h.app.ReadToken(x.trust, x.token.text, x.address, x.at); err != nil {
		return x.denyToken(err), false
	} else {
		x.grant, x.subject = seen.Grant, seen.Subject(x.target.Stream)
		v = access.Judge(x.grant, x.target, x.facts(), x.h.policy)
		x.verified = scoped(v)
	}
	if v.Allowed {
		if reason := x.h.app.Unavailable(x.at); reason != "" {
			x.verified = false
			return access.Deny(reason, ""), false
		}
		if x.h.app.Revoked(&x.subject) {
			x.verified = false
			return access.Deny(access.Revoked, "the token has been revoked; get a new one"), false
		}
		if !x.mayChange() {
			x.verified = false
			return access.Deny(access.NoStream, "this token has no WHEP session here; it has ended, or it was begun with another token or at another edge"), false
		}
	}
	return v, false
}

// reportable reports whether a refusal is one that report_only lets through:
// those for want of a good token, never those of a request that can be read in
// two ways or that no rule maps, and never our own faults.
func reportable(reason access.Reason) bool {
	switch reason {
	case access.BadRequest, access.NoStream, access.Method, access.Internal, access.KeysUnavailable, access.StoreUnavailable, "":
		return false
	}
	return true
}

func (x *exchange) address() netip.Addr { return app.ClientAddress(x.r) }

// denyToken is the refusal of a token that cannot be verified. A key that is
// not there may only be out of reach.
func (x *exchange) denyToken(err error) access.Verdict {
	var limited *verify.LimitedError
	if errors.As(err, &limited) {
		x.wait = limited.Wait
		return access.Deny(access.RateLimited, "")
	}
	v := access.DenyError(err)
	if v.Reason == access.UnknownKey {
		if reason := x.h.app.KeyMissing(x.target.Org); reason != "" {
			return access.Deny(reason, "")
		}
	}
	return v
}

// scoped reports whether a verdict is that of a token that is good for this
// stream at this time, whoever uses it from wherever.
func scoped(v access.Verdict) bool {
	switch v.Reason {
	case "", access.TooEarly, access.WrongIP, access.WrongReferer:
		return true
	}
	return false
}

// readRequest reads path, query and upgrade of the request in one way, or not
// at all. It returns the tokens that were in the path.
func (x *exchange) readRequest() (inPath []string, err error) {
	path := rawPath(x.r.URL)
	if x.h.places.path {
		path, inPath = x.h.rules.CutToken(path, redact.IsToken)
	}
	if err := target.CheckPath(path); err != nil {
		return nil, err
	}
	query, err := x.h.places.readQuery(x.r.URL.RawQuery)
	if err != nil {
		return nil, err
	}
	x.path, x.query, x.canonical = path, query, true
	if x.r.URL.User != nil {
		return nil, &target.Error{Kind: target.ErrBadRequest, Detail: "the request target has user information"}
	}
	x.socket, err = socketAsked(x.r)
	return inPath, err
}

// rawPath is the path as the client wrote it, unless an earlier handler has
// changed it.
func rawPath(u *url.URL) string {
	if u.RawPath == "" && plainPath(u.Path) {
		return u.Path
	}
	if u.RawPath != "" {
		if decoded, err := url.PathUnescape(u.RawPath); err == nil && decoded == u.Path {
			return u.RawPath
		}
	}
	return u.EscapedPath()
}

// socketAsked reports whether the request asks for a WebSocket (RFC 6455; RFC
// 8441 and 9220 over HTTP/2 and 3). Any other upgrade could carry a second
// request that nobody judges.
func socketAsked(r *http.Request) (bool, error) {
	upgrade, asked := r.Header["Upgrade"]
	switch {
	case r.Method == http.MethodConnect && r.ProtoMajor == 2 && r.Header.Get(":protocol") == "websocket",
		r.Method == http.MethodConnect && r.ProtoMajor == 3 && r.Proto == "websocket":
		if !asked {
			return true, nil
		}
	case !asked:
		return false, nil
	case r.Method == http.MethodGet && r.ProtoMajor == 1 && len(upgrade) == 1 && strings.EqualFold(upgrade[0], "websocket"):
		return true, nil
	}
	return false, &target.Error{Kind: target.ErrBadRequest, Detail: "an upgrade to anything but websocket"}
}

// facts are what the judgement needs to know of the request.
func (x *exchange) facts() access.Facts {
	f := access.Facts{Now: x.judgedAt()}
	if x.grant.IPs != nil {
		f.EarlyData = earlyData(x.r)
		f.Address = app.ClientAddress(x.r)
	}
	if x.grant.Referers != nil {
		f.Page = access.ReadPage(x.r.Header["Origin"], x.r.Header["Referer"])
	}
	return f
}
