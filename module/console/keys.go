package console

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	"github.com/playgate/playgate/module/api"
	"github.com/playgate/playgate/module/api/types"
)

// keysPage lists the keys of tokens, and the API keys of programs.
type keysPage struct {
	Keys     []types.Key
	APIKeys  []types.APIKey
	Org      string            // the form of a new key; the key is not repeated, it may be a private one
	New      types.NewAPIKey   // that of a new API key, as it was filled in
	Mistakes map[string]string // of either
}

func (r *pageRequest) keysPage() (*keysPage, error) {
	p := &keysPage{New: types.NewAPIKey{Role: "issue"}}
	keys, err := ask(r, api.ListKeys, new(types.Nothing))
	if err != nil {
		return nil, err
	}
	p.Keys = keys.Keys
	if r.mayAdmin() {
		list, err := ask(r, api.ListAPIKeys, new(types.Nothing))
		if err != nil {
			return nil, err
		}
		p.APIKeys = list.APIKeys
	}
	return p, nil
}

func listKeys(r *pageRequest) error {
	p, err := r.keysPage()
	if err != nil {
		return err
	}
	return r.render(http.StatusOK, "keys", "keys", "Keys", p)
}

// keyForm answers a form about a key: with the list, or with what is wrong in it,
// which fill puts back into the form.
func (r *pageRequest) keyForm(err error, done string, fill func(*keysPage)) error {
	if err == nil {
		return r.redirect("/keys", done)
	}
	list := mistakes(err)
	if list == nil {
		return err
	}
	p, err := r.keysPage()
	if err != nil {
		return err
	}
	fill(p)
	p.Mistakes = list
	return r.render(http.StatusUnprocessableEntity, "keys", "keys", "Keys", p)
}

// addKey takes in the public key of an organisation that signs itself.
func addKey(r *pageRequest) error {
	f := r.request.PostForm
	n := types.NewKey{Org: f.Get("org")}
	var err error
	if json.Unmarshal([]byte(f.Get("jwk")), &n.JWK) != nil || n.JWK == nil {
		problem := api.Refuse(http.StatusUnprocessableEntity, "")
		problem.Errors = []types.Mistake{{
			Location: "body.jwk", Message: "write a public key as a JSON Web Key; playgate key public makes one of a PEM file",
		}}
		err = problem
	} else {
		_, err = ask(r, api.AddKey, body(n))
	}
	return r.keyForm(err, "key", func(p *keysPage) { p.Org = n.Org })
}

func rotateKeys(r *pageRequest) error {
	_, err := ask(r, api.RotateKeys, new(types.RotateKeys))
	return r.keyForm(err, "rotated", func(*keysPage) {})
}

// retireKey refuses what a key has signed.
func retireKey(r *pageRequest) error {
	_, err := ask(r, api.RetireKey, &types.RetireKey{ID: r.request.PathValue("id"), Org: r.request.PostForm.Get("org")})
	return r.keyForm(err, "retired", func(*keysPage) {})
}

// createAPIKey makes an API key, and leads to the page that shows it once.
func createAPIKey(r *pageRequest) error {
	f := r.request.PostForm
	n := types.NewAPIKey{Name: strings.TrimSpace(f.Get("name")), Role: f.Get("role"), Orgs: split(f.Get("orgs")), Expires: strings.TrimSpace(f.Get("expires"))}
	said := n // as the form has it: an empty field is neither all nor never
	problem := api.Refuse(http.StatusUnprocessableEntity, "")
	switch {
	case len(n.Orgs) == 0:
		problem.Errors = append(problem.Errors, types.Mistake{Location: "body.orgs", Message: "name the organisations, or write * for all"})
	case slices.Equal(n.Orgs, []string{"*"}):
		n.Orgs = nil
	}
	switch n.Expires {
	case "":
		problem.Errors = append(problem.Errors, types.Mistake{Location: "body.expires", Message: "write how long it lasts, like 90d, or never"})
	case "never":
		n.Expires = ""
	}
	var err error = problem
	var issued *types.IssuedAPIKey
	if len(problem.Errors) == 0 {
		issued, err = ask(r, api.CreateAPIKey, body(n))
	}
	if err != nil {
		return r.keyForm(err, "", func(p *keysPage) { p.New = said })
	}
	id := r.handler.fresh.put(r.who.Name, *issued, r.now)
	if id == "" {
		return r.render(http.StatusOK, "apikey_made", "keys", "The new API key", issued)
	}
	return r.redirect("/apikeys/made/"+id, "")
}

func showAPIKey(r *pageRequest) error {
	var issued types.IssuedAPIKey
	if r.request.Method != http.MethodHead { // which takes nothing
		var ok bool
		if issued, ok = take[types.IssuedAPIKey](r.handler.fresh, r.who.Name, r.request.PathValue("id"), r.now); !ok {
			return api.Refuse(http.StatusGone, "This page showed its API key once, and nothing can show it again. End it and make another one if you have not kept it.")
		}
	}
	return r.render(http.StatusOK, "apikey_made", "keys", "The new API key", &issued)
}

func endAPIKey(r *pageRequest) error {
	_, err := ask(r, api.DeleteAPIKey, &types.APIKeyPath{ID: r.request.PathValue("id")})
	return r.keyForm(err, "apikey", func(*keysPage) {})
}
