package api

import (
	"context"
	"errors"
	"io"
	"net/http"
	"reflect"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"github.com/go-json-experiment/json"

	"github.com/playgate/playgate/module/internal/directive"
)

// describe begins the description of the API, still without routes.
func (s *server) describe() {
	s.described = make(map[string]*huma.Operation)
	format := huma.Format{Marshal: huma.DefaultJSONFormat.Marshal, Unmarshal: unmarshalBody}
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
			OnAddOperation: []huma.AddOpFunc{func(_ *huma.OpenAPI, op *huma.Operation) { s.described[op.OperationID] = op }},
		},
		Formats:                      map[string]huma.Format{"application/json": format, "json": format},
		DefaultFormat:                "application/json",
		RejectUnknownQueryParameters: true,
		Transformers:                 []huma.Transformer{withoutValues},
	}
	s.api = humago.New(s.mux, config)
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

// emptyValue is the mistake of an empty value. [fromHuma] tells where it is.
const emptyValue = `null, "" and [] are no values, and do not mean all; write a value, or leave the member out`

// unmarshalBody reads the body of a request, in which nothing is empty.
func unmarshalBody(data []byte, v any) error {
	if err := unmarshal(data, v); err != nil {
		return err
	}
	// A name, a title and tags are taken away by changing them to nothing.
	if err := directive.CheckValues(data, "name", "title", "tags[]"); err != nil {
		pointer, _, _ := strings.Cut(err.Error(), ": ")
		return errors.New(emptyValue + "\n" + strings.ReplaceAll("body/"+pointer, "/", "."))
	}
	return nil
}

// unmarshal reads JSON in the one way that it can be read: no name twice, none
// in other capitals, none that is not known.
func unmarshal(data []byte, v any) error {
	if json.Unmarshal(data, v, json.RejectUnknownMembers(true)) != nil {
		return errJSON
	}
	return nil
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

// parameterMistake is that of a request that has a parameter without a value, which would
// mean all, or with several, of which one would count; or nil.
func parameterMistake(r *http.Request) *Problem {
	for name, values := range r.URL.Query() {
		if slices.Contains(values, "") {
			return mistake(safeLocation("query."+name), "write a value, or leave the parameter out")
		}
		if len(values) > 1 {
			return mistake(safeLocation("query."+name), "write it once")
		}
	}
	return nil
}
