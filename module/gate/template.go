package gate

import (
	"crypto/rand"
	"net/http"

	"github.com/playgate/playgate/module/internal/handoff"
	"github.com/playgate/playgate/module/internal/manifest"
	"github.com/playgate/playgate/module/internal/target"
)

// shape is all on which a template depends, besides the manifest and its address.
type shape struct {
	gate            *Handler
	mode            manifestMode
	scheme, host    string
	name            string
	inPath, inQuery bool
	inBase          bool
}

// templated is what is known of a manifest that many viewers get.
type templated struct {
	format   manifest.Format
	template *manifest.Template // nil: each copy has to be made of the manifest itself
}

// template works out where tokens go in a body that many viewers get, once for all
// of those whose tokens travel in the same way.
func (x *exchange) template(mode manifestMode, s handoff.SharedBody, h http.Header) *templated {
	rw := x.rewriter()
	key := shape{x.h, mode, rw.Scheme, rw.Host, rw.Name, rw.InPath, rw.InQuery, rw.Base != nil}
	return s.Derive(key, func() (any, int) {
		t := new(templated)
		t.format, _ = manifest.Sniff(s.Bytes(), h, x.rewritable(), true)
		if t.format == manifest.NoFormat || mode != splice || x.inner() != "" {
			return t, 0
		}
		t.template = x.makeTemplate(rw, t.format, s.Bytes(), h)
		if t.template == nil {
			return t, 0
		}
		return t, t.template.Size()
	}).(*templated)
}

// makeTemplate rewrites a manifest with marks in the place of tokens; nil where a
// viewer's copy cannot be made of that.
func (x *exchange) makeTemplate(rw *manifest.Rewriter, f manifest.Format, body []byte, h http.Header) *manifest.Template {
	marker := &manifest.Marker{Seed: rand.Text()}
	var ok bool
	if rw.Token, ok = marker.Mark(x.target.Stream); !ok {
		return nil
	}
	complete := true
	marked := func(path, rawQuery string) (t target.Target, mark string, ok bool) {
		t, ok = x.h.maps(path, rawQuery)
		if !ok || t.Org != x.target.Org {
			return t, "", false
		}
		mark, ok = marker.Mark(t.Stream)
		complete = complete && ok
		return t, mark, ok
	}
	rw.Covers = func(path, rawQuery string) (int, string, bool) {
		t, mark, ok := marked(path, rawQuery)
		if !ok {
			return 0, "", false
		}
		return t.Rule.PrefixEnd(path), mark, true
	}
	if rw.Base != nil {
		rw.Base.Token = rw.Token
		rw.Base.Covers = func(path, rawQuery string) (manifest.Cover, bool) {
			t, mark, ok := marked(path, rawQuery)
			return cover(path, &t, mark), ok
		}
	}
	body, err := manifest.Decode(body, h)
	if err != nil {
		return nil
	}
	out, changed, err := spliced(rw, splice, f, nil, body)
	if err != nil || !changed || !complete {
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
	f, sure := manifest.Sniff(head, rw.Header(), rw.x.rewritable(), false)
	return sure && f != manifest.NoFormat
}

// WriteShared implements [handoff.SharedWriter].
func (rw *response) WriteShared(s handoff.SharedBody) error {
	if rw.stage == undecided {
		rw.WriteHeader(http.StatusOK)
	}
	if rw.stage != sniffing {
		_, err := rw.Write(s.Bytes())
		return err
	}
	t := rw.x.template(rw.mode, s, rw.Header())
	if t.template != nil {
		if tokens, ok := rw.x.tokens(t.template.Names); ok {
			return rw.writeCopy(t.template, tokens)
		}
	}
	_, err := rw.Write(s.Bytes())
	return err
}

// writeCopy writes one viewer's copy of a manifest.
func (rw *response) writeCopy(t *manifest.Template, tokens []string) error {
	into := outputs.Get().(*[]byte)
	out := t.Append((*into)[:0], tokens)
	if cap(out) <= keepBuffer {
		defer func() { *into = out; outputs.Put(into) }()
	}
	rw.release()
	return rw.writeRewritten(out)
}
