package api

import (
	"encoding/json"
	"net/http"
)

// document serves the description of the API. It is written once all routes
// are there; huma's own route would write it at the first request, and race.
func (s *server) document() {
	api := s.api.OpenAPI()
	for _, unused := range []string{"ErrorModel", "ErrorDetail"} { // huma's; ours is Problem
		delete(api.Components.Schemas.Map(), unused)
	}
	asJSON, err := json.Marshal(api)
	if err != nil {
		panic(err) // only our own types
	}
	asYAML, err := api.YAML()
	if err != nil {
		panic(err) // the same
	}
	for _, form := range []struct {
		path, kind string
		text       []byte
	}{{"/api/openapi.json", "application/openapi+json", asJSON}, {"/api/openapi.yaml", "application/openapi+yaml", asYAML}} {
		s.mux.HandleFunc("GET "+form.path, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", form.kind)
			_, _ = w.Write(form.text) // the client has gone
		})
	}
}
