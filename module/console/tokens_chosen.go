package console

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"

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
func (h *Handler) revokeChosen(v *visit) error {
	f := v.r.PostForm
	list := filters(v.r.URL.Query()).Encode()
	p := &chosenPage{Query: list, Names: slices.Compact(slices.Sorted(slices.Values(f["token"]))), Reason: strings.TrimSpace(f.Get("reason"))}
	switch n := len(p.Names); {
	case n == 0:
		return api.Refuse(http.StatusUnprocessableEntity, "No token is chosen. Go back, and mark those that are to be revoked.")
	case n > maxChosen:
		return api.Refuse(http.StatusUnprocessableEntity, fmt.Sprintf("These are more than %d tokens. Revoke them by their tag, user or stream, under Revocations.", maxChosen))
	}
	if f.Get("sure") == "" {
		return h.askChosen(v, http.StatusOK, p)
	}
	for _, name := range p.Names {
		err := v.ask(http.MethodDelete, at("/api/v1/tokens", tokenID(name)), chosen(name, "reason", p.Reason), nil, nil)
		if p.Mistakes = mistakes(err); p.Mistakes != nil {
			return h.askChosen(v, http.StatusUnprocessableEntity, p)
		}
		if err != nil {
			return err
		}
	}
	return v.redirect(strings.TrimSuffix("/tokens?"+list, "?"), "many")
}

// askChosen shows the tokens, and how many watch with them.
func (h *Handler) askChosen(v *visit, status int, p *chosenPage) error {
	tokens, faults := make([]types.Token, len(p.Names)), make([]error, len(p.Names))
	var all sync.WaitGroup
	for i, name := range p.Names {
		all.Go(func() {
			faults[i] = v.ask(http.MethodGet, at("/api/v1/tokens", tokenID(name)), chosen(name, "", ""), nil, &tokens[i])
		})
	}
	all.Wait()
	if err := errors.Join(faults...); err != nil {
		return err
	}
	for _, t := range tokens {
		p.Viewers += t.Viewers
	}
	p.Rows = rows{Prefix: h.Prefix, Tokens: tokens}
	return v.render(status, "tokens_revoke", "tokens", "Revoke tokens", p)
}

// A token that is chosen is named by its organisation and its id.

func tokenID(name string) string {
	_, id, _ := strings.Cut(name, "/")
	return id
}

// chosen asks for a token of that name, and something else that is not "".
func chosen(name, key, value string) url.Values {
	org, _, _ := strings.Cut(name, "/")
	ask := url.Values{"org": {org}}
	if value != "" {
		ask.Set(key, value)
	}
	return ask
}
