package api

import (
	"context"
	"errors"
	"io"
	"net/http"
	"reflect"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"github.com/go-json-experiment/json"
)

// describe makes the description of the API, still without routes.
func describe(mux *http.ServeMux) huma.API {
	format := huma.Format{Marshal: huma.DefaultJSONFormat.Marshal, Unmarshal: unmarshal}
	config := huma.Config{
		OpenAPI: &huma.OpenAPI{
			OpenAPI: "3.1.0",
			Info:    &huma.Info{Title: "Playgate", Version: "1", Description: about},
			Components: &huma.Components{
				Schemas: huma.NewMapRegistry("#/components/schemas/", huma.DefaultSchemaNamer),
				SecuritySchemes: map[string]*huma.SecurityScheme{
					"apikey": {Type: "http", Scheme: "bearer", Description: "An API key: Authorization: Bearer pgk_..."},
					"bintu":  {Type: "apiKey", In: "header", Name: "X-BINTU-APIKEY", Description: "An API key, for clients written for nanocosmos."},
				},
			},
		},
		Formats:                      map[string]huma.Format{"application/json": format, "json": format},
		DefaultFormat:                "application/json",
		RejectUnknownQueryParameters: true,
		Transformers:                 []huma.Transformer{withoutValues},
	}
	return humago.New(mux, config)
}

const about = `Organisations, streams, playback tokens, keys, API keys and the audit trail.

Times are RFC 3339 in UTC. Members and parameters that are not listed are refused. Errors are problem details (RFC 9457) and never repeat what was sent. What belongs to an organisation that is not the caller's does not exist for the caller (404). A new token and a new API key are shown once.`

// withoutValues is the last step of every answer: huma's errors repeat the
// values that they find fault with.
func withoutValues(_ huma.Context, _ string, v any) (any, error) {
	if m, ok := v.(*huma.ErrorModel); ok {
		return fromHuma(m), nil
	}
	return v, nil
}

// errJSON says no more, because the library's errors repeat what they read.
var errJSON = errors.New("this is no JSON object as it has to be: look for syntax, names that stand twice or have other capitals, and values of another kind")

// unmarshal reads JSON in the one way that it can be read: no name twice, none
// in other capitals, none that is not known.
func unmarshal(data []byte, v any) error {
	if json.Unmarshal(data, v, json.RejectUnknownMembers(true)) != nil {
		return errJSON
	}
	return nil
}

// route adds a route. Who has not the rights, or is not known, is refused
// before anything of the request is read.
func route[I, O any](s *server, n need, op huma.Operation, handle func(context.Context, *call, *I) (*O, error)) {
	gated(s, n, op, (*Problem).write, handle)
}

// gated is route with its own way to write refusals.
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

// register adds an operation, with the errors as they are here.
func register[I, O any](s *server, op huma.Operation, handle func(context.Context, *I) (*O, error)) {
	schemas := s.api.OpenAPI().Components.Schemas
	op.Responses = map[string]*huma.Response{"default": {
		Description: "What went wrong",
		Content:     map[string]*huma.MediaType{problemType: {Schema: schemas.Schema(reflect.TypeFor[Problem](), true, "Problem")}},
	}}
	huma.Register(s.api, op, handle)
}

// empty reports whether a request has no body.
func empty(r *http.Request) bool {
	if !hasBody(r) {
		return true
	}
	n, err := io.ReadFull(r.Body, make([]byte, 1))
	return n == 0 && errors.Is(err, io.EOF)
}
