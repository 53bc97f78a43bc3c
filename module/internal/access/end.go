package access

// Why something that was running has ended, besides refusals. These refuse no
// request, and are none of [Reasons].
const (
	// SocketMessage: a WebSocket that takes no messages got one.
	SocketMessage Reason = "socket_message"
	// Displaced: there were too many WHEP sessions, and this was the oldest of its
	// token.
	Displaced Reason = "displaced"
	// Stopping: the process ends, and WHEP sessions with it.
	Stopping Reason = "stopping"
)
