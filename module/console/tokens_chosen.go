package console

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/playgate/playgate/module/api"
	"github.com/playgate/playgate/module/api/types"
)

// maxChosen is how many tokens are revoked by one form: those of a page.
const maxChosen = 50

// chosenPage asks whether tokens that were chosen from a list are to be revoked.
type chosenPage struct {
	Rows     rows
	Query    string // of the list that they were chosen from
	Names    []string
	Viewers  int
	Reason   string
	Mistakes map[string]string
}

// revokeChosen revokes tokens that were chosen from a list. At first it says whom
// that ends, and asks once more.
func revokeChosen(r *pageRequest) error {
	f := r.request.PostForm
	list := filters(r.request.URL.Query()).Encode()
	p := &chosenPage{Query: list, Names: slices.Compact(slices.Sorted(slices.Values(f["token"]))), Reason: strings.TrimSpace(f.Get("reason"))}
	switch n := len(p.Names); {
	case n == 0:
		return api.Refuse(http.StatusUnprocessableEntity, "No token is chosen. Go back, and mark those that are to be revoked.")
	case n > maxChosen:
		return api.Refuse(http.StatusUnprocessableEntity, fmt.Sprintf("These are more than %d tokens. Revoke them by their tag, user or stream, under Revocations.", maxChosen))
	}
	if f.Get("sure") == "" {
		return askChosen(r, http.StatusOK, p)
	}
	_, err := ask(r, api.RevokeChosenTokens, p.chosen())
	if p.Mistakes = mistakes(err); p.Mistakes != nil {
		return askChosen(r, http.StatusUnprocessableEntity, p)
	}
	if err != nil {
		return err
	}
	return r.redirect(strings.TrimSuffix("/tokens?"+list, "?"), "many")
}

// askChosen shows the tokens, and how many watch with them.
func askChosen(r *pageRequest, status int, p *chosenPage) error {
	tokens, err := ask(r, api.GetChosenTokens, p.chosen())
	if err != nil {
		return err
	}
	for _, t := range tokens.Tokens {
		p.Viewers += t.Viewers
	}
	p.Rows = rows{Prefix: r.handler.Prefix, Tokens: tokens.Tokens}
	return r.render(status, "tokens_revoke", "tokens", "Revoke tokens", p)
}

// chosen are the tokens of the page. Each is named by its organisation and its id.
func (p *chosenPage) chosen() *api.ChosenTokens {
	c := &api.ChosenTokens{Tokens: make([]types.TokenPath, len(p.Names)), Reason: p.Reason}
	for i, name := range p.Names {
		c.Tokens[i].Org, c.Tokens[i].ID, _ = strings.Cut(name, "/")
	}
	return c
}
