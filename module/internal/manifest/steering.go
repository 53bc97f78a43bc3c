package manifest

import (
	"bytes"
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"github.com/playgate/playgate/module/internal/weborigin"
)

// JSON appends the JSON document src to dst with the token in its URIs, if it is a
// steering manifest or an asset list (HLS, sections 7.2 and D.2 of
// draft-pantos-hls-rfc8216bis; DASH takes over the former). Any other document is
// appended unchanged.
//
// A clone on another host gets an empty token parameter, because the player makes its
// URIs from ones that have the token. Steering manifests are in the query form where
// there is one: a parameter can be emptied, a path cannot.
func (rw *Rewriter) JSON(dst, src []byte) []byte {
	rw.prepare()
	text := bytes.TrimPrefix(src, byteOrderMark)
	dst = append(dst, src[:len(src)-len(text)]...)
	j := jsonWalk{rw: rw, names: append([]string{rw.Name}, rw.Names...), site: &rw.Site, w: writer{text: textOf(text), dst: dst}}
	kind := kindOf(text)
	if rw.mute || kind == otherJSON || !json.Valid(text) {
		return append(dst, text...)
	}
	if rw.kind = "json"; kind == steeringJSON {
		rw.kind = "steering"
	}
	if kind == steeringJSON && rw.Form == InBase && rw.Name != "" {
		rw.Form = InQuery
	}
	j.walk()
	slices.SortStableFunc(j.changes, func(a, b edit) int { return a.at - b.at })
	for _, e := range j.changes {
		j.w.apply(0, e)
	}
	return append(j.w.dst, j.w.text[j.w.copied:]...)
}

// json tells whether a JSON document is a steering manifest whose clones take the token
// to another host, or one that cannot be read.
func (c *Check) json(src []byte) bool {
	src = bytes.TrimPrefix(src, byteOrderMark)
	switch {
	case kindOf(src) == otherJSON:
		return false
	case !json.Valid(src):
		return true
	}
	j := jsonWalk{site: &c.Site, names: c.Names, w: writer{text: textOf(src)}}
	j.walk()
	return j.foreign && c.InPath || j.odd && c.InQuery
}

// jsonKind is what a JSON document is.
type jsonKind uint8

const (
	otherJSON jsonKind = iota
	steeringJSON
	assetsJSON
)

// IsKnownJSON tells whether a JSON document is, or begins as, a steering manifest or an
// asset list.
func IsKnownJSON(src []byte) bool { return kindOf(bytes.TrimPrefix(src, byteOrderMark)) != otherJSON }

// kindOf tells, by the names at its top level, what a JSON document is, or begins as. It
// reads as far as it can.
func kindOf(src []byte) jsonKind {
	var version, steers bool
	d := json.NewDecoder(bytes.NewReader(src))
	for depth, name := 0, false; ; {
		t, err := d.Token()
		if err != nil {
			return otherJSON
		}
		switch t := t.(type) {
		case json.Delim:
			if depth++; t == '}' || t == ']' {
				depth -= 2
			}
			name = depth == 1
			continue
		case string:
			if depth != 1 || !name {
				break
			}
			switch t {
			case "VERSION":
				version = true
			case "TTL", "PATHWAY-PRIORITY", "RELOAD-URI":
				steers = true
			case "PATHWAY-CLONES":
				return steeringJSON
			case "ASSETS":
				return assetsJSON
			}
			if version && steers {
				return steeringJSON
			}
			name = false
			continue
		}
		name = depth == 1
	}
}

// jsonWalk goes through a JSON document and knows where in it each value
// stands.
type jsonWalk struct {
	rw    *Rewriter // nil: nothing is changed
	site  *Site
	names []string // the query names of tokens
	w     writer
	d     *json.Decoder

	foreign bool // a clone is on another host
	odd     bool // and nobody knows what a player makes of its parameters

	// changes have offsets in the whole text. They do not come in its order,
	// because what HOST says counts for members before it.
	changes []edit
}

func (j *jsonWalk) change(at int, e edit) {
	e.at += at
	j.changes = append(j.changes, e)
}

// walk goes through the whole document, which is well-formed.
func (j *jsonWalk) walk() {
	j.d = json.NewDecoder(strings.NewReader(j.w.text))
	j.value(nil)
}

// next reads one token. For a string, start and end are those of its text
// without quotes.
func (j *jsonWalk) next() (t json.Token, start, end int) {
	before := int(j.d.InputOffset())
	t, err := j.d.Token()
	if err != nil {
		return nil, 0, 0
	}
	end = int(j.d.InputOffset())
	if _, ok := t.(string); ok {
		start = before + strings.IndexByte(j.w.text[before:end], '"') + 1
		end--
	}
	return t, start, end
}

// value goes through the next value. path are the names that lead to it; an
// item of an array has the name "[]".
func (j *jsonWalk) value(path []string) {
	t, start, end := j.next()
	switch t := t.(type) {
	case json.Delim:
		if t == '[' {
			for j.d.More() {
				j.value(append(path, "[]"))
			}
		} else {
			j.object(path, end)
			return
		}
		j.next() // the closing bracket
	case string:
		if isURIMember(path) {
			j.uri(start, j.w.text[start:end])
		}
	}
}

// object goes through the members of an object whose brace ends at an offset.
func (j *jsonWalk) object(path []string, brace int) {
	replacement := pathIs(path, "PATHWAY-CLONES", "[]", "URI-REPLACEMENT")
	// Readers differ in which of two members with one name counts.
	foreign, odd := false, false
	var all []params
	for j.d.More() {
		t, _, _ := j.next()
		member, _ := t.(string)
		switch {
		case replacement && member == "HOST":
			t, start, end := j.next()
			host, ok := t.(string)
			if !ok {
				j.skip(t)
			}
			own := ok && strings.IndexByte(j.w.text[start:end], '\\') < 0 && j.ownHost(host)
			foreign = foreign || !own
		case replacement && member == "PARAMS":
			p, ok := j.params()
			all, odd = append(all, p), odd || !ok
		default:
			j.value(append(path, member))
		}
	}
	j.next() // the closing brace
	if !foreign {
		return
	}
	j.foreign, j.odd = true, j.odd || odd
	if j.rw == nil || odd || j.rw.Form != InQuery {
		return
	}
	empty := strconv.Quote(j.rw.Name) + `:""`
	if len(all) == 0 {
		j.change(brace, edit{text: `"PARAMS":{` + empty + `},`})
	}
	for _, p := range all {
		for _, v := range p.values { // the document sets the parameter itself
			j.change(v[0], edit{cut: v[1] - v[0]})
		}
		switch {
		case p.values != nil:
		case j.follows(p.brace, '}'):
			j.change(p.brace, edit{text: empty})
		default:
			j.change(p.brace, edit{text: empty + ","})
		}
	}
}

// params are the parameters of a clone: where the brace ends, and where the
// values of the token parameter stand.
type params struct {
	brace  int
	values [][2]int
}

// params goes through the PARAMS of a clone. ok is false when they are not
// names with strings, so that nobody knows what a player makes of them.
func (j *jsonWalk) params() (p params, ok bool) {
	t, _, end := j.next()
	if t != json.Delim('{') {
		j.skip(t)
		return p, false
	}
	p.brace, ok = end, true
	for j.d.More() {
		t, _, _ := j.next()
		member, _ := t.(string)
		t, start, stop := j.next()
		if _, text := t.(string); !text {
			j.skip(t)
			ok = false
		} else if slices.Contains(j.names, member) {
			p.values = append(p.values, [2]int{start, stop})
		}
	}
	j.next()
	return p, ok
}

// skip goes to the end of the value that a token begins.
func (j *jsonWalk) skip(t json.Token) {
	if _, ok := t.(json.Delim); !ok {
		return
	}
	for j.d.More() {
		t, _, _ := j.next()
		j.skip(t)
	}
	j.next()
}

// follows tells whether the next byte that is no blank is c.
func (j *jsonWalk) follows(at int, c byte) bool {
	rest := strings.TrimLeft(j.w.text[at:], " \t\r\n")
	return rest != "" && rest[0] == c
}

// ownHost tells whether the host of a clone is this site.
func (j *jsonWalk) ownHost(host string) bool {
	name, port, ok := weborigin.SplitPort(host)
	return ok && j.site.has("", name, port)
}

// isURIMember tells whether the value at a path is a URI.
func isURIMember(path []string) bool {
	if pathIs(path, "RELOAD-URI") || pathIs(path, "ASSETS", "[]", "URI") {
		return true
	}
	if len(path) != 5 || !pathIs(path[:3], "PATHWAY-CLONES", "[]", "URI-REPLACEMENT") {
		return false
	}
	return path[3] == "PER-VARIANT-URIS" || path[3] == "PER-RENDITION-URIS"
}

func pathIs(path []string, names ...string) bool {
	if len(path) != len(names) {
		return false
	}
	for i := range names {
		if path[i] != names[i] {
			return false
		}
	}
	return true
}

// uri puts the token into one URI.
func (j *jsonWalk) uri(at int, written string) {
	if j.rw == nil {
		return
	}
	plain, spans, ok := decodeJSON(written)
	if !ok {
		j.rw.miss(j.rw.kind, written)
		return
	}
	for _, e := range (carrier{j.rw}).carry(plain) {
		start, end := toWritten(e.at, spans), toWritten(e.at+e.cut, spans)
		j.change(at, edit{at: start, cut: end - start, text: e.text})
	}
}

// decodeJSON turns the text of a JSON string into what it says.
func decodeJSON(written string) (plain string, spans []span, ok bool) {
	if strings.IndexByte(written, '\\') < 0 {
		return written, nil, true
	}
	if len(written) > 4*maxReference {
		return "", nil, false
	}
	var b strings.Builder
	for i := 0; i < len(written); {
		if written[i] != '\\' {
			b.WriteByte(written[i])
			i++
			continue
		}
		n := 2
		if strings.HasPrefix(written[i:], `\u`) {
			n = 6
		}
		var s string
		if i+n > len(written) || json.Unmarshal([]byte(`"`+written[i:i+n]+`"`), &s) != nil || s == "\ufffd" {
			return "", nil, false
		}
		spans = append(spans, span{start: b.Len(), end: b.Len() + len(s), textStart: i, textEnd: i + n})
		b.WriteString(s)
		i += n
	}
	return b.String(), spans, true
}
