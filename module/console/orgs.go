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

func listOrgs(v *pageRequest) error {
	return v.render(http.StatusOK, "orgs", "orgs", "Organisations", new(orgsPage))
}

// orgForm answers a form about an organisation: with the list, or with what is
// wrong in it.
func (v *pageRequest) orgForm(org string, err error, done string) error {
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
func createOrg(v *pageRequest) error {
	org := types.NewOrg{Org: strings.TrimSpace(v.r.PostForm.Get("org")), Name: strings.TrimSpace(v.r.PostForm.Get("name"))}
	_, err := ask(v, api.CreateOrg, body(org))
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
func switchOrg(v *pageRequest) error {
	org, secure := v.r.PathValue("org"), v.r.PostForm.Get("secure")
	_, err := ask(v, api.ChangeOrg, &types.ChangeOrg{OrgPath: types.OrgPath{Org: org}, Body: types.OrgChange{Secure: &secure}})
	return v.orgForm(org, err, "switched")
}

// breakGlass lets everybody in for a while.
func breakGlass(v *pageRequest) error {
	org, f := v.r.PathValue("org"), v.r.PostForm
	glass := types.NewGlass{For: strings.TrimSpace(f.Get("for")), Reason: strings.TrimSpace(f.Get("reason"))}
	_, err := ask(v, api.BreakGlass, &types.BreakGlass{OrgPath: types.OrgPath{Org: org}, Body: glass})
	return v.orgForm(org, err, "broken")
}

func mendGlass(v *pageRequest) error {
	org := v.r.PathValue("org")
	_, err := ask(v, api.MendGlass, &types.OrgPath{Org: org})
	return v.orgForm(org, err, "mended")
}

// auditPage is the trail of who changed what.
type auditPage struct {
	Org    string
	Events []types.Event
}

func listAudit(v *pageRequest) error {
	p := &auditPage{Org: v.r.URL.Query().Get("org")}
	list, err := ask(v, api.ListEvents, &types.ListEvents{Org: p.Org, Limit: 200})
	if err != nil {
		return err
	}
	p.Events = list.Events
	return v.render(http.StatusOK, "audit", "audit", "Audit trail", p)
}
