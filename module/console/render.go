package console

import (
	"bytes"
	"errors"
	"html/template"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/playgate/playgate/module/api"
	"github.com/playgate/playgate/module/api/types"
	"github.com/playgate/playgate/module/internal/issue"
	"github.com/playgate/playgate/module/internal/registry"
)

// pageRequest is one request for a page.
type pageRequest struct {
	handler *Handler
	w       http.ResponseWriter
	request *http.Request
	who     api.Principal
	now     time.Time
	orgs    []types.Org // that the user sees
}

// page adds a page. Its errors become a page of their own.
func (h *Handler) page(pattern string, serve func(*pageRequest) error) {
	h.mux.HandleFunc(pattern, func(w http.ResponseWriter, request *http.Request) {
		r := &pageRequest{handler: h, w: w, request: request, now: time.Now()}
		var err error
		if r.who, err = principalOf(request); err == nil {
			err = r.findOrgs()
		}
		if err == nil {
			err = serve(r)
		}
		if err != nil {
			r.fail(err)
		}
	})
}

// findOrgs finds the organisations that the user sees.
func (r *pageRequest) findOrgs() error {
	list, err := ask(r, api.ListOrgs, new(types.Nothing))
	if err != nil {
		return err
	}
	r.orgs = list.Orgs
	return nil
}

// org is an organisation that the user sees, or nil.
func (r *pageRequest) org(hash string) *types.Org {
	i := slices.IndexFunc(r.orgs, func(o types.Org) bool { return o.Org == hash })
	if i < 0 {
		return nil
	}
	return &r.orgs[i]
}

// frame is what every page shows around its own.
type frame struct {
	Prefix, Version, User, Form string
	Section, Title, Notice      string
	MayIssue, MayAdmin, MayAll  bool
	Orgs                        []types.Org
	Page                        any
}

// rows are those of a table of tokens. Sort is the order that they are in, where
// the reader can choose it, and Query asks for the same tokens in another one.
// Form is where they can be chosen, to be revoked, and Here asks for them again.
type rows struct {
	Prefix      string
	Tokens      []types.Token
	Sort, Query string
	Form, Here  string
}

// rows are tokens that the user can choose where it has the right to revoke them.
func (r *pageRequest) rows(tokens []types.Token, here string) rows {
	list := rows{Prefix: r.handler.Prefix, Tokens: tokens, Here: here}
	if r.who.Role.Allows(registry.Issue) && slices.ContainsFunc(tokens, revocable) {
		list.Form = formToken(r.who.Name)
	}
	return list
}

// revocable reports whether there is something to revoke.
func revocable(t types.Token) bool {
	return t.Revoked == nil && (t.Status == "active" || t.Status == "not_yet_valid" || t.Status == "key_retired")
}

// order is a column by which a table can be sorted.
type order struct {
	rows
	By, Words string
}

// Now reports whether it is sorted so.
func (o order) Now() bool { return o.Sort == o.By }

// Direction is that of the column, in the words of ARIA.
func (o order) Direction() string {
	if o.By == "expires" {
		return "ascending"
	}
	return "descending"
}

// notices are what a page says after a form was sent, by the value of done.
var notices = map[string]string{
	"revoked":   "The token is revoked. What it was playing has ended.",
	"unrevoked": "The revocation is undone. The token plays again, if nothing else refuses it.",
	"stream":    "The stream is there.",
	"org":       "The organisation is there. Now make a stream.",
	"many":      "They are revoked. What they were playing has ended.",
	"undone":    "The revocation is undone. Its tokens play again, if nothing else refuses them.",
	"switched":  "The switch is set.",
	"broken":    "The glass is broken: everybody is let in.",
	"mended":    "The break-glass has ended.",
	"planned":   "The revocation is planned. You can undo it until then, and after.",
	"settings":  "The stream is changed.",
	"deleted":   "The stream is deleted. Its tokens are not: revoke them if nobody may play it by its name any more.",
	"key":       "The key is added. Tokens that it has signed are let in.",
	"rotated":   "The next key signs from now on. The one before goes on to verify.",
	"retired":   "The key is retired. What it has signed is refused, and has ended.",
	"apikey":    "The API key has ended.",
}

var functions = template.FuncMap{
	"left":      func(until time.Time) string { return issue.Days(time.Until(until)) },
	"words":     func(t time.Time) string { return t.UTC().Format("2 Jan 2006, 15:04 UTC") },
	"exact":     func(t time.Time) string { return t.UTC().Format(time.RFC3339) },
	"join":      func(list []string) string { return strings.Join(list, ", ") },
	"revocable": revocable,
	"snippets":  snippets,
	"list":      func(texts ...string) []string { return texts },
	"order":     func(r rows, by, words string) order { return order{r, by, words} },
	"count":     count,
	"query":     func(text string) template.URL { return template.URL(text) }, //nolint:gosec // url.Values has encoded it
}

// count is a number with its word, as in 1 viewer and 2 viewers.
func count(n int, word string) string {
	if n != 1 {
		word += "s"
	}
	return strconv.Itoa(n) + " " + word
}

// templates are those of the pages, each within the layout.
var templates = func() map[string]*template.Template {
	all := make(map[string]*template.Template)
	for _, name := range []string{"streams", "stream", "token_new", "token_made", "tokens", "token", "revocations", "orgs", "audit", "explain", "error", "keys", "apikey_made", "stream_settings", "remarks", "tokens_revoke"} {
		all[name] = template.Must(template.New("layout.html").Funcs(functions).ParseFS(files, "page/layout.html", "page/parts.html", "page/"+name+".html"))
	}
	return all
}()

func (r *pageRequest) mayAdmin() bool { return r.who.Role.Allows(registry.Admin) }

// render answers with a page.
func (r *pageRequest) render(status int, name, section, title string, page any) error {
	f := frame{
		Prefix: r.handler.Prefix, Version: assets.Version(), User: strings.TrimPrefix(r.who.Name, "console "), Form: formToken(r.who.Name),
		Section: section, Title: title, Notice: notices[r.request.URL.Query().Get("done")],
		MayIssue: r.who.Role.Allows(registry.Issue), MayAdmin: r.mayAdmin(),
		Orgs: r.orgs, Page: page,
	}
	f.MayAll = f.MayAdmin && r.who.Orgs == nil
	var out bytes.Buffer
	if err := templates[name].Execute(&out, f); err != nil {
		return err
	}
	r.w.Header().Set("Content-Type", "text/html; charset=utf-8")
	r.w.WriteHeader(status)
	if r.request.Method != http.MethodHead {
		_, _ = r.w.Write(out.Bytes())
	}
	return nil
}

// redirect leads on after a form was sent.
func (r *pageRequest) redirect(path, done string) error {
	if done != "" {
		and := "?"
		if strings.Contains(path, "?") {
			and = "&"
		}
		path += and + "done=" + done
	}
	http.Redirect(r.w, r.request, r.handler.Prefix+path, http.StatusSeeOther)
	return nil
}

// fail answers with what went wrong. Our own faults are told to the log.
func (r *pageRequest) fail(err error) {
	p := new(api.Problem)
	if !errors.As(err, &p) {
		r.handler.logger.Error("a page of the console failed", zap.Error(err))
		p = api.Refuse(http.StatusInternalServerError, "The server failed; its log says why.")
	}
	if err := r.render(p.Status, "error", "", http.StatusText(p.Status), p); err != nil {
		http.Error(r.w, "The server failed; its log says why.", http.StatusInternalServerError)
	}
}

// mistakes are those of a form by their fields, and what belongs to none. It is
// nil when err is no refusal of a form.
func mistakes(err error) map[string]string {
	p := new(api.Problem)
	if !errors.As(err, &p) || p.Status >= http.StatusInternalServerError || p.Status == http.StatusForbidden || p.Status == http.StatusNotFound {
		return nil
	}
	list := map[string]string{}
	for _, m := range p.Errors {
		field := strings.TrimPrefix(m.Location, "body.")
		if end := strings.IndexAny(field, "[."); end >= 0 {
			field = field[:end]
		}
		list[field] = m.Message
	}
	if len(list) == 0 {
		list["form"] = p.Detail
	}
	return list
}
