package console

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/playgate/playgate/module/api/types"
)

// orgsPage lists the organisations and their switches.
type orgsPage struct {
	Org      string // whose form has mistakes
	Mistakes map[string]string
}

func (h *Handler) listOrgs(v *visit) error {
	return v.render(http.StatusOK, "orgs", "orgs", "Organisations", new(orgsPage))
}

// orgForm answers a form about an organisation: with the list, or with what is
// wrong in it.
func (v *visit) orgForm(org string, err error, done string) error {
	if err == nil {
		return v.redirect("/orgs", done)
	}
	list := mistakes(err)
	if list == nil {
		return err
	}
	return v.render(http.StatusUnprocessableEntity, "orgs", "orgs", "Organisations", &orgsPage{org, list})
}

// createOrg makes the first organisation, and others.
func (h *Handler) createOrg(v *visit) error {
	org := types.NewOrg{Org: strings.TrimSpace(v.r.PostForm.Get("org")), Name: strings.TrimSpace(v.r.PostForm.Get("name"))}
	err := v.ask(http.MethodPost, "/api/v1/orgs", nil, org, nil)
	if err == nil {
		return v.redirect("/", "org")
	}
	list := mistakes(err)
	if list == nil {
		return err
	}
	p, err := v.streamsPage()
	if err != nil {
		return err
	}
	p.NewOrg, p.OrgMistakes = org, list
	return v.render(http.StatusUnprocessableEntity, "streams", "streams", "Streams", p)
}

// switchOrg says whether the streams of an organisation need a token.
func (h *Handler) switchOrg(v *visit) error {
	org, secure := v.r.PathValue("org"), v.r.PostForm.Get("secure")
	return v.orgForm(org, v.ask(http.MethodPatch, at("/api/v1/orgs", org), nil, types.OrgChange{Secure: &secure}, nil), "switched")
}

// breakGlass lets everybody in for a while.
func (h *Handler) breakGlass(v *visit) error {
	org, f := v.r.PathValue("org"), v.r.PostForm
	glass := types.NewGlass{For: strings.TrimSpace(f.Get("for")), Reason: strings.TrimSpace(f.Get("reason"))}
	return v.orgForm(org, v.ask(http.MethodPost, at("/api/v1/orgs", org)+"/break-glass", nil, glass, nil), "broken")
}

func (h *Handler) mendGlass(v *visit) error {
	org := v.r.PathValue("org")
	return v.orgForm(org, v.ask(http.MethodDelete, at("/api/v1/orgs", org)+"/break-glass", nil, nil, nil), "mended")
}

// auditPage is the trail of who changed what.
type auditPage struct {
	Org    string
	Events []types.Event
}

func (h *Handler) listAudit(v *visit) error {
	p := &auditPage{Org: v.r.URL.Query().Get("org")}
	ask := url.Values{"limit": {"200"}}
	if p.Org != "" {
		ask.Set("org", p.Org)
	}
	var list types.Events
	if err := v.ask(http.MethodGet, "/api/v1/audit", ask, nil, &list); err != nil {
		return err
	}
	p.Events = list.Events
	return v.render(http.StatusOK, "audit", "audit", "Audit trail", p)
}
