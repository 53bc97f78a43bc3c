package api

import (
	"net/http"

	"github.com/playgate/playgate/module/app"
)

// Local is the API for code of this process that knows who asks, such as the
// console. See [Operation.Call].
type Local struct{ server *server }

// NewLocal makes it. find gives the app of the newest configuration; where it
// gives none, or one without a registry, the answer is 503.
func NewLocal(find func() *app.App) *Local {
	s := &server{find: find, mux: http.NewServeMux()}
	s.describe()
	s.addRoutes()
	return &Local{s}
}
