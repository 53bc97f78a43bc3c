package console

import (
	"net/url"

	"github.com/playgate/playgate/module/api"
	"github.com/playgate/playgate/module/api/types"
)

// ask has the API do something, as who has signed in. Errors are [api.Problem]
// values.
func ask[I, O any](r *pageRequest, what *api.Operation[I, O], in *I) (*O, error) {
	return what.Call(r.request.Context(), r.handler.api, r.who, in)
}

// body is a request that has a body alone.
func body[T any](b T) *types.Body[T] { return &types.Body[T]{Body: b} }

// at is a path with names in it.
func at(base string, names ...string) string {
	for _, name := range names {
		base += "/" + url.PathEscape(name)
	}
	return base
}
