package console

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/playgate/playgate/module/api"
	"github.com/playgate/playgate/module/api/types"
)

// revocationsPage lists what is revoked, and revokes more.
type revocationsPage struct {
	Org         string
	Revocations []types.Revocation
	Next        string // the query of the next page
	New         types.NewRevocation
	Ends        *types.Ending // what New would end; then it is asked once more
	Mistakes    map[string]string
}

func (r *pageRequest) revocationsPage(org, cursor string) (*revocationsPage, error) {
	p := &revocationsPage{Org: org, New: types.NewRevocation{Org: org, Kind: "tag"}}
	list, err := ask(r, api.ListRevocations, &types.ListRevocations{Page: types.Page{Limit: perPage, Cursor: cursor}, Org: org})
	if err != nil {
		return nil, err
	}
	p.Revocations = list.Revocations
	if list.Next != "" {
		p.Next = url.Values{"org": {org}, "cursor": {list.Next}}.Encode()
	}
	return p, nil
}

func listRevocations(r *pageRequest) error {
	q := r.request.URL.Query()
	p, err := r.revocationsPage(q.Get("org"), q.Get("cursor"))
	if err != nil {
		return err
	}
	return r.render(http.StatusOK, "revocations", "revocations", "Revocations", p)
}

// Sure names what has been asked about. A form that was changed since is about
// something else, and is asked about again.
func (p *revocationsPage) Sure() string {
	which := p.New.IssuedUntil
	if p.New.Future {
		which += "future"
	}
	return strings.Join([]string{p.New.Org, p.New.Kind, which, p.New.Value}, " ")
}

// revokeMany revokes all tokens with a tag, for a user or a stream, or all there
// are. At first it says whom that ends, and asks once more.
func revokeMany(r *pageRequest) error {
	f := r.request.PostForm
	n := types.NewRevocation{
		Org: f.Get("org"), Kind: f.Get("kind"), Value: strings.TrimSpace(f.Get("value")),
		IssuedUntil: f.Get("issued_until"), Future: f.Get("future") == "yes", Reason: strings.TrimSpace(f.Get("reason")),
	}
	asked := revocationsPage{New: n} // as the form has it
	status, err := http.StatusOK, error(nil)
	if n.IssuedUntil, err = formTime(n.IssuedUntil); err != nil {
		asked.Mistakes = map[string]string{"issued_until": "write a date and a time, or nothing"}
	} else if f.Get("sure") == asked.Sure() {
		if _, err = ask(r, api.Revoke, body(n)); err == nil {
			return r.redirect("/revocations", "many")
		}
		asked.Mistakes = mistakes(err)
	} else {
		asked.Ends, err = ask(r, api.PreviewRevocation, body(n))
		asked.Mistakes = mistakes(err)
	}
	if err != nil {
		if asked.Mistakes == nil {
			return err
		}
		status, asked.Ends = http.StatusUnprocessableEntity, nil
	}
	p, err := r.revocationsPage("", "")
	if err != nil {
		return err
	}
	p.New, p.Ends, p.Mistakes = asked.New, asked.Ends, asked.Mistakes
	return r.render(status, "revocations", "revocations", "Revocations", p)
}

func undoRevocation(r *pageRequest) error {
	org, id := r.request.PathValue("org"), r.request.PathValue("id")
	if _, err := ask(r, api.UndoRevocation, &types.RevocationPath{OrgPath: types.OrgPath{Org: org}, ID: id}); err != nil {
		return err
	}
	return r.redirect("/revocations", "undone")
}
