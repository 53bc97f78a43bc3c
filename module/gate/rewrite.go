package gate

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/playgate/playgate/module/internal/manifest"
	"github.com/playgate/playgate/module/internal/playout"
)

var (
	errTooLarge = errors.New("the manifest is larger than 4 MiB")
	errCoding   = errors.New("the manifest came in a content coding that was not asked for")
	errCorrupt  = errors.New("the manifest's content coding is damaged")
)

// rewritable reports whether the path looks like a manifest that this version
// rewrites.
func (x *exchange) rewritable() bool {
	return x.target.Kind == playout.Manifest && !strings.HasSuffix(x.path, ".mpd")
}

// askForManifest changes the request so that the answer can be rewritten: the
// whole manifest, in a coding that can be undone, and only if it has changed
// for this token.
func (x *exchange) askForManifest() {
	r := x.r
	if !x.rewritable() {
		return
	}
	if r.Method == http.MethodHead {
		r.Method = http.MethodGet
	}
	r.Header.Del("Range")
	r.Header.Del("If-Range")
	r.Header.Del("If-Modified-Since")
	if tags := ownETags(r.Header.Values("If-None-Match"), x.token.text); tags != "" {
		r.Header.Set("If-None-Match", tags)
	} else {
		r.Header.Del("If-None-Match")
	}
}

// narrowCodings leaves of Accept-Encoding what the gate can undo, in case the
// answer turns out to be a manifest.
func narrowCodings(h http.Header) {
	lines := h["Accept-Encoding"]
	if len(lines) == 0 {
		return
	}
	coding := "identity"
	for _, line := range lines {
		for part := range strings.SplitSeq(line, ",") {
			name, weight, _ := strings.Cut(part, ";")
			if strings.EqualFold(strings.TrimSpace(name), "gzip") && !zeroWeight(weight) {
				coding = "gzip"
			}
		}
	}
	h["Accept-Encoding"] = []string{coding}
}

// zeroWeight reports whether a quality value says "not this" (RFC 9110, section 12.4.2).
func zeroWeight(weight string) bool {
	name, value, found := strings.Cut(strings.TrimSpace(weight), "=")
	if !found || !strings.EqualFold(strings.TrimSpace(name), "q") {
		return false
	}
	q, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
	return err != nil || q == 0
}

// sniff looks at the first bytes of an answer. It is not sure as long as there
// are too few of them and the answer is not complete.
func sniff(head []byte, coding string, complete bool) (isManifest, sure bool) {
	const enough = 10 // a byte order mark and #EXTM3U
	if coding == "" || strings.EqualFold(coding, "identity") {
		if len(head) < enough && !complete {
			return false, false
		}
		return manifest.IsHLS(head), true
	}
	if !strings.EqualFold(coding, "gzip") {
		// Cannot be told; the text of the error will say so if it was one.
		return true, true
	}
	var first [enough + 1]byte
	n := 0
	if z, err := gzip.NewReader(bytes.NewReader(head)); err == nil {
		n, _ = io.ReadFull(z, first[:])
	}
	if n < len(first) && !complete && len(head) < maxManifest/2 {
		return false, false
	}
	return manifest.IsHLS(first[:n]), true
}

// rewrite appends a complete manifest with the token in it to into, and makes
// the header fit it.
func (x *exchange) rewrite(into, body []byte, h http.Header) ([]byte, error) {
	switch coding := h.Get("Content-Encoding"); {
	case coding == "" || strings.EqualFold(coding, "identity"):
	case strings.EqualFold(coding, "gzip"):
		z, err := gzip.NewReader(bytes.NewReader(body))
		if err != nil {
			return nil, errCorrupt
		}
		if body, err = io.ReadAll(io.LimitReader(z, maxManifest+1)); err != nil {
			return nil, errCorrupt
		}
	default:
		return nil, errCoding
	}
	if len(body) > maxManifest {
		return nil, errTooLarge
	}
	out, err := x.rewriter().HLS(into, body)
	if err != nil {
		return nil, err
	}
	for _, name := range []string{"Content-Encoding", "Accept-Ranges", "Last-Modified", "Content-Md5", "Digest", "Repr-Digest", "Content-Digest"} {
		h.Del(name)
	}
	tagETag(h, x.token.text)
	h.Set("Content-Length", strconv.Itoa(len(out)))
	neverStore(h)
	return out, nil
}

// rewriter knows the token of this request and where it may go.
func (x *exchange) rewriter() *manifest.Rewriter {
	scheme, host := publicOrigin(x.r)
	rw := &manifest.Rewriter{
		Scheme: scheme,
		Host:   host,
		Path:   x.path,
		Query:  x.r.URL.RawQuery,
		Sites:  x.h.sites,
		Token:  x.token.text,
		Name:   x.token.name,
		InPath: x.token.path,
		Names:  x.h.places.query,
		Covers: x.covers,
	}
	if rw.Name == "" && len(x.h.places.query) > 0 {
		rw.Name = x.h.places.query[0]
	}
	return rw
}

// covers reports whether a rule of this gate maps a path to something that the
// token may play, and where in the path a token segment goes.
func (x *exchange) covers(path, rawQuery string) (at int, ok bool) {
	if playout.CheckPath(path) != nil {
		return 0, false
	}
	var query playout.Query
	if x.h.needsQ {
		var err error
		if query, err = playout.ParseQuery(rawQuery); err != nil {
			return 0, false
		}
	}
	t, err := x.h.rules.Find(path, query)
	if err != nil || t.Org != x.grant.Org || !x.grant.MayPlay(t.Stream) {
		return 0, false
	}
	return len(t.Rule.Prefix()), true
}

// tagETag makes the validator one of this token's copy of the manifest.
func tagETag(h http.Header, token string) {
	etag := h.Get("Etag")
	if etag == "" {
		return
	}
	opaque := strings.TrimSuffix(strings.TrimPrefix(strings.TrimPrefix(etag, "W/"), `"`), `"`)
	h.Set("Etag", `W/"`+opaque+etagSuffix(token)+`"`)
}

// ownETags are those validators of If-None-Match that belong to this token's
// copy, as the origin wrote them. They are sent as weak ones, which is how
// If-None-Match compares (RFC 9110, section 13.1.2).
func ownETags(lines []string, token string) string {
	suffix := etagSuffix(token) + `"`
	var own []string
	for _, line := range lines {
		for tag := range strings.SplitSeq(line, ",") {
			tag = strings.TrimPrefix(strings.TrimSpace(tag), "W/")
			if opaque, ok := strings.CutSuffix(tag, suffix); ok {
				own = append(own, `W/`+opaque+`"`)
			}
		}
	}
	return strings.Join(own, ", ")
}

func etagSuffix(token string) string {
	sum := sha256.Sum256([]byte(token))
	return "-" + hex.EncodeToString(sum[:6])
}
