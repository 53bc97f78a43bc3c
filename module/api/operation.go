package api

import (
	"context"
	"errors"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/playgate/playgate/module/api/types"
)

// Operation is one thing that the API does, defined once: who may ask for it, how
// it is described (by which its input is checked), and what is done. HTTP requests
// come to it by its route, and code of this process by [Operation.Call]. I is its
// request, O its answer; an operation that answers nothing has [types.Nothing].
type Operation[I, O any] struct {
	need need
	http huma.Operation
	do   func(context.Context, *call, *I) (*O, error)

	// early, of an operation without a route, is what is refused before the rights
	// are looked at.
	early func(*I) error
}

// operation is one with a route. Its id and its path are unique.
func operation[I, O any](n need, route huma.Operation, do func(context.Context, *call, *I) (*O, error)) *Operation[I, O] {
	if isList(route.OperationID) {
		do = listing(do)
	}
	return &Operation[I, O]{need: n, http: route, do: do}
}

// Call does the operation for a principal, as a request over HTTP would: with the
// same rights, checks, defaults and mistakes. A member of the input that comes
// from the URL counts as left out where it is zero. The input is not changed.
// Errors are [Problem] values.
func (o *Operation[I, O]) Call(ctx context.Context, on *Local, who Principal, in *I) (*O, error) {
	defer abort()
	out, err := o.call(ctx, on.server, who, in)
	if err != nil {
		return nil, problemOf(err)
	}
	return out, nil
}

func (o *Operation[I, O]) call(ctx context.Context, s *server, who Principal, in *I) (*O, error) {
	described := s.described[o.http.OperationID]
	early := o.early
	switch {
	case described != nil:
		early = func(in *I) error { return checkPath(described, in) }
	case o.http.OperationID != "":
		return nil, errNoRoute // nothing would check the input
	}
	if early != nil {
		if err := early(in); err != nil {
			return nil, err
		}
	}
	c, err := s.admit(o.need, func() (Principal, error) { return who, nil })
	if err != nil {
		return nil, err
	}
	if described != nil {
		if in, err = validated(s.api.OpenAPI().Components.Schemas, described, in); err != nil {
			return nil, err
		}
	}
	return o.do(ctx, c, in)
}

// errNoRoute cannot happen: all operations with a route are added (addRoutes).
var errNoRoute = errors.New("an operation whose route was not added")

// route is an operation that can be added to the API.
type route interface{ register(s *server) }

// reply is an answer as huma has it.
type reply[O any] struct{ Body O }

// register adds the operation's route. Who has not the rights, or is not known, is
// refused before anything of the request is read.
func (o *Operation[I, O]) register(s *server) {
	if _, none := any((*O)(nil)).(*types.Nothing); none {
		gated(s, o.need, o.http, (*Problem).write, func(ctx context.Context, c *call, in *I) (*types.Nothing, error) {
			_, err := o.do(ctx, c, in)
			return nil, err
		})
		return
	}
	gated(s, o.need, o.http, (*Problem).write, func(ctx context.Context, c *call, in *I) (*reply[O], error) {
		out, err := o.do(ctx, c, in)
		if err != nil {
			return nil, err
		}
		return &reply[O]{*out}, nil
	})
}

// gated adds a route with its own way to write refusals.
func gated[I, O any](s *server, n need, op huma.Operation, write func(*Problem, http.ResponseWriter), handle func(context.Context, *call, *I) (*O, error)) {
	op.MaxBodyBytes = maxBody + 1 // huma takes one less
	if op.Security == nil {
		op.Security = []map[string][]string{{"apikey": {}}}
	}
	op.Middlewares = append(op.Middlewares, func(ctx huma.Context, next func(huma.Context)) {
		r, w := humago.Unwrap(ctx)
		c, err := s.call(r, n)
		switch {
		case err != nil:
			write(problemOf(err), w)
		case ctx.Operation().RequestBody == nil && !empty(r):
			write(mistake("body", "this takes no body; leave it out"), w)
		case parameterMistake(r) != nil:
			write(parameterMistake(r), w)
		default:
			next(huma.WithValue(ctx, callKey{}, c))
		}
	})
	register(s, op, func(ctx context.Context, in *I) (*O, error) {
		c, ok := ctx.Value(callKey{}).(*call)
		if !ok {
			return nil, problemOf(errors.New("a route without its gate"))
		}
		out, err := handle(ctx, c, in)
		if err != nil {
			return nil, problemOf(err)
		}
		return out, nil
	})
}
