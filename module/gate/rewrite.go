package gate

import (
	"bytes"
	"errors"
	"net/http"
	"strings"

	"github.com/playgate/playgate/module/app"
	"github.com/playgate/playgate/module/internal/handoff"
	"github.com/playgate/playgate/module/internal/headers"
	"github.com/playgate/playgate/module/internal/manifest"
	"github.com/playgate/playgate/module/internal/redact"
	"github.com/playgate/playgate/module/internal/target"
	"github.com/playgate/playgate/module/token/sessiontoken"
)

var errOnlyPart = errors.New("the origin sends only a part of the manifest, though the whole was asked for")

// rewritable reports whether the path looks like a manifest.
func (d *decision) rewritable() bool { return d.target.Kind == target.Manifest }

// askForManifest changes the request so that the answer can be read: the whole
// manifest, and only if it has changed for this token, where it gets the token.
func (x *exchange) askForManifest(mode manifestMode) {
	r := x.r
	if !x.rewritable() {
		return
	}
	r.Header.Del("Range")
	r.Header.Del("If-Range")
	if mode == inspect {
		return
	}
	if r.Method == http.MethodHead {
		r.Method = http.MethodGet
	}
	if x.inner() != "" {
		return // mostly it is the origin's bytes
	}
	r.Header.Del("If-Modified-Since")
	if tags := headers.OwnETags(r.Header.Values("If-None-Match"), x.token.Text); tags != "" {
		r.Header.Set("If-None-Match", tags)
	} else {
		r.Header.Del("If-None-Match")
	}
}

// narrowCodings leaves of Accept-Encoding what the gate can undo, in case the
// answer turns out to be a manifest, and reports whether the client takes gzip.
func narrowCodings(h http.Header) (gzipWanted bool) {
	if len(h["Accept-Encoding"]) == 0 {
		return false
	}
	coding := "identity"
	if gzipWanted = handoff.TakesGzip(h); gzipWanted {
		coding = "gzip"
	}
	h["Accept-Encoding"] = []string{coding}
	return gzipWanted
}

// inner is the session token that the manifest was asked for with, as a segment of its
// path; "" for a first manifest, and where sessions do not travel like that.
func (in *incoming) inner() string {
	if n := len(in.segments); n > 0 && in.h.inBase() && sessiontoken.HasForm(in.segments[n-1].Text) {
		return in.segments[n-1].Text
	}
	return ""
}

// inBase reports whether references inherit a session token from the path of their
// manifest.
func (h *Handler) inBase() bool {
	return h.Propagate == bySession && h.SessionForm != byQuery && h.places.Path
}

// base is where the manifest stands, for references that inherit the token from its
// path; nil where they get it otherwise.
func (x *exchange) base() *manifest.Base {
	if !x.h.inBase() || len(x.segments) > 0 && x.inner() == "" {
		return nil
	}
	b := &manifest.Base{Token: x.inner(), Tokens: x.tokenPlaces()}
	if b.Inner = b.Token != ""; !b.Inner {
		b.Token = x.carried(x.target.Stream)
	}
	b.Covers = func(path, rawQuery string) (manifest.Cover, bool) {
		t, token, ok := x.plays(path, rawQuery)
		return cover(path, &t, token), ok
	}
	return b
}

// tokenPlaces are how many other segments of the path stand before each token.
func (in *incoming) tokenPlaces() (list []int) {
	for _, s := range in.segments {
		list = append(list, s.Before)
	}
	return list
}

// cover is what a [manifest.Base] has to know of a path that is mapped to a target.
func cover(path string, t *target.Target, token string) (c manifest.Cover) {
	if t.Rule != nil {
		c = manifest.Cover{Start: strings.Count(t.Rule.Prefix(), "/"), Insert: t.Rule.TokenPlace(path), Token: token}
	}
	return c
}

// spliced appends a manifest with the token in it to into. changed is false for a
// text that turned out to be no manifest.
func spliced(rw *manifest.Rewriter, mode manifestMode, f manifest.Format, into, body []byte) (out []byte, changed bool, err error) {
	if mode == inspect {
		rw.Base, rw.Covers = nil, nil // nothing gets the token; what would leak it is still found
	}
	switch f {
	case manifest.DASH:
		out, err = rw.DASH(into, body)
	case manifest.JSON:
		out, err = rw.JSON(into, body)
	default:
		if rw.Base != nil && !rw.Base.Inner && bytes.Contains(body, []byte("#EXT-X-CONTENT-STEERING")) {
			rw.Base = nil // clones carry a path to another host, where a query can be emptied
		}
		out, err = rw.HLS(into, body)
	}
	inner := rw.Base != nil && rw.Base.Inner
	if err != nil || (f != manifest.HLS || mode == inspect || inner) && bytes.Equal(out, body) {
		return nil, false, err
	}
	return out, true, nil
}

// rewriter knows the token of this request and where it may go.
func (x *exchange) rewriter() *manifest.Rewriter {
	scheme, host := app.PublicOrigin(x.r)
	rw := &manifest.Rewriter{
		Scheme:  scheme,
		Host:    host,
		Path:    x.path,
		Query:   x.r.URL.RawQuery,
		Sites:   x.h.sites,
		Token:   x.token.Text,
		Name:    x.token.Name,
		InPath:  x.token.Path,
		InQuery: x.token.Name != "",
		Names:   x.h.places.Query,
		Covers:  x.covers,

		IsToken:   redact.IsToken,
		IsSegment: func(s string) bool { text, hidden := redact.Segment(s); return text != "" || hidden },
	}
	if x.h.Propagate == bySession && !x.carries() { // references only leave a segment behind
		rw.Base = &manifest.Base{Inner: true, Token: x.inner(), Tokens: x.tokenPlaces(), Covers: func(string, string) (c manifest.Cover, ok bool) { return c, false }}
		rw.Covers = func(string, string) (at int, token string, ok bool) { return 0, "", false }
	} else if x.h.Propagate == bySession {
		rw.Token, rw.InPath = x.carried(x.target.Stream), x.inner() != ""
		rw.Base = x.base()
	}
	if rw.Name == "" && len(x.h.places.Query) > 0 {
		rw.Name = x.h.places.Query[0]
	}
	return rw
}

// covers reports whether a rule of this gate maps a path to something that the
// token may play, where in the path a token segment goes, and which token it
// is, if it is not the one of this request's stream.
func (x *exchange) covers(path, rawQuery string) (at int, text string, ok bool) {
	t, text, ok := x.plays(path, rawQuery)
	if !ok {
		return 0, "", false
	}
	return t.Rule.PrefixEnd(path), text, true
}

// plays is what a rule of this gate maps a path to, if the token may play it, and which
// token that is, if it is not the one of this request's stream.
func (x *exchange) plays(path, rawQuery string) (t target.Target, text string, ok bool) {
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
