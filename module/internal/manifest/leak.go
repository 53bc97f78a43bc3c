package manifest

import (
	"bytes"
	"cmp"
	"errors"
	"strings"

	"github.com/playgate/playgate/module/internal/xmltext"
)

// ErrLeak means that a manifest would make players themselves carry the token to where
// it does not belong. Such a manifest must not be delivered.
var ErrLeak = errors.New("manifest makes the player carry the token to other URIs")

// Check finds what makes players themselves carry a token elsewhere. It asks nothing
// else of a manifest: other than the [Rewriter] it may not pass what it does not know.
type Check struct {
	// Site is where tokens may go.
	Site Site
	// Names are all query names that a token may travel under.
	Names []string
	// Queried says that the manifest's own address has a token in its query. That of the
	// MPD of a remote element is not known.
	Queried bool
	// InPath says that it has one in its path.
	InPath bool
	// InQuery says that the references of the manifest carry one in their query.
	InQuery bool
}

// Manifest checks a whole manifest, or the first lines of a playlist. The only error is
// [ErrLeak].
func (c *Check) Manifest(f Format, text []byte) error {
	leak := false
	switch f {
	case HLS:
		return c.Lines(text)
	case DASH:
		leak = c.mpd(textOf(text))
	case JSON:
		leak = c.json(text)
	}
	if leak {
		return ErrLeak
	}
	return nil
}

// Lines checks whole lines of a playlist. The only error is [ErrLeak].
func (c *Check) Lines(text []byte) error {
	if c.Queried && bytes.Contains(text, []byte(queryParam)) && bytes.Contains(text, []byte(defineTag)) && c.queryParam(textOf(text)) ||
		bytes.Contains(text, []byte(steeringTag)) && c.steers(textOf(text)) {
		return ErrLeak
	}
	return nil
}

// MayLeak tells whether a part of a line has a tag that could make players carry the token.
func MayLeak(text []byte) bool {
	return bytes.Contains(text, []byte(defineTag)) || bytes.Contains(text, []byte(steeringTag))
}

const (
	queryParam  = "QUERYPARAM"
	steeringTag = "#EXT-X-CONTENT-STEERING"
)

// queryParam tells whether a playlist takes a variable from a query parameter that
// carries the token (EXT-X-DEFINE). Players differ in where they look for the tag and how
// they split its attributes, so every QUERYPARAM counts.
func (c *Check) queryParam(text string) bool {
	for {
		value, rest, found := nextValue(text, queryParam)
		if !found {
			return false
		}
		text = rest
		// A reference in the name could stand for any name.
		if tokenName(c.Names, value) || strings.Contains(value, "{$") {
			return true
		}
	}
}

// steers tells whether a playlist names a steering server on another site. Its clones
// take path and query along to any host.
func (c *Check) steers(text string) bool {
	for {
		_, rest, found := strings.Cut(text, steeringTag)
		if !found {
			return false
		}
		text = rest
		line := rest
		if i := strings.IndexAny(line, "\r\n"); i >= 0 {
			line = line[:i]
		}
		for {
			value, rest, found := nextValue(line, "SERVER-URI")
			if !found {
				break
			}
			line = rest
			if c.Site.Foreign(value) || strings.Contains(value, "{$") {
				return true
			}
		}
	}
}

// nextValue is the value of the next attribute of a name, and what comes behind the
// name.
func nextValue(text, name string) (value, rest string, found bool) {
	const longest = 8 << 10
	for {
		_, text, found = strings.Cut(text, name)
		if !found {
			return "", "", false
		}
		value, found = strings.CutPrefix(strings.TrimLeftFunc(text, isInvisible), "=")
		if !found {
			continue
		}
		value = strings.TrimLeftFunc(value, isInvisible)
		end := ",\r\n"
		if unquoted, quoted := strings.CutPrefix(value, `"`); quoted {
			value, end = unquoted, "\"\r\n"
		}
		value = value[:min(len(value), longest)]
		if i := strings.IndexAny(value, end); i >= 0 {
			value = value[:i]
		}
		return strings.TrimFunc(value, isInvisible), text, true
	}
}

// mpd tells whether an MPD, or what is meant to be one, makes players carry the token.
func (c *Check) mpd(text string) bool {
	x, root := xmltext.NewReader(text), ""
	for {
		p, ok := x.Next()
		switch {
		case !ok:
			return c.unreadable(text)
		case p.Kind == xmltext.End:
			return false
		case p.Kind != xmltext.Open && p.Kind != xmltext.Empty:
			continue
		case root == "" && !isRoot(xmltext.Local(p.Name)):
			return false
		}
		root = cmp.Or(root, xmltext.Local(p.Name))
		switch name := xmltext.Local(p.Name); name {
		case "UrlQueryInfo", "ExtUrlQueryInfo", "ExtHttpHeaderInfo", "RequestParam":
			if (c.Queried || root != "MPD") && c.copiesQuery(text, p.Attributes) {
				return true // of a remote element, the query is that of its MPD
			}
		case "ContentSteering", "PatchLocation":
			if p.Kind == xmltext.Empty || name == "PatchLocation" && !c.InQuery {
				break
			}
			content, ok := readContent(x)
			if !ok {
				return c.unreadable(text)
			}
			if content.odd || c.Site.Foreign(content.plain) {
				return true
			}
		}
		for _, a := range p.Attributes {
			reports := xmltext.Local(a.Name) == "reportingUrl" // ETSI TS 103 285, section 10.12.3: with the URLs of MPD and segments
			if (reports || c.InQuery && isXLink(a.Name)) && c.Site.Foreign(xmltext.Unescape(text[a.Start:a.End])) && !strings.HasPrefix(text[a.Start:a.End], "urn:") {
				return true
			}
		}
	}
}

// unreadable is mpd for a text that is not well-formed, or has a DOCTYPE: players may
// read it all the same.
func (c *Check) unreadable(text string) bool {
	text = strings.ReplaceAll(text, "\x00", "") // what is ASCII in UTF-16
	has := func(s string) bool { return strings.Contains(text, s) }
	if has("#EXTM3U") { // a playlist in UTF-16
		return c.Lines([]byte(text)) != nil
	}
	if !has("MPD") && !has("Patch") && !has("Period") {
		return false
	}
	return has("ContentSteering") || has("useMPDUrlQuery") && (c.Queried || !has("MPD")) || has("reportingUrl") || c.Queried && has("<!ENTITY") ||
		c.InQuery && (has("xlink") || has("PatchLocation") || has("<!ENTITY"))
}

// copiesQuery tells whether an element (ISO/IEC 23009-1, annex I) makes the player copy
// the token from the query of the MPD to URLs of other sites too. A template that names
// other parameters does not.
func (c *Check) copiesQuery(text string, attributes []xmltext.Attribute) bool {
	copies, sameOrigin, template := false, false, ""
	for _, a := range attributes {
		switch value := strings.TrimSpace(xmltext.Unescape(text[a.Start:a.End])); xmltext.Local(a.Name) {
		case "useMPDUrlQuery":
			copies = value != "false" && value != "0"
		case "queryTemplate":
			template = value
		case "sameOriginOnly":
			sameOrigin = value == "true" || value == "1"
		}
	}
	if !copies || sameOrigin || template == "" {
		return copies && !sameOrigin
	}
	for {
		_, rest, found := strings.Cut(template, "$query")
		if !found {
			return false
		}
		name, after, ended := strings.Cut(rest, "$")
		name, named := strings.CutPrefix(name, ":")
		if !ended || !named || tokenName(c.Names, name) {
			return true
		}
		template = after
	}
}
