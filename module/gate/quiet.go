package gate

import (
	"net/http"

	"github.com/playgate/playgate/module/internal/playout"
)

// quiet reports whether clients of WebSockets may send control frames only.
func (h *Handler) quiet() bool { return h.SocketMessages == "deny" }

// checkHandshake refuses a handshake over HTTP/1 that has a body, where messages
// are not allowed: an origin that overlooks the length takes it for frames.
func (h *Handler) checkHandshake(r *http.Request) error {
	if h.quiet() && r.ProtoMajor == 1 && (r.ContentLength != 0 || len(r.TransferEncoding) > 0) {
		return &playout.Error{Kind: playout.ErrBadRequest, Detail: "the handshake of a WebSocket has a body"}
	}
	return nil
}

// message ends the socket of a client that has sent what it may not.
func (x *exchange) message() { x.h.app.Message(x.running) }
