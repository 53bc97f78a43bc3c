package console

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/url"

	"github.com/playgate/playgate/module/api"
)

// answer keeps what the API answers.
type answer struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (a *answer) Header() http.Header { return a.header }

func (a *answer) WriteHeader(status int) {
	if a.status == 0 {
		a.status = status
	}
}

func (a *answer) Write(p []byte) (int, error) {
	a.WriteHeader(http.StatusOK)
	return a.body.Write(p)
}

// ask asks the API, as who has signed in. Errors are [api.Problem] values, or our
// own fault.
func (v *visit) ask(method, path string, query url.Values, body, out any) error {
	var text []byte
	if body != nil {
		var err error
		if text, err = json.Marshal(body); err != nil {
			return err
		}
	}
	if len(query) > 0 {
		path += "?" + query.Encode()
	}
	r, err := http.NewRequestWithContext(v.r.Context(), method, path, bytes.NewReader(text))
	if err != nil {
		return err
	}
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	a := &answer{header: make(http.Header)}
	v.h.api.ServeHTTP(a, r)
	if a.status >= 300 {
		p := new(api.Problem)
		if err := json.Unmarshal(a.body.Bytes(), p); err != nil {
			return err
		}
		return p
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(a.body.Bytes(), out)
}

// at is a path of the API with names in it.
func at(base string, names ...string) string {
	for _, name := range names {
		base += "/" + url.PathEscape(name)
	}
	return base
}
