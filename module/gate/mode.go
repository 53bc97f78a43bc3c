package gate

import "github.com/playgate/playgate/module/internal/target"

// manifestMode is what the gate does with manifests.
type manifestMode uint8

const (
	passThrough manifestMode = iota
	inspect                  // they pass unchanged, unless they would make the player leak the token
	splice                   // they get the token
)

// manifestMode tells what is done with manifests. Those that were asked for without a
// token hold none that could leak. A token in the path stays there, and references that
// leave it behind need it, whatever the mode that lets it stand.
func (x *exchange) manifestMode() manifestMode {
	switch {
	case x.target.Kind == target.Socket || x.target.Kind == target.WHEP || !x.tokened():
		return passThrough
	case x.inner() != "", x.good() && (x.h.Propagate == bySession || x.h.Propagate == byQuery):
		return splice
	}
	return inspect
}
