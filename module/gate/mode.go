package gate

import (
	"net/http"

	"github.com/playgate/playgate/module/internal/target"
)

// manifestMode is what the gate does with manifests.
type manifestMode uint8

const (
	passThrough manifestMode = iota
	inspect                  // they pass unchanged, unless they would make the player leak the token
	splice                   // they get the token
)

// manifestMode tells what is done with manifests. A token in the path stays there, and
// root-absolute URIs need it, whatever the mode that lets it stand. One in the
// query is the player's to carry where a manifest tells it to.
func (x *exchange) manifestMode() manifestMode {
	if x.target.Kind == target.Socket || x.target.Kind == target.WHEP {
		return passThrough
	}
	if !x.good() {
		if x.inner() != "" {
			return splice // what climbs has one folder more to leave
		}
		return passThrough
	}
	switch x.h.Propagate {
	case bySession:
		return splice
	case byQuery:
		if x.token.Path || len(x.h.places.Query) > 0 {
			return splice
		}
	case byPath, byNothing:
		if x.token.Path {
			return splice
		}
	}
	if x.token.Name != "" && x.r.Method != http.MethodHead {
		return inspect
	}
	return passThrough
}
