package gate

import (
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/playgate/playgate/module/app"
	"github.com/playgate/playgate/module/internal/body"
	"github.com/playgate/playgate/module/internal/manifest"
	"github.com/playgate/playgate/module/internal/redact"
	"github.com/playgate/playgate/module/internal/target"
	"github.com/playgate/playgate/module/internal/weborigin"
	"github.com/playgate/playgate/module/token/sessiontoken"
)

var errOnlyPart = errors.New("the origin sends only a part of the manifest, though the whole was asked for")

// rewritable reports whether the path looks like a manifest.
func (d *decision) rewritable() bool { return d.target.Kind == target.Manifest }

// askForManifest changes the request so that the answer can be read: the whole manifest,
// as it is.
func (x *exchange) askForManifest() {
	x.wantsGzip = narrowCodings(x.r.Header)
	if !x.rewritable() {
		return
	}
	x.r.Header.Del("Range")
	x.r.Header.Del("If-Range")
	x.r.Header["Accept-Encoding"] = []string{"identity"}
	if x.r.Method == http.MethodHead {
		x.r.Method = http.MethodGet
	}
}

// narrowCodings leaves of Accept-Encoding what the gate can undo, in case the
// answer turns out to be a manifest, and reports whether the client takes gzip.
func narrowCodings(h http.Header) (gzipWanted bool) {
	if len(h["Accept-Encoding"]) == 0 {
		return false
	}
	coding := "identity"
	if gzipWanted = body.TakesGzip(h); gzipWanted {
		coding = "gzip"
	}
	h["Accept-Encoding"] = []string{coding}
	return gzipWanted
}

// inner is the token that what an inner manifest refers to inherits from its path; "" for
// a first manifest. Where sessions are propagated it is a session token: references do not
// inherit the token that they stand for.
func (in *incoming) inner() string {
	n := len(in.segments)
	if n == 0 || !in.h.places.Path {
		return ""
	}
	text := in.segments[n-1].Text
	if in.h.Propagate == bySession && !sessiontoken.HasForm(text) {
		return ""
	}
	return text
}

// tokenPlaces are how many other segments of the path stand before each token.
func (in *incoming) tokenPlaces() (list []int) {
	for _, s := range in.segments {
		list = append(list, s.Before)
	}
	return list
}

// cover is what a [manifest.Rewriter] has to know of a path that is mapped to a target.
func cover(path string, t *target.Target, token string) (c manifest.Cover) {
	if t.Rule != nil {
		c = manifest.Cover{Start: strings.Count(t.Rule.Prefix(), "/"), Insert: t.Rule.TokenPlace(path), Token: token}
	}
	return c
}

// rewriter knows the token of this request and where it may go. Where no token allowed
// it, references only leave a segment behind.
func (x *exchange) rewriter() *manifest.Rewriter {
	rw := &manifest.Rewriter{
		Site: x.site(), Path: x.path, Name: x.h.places.NameFor(&x.token), Names: x.h.places.Query,
		Token: x.inner(), Form: manifest.Inherited,
		IsToken:   redact.IsToken,
		IsSegment: func(s string) bool { text, hidden := redact.Segment(s); return text != "" || hidden },
		Covers: func(path, rawQuery string) (manifest.Cover, bool) {
			t, token, ok := x.plays(path, rawQuery)
			return cover(path, &t, token), ok
		},
	}
	if x.h.places.Path {
		rw.Segments = x.tokenPlaces()
	}
	if rw.Token != "" {
		return rw
	}
	if rw.Form = manifest.InBase; x.h.Propagate == byQuery || x.h.SessionForm == byQuery || !x.h.places.Path {
		rw.Form = manifest.InQuery
	}
	if rw.Token = x.token.Text; x.h.Propagate == bySession && x.carries() {
		rw.Token = x.carried(x.target.Stream)
	}
	return rw
}

// check finds what would make players themselves carry the token elsewhere.
func (x *exchange) check(rw *manifest.Rewriter) *manifest.Check {
	return &manifest.Check{
		Site: x.site(), Names: x.h.places.Query, Queried: x.queried(), InPath: len(x.segments) > 0,
		InQuery: rw != nil && rw.Form == manifest.InQuery,
	}
}

// queried reports whether the query has a token, whether it was needed or not.
func (in *incoming) queried() bool {
	return slices.ContainsFunc(in.query.Pairs(), func(p target.Pair) bool { return p.Token })
}

// site is this site, as the client knows it.
func (in *incoming) site() manifest.Site {
	scheme, host := app.PublicOrigin(in.r)
	own, _ := weborigin.Of(scheme, host)
	return manifest.Site{Own: own, Others: in.h.sites}
}

// plays is what a rule of this gate maps a path to, if the token may play it, and which
// token that is, if it is not the one of this request's stream.
func (x *exchange) plays(path, rawQuery string) (t target.Target, text string, ok bool) {
	if !x.good() && x.target.Kind != target.WHEP {
		return t, "", false
	}
	t, ok = x.h.maps(path, rawQuery)
	if !ok || t.Org != x.credential.Grant.Org || !x.credential.Grant.MayPlay(t.Stream) {
		return t, "", false
	}
	if x.h.Propagate == bySession && t.Stream != x.target.Stream {
		if text = x.carried(t.Stream); text == "" {
			return t, "", false
		}
	}
	return t, text, true
}

// maps finds what a rule of this gate maps a path to.
func (h *Handler) maps(path, rawQuery string) (t target.Target, ok bool) {
	canonical, err := h.rules.ReadPath(path)
	if err != nil {
		return t, false
	}
	var query target.Query
	if h.needsQ {
		if query, err = target.ParseQuery(rawQuery, nil); err != nil {
			return t, false
		}
	}
	if t, err = h.rules.Find(canonical, query); err != nil {
		return t, false
	}
	return t, true
}
