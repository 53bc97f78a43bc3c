package gate

// takesNoMessages reports whether clients of WebSockets may send control frames
// only.
func (h *Handler) takesNoMessages() bool { return h.SocketMessages == "deny" }

// message ends the socket of a client that has sent what it may not.
func (x *exchange) message() { x.h.app.Edge().CloseForMessage(x.running) }
