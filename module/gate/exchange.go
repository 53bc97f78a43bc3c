package gate

import (
	"cmp"
	"errors"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"

	"github.com/playgate/playgate/module/app"
	"github.com/playgate/playgate/module/internal/access"
	"github.com/playgate/playgate/module/internal/conns"
	"github.com/playgate/playgate/module/internal/redact"
	"github.com/playgate/playgate/module/internal/target"
	"github.com/playgate/playgate/module/token"
	"github.com/playgate/playgate/module/token/sessiontoken"
)

// exchange is one request on its way through the gate.
type exchange struct {
	h *Handler
	w http.ResponseWriter
	r *http.Request

	path   string // canonical raw path without token
	query  target.Query
	socket bool
	target target.Target
	public bool // needs no token
	token  found
	trust  *app.Trust   // what the token is verified with
	grant  *token.Grant // set once the signature has held

	// session is what a session token says; nil for a playback token.
	session *sessiontoken.Token
	// minted are the session tokens of this exchange, by stream.
	minted map[string]string

	// verified says that the token passed step 6: it is good for this stream
	// at this time. Only then is its identity passed on and the token propagated.
	verified bool

	subject  access.Subject    // whom it serves, once a token has been verified
	next     caddyhttp.Handler // what stands below the gate
	running  *conns.Running    // once it is on its way, where it can be cut
	resource *conns.Resource   // the WHEP resource that it changes or deletes
	viewer   uint64            // who watches
	changes  uint64            // what was known when it was judged
	at       time.Time         // when it was judged
	wait     time.Duration     // until this client is listened to again

	wantsGzip bool     // the client takes compressed manifests
	canonical bool     // path and query have been read
	id        string   // of a refusal, once there is one
	before    []string // header names that were set above the gate

	lines [8]string // that header fields take; see line
	used  int       // how many of them
	way   *way      // once it is to be passed on
}

// way is what an exchange needs that is passed on, in one piece of memory.
type way struct {
	answer response
	runs   conns.Running
	below  below
	named  [8]string // room for exchange.before
}

// line is a field value of its own: whoever changes it changes no other request.
func (x *exchange) line(value string) []string {
	i := x.used
	if i == len(x.lines) {
		return []string{value}
	}
	x.lines[i], x.used = value, i+1
	return x.lines[i : i+1 : i+1]
}

func (x *exchange) serve(next caddyhttp.Handler) error {
	if admitted, err := x.admit(); !admitted {
		return err
	}
	return x.pass(next)
}

// admit judges the request. What is not admitted has been answered.
func (x *exchange) admit() (admitted bool, err error) {
	defer func() {
		if p := recover(); p != nil {
			x.h.logger.Error("the gate failed; the request is refused", zap.Any("panic", p), zap.StackSkip("stack", 1))
			admitted, err = false, x.refuse(access.Deny(access.Internal, ""))
		}
	}()
	dropForged(x.r)
	v, preflight := x.judge()
	if preflight {
		x.preflight()
		return false, nil
	}
	result := app.Allowed
	if !v.Allowed {
		if !x.h.ReportOnly || !reportable(v.Reason) {
			return false, x.refuse(v)
		}
		result = app.WouldDeny
	}
	x.h.app.Metrics().Count(result, v.Reason)
	x.log(v.Reason)
	if v.Allowed && !x.target.Open {
		x.viewer = x.h.app.Note(&x.subject, x.r, x.at)
	}
	if to := x.redirect(); to != "" {
		x.answerRedirect(to)
		return false, nil
	}
	x.prepare()
	return true, nil
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

// judge is the order of checks, from the canonical request to the page. The
// first failure is the reason.
func (x *exchange) judge() (v access.Verdict, preflight bool) {
	x.h.app.AwaitStart()
	x.changes, x.at = app.Changes(), x.h.now()
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

func (x *exchange) address() netip.Addr { return app.ClientAddress(x.r) }

// denyToken is the refusal of a token that cannot be verified. A key that is
// not there may only be out of reach.
func (x *exchange) denyToken(err error) access.Verdict {
	var limited *app.LimitedError
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

// log adds the verdict to the request's line in the access log. Until the
// signature has held, nothing from the token is in it.
func (x *exchange) log(reason access.Reason) {
	if !x.h.accessLog {
		return
	}
	extra, ok := x.r.Context().Value(caddyhttp.ExtraLogFieldsCtxKey).(*caddyhttp.ExtraLogFields)
	if !ok {
		return
	}
	if x.id != "" {
		extra.Set(zap.String("playgate_id", x.id))
	}
	if reason != "" {
		extra.Set(zap.String("playgate_reason", string(reason)))
	}
	if x.target.Org != "" {
		extra.Set(zap.String("playgate_org", x.target.Org))
		extra.Set(zap.String("playgate_stream", x.target.Stream))
	}
	if x.grant != nil {
		extra.Set(zap.String("playgate_token_id", x.grant.ID))
	}
}

// note has a refusal kept for a while, and told to whoever listens.
func (x *exchange) note(reason access.Reason) {
	refusal := app.Refusal{ID: x.id, Reason: reason, Org: x.target.Org, Stream: x.target.Stream, TokenID: x.tokenID()}
	if x.grant != nil {
		refusal.TokenOrg = x.grant.Org
	}
	x.h.app.Refused(&refusal)
}

// tokenID is the id of the token, or "" where that is not known.
func (x *exchange) tokenID() string {
	if x.grant == nil {
		return ""
	}
	return x.grant.ID
}

var errBrokeOff = errors.New("the origin's answer broke off")

// pass runs what stands below the gate, and answers for it when it fails.
func (x *exchange) pass(next caddyhttp.Handler) (err error) {
	x.next = next
	x.run()
	rw := &x.way.answer
	rw.init(x)
	method := x.r.Method
	answered := false // with a failure
	if x.running != nil {
		defer x.running.Release()
	}
	defer func() {
		x.r.Method = method
		rw.release()
		p := recover()
		if reason := x.wasCut(); reason != "" && !answered {
			err = x.endCut(reason, rw.committed)
			return
		}
		switch {
		case p == nil:
		case rw.committed:
			// The answer has begun; only an aborted connection tells that it
			// is not complete.
			panic(p)
		case p == any(http.ErrAbortHandler):
			err = x.fail(http.StatusBadGateway, cmp.Or(rw.failure, errBrokeOff))
		default:
			x.h.logger.Error("a request failed below the gate's verdict; it is refused", zap.Any("panic", p), zap.StackSkip("stack", 1))
			x.resetHeader()
			err = x.refuse(access.Deny(access.Internal, ""))
		}
	}()
	if rw.mode != passThrough {
		x.wantsGzip = narrowCodings(x.r.Header)
		x.askForManifest(rw.mode)
	}
	if err = next.ServeHTTP(rw, x.r); err == nil && rw.partly {
		rw.again()
		err = next.ServeHTTP(rw, x.r)
	}
	if err == nil {
		err = rw.finish()
	}
	switch {
	case err == nil || x.wasCut() != "":
		return nil // or the deferred function says why
	case rw.committed:
		x.h.logger.Debug("a handler below the gate failed after its answer had begun", zap.Error(err))
		panic(http.ErrAbortHandler)
	}
	answered = true
	if rw.failure != nil {
		return x.fail(http.StatusBadGateway, rw.failure)
	}
	status := http.StatusInternalServerError
	var ofHandler caddyhttp.HandlerError
	if errors.As(err, &ofHandler) && ofHandler.StatusCode != 0 {
		status = ofHandler.StatusCode
	}
	return x.fail(status, err)
}

// resetHeader forgets what handlers below the gate have set.
func (x *exchange) resetHeader() {
	h := x.w.Header()
	for name := range h {
		if !slices.Contains(x.before, name) {
			delete(h, name)
		}
	}
}
