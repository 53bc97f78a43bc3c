package gate

import (
	"bytes"
	"crypto/rand"
	"net/http"

	"github.com/playgate/playgate/module/internal/body"
	"github.com/playgate/playgate/module/internal/handoff"
	"github.com/playgate/playgate/module/internal/manifest"
	"github.com/playgate/playgate/module/internal/template"
	"github.com/playgate/playgate/module/internal/weborigin"
)

// shape is all on which a template depends, besides the manifest and its address.
type shape struct {
	gate    *Handler
	own     weborigin.Origin
	name    string
	form    manifest.Form
	queried bool // with a token in the query
}

// templated is what is known of a manifest that many viewers get.
type templated struct {
	template *template.Template // nil: each copy has to be made of the manifest itself
	missed   manifest.Missed
}

// template works out where tokens go in a first manifest that many viewers get, once for
// all of those whose tokens travel in the same way. Inner ones are mostly the same for
// all, and long ones are not kept.
func (x *exchange) template(s handoff.SharedBody, h http.Header) *templated {
	if x.answer.mode != splice || x.inner() != "" || len(x.segments) > 0 || len(s.Bytes()) > body.Head || body.CodingOf(h) != body.Identity {
		return new(templated)
	}
	rw := x.rewriter()
	key := shape{x.h, rw.Site.Own, rw.Name, rw.Form, x.queried()}
	return s.Derive(key, func() (any, int) {
		t := new(templated)
		f, _, err := body.Sniff(s.Bytes(), h, x.rewritable(), true)
		if err != nil || f == manifest.NoFormat {
			return t, 0
		}
		t.template = x.makeTemplate(rw, f, s.Bytes())
		if t.template == nil || x.check(rw).Manifest(f, s.Bytes()) != nil { // the form is settled now
			t.template = nil
			return t, 0
		}
		t.missed = rw.Missed
		return t, t.template.Size()
	}).(*templated)
}

// forAll is all on which it depends whether a playlist below the first one is the same for
// all, besides the playlist.
type forAll struct {
	gate    *Handler
	own     weborigin.Origin
	name    string
	queried bool
}

// isForAll reports whether an answer is a playlist below the first one that each viewer gets
// as it is. That is worked out once.
func (rw *response) isForAll(s handoff.SharedBody) bool {
	x, h := rw.x, rw.Header()
	if rw.mode != splice || x.inner() == "" || len(s.Bytes()) > body.Head || body.CodingOf(h) != body.Identity {
		return false
	}
	key := forAll{x.h, x.site().Own, x.h.places.NameFor(&x.token), x.queried()}
	return s.Derive(key, func() (any, int) {
		f, _, err := body.Sniff(s.Bytes(), h, x.rewritable(), true)
		w := x.rewriter()
		return err == nil && f == manifest.HLS && w.Inherits(s.Bytes()) && x.check(w).Manifest(f, s.Bytes()) == nil, 0
	}).(bool)
}

// makeTemplate rewrites a manifest with marks in the place of tokens; nil where a
// viewer's copy cannot be made of that.
func (x *exchange) makeTemplate(rw *manifest.Rewriter, f manifest.Format, body []byte) *template.Template {
	marker := &template.Marker{Seed: rand.Text()}
	var ok bool
	if rw.Token, ok = marker.Mark(x.target.Stream); !ok {
		return nil
	}
	complete := true
	rw.Covers = func(path, rawQuery string) (c manifest.Cover, ok bool) {
		t, ok := x.h.maps(path, rawQuery)
		if !ok || t.Org != x.target.Org {
			return c, false
		}
		mark, ok := marker.Mark(t.Stream)
		complete = complete && ok
		return cover(path, &t, mark), ok
	}
	out := rw.Write(nil, f, body)
	if !complete || bytes.Equal(out, body) {
		return nil
	}
	return marker.Template(out)
}

// tokens are the tokens that this viewer's copy gets. ok is false where one of them
// is none of the viewer's: then not all URIs get a token.
func (x *exchange) tokens(streams []string) (tokens []string, ok bool) {
	tokens = make([]string, len(streams))
	for i, stream := range streams {
		switch {
		case !x.credential.Grant.MayPlay(stream):
			return nil, false
		case x.h.Propagate == bySession:
			tokens[i] = x.carried(stream)
		default:
			tokens[i] = x.token.Text
		}
		if tokens[i] == "" {
			return nil, false
		}
	}
	return tokens, true
}

// WantsWhole implements [handoff.SharedWriter].
func (rw *response) WantsWhole(head []byte) bool {
	if rw.stage != sniffing {
		return false
	}
	f, sure, err := body.Sniff(head, rw.Header(), rw.x.rewritable(), false)
	return err == nil && sure && f != manifest.NoFormat
}

// WriteShared implements [handoff.SharedWriter].
func (rw *response) WriteShared(s handoff.SharedBody) error {
	if rw.stage == undecided {
		rw.WriteHeader(http.StatusOK)
	}
	if rw.stage == sniffing && !rw.mayBeManifest(s.Bytes()) {
		rw.release()
		rw.commit(rw.status)
	}
	if rw.stage == sniffing && rw.isForAll(s) {
		rw.tellMissed(new(manifest.Missed))
		rw.release()
		rw.commit(rw.status)
	}
	if rw.stage == sniffing && mayCarry(rw.status) {
		if t := rw.x.template(s, rw.Header()); t.template != nil {
			if tokens, ok := rw.x.tokens(t.template.Names); ok {
				rw.tellMissed(&t.missed)
				return rw.writeCopy(t.template, tokens)
			}
		}
	}
	_, err := rw.Write(s.Bytes())
	return err
}

// mayBeManifest reports whether a whole body may be a manifest. What it does not know may
// be one.
func (rw *response) mayBeManifest(whole []byte) bool {
	f, sure, err := body.Sniff(whole, rw.Header(), rw.x.rewritable(), true)
	return err != nil || !sure || f != manifest.NoFormat
}

// writeCopy writes one viewer's copy of a manifest.
func (rw *response) writeCopy(t *template.Template, tokens []string) error {
	out := &rw.reader.body.Out
	*out = t.Append((*out)[:0], tokens)
	err := rw.whole(*out, true)
	if rw.stage == sniffing {
		rw.stage = passing
	}
	return err
}
