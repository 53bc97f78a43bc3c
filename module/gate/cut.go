package gate

import (
	"context"
	"net"
	"net/http"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/playgate/playgate/module/internal/access"
	"github.com/playgate/playgate/module/internal/conns"
)

type connKey struct{}

// provisionCuts has the server tell each request's connection: on HTTP/1 it is
// what a cut closes.
func (h *Handler) provisionCuts(ctx caddy.Context) {
	server, ok := ctx.Value(caddyhttp.ServerCtxKey).(*caddyhttp.Server)
	if !ok || !h.cuts() && !h.takesNoMessages() {
		return
	}
	server.RegisterConnContext(func(ctx context.Context, conn net.Conn) context.Context {
		if ctx.Value(connKey{}) != nil {
			return ctx
		}
		return context.WithValue(ctx, connKey{}, conn)
	})
}

// cuts reports whether this gate ends what it has let through. One that only
// reports does not.
func (h *Handler) cuts() bool { return (h.Cut == nil || *h.Cut) && !h.ReportOnly }

// run takes the response in among those that can be cut. A socket that takes no
// messages is one that its gate alone may cut, where nobody else does.
func (x *exchange) run() {
	cuts := x.h.cuts() && !x.target.Open && (x.public || x.good()) && x.r.Method != http.MethodDelete
	noMessages := x.socket && x.h.takesNoMessages()
	if !cuts && !noMessages {
		return
	}
	conn, _ := x.below.Value(connKey{}).(net.Conn)
	x.running = new(conns.Running)
	x.running.Start(x.w, x.r, conn, x.below.Cancelable())
	x.running.Subject, x.running.TokenID, x.running.Viewer = x.subject, x.tokenID(), x.viewer
	if noMessages && x.r.ProtoMajor > 1 {
		x.r.Body = conns.NoMessages(x.r.Body, x.message)
	}
	if !cuts {
		return
	}
	x.running.Deadline = x.deadline()
	x.h.app.Edge().Track(x.running, x.changes)
}

// deadline is when what the request starts has to end; zero: never.
func (x *exchange) deadline() time.Time {
	if x.public {
		return time.Time{}
	}
	return x.at.Add(x.credential.Grant.ExpiresAt().Add(x.h.app.Terms().Leeway).Sub(x.at))
}

// wasCut is why the response was cut, or "".
func (x *exchange) wasCut() access.Reason {
	if x.running == nil {
		return ""
	}
	return access.Reason(x.running.Reason())
}

// endCut ends a response that was cut. What has begun is aborted, so that it
// never looks complete; a socket that got its close frame ends like any other.
func (x *exchange) endCut(reason access.Reason, committed bool) error {
	if !committed {
		x.resetHeader()
		if reason == access.SocketMessage {
			return x.refuse(access.Deny(access.BadRequest, "a message before the socket was open"))
		}
		x.decision = x.denied(access.Deny(reason, "")) // nobody below, or at an error route, gets the token
		return x.refuse(access.Deny(reason, "the token has stopped being good while the request was under way"))
	}
	x.log(reason)
	if x.running.Closed() {
		return nil
	}
	panic(http.ErrAbortHandler)
}

// takesNoMessages reports whether clients of WebSockets may send control frames
// only.
func (h *Handler) takesNoMessages() bool { return h.SocketMessages == "deny" }

// message ends the socket of a client that has sent what it may not.
func (x *exchange) message() { x.h.app.Edge().CloseForMessage(x.running) }
