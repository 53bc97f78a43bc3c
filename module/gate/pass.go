package gate

import (
	"cmp"
	"errors"
	"net/http"
	"slices"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"

	"github.com/playgate/playgate/module/internal/access"
)

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
