package gate

import (
	"net/http"
	"time"

	"github.com/playgate/playgate/module/internal/conns"
	"github.com/playgate/playgate/module/internal/target"
)

// incoming is a request as it is judged.
type incoming struct {
	h *Handler
	r *http.Request

	asOf      time.Time // when it is judged; zero for now
	apart     string    // a token for the path that is not in it
	path      string    // canonical raw path without token
	query     target.Query
	socket    bool
	canonical bool                  // path and query have been read
	segments  []target.TokenSegment // tokens that were in the path
	resource  *conns.Resource       // the WHEP resource that it changes or deletes
	slot      *conns.Slot           // the room for one that it begins
}
