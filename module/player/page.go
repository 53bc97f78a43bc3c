package player

import (
	"bytes"
	"fmt"
	"html/template"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/playgate/playgate/module/app"
	"github.com/playgate/playgate/module/internal/issue"
	"github.com/playgate/playgate/module/internal/target"
	"github.com/playgate/playgate/module/token"
)

var pageTemplate = template.Must(template.New("page.html").ParseFS(files, "page/page.html"))

// view is what a page shows.
type view struct {
	Prefix, Version, Library string

	Stream, Org string
	// StreamURL is what the page plays, on its own host; empty for nothing.
	StreamURL string
	// Playable says that the page knows how.
	Playable bool
	Public   bool
	// Token is there when its signature holds and it is for this stream.
	Token *validity
	Now   int64 // unix seconds, for browsers whose clock is wrong
}

// validity is what a page tells of the token in its link.
type validity struct {
	Begins, Ends moment
	Left         string // until it ends; empty when it has not begun, or has ended
	Scope        string
	Rules        []string
	// Over is when the gate takes it no more, in unix seconds.
	Over int64
}

// moment is a time for people, which the page's script puts into their own zone.
type moment struct{ time.Time }

func (m moment) Exact() string { return m.UTC().Format(time.RFC3339) }
func (m moment) Words() string { return m.UTC().Format("2 Jan 2006, 15:04 UTC") }

// servePage answers with the page of a stream. It is the same for everybody but
// for what the token itself says, and it never refuses: the gate does.
func (h *Handler) servePage(w http.ResponseWriter, r *http.Request, org, stream string, now time.Time) error {
	tokens := tokensOf(r.URL.RawQuery)
	v := view{
		Prefix: h.Prefix, Version: assets.Version(), Library: libraryName, Stream: stream, Now: now.Unix(),
		Public: h.app.Public(org, stream, now),
	}
	v.Org = h.orgName(org)
	v.StreamURL, v.Playable = streamURL(h.app.StreamURL, r.Host, org, stream, tokens)
	if len(tokens) == 1 && !v.Public {
		v.Token = h.validity(r, tokens[0], org, stream, now)
	}
	var page bytes.Buffer
	if err := pageTemplate.Execute(&page, v); err != nil {
		return fmt.Errorf("writing the player page: %w", err)
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(page.Bytes()))
	return nil
}

// orgName is what people call an organisation: the configuration's word, the
// registry's, or the hash.
func (h *Handler) orgName(hash string) string {
	if o := h.app.Orgs[hash]; o != nil && o.Name != "" {
		return o.Name
	}
	if r := h.app.Registry(); r != nil {
		if o, err := r.Orgs.Get(hash); err == nil && o.Name != "" {
			return o.Name
		}
	}
	return hash
}

// tokensOf are the different tokens of a link, as their names in links have it.
func tokensOf(query string) (tokens []string) {
	values, _ := url.ParseQuery(query) // what cannot be read is no token
	for _, name := range []string{"token", "jwtoken"} {
		for _, text := range values[name] {
			if !slices.Contains(tokens, text) {
				tokens = append(tokens, text)
			}
		}
	}
	return tokens
}

// streamURL is what a page of a host plays: the first template of that host,
// those of HLS first, without scheme and host. All tokens go along, so that the
// gate says what it thinks of several.
func streamURL(templates []string, host, org, stream string, tokens []string) (address string, playable bool) {
	for _, t := range templates {
		u, err := url.Parse(issue.Fill(t, org, stream))
		if err != nil || strings.ToLower(u.Hostname()) != app.Hostname(host) {
			continue
		}
		hls := strings.HasPrefix(u.Scheme, "http") && target.LooksLikeHLS(u.EscapedPath())
		if address != "" && !hls {
			continue
		}
		address, playable = u.RequestURI(), hls
		separator := "?"
		if u.RawQuery != "" {
			separator = "&"
		}
		for _, text := range tokens {
			address += separator + "token=" + url.QueryEscape(text)
			separator = "&"
		}
		if hls {
			break
		}
	}
	return address, playable
}

// validity is what a token says of itself, if its signature holds and it is for
// this stream; else nil.
func (h *Handler) validity(r *http.Request, text, org, stream string, now time.Time) *validity {
	h.app.AwaitStart()
	seen, err := h.app.ReadToken(h.app.Trust(), text, func() netip.Addr { return app.ClientAddress(r) }, now)
	if err != nil || seen.Grant.Org != org || !seen.Grant.MayPlay(stream) {
		return nil
	}
	g := seen.Grant
	v := &validity{Ends: moment{g.ExpiresAt()}, Over: g.ExpiresAt().Add(h.app.Terms().Leeway).Unix(), Rules: rules(g)}
	if g.NotBefore != 0 {
		v.Begins = moment{time.Unix(g.NotBefore, 0)}
	}
	if left := g.ExpiresAt().Sub(now); left > 0 && !now.Before(v.Begins.Time) {
		v.Left = issue.Days(left)
	}
	switch {
	case g.OrgWide:
		v.Scope = "It opens all streams of the organisation."
	case len(g.Streams) > 1:
		v.Scope = fmt.Sprintf("It opens %d streams, and this is one of them.", len(g.Streams))
	default:
		v.Scope = "It opens this stream only."
	}
	return v
}

func rules(g *token.Grant) (list []string) {
	if len(g.IPs) > 0 {
		list = append(list, "It works from these addresses: "+join(g.IPs)+".")
	}
	if len(g.Referers) > 0 {
		list = append(list, "It works on these pages: "+join(g.Referers)+".")
	}
	return list
}

func join[T fmt.Stringer](values []T) string {
	texts := make([]string, len(values))
	for i, v := range values {
		texts[i] = v.String()
	}
	return strings.Join(texts, ", ")
}
