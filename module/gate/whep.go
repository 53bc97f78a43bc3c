package gate

import (
	"context"
	"crypto/tls"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"

	"github.com/playgate/playgate/module/app"
	"github.com/playgate/playgate/module/internal/access"
	"github.com/playgate/playgate/module/internal/conns"
	"github.com/playgate/playgate/module/internal/manifest"
	"github.com/playgate/playgate/module/internal/places"
	"github.com/playgate/playgate/module/internal/target"
)

// With WHEP the media goes beside HTTP, from the origin to the viewer. A POST
// begins a session, whose URL the origin tells in Location; PATCH changes it, and
// DELETE ends it (as WHIP does, RFC 9725). The gate keeps who began a session,
// lets nobody else change it, and deletes it when the token stops being good.

const methodsWHEP = "whep"

// lateDelete is how long after the end of a token its sessions can be deleted
// with it.
const lateDelete = 10 * time.Minute

// methods are those that the Allow header of a refusal names.
func (x *exchange) methods() string {
	return allowedMethods(x.target.Rule != nil && x.target.Rule.WHEP)
}

func allowedMethods(whep bool) string {
	if whep {
		return "GET, HEAD, POST, PATCH, DELETE, OPTIONS"
	}
	return "GET, HEAD, OPTIONS"
}

// changesResource reports whether the request is to change or end a WHEP session.
func (in *incoming) changesResource() bool {
	return in.r.Method == http.MethodPatch || in.r.Method == http.MethodDelete
}

// findResource looks for the WHEP session that the request is for.
func (in *incoming) findResource() {
	if in.changesResource() {
		_, host := app.PublicOrigin(in.r)
		in.resource = in.h.app.Edge().Resources.Find(resourceURL(host, in.path, in.query))
	}
}

// resourceURL is by what a WHEP session is known. The port does not count: one
// site may have several. Nor do ways of writing the same, and tokens.
func resourceURL(host, path string, query target.Query) string {
	u := url.URL{Host: host}
	u.Path, _ = target.Unescape(path)
	b := []byte(strings.ToLower(u.Hostname()) + u.EscapedPath())
	separator := byte('?')
	for _, pair := range query.Pairs() {
		if !pair.Token {
			b = append(append(b, separator), url.QueryEscape(pair.Name)...)
			b = append(append(b, '='), url.QueryEscape(pair.Value)...)
			separator = '&'
		}
	}
	return string(b)
}

// soon is when somebody may try again who has no room for a WHEP session.
const soon = 2 * time.Second

// judgeResource judges what the request asks for with a WHEP session: to begin one,
// there has to be room, and to change one, it has to be the token's. A gate that only
// reports does not keep whose they are, and who plays without a token owns none.
func (in *incoming) judgeResource(d decision) decision {
	switch {
	case d.target.Kind == target.WHEP && in.r.Method == http.MethodPost:
		if in.slot = in.h.app.Edge().Resources.Reserve(&d.subject, d.at); in.slot == nil {
			d.wait = soon
			return d.denied(access.Deny(access.TooManySessions, "there are too many WHEP sessions, and none of the same token that could make room; end some, or try again"))
		}
	case in.changesResource() && !in.h.ReportOnly && !in.mayChange(&d):
		return d.denied(access.Deny(access.NoStream, "there is no such WHEP session of this token; it has ended, or it was begun with another token or at another edge"))
	}
	return d
}

// mayChange reports whether the session is the token's, or, where none is needed,
// nobody's. What the gate does not know by this very URL is nobody's to change: the
// origin may know it by more than one.
func (in *incoming) mayChange(d *decision) bool {
	return in.resource != nil && (in.owns(d) || d.public && !in.resource.Owned())
}

func (in *incoming) owns(d *decision) bool {
	return in.resource.OwnedBy(&d.subject) && in.resource.Subject.Stream == d.subject.Stream
}

// judgedAt is the time that the token is judged by. To delete its own session, a
// token is good for a while longer, and to change it, for as long as its stream needs
// none.
func (in *incoming) judgedAt(d *decision) time.Time {
	now := d.at
	if in.resource == nil || !in.changesResource() || !in.owns(d) {
		return now
	}
	end := d.credential.Grant.ExpiresAt()
	late := in.r.Method == http.MethodDelete && now.Sub(end) <= lateDelete
	if now.Before(end) || !late && !in.h.app.Public(d.target.Org, d.target.Stream, now) {
		return now
	}
	return end.Add(-time.Second)
}

var errNoResource = errors.New("the origin began a WHEP session without a Location that a rule of this gate maps to the same stream, so that it could not be ended with its token; " +
	"let the origin send one, map it with a stream rule, or write cut off")

var errOfAnother = errors.New("the origin began a WHEP session with a Location that is already that of another session; " +
	"let the origin use each URL once, and the sites of this server different ones")

// signalled looks at the header of an answer to WHEP signalling before it goes
// out: a session that has begun is kept, and its URL gets the token. Without a
// session to end, the client must not learn the origin's answer.
func (x *exchange) signalled(h http.Header, status int) error {
	success := status >= 200 && status < 300
	switch {
	case x.r.Method == http.MethodDelete:
		x.deleted(&x.decision, status)
	case !x.public && !x.good():
	case x.r.Method == http.MethodPost && success:
		err := errNoResource
		path, query, ok := x.location(h)
		if ok {
			err = x.keep(path, query)
		}
		switch {
		case err == nil:
			x.propagateLocation(h, path, query)
		case !x.public && x.h.cuts():
			return err
		}
	case status >= 300 && status < 400:
		if path, query, ok := x.location(h); ok {
			x.propagateLocation(h, path, query)
		}
	}
	return nil
}

// deleted hears what became of a DELETE of a WHEP session. The client chose the way that
// it took, so that an origin which does not know the session may have answered.
func (in *incoming) deleted(d *decision, status int) {
	r := in.resource
	switch {
	case r == nil || !gone(status) || r.Owned() && !in.owns(d):
	case status < 300 && r.Chain == in.chain():
		in.h.app.Edge().Resources.Remove(r)
	default:
		go r.Ask(func() { in.h.ask(r) })
	}
}

// ask finds out whether a session is gone, by a DELETE that goes the way in which it was
// made. Clients can have that done, so it is done for a few at a time.
func (h *Handler) ask(r *conns.Resource) {
	giveBack, ok := h.app.Edge().Resources.Asking.Try(r.Subject.Org, maxAsking)
	if ok {
		defer giveBack()
		r.Deletion.(*deletion).attempt(r)
	}
}

// maxAsking is for how many sessions of an organisation that is done at the same time.
const maxAsking = 8

// gone reports whether a WHEP session is not there any more after an answer to DELETE
// of the origin that has it.
func gone(status int) bool {
	return status >= 200 && status < 300 || status == http.StatusNotFound || status == http.StatusGone
}

func (in *incoming) chain() conns.Chain { return conns.Chain{Gate: in.h, Host: in.r.Host} }

// location is where on this site the Location header leads to, without tokens.
func (x *exchange) location(h http.Header) (path, query string, ok bool) {
	lines := h["Location"]
	if len(lines) != 1 {
		return "", "", false
	}
	site := manifest.Rewriter{Site: x.site(), Path: x.path}
	path, raw, ok := site.Leads(lines[0])
	if !ok {
		return "", "", false
	}
	return x.h.withoutTokens(path, raw)
}

// propagateLocation writes the token into the Location header, as manifests get it.
func (x *exchange) propagateLocation(h http.Header, path, query string) {
	if !x.carries() {
		return
	}
	rw := x.rewriter()
	ref := h["Location"][0]
	switch {
	case rw.Form == manifest.Inherited:
	case x.h.Propagate == byPath:
		rw.Form, ref = manifest.InBase, withQuery(path, query) // absolute, so that it gets the segment
	case x.h.Propagate == byCookie, x.h.Propagate == byNothing:
		return
	case rw.Name != "":
		rw.Form = manifest.InQuery
	}
	h["Location"] = []string{rw.Reference(ref)}
}

// keep takes the session in that the origin has begun, if it is one of its own.
func (x *exchange) keep(path, query string) error {
	q, err := x.h.places.ReadQuery(query)
	if err != nil {
		return errNoResource
	}
	wanted, err := x.h.rules.Find(path, q)
	if err != nil || wanted.Org != x.target.Org || wanted.Stream != x.target.Stream {
		return errNoResource
	}
	wanted.Kind = target.WHEP
	_, host := app.PublicOrigin(x.r)
	deadline := x.deadline()
	var kept time.Time
	if !deadline.IsZero() {
		kept = deadline.Add(lateDelete)
	}
	d := x.deletion(wanted, path, q)
	var resource *conns.Resource
	var end func()
	if x.h.cuts() {
		end = func() { d.run(resource) }
	}
	resource = conns.NewResource(resourceURL(host, path, q), kept, end)
	resource.Subject, resource.TokenID, resource.Deadline = x.subject, x.tokenID(), deadline
	resource.Chain, resource.Deletion = x.chain(), d
	clash, ok := x.h.app.Edge().Resources.Add(x.slot, resource, x.changes)
	switch {
	case ok:
		return nil
	case clash != nil && clash.Chain.Gate != x.h: // another origin's, which has this one now
		go d.discard()
	}
	return errOfAnother
}

// deletion is the gate's own DELETE of a WHEP session. It keeps of the request
// that began it what is needed to go the same way.
type deletion struct {
	h        *Handler
	next     caddyhttp.Handler
	path     string
	query    target.Query
	decision decision

	server *caddyhttp.Server
	host   string
	remote string
	tls    *tls.ConnectionState
}

func (x *exchange) deletion(wanted target.Target, path string, query target.Query) *deletion {
	d := &deletion{
		h: x.h, next: x.next, path: path, query: query,
		decision: decision{verdict: x.verdict, public: x.public, target: wanted, credential: access.Credential{Grant: x.credential.Grant}},
		host:     x.r.Host, remote: x.r.RemoteAddr, tls: x.r.TLS,
	}
	if x.h.UpstreamToken != "drop" {
		// Where the origin checks tokens itself, it gets this one.
		d.decision.token = places.Found{Text: x.token.Text, Path: true}
	}
	d.server, _ = x.r.Context().Value(caddyhttp.ServerCtxKey).(*caddyhttp.Server)
	return d
}

const (
	deleteTries   = 3
	deleteTimeout = 2 * time.Second // of one try
	deletePause   = 200 * time.Millisecond
)

// maxDeletions is how many of an organisation run at the same time: an origin may have
// thousands of sessions that end in one moment. Those of others do not wait for them.
const maxDeletions = 64

// run deletes the session, as long as its URL is its own. What cannot be deleted is
// told to the operator; its owner may still delete it.
func (d *deletion) run(resource *conns.Resource) {
	defer d.h.app.Edge().Resources.Ending.Take(resource.Subject.Org, maxDeletions)()
	status, err := 0, error(nil)
	for try := range deleteTries {
		time.Sleep(time.Duration(try) * deletePause)
		var over bool
		if over, status, err = d.attempt(resource); over {
			return
		}
	}
	d.h.logger.Error("a WHEP session could not be ended; its viewer may still see the stream",
		zap.String("playgate_org", d.decision.target.Org), zap.String("playgate_stream", d.decision.target.Stream),
		zap.String("playgate_reason", resource.Reason()), zap.Int("status", status), zap.Error(err))
	d.h.app.Edge().Resources.GiveUp(resource)
}

// discard deletes a session that cannot be kept, and that nobody else has.
func (d *deletion) discard() {
	if giveBack, ok := d.h.app.Edge().Resources.Asking.Try(d.decision.target.Org, maxAsking); ok {
		defer giveBack()
		_, _ = d.try()
	}
}

// attempt is one try, which reports whether the session is over.
func (d *deletion) attempt(resource *conns.Resource) (over bool, status int, err error) {
	if !d.h.app.Edge().Resources.Holds(resource) {
		return true, 0, nil
	}
	if status, err = d.try(); err != nil || !gone(status) {
		return false, status, err
	}
	d.h.app.Edge().Resources.Remove(resource)
	return true, status, nil
}

var errPanic = errors.New("a handler below the gate failed")

// try sends one DELETE through what stands below the gate.
func (d *deletion) try() (status int, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), deleteTimeout)
	defer cancel()
	defer func() {
		if p := recover(); p != nil {
			err = errPanic
		}
	}()
	r, err := http.NewRequestWithContext(ctx, http.MethodDelete, "/", http.NoBody)
	if err != nil {
		return 0, err
	}
	r.Host, r.RemoteAddr, r.TLS = d.host, d.remote, d.tls
	r.URL = &url.URL{RawQuery: d.query.Raw()}
	r.URL.Path, r.URL.RawPath = target.Unescape(d.path)
	r.RequestURI = r.URL.RequestURI()
	w := &statusOnly{header: make(http.Header)}
	x := exchange{
		incoming: incoming{
			h: d.h, path: d.path, query: d.query, canonical: true,
			r: caddyhttp.PrepareRequest(r, caddy.NewReplacer(), w, d.server),
		},
		decision: d.decision, w: w,
	}
	x.prepare()
	if err := d.next.ServeHTTP(w, x.r); err != nil {
		var ofHandler caddyhttp.HandlerError
		if errors.As(err, &ofHandler) {
			return ofHandler.StatusCode, err
		}
		return w.status, err
	}
	return w.status, nil
}

// statusOnly is a response that nobody reads.
type statusOnly struct {
	header http.Header
	status int
}

func (w *statusOnly) Header() http.Header { return w.header }

func (w *statusOnly) WriteHeader(status int) {
	if w.status == 0 && status >= 200 {
		w.status = status
	}
}

func (w *statusOnly) Write(p []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	return len(p), nil
}
