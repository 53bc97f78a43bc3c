package gate

import (
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/playgate/playgate/module/internal/body"
	"github.com/playgate/playgate/module/internal/headers"
	"github.com/playgate/playgate/module/internal/manifest"
	"github.com/playgate/playgate/module/internal/target"
)

// finalHeader is the last word on the header of an answer from below.
func (x *exchange) finalHeader(h http.Header, status int, splices bool) {
	x.allowPages(h)
	if !x.target.Open {
		h["X-Content-Type-Options"] = []string{"nosniff"}
	}
	if x.tokened() {
		headers.DropReports(h)
	}
	switch {
	case x.public || x.target.Open:
		return
	case x.target.Kind == target.WHEP:
		headers.NeverStore(h)
		return
	case !x.good(): // only reported: there is no token whose end could be the answer's
		x.keepPrivate(h, status, math.MaxInt64)
		return
	}
	if location := h["Location"]; splices && len(location) == 1 && (status == http.StatusCreated || status >= 300 && status < 400) {
		// That of a first manifest gets the token in the query, because some players do not
		// resolve what is in a manifest against where they were redirected to.
		rw := x.rewriter()
		if rw.Form == manifest.InBase && len(rw.Segments) == 0 && rw.Name != "" {
			rw.Form = manifest.InQuery
		}
		location[0] = rw.Reference(location[0])
	}
	if splices && x.inner() == "" && x.r.Method == http.MethodHead && manifest.FormatOf(h.Get("Content-Type")) != manifest.NoFormat {
		// These belong to the manifest as it was before rewriting.
		h.Del("Content-Length")
		h.Del("Etag")
	}
	if x.h.Propagate == byCookie && !x.token.Cookie && x.credential.Session == nil && !x.socket {
		x.setCookie(h)
		headers.NeverStore(h)
		return
	}
	x.keepPrivate(h, status, x.credential.Grant.ExpiresAt().Sub(x.h.now()))
}

// keepPrivate keeps an answer out of shared caches, and fresh for no longer than is
// left.
func (x *exchange) keepPrivate(h http.Header, status int, left time.Duration) {
	if x.h.DownstreamCache == "private" && status != http.StatusSwitchingProtocols {
		h["Cache-Control"] = []string{x.h.caching.CacheControl(h, left, x.h.now())}
	}
}

// rewritten makes the header fit a manifest with the token in it, and compresses
// it where the client takes that.
func (x *exchange) rewritten(out []byte, h http.Header) ([]byte, error) {
	dropDigests(h)
	headers.NeverStore(h)
	headers.AddVary(h, "Accept-Encoding")
	if x.wantsGzip && len(out) >= minCompressed {
		var err error
		if out, err = body.Compress(out); err != nil {
			return nil, err
		}
		h.Set("Content-Encoding", "gzip")
	}
	h.Set("Content-Length", strconv.Itoa(len(out)))
	return out, nil
}

// minCompressed is the size from which on compression pays.
const minCompressed = 1 << 10

// dropDigests takes out of a header what belongs to the bytes as the origin sent them.
func dropDigests(h http.Header) {
	for _, name := range []string{"Content-Encoding", "Content-Length", "Accept-Ranges", "Etag", "Last-Modified", "Content-Md5", "Digest", "Repr-Digest", "Content-Digest"} {
		h.Del(name)
	}
}
