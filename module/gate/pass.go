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
	rw := &x.answer
	rw.init(x)
	method := x.r.Method
	answered := false // with a failure
	if x.running != nil {
		defer x.below.Cancel()
		defer x.running.Release()
	}
	defer func() {
		x.r.Method = method
		rw.release()
		p := recover()
		if reason := x.wasCut(); reason != "" && !answered {
			err = x.endCut(reason, rw.committed)
		} else if p != nil {
			err = x.endPanic(p)
		}
	}()
	if rw.mode != passThrough {
		x.askForManifest()
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
		rw.tellBroken()
		level := zap.DebugLevel
		if rw.failure != nil {
			level = zap.ErrorLevel // the gate itself has broken it off
		}
		x.h.logger.Log(level, "a handler below the gate failed after its answer had begun", zap.Error(cmp.Or(rw.failure, err)),
			zap.String("playgate_org", x.target.Org), zap.String("playgate_stream", x.target.Stream))
		panic(http.ErrAbortHandler)
	}
	answered = true
	return x.answerFailure(err)
}

// endPanic ends a request whose handler below the gate panicked.
func (x *exchange) endPanic(p any) error {
	rw := &x.answer
	switch {
	case rw.committed:
		// The answer has begun; only an aborted connection tells that it
		// is not complete.
		rw.tellBroken()
		panic(p)
	case p == any(http.ErrAbortHandler):
		return rw.fail(cmp.Or(rw.failure, errBrokeOff))
	}
	x.h.logger.Error("a request failed below the gate's verdict; it is refused", zap.Any("panic", p), zap.StackSkip("stack", 2))
	x.resetHeader()
	return x.refuse(access.Deny(access.Internal, ""))
}

// answerFailure answers for a handler below the gate that returned an error before
// its answer began.
func (x *exchange) answerFailure(err error) error {
	if failure := x.answer.failure; failure != nil {
		return x.answer.fail(failure)
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
