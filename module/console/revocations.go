package console

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/playgate/playgate/module/api"
)

// maxRevocations is how many a page lists.
const maxRevocations = 200

// revocationsPage lists what is revoked, and revokes more.
type revocationsPage struct {
	Org         string
	Revocations []api.Revocation
	Hidden      int // how many older ones are not listed
	New         api.NewRevocation
	Ends        *api.Ending // what it would end; then it is asked once more
	Mistakes    map[string]string
}

func (v *visit) revocationsPage(org string) (*revocationsPage, error) {
	p := &revocationsPage{Org: org, New: api.NewRevocation{Org: org, Kind: "tag"}}
	ask := url.Values{}
	if org != "" {
		ask.Set("org", org)
	}
	var list api.Revocations
	if err := v.ask(http.MethodGet, "/api/v1/revocations", ask, nil, &list); err != nil {
		return nil, err
	}
	p.Revocations = list.Revocations
	if n := len(p.Revocations); n > maxRevocations {
		p.Revocations, p.Hidden = p.Revocations[:maxRevocations], n-maxRevocations
	}
	return p, nil
}

func (h *Handler) listRevocations(v *visit) error {
	p, err := v.revocationsPage(v.r.URL.Query().Get("org"))
	if err != nil {
		return err
	}
	return v.render(http.StatusOK, "revocations", "revocations", "Revocations", p)
}

// revokeMany revokes all tokens with a tag, for a user or a stream, or all there
// are. At first it says whom that ends, and asks once more.
func (h *Handler) revokeMany(v *visit) error {
	f := v.r.PostForm
	n := api.NewRevocation{Org: f.Get("org"), Kind: f.Get("kind"), Value: strings.TrimSpace(f.Get("value")), Reason: strings.TrimSpace(f.Get("reason"))}
	list := map[string]string{}
	var err error
	if n.IssuedBefore, err = formTime(f.Get("issued_before")); err != nil {
		list["issued_before"] = "write a date and a time, or nothing"
	}
	var ends *api.Ending
	if err == nil && f.Get("sure") == "" {
		ends = new(api.Ending)
		err = v.ask(http.MethodPost, "/api/v1/revocations/preview", nil, n, ends)
	} else if err == nil {
		if err = v.ask(http.MethodPost, "/api/v1/revocations", nil, n, nil); err == nil {
			return v.redirect("/revocations", "many")
		}
	}
	if err != nil && len(list) == 0 {
		if list = mistakes(err); list == nil {
			return err
		}
	}
	wrong := err != nil
	p, err := v.revocationsPage("")
	if err != nil {
		return err
	}
	if !wrong {
		n.IssuedBefore, p.New, p.Ends = f.Get("issued_before"), n, ends
		return v.render(http.StatusOK, "revocations", "revocations", "Revocations", p)
	}
	p.New, p.Mistakes = n, list
	p.New.IssuedBefore = f.Get("issued_before")
	return v.render(http.StatusUnprocessableEntity, "revocations", "revocations", "Revocations", p)
}

func (h *Handler) undoRevocation(v *visit) error {
	org, id := v.r.PathValue("org"), v.r.PathValue("id")
	if err := v.ask(http.MethodDelete, at("/api/v1/revocations", org, id), nil, nil, nil); err != nil {
		return err
	}
	return v.redirect("/revocations", "undone")
}
