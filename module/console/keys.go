package console

import (
	"encoding/json"
	"net/http"
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

func (v *pageRequest) keysPage() (*keysPage, error) {
	p := &keysPage{New: types.NewAPIKey{Role: "issue"}}
	keys, err := ask(v, api.ListKeys, new(types.Nothing))
	if err != nil {
		return nil, err
	}
	p.Keys = keys.Keys
	if v.mayAdmin() {
		list, err := ask(v, api.ListAPIKeys, new(types.Nothing))
		if err != nil {
			return nil, err
		}
		p.APIKeys = list.APIKeys
	}
	return p, nil
}

func listKeys(v *pageRequest) error {
	p, err := v.keysPage()
	if err != nil {
		return err
	}
	return v.render(http.StatusOK, "keys", "keys", "Keys", p)
}

// keyForm answers a form about a key: with the list, or with what is wrong in it,
// which fill puts back into the form.
func (v *pageRequest) keyForm(err error, done string, fill func(*keysPage)) error {
	if err == nil {
		return v.redirect("/keys", done)
	}
	list := mistakes(err)
	if list == nil {
		return err
	}
	p, err := v.keysPage()
	if err != nil {
		return err
	}
	fill(p)
	p.Mistakes = list
	return v.render(http.StatusUnprocessableEntity, "keys", "keys", "Keys", p)
}

// addKey takes in the public key of an organisation that signs itself.
func addKey(v *pageRequest) error {
	f := v.r.PostForm
	n := types.NewKey{Org: f.Get("org")}
	var err error
	if json.Unmarshal([]byte(f.Get("jwk")), &n.JWK) != nil || n.JWK == nil {
		problem := api.Refuse(http.StatusUnprocessableEntity, "")
		problem.Errors = []types.Mistake{{
			Location: "body.jwk", Message: "write a public key as a JSON Web Key; playgate key public makes one of a PEM file",
		}}
		err = problem
	} else {
		_, err = ask(v, api.AddKey, body(n))
	}
	return v.keyForm(err, "key", func(p *keysPage) { p.Org = n.Org })
}

func rotateKeys(v *pageRequest) error {
	_, err := ask(v, api.RotateKeys, new(types.RotateKeys))
	return v.keyForm(err, "rotated", func(*keysPage) {})
}

// retireKey refuses what a key has signed.
func retireKey(v *pageRequest) error {
	_, err := ask(v, api.RetireKey, &types.RetireKey{ID: v.r.PathValue("id"), Org: v.r.PostForm.Get("org")})
	return v.keyForm(err, "retired", func(*keysPage) {})
}

// createAPIKey makes an API key, and leads to the page that shows it once.
func createAPIKey(v *pageRequest) error {
	f := v.r.PostForm
	n := types.NewAPIKey{Name: strings.TrimSpace(f.Get("name")), Role: f.Get("role"), Orgs: split(f.Get("orgs")), Expires: strings.TrimSpace(f.Get("expires"))}
	issued, err := ask(v, api.CreateAPIKey, body(n))
	if err != nil {
		return v.keyForm(err, "", func(p *keysPage) { p.New = n })
	}
	id := v.h.fresh.put(v.who.Name, *issued, v.now)
	if id == "" {
		return v.render(http.StatusOK, "apikey_made", "keys", "The new API key", issued)
	}
	return v.redirect("/apikeys/made/"+id, "")
}

func showAPIKey(v *pageRequest) error {
	var issued types.IssuedAPIKey
	if v.r.Method != http.MethodHead { // which takes nothing
		var ok bool
		if issued, ok = take[types.IssuedAPIKey](v.h.fresh, v.who.Name, v.r.PathValue("id"), v.now); !ok {
			return api.Refuse(http.StatusGone, "This page showed its API key once, and nothing can show it again. End it and make another one if you have not kept it.")
		}
	}
	return v.render(http.StatusOK, "apikey_made", "keys", "The new API key", &issued)
}

func endAPIKey(v *pageRequest) error {
	_, err := ask(v, api.DeleteAPIKey, &types.APIKeyPath{ID: v.r.PathValue("id")})
	return v.keyForm(err, "apikey", func(*keysPage) {})
}
