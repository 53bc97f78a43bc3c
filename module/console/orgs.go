package console

import (
	"net/http"
	"strings"

	"github.com/playgate/playgate/module/api"
	"github.com/playgate/playgate/module/api/types"
)

// orgsPage lists the organisations and their switches.
type orgsPage struct {
	Org      string // whose form has mistakes
	Mistakes map[string]string
}

func listOrgs(r *pageRequest) error {
	return r.render(http.StatusOK, "orgs", "orgs", "Organisations", new(orgsPage))
}

// orgForm answers a form about an organisation: with the list, or with what is
// wrong in it.
func (r *pageRequest) orgForm(org string, err error, done string) error {
	if err == nil {
		return r.redirect("/orgs", done)
	}
	list := mistakes(err)
	if list == nil {
		return err
	}
	return r.render(http.StatusUnprocessableEntity, "orgs", "orgs", "Organisations", &orgsPage{org, list})
}

// createOrg makes the first organisation, and others.
func createOrg(r *pageRequest) error {
	org := types.NewOrg{Org: strings.TrimSpace(r.request.PostForm.Get("org")), Name: strings.TrimSpace(r.request.PostForm.Get("name"))}
	_, err := ask(r, api.CreateOrg, body(org))
	if err == nil {
		return r.redirect("/", "org")
	}
	list := mistakes(err)
	if list == nil {
		return err
	}
	p, err := r.streamsPage()
	if err != nil {
		return err
	}
	p.NewOrg, p.OrgMistakes = org, list
	return r.render(http.StatusUnprocessableEntity, "streams", "streams", "Streams", p)
}

// switchOrg says whether the streams of an organisation need a token.
func switchOrg(r *pageRequest) error {
	org, secure := r.request.PathValue("org"), r.request.PostForm.Get("secure")
	_, err := ask(r, api.ChangeOrg, &types.ChangeOrg{OrgPath: types.OrgPath{Org: org}, Body: types.OrgChange{Secure: &secure}})
	return r.orgForm(org, err, "switched")
}

// breakGlass lets everybody in for a while.
func breakGlass(r *pageRequest) error {
	org, f := r.request.PathValue("org"), r.request.PostForm
	glass := types.NewGlass{For: strings.TrimSpace(f.Get("for")), Reason: strings.TrimSpace(f.Get("reason"))}
	_, err := ask(r, api.BreakGlass, &types.BreakGlass{OrgPath: types.OrgPath{Org: org}, Body: glass})
	return r.orgForm(org, err, "broken")
}

func mendGlass(r *pageRequest) error {
	org := r.request.PathValue("org")
	_, err := ask(r, api.MendGlass, &types.OrgPath{Org: org})
	return r.orgForm(org, err, "mended")
}

// auditPage is the trail of who changed what.
type auditPage struct {
	Org    string
	Events []types.Event
}

func listAudit(r *pageRequest) error {
	p := &auditPage{Org: r.request.URL.Query().Get("org")}
	list, err := ask(r, api.ListEvents, &types.ListEvents{Org: p.Org, Limit: 200})
	if err != nil {
		return err
	}
	p.Events = list.Events
	return r.render(http.StatusOK, "audit", "audit", "Audit trail", p)
}
