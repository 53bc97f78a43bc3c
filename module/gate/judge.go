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
func (x *exchange) judge() (d decision) {
	x.h.app.AwaitStart()
	d.changes, d.at = x.h.app.Edge().Changes.Count(), x.h.now()
	inPath, err := x.readRequest()
	if err != nil {
		return d.denied(access.DenyError(err))
	}
	if isPreflight(x.r) {
		d.preflight = true
		return d
	}
	x.findResource()
	d.target, err = x.h.rules.Target(target.Request{Method: x.r.Method, Path: x.path, Query: x.query, Socket: x.socket, Resource: x.resource != nil})
	if err != nil {
		return d.denied(access.DenyError(err))
	}
	if d.target.Open || x.h.app.Public(d.target.Org, d.target.Stream, d.at) {
		return x.allowPublic(d, inPath)
	}
	return x.judgeToken(d, inPath)
}

// allowPublic allows what needs no token. Where one comes all the same and is good,
// its viewer plays on when the stream stops being public.
func (x *exchange) allowPublic(d decision, inPath []string) decision {
	d.subject = access.Subject{Org: d.target.Org, Stream: d.target.Stream, Public: true}
	if !d.target.Open && x.h.cuts() {
		if judged := x.judgeToken(d, inPath); judged.verdict.Allowed {
			d.subject = judged.subject
			d.subject.Public, d.subject.Expires = true, judged.credential.Grant.Expires
		}
	}
	d.public, d.verdict = true, access.Allow
	return d
}

// judgeToken judges the request by its token, from where it stands to what became of
// it since it was made.
func (x *exchange) judgeToken(d decision, inPath []string) decision {
	if d.token, d.verdict = x.h.places.find(inPath, x.query, x.r.Header); !d.verdict.Allowed {
		return d
	}
	if d.token.cookie && !x.cookieAllowed() {
		return d.denied(access.Deny(access.MissingToken, "a token in a cookie counts for GET and HEAD, and for a socket that a page of this site or one listed by cors opens"))
	}
	d.trust = x.h.trust()
	if err := x.verify(&d); err != nil {
		return x.denyToken(d, err)
	}
	if d.verdict = access.Judge(d.credential, d.target, x.facts(&d), x.h.policy); !d.verdict.Allowed {
		return d
	}
	if reason := x.h.app.Unavailable(d.at); reason != "" {
		return d.denied(access.Deny(reason, ""))
	}
	if x.h.app.Revoked(&d.subject) {
		return d.denied(access.Deny(access.Revoked, "the token has been revoked; get a new one"))
	}
	if !x.mayChange(&d) {
		return d.denied(access.Deny(access.NoStream, "this token has no WHEP session here; it has ended, or it was begun with another token or at another edge"))
	}
	return d
}

// verify checks the signature of the token, and fills in what it says.
func (x *exchange) verify(d *decision) error {
	if sessiontoken.HasForm(d.token.text) {
		return x.verifySession(d)
	}
	verified, err := x.h.app.ReadToken(d.trust, d.token.text, x.address, d.at)
	if err != nil {
		return err
	}
	d.credential, d.subject = access.Credential{Grant: verified.Grant}, verified.Subject(d.target.Stream)
	return nil
}

// reportable reports whether a refusal is one that report_only lets through:
// those for want of a good token, never those of a request that can be read in
// two ways or that no rule maps, and never our own faults.
func reportable(reason access.Reason) bool {
	switch reason {
	case access.BadRequest, access.NoStream, access.Method, access.AmbiguousToken, access.Internal, access.KeysUnavailable, access.StoreUnavailable, "":
		return false
	}
	return true
}

func (x *exchange) address() netip.Addr { return app.ClientAddress(x.r) }

// denyToken refuses a token that cannot be verified. A key that is not there may only
// be out of reach.
func (x *exchange) denyToken(d decision, err error) decision {
	var limited *verify.LimitedError
	if errors.As(err, &limited) {
		d.wait = limited.Wait
		return d.denied(access.Deny(access.RateLimited, ""))
	}
	v := access.DenyError(err)
	if v.Reason == access.UnknownKey {
		if reason := x.h.app.KeyMissing(d.target.Org); reason != "" {
			return d.denied(access.Deny(reason, ""))
		}
	}
	return d.denied(v)
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
func (x *exchange) facts(d *decision) access.Facts {
	f := access.Facts{Now: x.judgedAt(d)}
	if d.credential.BoundToAddress() {
		f.EarlyData = earlyData(x.r)
		f.Address = x.address()
	}
	if d.credential.BoundToPage() {
		f.Page = x.page()
	}
	return f
}

// page is the page that the request comes from.
func (x *exchange) page() access.Page {
	return access.ReadPage(x.r.Header["Origin"], x.r.Header["Referer"])
}
