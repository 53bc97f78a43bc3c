package gate

import (
	"errors"
	"net/http"
	"net/netip"
	"slices"
	"time"

	"github.com/playgate/playgate/module/app"
	"github.com/playgate/playgate/module/internal/access"
	"github.com/playgate/playgate/module/internal/headers"
	"github.com/playgate/playgate/module/internal/redact"
	"github.com/playgate/playgate/module/internal/target"
	"github.com/playgate/playgate/module/internal/verify"
	"github.com/playgate/playgate/module/token/sessiontoken"
)

// judge is the order of checks: canonical request, preflight, target, public, token,
// signature, times, scope, address and page, store, revocation, WHEP resource. The
// first failure is the reason.
func (in *incoming) judge() (d decision) {
	in.h.app.AwaitStart()
	d.changes, d.at = in.h.app.Edge().Changes.Count(), in.asOf
	if d.at.IsZero() {
		d.at = in.h.now()
	}
	err := in.readRequest()
	if err != nil {
		return d.denied(access.DenyError(err))
	}
	d.inURL = len(in.segments) > 0 || slices.ContainsFunc(in.query.Pairs(), func(p target.Pair) bool { return p.Token })
	if isPreflight(in.r) {
		d.preflight = true
		return d
	}
	in.findResource()
	d.target, err = in.h.rules.Target(target.Request{Method: in.r.Method, Path: in.path, Query: in.query, Socket: in.socket, Resource: in.resource != nil})
	if err != nil {
		return d.denied(access.DenyError(err))
	}
	if !d.target.Open && headers.AsksForWorker(in.r.Header) {
		return d.denied(access.Deny(access.BadRequest, "a service worker sees the URLs of all that its pages ask for; load it from a path that no rule maps, or that open names"))
	}
	if d.target.Open || !in.resource.Owned() && in.h.app.Public(d.target.Org, d.target.Stream, d.at) {
		d = in.allowPublic(d)
	} else {
		d = in.judgeToken(d)
	}
	if d.verdict.Allowed {
		return in.judgeResource(d)
	}
	return d
}

// WouldAnswer judges a request as every request is judged, and nothing else happens; see
// [app.Gates.Verdict]. What report_only lets through is allowed, with its reason.
func (h *Handler) WouldAnswer(r *http.Request, text string, at time.Time) access.Verdict {
	in := &incoming{h: h, asOf: at}
	in.r, in.apart = h.places.Put(r, text)
	v := in.judge().verdict
	v.Allowed = v.Allowed || h.ReportOnly && reportable(v.Reason)
	return v
}

// allowPublic allows what needs no token. Where one comes all the same and is good,
// its viewer plays on when the stream stops being public, and a WHEP session that it
// begins is its own.
func (in *incoming) allowPublic(d decision) decision {
	d.subject = access.Subject{Org: d.target.Org, Stream: d.target.Stream, Public: true}
	whep := d.target.Kind == target.WHEP
	if !d.target.Open && (in.h.cuts() || whep) {
		if judged := in.judgeToken(d); judged.verdict.Allowed {
			d.subject = judged.subject
			d.subject.Public, d.subject.Expires = true, judged.credential.Grant.Expires
			if whep {
				d.token, d.trust, d.credential = judged.token, judged.trust, judged.credential
			}
		}
	}
	d.public, d.verdict = true, access.Allow
	return d
}

// judgeToken judges the request by its token, from where it stands to what became of
// it since it was made.
func (in *incoming) judgeToken(d decision) decision {
	if d.token, d.verdict = in.h.places.Find(in.segments, in.query, in.r.Header); !d.verdict.Allowed {
		return d
	}
	if d.token.Cookie && !in.cookieAllowed() {
		return d.denied(access.Deny(access.MissingToken, "a token in a cookie counts for GET and HEAD, and for a socket that a page of this site or one listed by cors opens"))
	}
	d.trust = in.h.trust()
	if err := in.verify(&d); err != nil {
		return in.denyToken(d, err)
	}
	if d.verdict = access.Judge(d.credential, d.target, in.facts(&d), in.h.policy); !d.verdict.Allowed {
		return d
	}
	now := d.at
	if !in.asOf.IsZero() { // what is known of the store is as old as it is
		now = in.h.now()
	}
	if reason := in.h.app.Unavailable(now); reason != "" {
		return d.denied(access.Deny(reason, ""))
	}
	if !d.trust.Hasher.Valid() { // from before that was known
		return d.denied(access.Deny(access.StoreUnavailable, ""))
	}
	if in.h.app.Revoked(&d.subject, d.at) {
		return d.denied(access.Deny(access.Revoked, "the token has been revoked; get a new one"))
	}
	return d
}

// verify checks the signature of the token, and fills in what it says.
func (in *incoming) verify(d *decision) error {
	if sessiontoken.HasForm(d.token.Text) {
		return in.verifySession(d)
	}
	from := in.address
	if !in.asOf.IsZero() { // somebody asks: that counts for no address
		from = nil
	}
	verified, err := in.h.app.ReadToken(d.trust, d.token.Text, from, d.at)
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

func (in *incoming) address() netip.Addr { return app.ClientAddress(in.r) }

// denyToken refuses a token that cannot be verified. A key that is not there may only
// be out of reach.
func (in *incoming) denyToken(d decision, err error) decision {
	var limited *verify.LimitedError
	if errors.As(err, &limited) {
		d.wait = limited.Wait
		return d.denied(access.Deny(access.RateLimited, ""))
	}
	v := access.DenyError(err)
	if v.Reason == access.UnknownKey {
		if reason := in.h.app.KeyMissing(d.target.Org); reason != "" {
			return d.denied(access.Deny(reason, ""))
		}
	}
	return d.denied(v)
}

// readRequest reads path, query and upgrade of the request in one way, or not
// at all.
func (in *incoming) readRequest() (err error) {
	in.socket = headers.SocketAsked(in.r)
	path := target.RawPath(in.r.URL)
	if path, in.segments, err = in.h.rules.CutTokens(path, redact.Segment); err != nil {
		return err
	}
	if !in.h.places.Path {
		in.segments = nil // it does not count, and reaches nobody
	}
	if in.apart != "" {
		in.segments = append(in.segments, target.TokenSegment{Text: in.apart})
	}
	if path, err = in.h.rules.ReadPath(path); err != nil {
		return err
	}
	query, err := in.h.places.ReadQuery(in.r.URL.RawQuery)
	if err != nil {
		return err
	}
	in.path, in.query, in.canonical = path, query, true
	if in.r.URL.User != nil {
		return &target.Error{Kind: target.ErrBadRequest, Detail: "the request target has user information"}
	}
	return nil
}

// facts are what the judgement needs to know of the request.
func (in *incoming) facts(d *decision) access.Facts {
	f := access.Facts{Now: in.judgedAt(d)}
	if d.credential.BoundToAddress() {
		f.EarlyData = app.EarlyData(in.r)
		f.Address = in.address()
	}
	if d.credential.BoundToPage() {
		f.Page = in.page()
	}
	return f
}

func (in *incoming) page() access.Page {
	return access.ReadPage(in.r.Header["Origin"], in.r.Header["Referer"])
}
