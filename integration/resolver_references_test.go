package integration_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
)

// testPlaylist is one of the origin's. Its path is the one that clients ask for, without a
// token, and line i+1 of its text has reference i.
type testPlaylist struct {
	path       string
	references []reference
	text       string
}

// reference is one reference of a playlist.
type reference struct {
	text, kind string
	// lead stands before the path of a reference that is rooted: it begins at the root.
	// Any other one is relative.
	lead   string
	rooted bool
	// odd says that WHATWG and RFC 3986 read it differently.
	odd bool
	// token says that it has a token segment.
	token bool
	// child, if not nil, is the playlist that it leads to.
	child *testPlaylist
}

// deeper is the reference for a site with one more folder at the root.
func (p *reference) deeper() string {
	if p.rooted {
		return p.lead + "/pad" + p.text[len(p.lead):]
	}
	return p.text
}

// playlistWriter makes playlists.
type playlistWriter struct {
	*rand.Rand
	site   string   // of the gate
	tokens []string // of another stream, in both forms
	name   string   // in those of all playlists
	n      int      // of playlists
}

func (w *playlistWriter) pick(list ...string) string { return list[w.IntN(len(list))] }

const streamFolder = "/live/org1/cam/"

// tree is a playlist that leads to others, down to so many levels.
func (w *playlistWriter) tree(levels int) *testPlaylist {
	w.n++
	p := &testPlaylist{path: streamFolder + w.folder() + w.pick("index", "in%20dex", "%E7%95%AA", "~john") + fmt.Sprintf("%s-%d.m3u8", w.name, w.n)}
	for range 70 {
		p.references = append(p.references, w.reference(p.path))
	}
	for range levels {
		child := w.tree(levels - 1)
		r := w.link(p.path, child.path)
		r.child = child
		p.references = append(p.references, r)
	}
	w.Shuffle(len(p.references), func(i, j int) { p.references[i], p.references[j] = p.references[j], p.references[i] })
	var text strings.Builder
	text.WriteString("#EXTM3U\n")
	for _, r := range p.references {
		bare := strings.Trim(r.text, " \t")
		before, after := "", ""
		if bare == "" || bare[0] == '#' || w.IntN(2) == 0 {
			before, after = w.pick("#EXT-X-MAP:", "#EXT-X-KEY:METHOD=AES-128,", "#EXT-X-MEDIA:TYPE=AUDIO,")+`URI="`, w.pick(`"`, `",X="1"`)
		}
		text.WriteString(before + r.text + after + "\n")
	}
	p.text = text.String()
	return p
}

// reached are the playlist and all below it.
func (p *testPlaylist) reached() []*testPlaylist {
	list := []*testPlaylist{p}
	for i := range p.references {
		if child := p.references[i].child; child != nil {
			list = append(list, child.reached()...)
		}
	}
	return list
}

func (w *playlistWriter) folder() string {
	return w.pick("", "", "a/", "a/v1/", "v1/hi/x.y/", "a%20b/", "%E7%95%AA/v1/", "~john/", "~john.q.doe/hi/")
}

// dotted is a segment that leads up.
func (w *playlistWriter) dotted() string {
	return w.pick("..", "..", "..", "%2e%2e", ".%2E", "%2e.", "%2E%2e")
}

// segments is a relative path of segments of all kinds. The first one is not empty.
func (w *playlistWriter) segments() string {
	var list []string
	for range w.IntN(5) {
		switch n := w.IntN(20); {
		case n < 9:
			list = append(list, w.pick("a", "v1", "hi", "cam", "org1", "live", "other", "third"))
		case n < 15:
			list = append(list, w.pick("x.y", "...", "..a", "~john", "%7Ejohn", "~john.q.doe", "~s.tevens", "~", "番組", "ch one", "a\u3000b", "a\u00a0b", "a%20b",
				"%E7%95%AA", "v%31", "{b}<c>", "[1]", "b=1,c+d", "it's", "(x)!$*", "@", "a|b", "`q`", "%25", "é", "d;e", "f&g", "1a:b", "%3Cx%3E"))
		case n < 19:
			list = append(list, w.pick(w.dotted(), w.dotted(), ".", "%2e", "%2E"))
		case len(list) > 0:
			list = append(list, w.pick("", "a%2fb", "a%5Cb", "%zz", "%252e", ";x"))
		}
	}
	return strings.Join(append(list, w.file()), "/")
}

func (w *playlistWriter) file() string {
	return w.pick("x.ts", "x.ts", "seg 1.ts", "番.ts", "index.m3u8", "~john", "%7Ejohn.ts", "a%20b.ts", "1a:b.ts", "u\u3000v.ts", "{c}.ts", "..", ".", "a")
}

func (w *playlistWriter) query() string {
	token := w.pick(w.tokens...)
	q := w.pick("", "", "", "?a=1", "?token="+token, "?a&token="+token, "?a=1&token="+token+"&b=2", "?%74oken="+token, "?jwtoken="+token+"&c", "?x=a b&y=番\u3000", "?u=http://x.test/../~y", "?a?b/..")
	return q + w.pick("", "", "", "#f", "#a b?c=/../")
}

// climbing is a relative reference from one path to another that goes up at least so many
// folders.
func (w *playlistWriter) climbing(base, path string, least int) string {
	from, to := strings.Split(base, "/"), strings.Split(path, "/")
	from = from[:len(from)-1]
	common := 0
	for common < min(len(from), len(to)-1) && from[common] == to[common] {
		common++
	}
	up := max(least, len(from)-common)
	up += w.IntN(len(from) - up) // the first one is the root
	var list []string
	for range up {
		if w.IntN(5) == 0 {
			list = append(list, w.pick("v", "a b", "番", "."))
			if list[len(list)-1] != "." {
				list = append(list, w.dotted())
			}
		}
		list = append(list, w.dotted())
	}
	return strings.Join(append(list, to[len(from)-up:]...), "/")
}

// link is a reference to a playlist.
func (w *playlistWriter) link(base, path string) reference {
	switch w.IntN(6) {
	case 0:
		return reference{text: path, rooted: true, kind: "root-absolute"}
	case 1:
		return reference{text: w.site + path, lead: w.site, rooted: true, kind: "absolute"}
	case 2:
		return reference{text: w.climbing(base, path, 1), kind: "climbing"}
	default:
		return reference{text: w.climbing(base, path, 0), kind: "relative or climbing"}
	}
}

// rooted is a reference that is written from the root, with something before its path.
func (w *playlistWriter) rooted(kind, lead string) reference {
	within := w.pick(streamFolder, streamFolder, streamFolder, "/live/org1/c%61m/", "/live/org1/other/", "/live/org1/third/", "/live/", "/live/../live/org1/cam/", "/live/org1/third/%2e%2e/cam/", "/")
	return reference{text: lead + within + w.segments() + w.query(), lead: lead, rooted: true, kind: kind}
}

// reference is one of any kind, in a playlist at a path.
func (w *playlistWriter) reference(base string) reference {
	host := strings.TrimPrefix(w.site, "http://")
	switch n := w.IntN(100); {
	case n < 30:
		return reference{text: w.pick("", "", "", "./") + w.segments() + w.query(), kind: "relative"}
	case n < 42:
		path := w.pick(streamFolder, streamFolder, base[:strings.LastIndexByte(base, '/')+1], "/live/org1/other/", "/live/org1/third/", "/live/") + w.segments()
		return reference{text: w.climbing(base, path, 1) + w.query(), kind: "climbing"}
	case n < 50:
		return w.rooted("root-absolute", "")
	case n < 58:
		return w.rooted("absolute", w.pick(w.site, w.site, "HTTP://"+host, "https://cdn.test", "https://CDN.test:443"))
	case n < 61:
		return w.rooted("scheme-relative", "//"+host)
	case n < 66:
		return w.rooted("of another site", w.pick("http://evil.test", "//evil.test", "//cdn.test", "http://cdn.test", "https://"+host, "http://localhost"+host[strings.IndexByte(host, ':'):],
			"http://127.0.0.1", "//127.0.0.1", "http://"+host+"@evil.test", "//"+host+".evil.test", "ftp://"+host, "http://evil.test/"+w.site))
	case n < 70:
		return reference{text: w.pick("data:text/plain,x", "data:;base64,AA==", "skd://key/live/org1/cam/x", "urn:x:y", "blob:"+w.site+"/0-1", "a:b", "mailto:x@y", "x-y+z.1:w", "about:blank"), kind: "of another scheme"}
	case n < 73:
		return reference{text: w.pick("?", "?a=1", "?a b=番", "?token="+w.pick(w.tokens...), "?a=1&token="+w.pick(w.tokens...)+"&b=2", "?u=../../x") + w.pick("", "#f"), kind: "a query alone"}
	case n < 75:
		return reference{text: w.pick("#f", "#", "#a b", "#/../x?a=1"), kind: "a fragment alone"}
	case n < 76:
		return reference{text: w.pick("", " ", "\t "), kind: "empty"}
	case n < 82:
		r := w.reference(base)
		for slices.Contains([]string{"empty", "a fragment alone"}, r.kind) || r.odd || strings.HasSuffix(r.kind, "ends") {
			r = w.reference(base)
		}
		before, after := w.pick("", " ", "\t", "  "), w.pick("", " ", "\t", " \t")
		r.text, r.lead, r.kind = before+r.text+after, before+r.lead, r.kind+", blanks at its ends"
		return r
	case n < 88:
		return w.withToken(base)
	default:
		return w.odd(host)
	}
}

// withToken is a reference that already has a token segment.
func (w *playlistWriter) withToken(base string) reference {
	r := w.reference(base)
	for !slices.Contains([]string{"relative", "climbing", "root-absolute", "absolute", "scheme-relative"}, r.kind) || strings.Contains(r.lead, "cdn") {
		r = w.reference(base)
	}
	path := r.text[len(r.lead):]
	rest := ""
	if i := strings.IndexAny(path, "?#"); i >= 0 {
		path, rest = path[:i], path[i:]
	}
	list := strings.Split(path, "/")
	at := w.IntN(len(list))
	if r.rooted { // not before the literal start
		at = min(2+w.IntN(len(list)), len(list)-1)
	}
	mark := w.pick("~", "~", "%7E")
	r.token, r.kind = true, r.kind+" with a token segment"
	if mark != "~" {
		r.kind += ", escaped"
	}
	if strings.Contains(strings.NewReplacer("%2e", ".", "%2E", ".").Replace(strings.Join(list[at:], "/"))+"/", "../") {
		r.kind += ", before dots"
	}
	list = slices.Insert(list, at, mark+w.pick(w.tokens...))
	r.text = r.lead + strings.Join(list, "/") + rest
	return r
}

// odd is a reference that readers do not agree on.
func (w *playlistWriter) odd(host string) reference {
	tail := strings.TrimPrefix(streamFolder, "/") + w.segments()
	text := w.pick(
		`\\evil.test\`+tail, `/\evil.test/`+tail, `\/evil.test/`+tail, `http:\\evil.test\`+tail, `http:/\evil.test/`+tail, "///evil.test/"+tail, "http:///evil.test/"+tail, "http:////evil.test/"+tail,
		"/\t/evil.test/"+tail, "\t/\t/evil.test/"+tail, "ht\ttp://evil.test/"+tail, "http:/\t/evil.test/"+tail, "http://"+host+"\\@evil.test/"+tail, "http://"+host+"\t@evil.test/"+tail, "http://"+host+"\t.evil.test/"+tail,
		`a\..\..\`+tail, `..\`+tail, `.\/evil.test/`+tail, `..\..\..\..\\evil.test\`+tail, ".\t./"+tail, "a\tb.ts", `a\b.ts`, `\`+tail, "http:x.ts", "http:/"+tail, "http:"+tail, "http:?a", "HTTPS:"+tail,
		"http://user@"+host+"/"+tail, "http://user:pw@"+host+"/"+tail, "//@"+host+"/"+tail, "http://0"+host+"/"+tail, "http://127.1"+host[strings.IndexByte(host, ':'):]+"/"+tail, "http://"+host+"./"+tail, "http://%31"+host[1:]+"/"+tail, "http://[/"+tail, "//",
	)
	return reference{text: text, kind: "one that readers do not agree on", odd: true}
}
