package gate

import (
	"bytes"
	"errors"
	"net/http"

	"github.com/playgate/playgate/module/app"
	"github.com/playgate/playgate/module/internal/handoff"
	"github.com/playgate/playgate/module/internal/headers"
	"github.com/playgate/playgate/module/internal/manifest"
	"github.com/playgate/playgate/module/internal/redact"
	"github.com/playgate/playgate/module/internal/target"
)

var errOnlyPart = errors.New("the origin sends only a part of the manifest, though the whole was asked for")

// rewritable reports whether the path looks like a manifest.
func (x *exchange) rewritable() bool { return x.target.Kind == target.Manifest }

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
	r.Header.Del("If-Modified-Since")
	if tags := headers.OwnETags(r.Header.Values("If-None-Match"), x.token.text); tags != "" {
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

// spliced appends a manifest with the token in it to into. changed is false for a
// text that turned out to be no manifest.
func spliced(rw *manifest.Rewriter, mode manifestMode, f manifest.Format, into, body []byte) (out []byte, changed bool, err error) {
	if mode == inspect {
		rw.Covers = nil // nothing gets the token; what would leak it is still found
	}
	switch f {
	case manifest.DASH:
		out, err = rw.DASH(into, body)
	case manifest.JSON:
		out, err = rw.JSON(into, body)
	default:
		out, err = rw.HLS(into, body)
	}
	if err != nil || (f != manifest.HLS || mode == inspect) && bytes.Equal(out, body) {
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
		Token:   x.token.text,
		Name:    x.token.name,
		InPath:  x.token.path,
		InQuery: x.token.name != "",
		Names:   x.h.places.query,
		Covers:  x.covers,

		IsToken: redact.IsToken,
	}
	if x.h.Propagate == bySession {
		rw.Token, rw.InPath = x.carried(x.target.Stream), false
	}
	if rw.Name == "" && len(x.h.places.query) > 0 {
		rw.Name = x.h.places.query[0]
	}
	return rw
}

// covers reports whether a rule of this gate maps a path to something that the
// token may play, where in the path a token segment goes, and which token it
// is, if it is not the one of this request's stream.
func (x *exchange) covers(path, rawQuery string) (at int, text string, ok bool) {
	t, at, ok := x.maps(path, rawQuery)
	if !ok || t.Org != x.credential.Grant.Org || !x.credential.Grant.MayPlay(t.Stream) {
		return 0, "", false
	}
	if x.h.Propagate == bySession && t.Stream != x.target.Stream {
		if text = x.carried(t.Stream); text == "" {
			return 0, "", false
		}
	}
	return at, text, true
}

// maps finds what a rule of this gate maps a path to, and where in the path a
// token segment goes.
func (x *exchange) maps(path, rawQuery string) (t target.Target, at int, ok bool) {
	canonical, err := x.h.rules.ReadPath(path)
	if err != nil {
		return t, 0, false
	}
	var query target.Query
	if x.h.needsQ {
		if query, err = target.ParseQuery(rawQuery, nil); err != nil {
			return t, 0, false
		}
	}
	if t, err = x.h.rules.Find(canonical, query); err != nil {
		return t, 0, false
	}
	return t, t.Rule.PrefixEnd(path), true
}
