package console

import (
	"cmp"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/playgate/playgate/module/api"
	"github.com/playgate/playgate/module/api/types"
	"github.com/playgate/playgate/module/app"
)

// tokensPage is the token overview.
type tokensPage struct {
	Org, Stream, Tag, User, Status string
	Next                           string // the query of the next page
	Statuses                       []string
	Rows                           rows
}

// filters are those of the overview that are set in a query, and its place and
// order.
func filters(q url.Values) url.Values {
	set := make(url.Values)
	for _, name := range []string{"org", "stream", "tag", "user", "status", "sort", "cursor"} {
		if value := strings.TrimSpace(q.Get(name)); value != "" {
			set.Set(name, value)
		}
	}
	return set
}

func listTokens(r *pageRequest) error {
	set := filters(r.request.URL.Query())
	here := set.Encode()
	p := &tokensPage{
		Org: set.Get("org"), Stream: set.Get("stream"), Tag: set.Get("tag"), User: set.Get("user"), Status: set.Get("status"),
		Statuses: []string{"active", "expired", "key_retired", "not_yet_valid", "revoked"},
	}
	list, err := ask(r, api.ListTokens, &types.ListTokens{
		Page: types.Page{Limit: perPage, Cursor: set.Get("cursor")},
		Org:  p.Org, Stream: p.Stream, Tag: p.Tag, User: p.User, Status: p.Status, Sort: set.Get("sort"),
	})
	if err != nil {
		return err
	}
	set.Del("cursor")
	if list.Next != "" {
		p.Next = set.Encode() + "&cursor=" + url.QueryEscape(list.Next)
	}
	p.Rows = r.rows(list.Tokens, here)
	p.Rows.Sort = cmp.Or(set.Get("sort"), "newest")
	set.Del("sort")
	p.Rows.Query = set.Encode()
	return r.render(http.StatusOK, "tokens", "tokens", "Tokens", p)
}

// tokenForm is the form of a new token, as it was filled in.
type tokenForm struct {
	Org, Scope, Streams         string
	Expires, Until, NotBefore   string
	IP, Referer, Tag, TokenUser string
	Address, Network            string     // of who asks, to be taken over
	Chosen                      *types.Org // the organisation, where there is one
	Mistakes                    map[string]string
}

// periods are how long a token may be wanted for without a date.
var periods = []struct{ Value, Words string }{{"2h", "2 hours"}, {"1d", "1 day"}, {"14d", "14 days"}}

// Periods are for the template.
func (*tokenForm) Periods() any { return periods }

func (r *pageRequest) tokenForm(values url.Values) *tokenForm {
	f := &tokenForm{
		Org: values.Get("org"), Scope: values.Get("scope"), Streams: values.Get("stream"), Expires: values.Get("expires"),
		Until: values.Get("until"), NotBefore: values.Get("not_before"), IP: values.Get("ip"), Referer: values.Get("referer"),
		Tag: values.Get("tag"), TokenUser: values.Get("user"),
	}
	if f.Org == "" && len(r.orgs) > 0 {
		f.Org = r.orgs[0].Org
	}
	if f.Scope == "" {
		f.Scope = "stream"
	}
	if f.Expires == "" {
		f.Expires = "14d"
	}
	if f.Until == "" {
		f.Until = r.now.UTC().Add(14 * 24 * time.Hour).Format(formLayout)
	}
	f.Chosen = r.org(f.Org)
	if address := app.ClientAddress(r.request); address.IsValid() {
		f.Address = address.String()
		bits := 64
		if address.Is4() {
			bits = 24
		}
		f.Network = netip.PrefixFrom(address, bits).Masked().String()
	}
	return f
}

func newToken(r *pageRequest) error {
	return r.render(http.StatusOK, "token_new", "tokens", "Create a token", r.tokenForm(r.request.URL.Query()))
}

// wanted reads the form of a new token. The mistakes are those that the API would
// not find.
func wanted(f url.Values) (types.NewToken, map[string]string) {
	t := types.NewToken{
		Org: f.Get("org"), OrgWide: f.Get("scope") == "organisation", Expires: f.Get("expires"),
		IP: split(f.Get("ip")), Referer: split(f.Get("referer")), Tag: strings.TrimSpace(f.Get("tag")), User: strings.TrimSpace(f.Get("user")),
	}
	if !t.OrgWide {
		t.Streams = split(f.Get("stream"))
	}
	list := map[string]string{}
	date := func(field string) string {
		text, err := formTime(f.Get(field))
		if err != nil {
			list[field] = "write a date and a time"
		}
		return text
	}
	if t.Expires == "until" {
		if t.Expires = date("until"); t.Expires == "" {
			list["until"] = "choose a date and a time"
		}
	}
	t.NotBefore = date("not_before")
	return t, list
}

// checkToken says, while a form is filled in, what of the token may not do what
// is meant.
func checkToken(r *pageRequest) error {
	t, list := wanted(r.request.PostForm)
	remarks := new(types.Remarks)
	if len(list) == 0 {
		found, err := ask(r, api.CheckToken, body(t))
		if err != nil && mistakes(err) == nil {
			return err
		}
		if err == nil {
			remarks = found
		}
	}
	return r.render(http.StatusOK, "remarks", "", "", remarks)
}

// createToken makes a token, and leads to the page that shows it once.
func createToken(r *pageRequest) error {
	f := r.request.PostForm
	t, list := wanted(f)
	if len(list) == 0 {
		err := r.makeToken(t)
		if err == nil {
			return nil
		}
		if list = mistakes(err); list == nil {
			return err
		}
	}
	form := r.tokenForm(f)
	form.Mistakes = list
	return r.render(http.StatusUnprocessableEntity, "token_new", "tokens", "Create a token", form)
}

// formLayout is how dates and times are in forms, in UTC.
const formLayout = "2006-01-02T15:04"

// formTime reads a date and a time of a form.
func formTime(text string) (string, error) {
	if text == "" {
		return "", nil
	}
	t, err := time.Parse(formLayout, text)
	if err != nil {
		return "", err
	}
	return t.UTC().Format(time.RFC3339), nil
}

// split takes a list apart that people write with spaces, commas or lines.
// A field that has nothing but what stands between values is wrong, not empty.
func split(text string) []string {
	list := strings.FieldsFunc(text, func(c rune) bool { return strings.ContainsRune(" ,;\t\r\n", c) })
	if len(list) == 0 && text != "" {
		return []string{text}
	}
	return list
}

func (r *pageRequest) makeToken(t types.NewToken) error {
	issued, err := ask(r, api.CreateToken, body(t))
	if err != nil {
		return err
	}
	return r.show(issued)
}

// show leads to the page that shows a new token, once.
func (r *pageRequest) show(issued *types.IssuedToken) error {
	id := r.handler.fresh.put(r.who.Name, *issued, r.now)
	if id == "" {
		return r.render(http.StatusOK, "token_made", "tokens", "The new token", issued)
	}
	return r.redirect("/tokens/made/"+id, "")
}

func showMade(r *pageRequest) error {
	if r.request.Method == http.MethodHead {
		return r.render(http.StatusOK, "token_made", "tokens", "The new token", new(types.IssuedToken)) // it takes nothing
	}
	issued, ok := take[types.IssuedToken](r.handler.fresh, r.who.Name, r.request.PathValue("id"), r.now)
	if !ok {
		return api.Refuse(http.StatusGone, "This page showed its token once, and nothing can show it again. Its record is in the token overview; make another token if you have not kept it.")
	}
	return r.render(http.StatusOK, "token_made", "tokens", "The new token", &issued)
}

// delay is how long a token lives on that is replaced.
type delay struct{ Value, Words string }

var delays = []delay{{"", "now"}, {"5m", "in 5 minutes"}, {"15m", "in 15 minutes"}, {"1h", "in an hour"}, {"1d", "in a day"}}

// Delays are for the template.
func (*tokenPage) Delays() []delay { return delays }

// tokenPage is what is kept of one token.
type tokenPage struct {
	Token types.Token
	Undo  bool // what revokes it is about it alone
}

func showToken(r *pageRequest) error {
	p := new(tokenPage)
	org, id := r.request.PathValue("org"), r.request.PathValue("id")
	found, err := ask(r, api.GetToken, &types.TokenPath{ID: id, Org: org})
	if err != nil {
		return err
	}
	p.Token = *found
	if p.Token.Revoked != nil {
		alone, err := r.revocationsOf(org, id)
		if err != nil {
			return err
		}
		p.Undo = len(alone) > 0
	}
	return r.render(http.StatusOK, "token", "tokens", "Token "+id, p)
}

func revokeToken(r *pageRequest) error {
	org, id := r.request.PathValue("org"), r.request.PathValue("id")
	what := &types.RevokeToken{TokenPath: types.TokenPath{ID: id, Org: org}, Reason: strings.TrimSpace(r.request.PostForm.Get("reason"))}
	if _, err := ask(r, api.RevokeToken, what); err != nil {
		return err
	}
	return r.redirect(at("/tokens", org, id), "revoked")
}

// replaceToken makes a token with the same rules, and then revokes this one, at
// once or in a while: a viewer is never left without.
func replaceToken(r *pageRequest) error {
	org, id := r.request.PathValue("org"), r.request.PathValue("id")
	in := r.request.PostForm.Get("in")
	if !slices.ContainsFunc(delays, func(d delay) bool { return d.Value == in }) {
		return api.Refuse(http.StatusUnprocessableEntity, "The old token is revoked now, or in one of the times that the form offers.")
	}
	old, err := ask(r, api.GetToken, &types.TokenPath{ID: id, Org: org})
	if err != nil {
		return err
	}
	if old.Status != "active" && old.Status != "not_yet_valid" {
		return api.Refuse(http.StatusConflict, "This token does not play any more. Make a new one.")
	}
	t := types.NewToken{
		Org: org, Streams: old.Streams, OrgWide: old.OrgWide, IP: old.IP, Referer: old.Referer, Tag: old.Tag, User: old.User,
		Expires: old.Expires.Format(time.RFC3339),
	}
	if old.NotBefore != nil && old.NotBefore.After(r.now) {
		t.NotBefore = old.NotBefore.Format(time.RFC3339)
	}
	issued, err := ask(r, api.CreateToken, body(t))
	if err != nil {
		return err
	}
	what := &types.RevokeToken{TokenPath: types.TokenPath{ID: id, Org: org}, From: in, Reason: "replaced by " + issued.ID}
	if _, err := ask(r, api.RevokeToken, what); err != nil {
		return err
	}
	return r.show(issued)
}

func unrevokeToken(r *pageRequest) error {
	org, id := r.request.PathValue("org"), r.request.PathValue("id")
	alone, err := r.revocationsOf(org, id)
	if err != nil {
		return err
	}
	if len(alone) == 0 {
		return api.Refuse(http.StatusConflict, "Nothing revokes this token alone. A tag, a user, a stream or the organisation is revoked; see Revocations.")
	}
	for _, revocation := range alone {
		if _, err := ask(r, api.UndoRevocation, &types.RevocationPath{OrgPath: types.OrgPath{Org: org}, ID: revocation.ID}); err != nil {
			return err
		}
	}
	return r.redirect(at("/tokens", org, id), "unrevoked")
}

// revocationsOf are what revokes one token by its id.
func (r *pageRequest) revocationsOf(org, id string) ([]types.Revocation, error) {
	list, err := ask(r, api.ListRevocations, &types.ListRevocations{Org: org, Kind: "token", Value: id})
	if err != nil {
		return nil, err
	}
	return list.Revocations, nil
}
