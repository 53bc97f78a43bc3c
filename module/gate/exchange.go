package gate

import (
	"net/http"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"

	"github.com/playgate/playgate/module/app"
	"github.com/playgate/playgate/module/internal/access"
	"github.com/playgate/playgate/module/internal/cluster"
	"github.com/playgate/playgate/module/internal/conns"
)

// exchange is one request on its way through the gate.
type exchange struct {
	incoming
	decision

	w http.ResponseWriter

	// minted are the session tokens of this exchange, by stream.
	minted map[string]string

	next   caddyhttp.Handler // what stands below the gate
	viewer uint64            // who watches

	counted   bool     // see count
	wantsGzip bool     // the client takes compressed manifests
	id        string   // of a refusal, once there is one
	before    []string // header names that were set above the gate

	// What it takes to pass it on, once it is admitted.
	answer  response
	below   *below         // nil before
	running *conns.Running // where it can be cut
}

func (x *exchange) serve(next caddyhttp.Handler) error {
	defer func() { x.slot.Release() }() // unless a WHEP session has begun
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
	x.decision = x.judge()
	x.cleanTrace()
	if x.decision.preflight {
		x.strip()
		x.preflight()
		return false, nil
	}
	v := x.verdict
	if !v.Allowed && (!x.h.ReportOnly || !reportable(v.Reason)) {
		return false, x.refuse(v)
	}
	x.log(v.Reason)
	if v.Allowed && !x.target.Open {
		x.viewer = x.h.app.Edge().RecordView(&x.subject, x.address(), x.h.app.Registry() != nil, x.at)
	}
	if to := x.redirect(); to != "" {
		x.strip()
		x.count()
		x.answerRedirect(to)
		return false, nil
	}
	x.prepare()
	return true, nil
}

// count counts the request as one that was let through, once what is below the gate has
// begun to answer: what the gate still refuses then was not let through.
func (x *exchange) count() {
	if x.counted {
		return
	}
	x.counted = true
	result := app.Allowed
	if !x.verdict.Allowed {
		result = app.WouldDeny
	}
	x.h.app.Metrics().Count(result, x.verdict.Reason)
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
	if id := x.tokenID(); id != "" {
		extra.Set(zap.String("playgate_token_id", id))
	}
}

// note has a refusal kept for a while, and told to whoever listens.
func (x *exchange) note(reason access.Reason) {
	refusal := cluster.Refusal{ID: x.id, Reason: reason, Org: x.target.Org, Stream: x.target.Stream, TokenID: x.tokenID()}
	if g := x.credential.Grant; g != nil {
		refusal.TokenOrg = g.Org
	}
	x.h.app.Edge().RecordRefusal(&refusal)
}
