package manifest

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"net/url"
	"slices"
	"strings"
	"testing"
)

// FuzzDASH checks what must hold for every document: a second run changes
// nothing, another token replaces the first, taking the added pairs out gives
// back the input, and each URL with the token leads to this site by each base
// URL that may apply to it, as encoding/xml and net/url read them.
func FuzzDASH(f *testing.F) {
	f.Fuzz(func(t *testing.T, in string) {
		if strings.Contains(in, testToken) {
			return
		}
		out := testRewriter().DASH([]byte("x"), []byte(in))
		got := string(out[1:])
		if again := mustDASH(t, testRewriter(), got); again != got {
			t.Errorf("second run:\n got %q\nwant %q\nfrom %q", again, got, in)
		}
		other := testRewriter()
		other.Token = "another.token.9"
		if first, second := mustDASH(t, other, in), mustDASH(t, other, got); first != second {
			t.Errorf("other token after the first:\n got %q\nwant %q\nfrom %q", second, first, in)
		}
		if !mayHaveTokenPair(in) && !strings.Contains(in, "~") && withoutPairs(got, in, "&amp;") != in {
			t.Errorf("more than the token changed:\n got %q\nfrom %q", got, in)
		}
		if got != in {
			checkTokenURLs(t, got)
		}
		checkTemplate(t, writeDASH, in)
		inPath := mustDASH(t, pathRewriter(), in)
		if again := mustDASH(t, pathRewriter(), inPath); again != inPath {
			t.Errorf("second run in path form:\n got %q\nwant %q\nfrom %q", again, inPath, in)
		}
		if !mayHaveTokenPair(in) && !strings.ContainsAny(in, "~&") && strings.ReplaceAll(inPath, "/~"+testToken, "") != in {
			t.Errorf("more than the segment changed:\n got %q\nfrom %q", inPath, in)
		}
	})
}

// FuzzJSON checks the same for steering manifests and asset lists, and that
// what was JSON still is.
func FuzzJSON(f *testing.F) {
	f.Fuzz(func(t *testing.T, in string) {
		if strings.Contains(in, testToken) {
			return
		}
		out := testRewriter().JSON([]byte("x"), []byte(in))
		got := string(out[1:])
		if json.Valid([]byte(in)) != json.Valid([]byte(got)) {
			t.Errorf("no JSON any more:\n got %q\nfrom %q", got, in)
		}
		if again := mustJSON(t, testRewriter(), got); again != got {
			t.Errorf("second run:\n got %q\nwant %q\nfrom %q", again, got, in)
		}
		other := testRewriter()
		other.Token = "another.token.9"
		if first, second := mustJSON(t, other, in), mustJSON(t, other, got); first != second {
			t.Errorf("other token after the first:\n got %q\nwant %q\nfrom %q", second, first, in)
		}
		if !mayHaveTokenPair(in) && !strings.Contains(in, "PATHWAY-CLONES") && !strings.Contains(in, `\u`) && withoutPairs(got, in, "&") != in {
			t.Errorf("more than the token changed:\n got %q\nfrom %q", got, in)
		}
		checkTemplate(t, writeJSON, in)
		// Each text with the token in it leads to this site.
		for d := json.NewDecoder(strings.NewReader(got)); ; {
			token, err := d.Token()
			if err != nil {
				break
			}
			if text, ok := token.(string); ok && strings.Contains(text, testToken) {
				checkOwn(t, text)
			}
		}
		inPath := mustJSON(t, pathRewriter(), in)
		if again := mustJSON(t, pathRewriter(), inPath); again != inPath {
			t.Errorf("second run in path form:\n got %q\nwant %q\nfrom %q", again, inPath, in)
		}
	})
}

// mayHaveTokenPair tells whether a text may hold a pair that is replaced or
// removed, spelled with escapes of any kind.
func mayHaveTokenPair(s string) bool {
	return strings.Contains(s, "oken=") || strings.ContainsAny(s, "%") || strings.Contains(s, "&#") || strings.Contains(s, `\u`)
}

// withoutPairs takes the added pairs out of got, which was made of in; joint is
// how an ampersand is written.
func withoutPairs(got, in, joint string) string {
	const pair = "token=" + testToken
	var out strings.Builder
	for got != "" {
		added := false
		for _, c := range []string{"?", joint, ""} {
			if strings.HasPrefix(got, c+pair) && (c == "" || !strings.HasPrefix(in[min(out.Len(), len(in)):], c)) {
				got, added = got[len(c+pair):], true
				break
			}
		}
		if !added {
			out.WriteByte(got[0])
			got = got[1:]
		}
	}
	return out.String()
}

// xmlNode is an element as encoding/xml reads it.
type xmlNode struct {
	name     string
	attrs    []xml.Attr
	text     string
	children []*xmlNode
}

// checkTokenURLs looks for the token in an MPD without the help of the
// rewriter, and resolves the URL around each in each way that it may be.
func checkTokenURLs(t *testing.T, mpd string) {
	t.Helper()
	root := readNodes(mpd)
	if root == nil {
		return // it is stricter than the rewriter: players refuse such a document
	}
	base, err := url.Parse("https://live.example.com/live/org1/cam1/index.m3u8")
	if err != nil {
		t.Fatal(err)
	}
	checkNode(t, root, []*url.URL{base}, nil, representationIDs(root, []string{"7"}))
}

// representationIDs adds the ids of the first representations.
func representationIDs(n *xmlNode, ids []string) []string {
	for _, a := range n.attrs {
		if n.name == "Representation" && a.Name.Local == "id" && a.Name.Space == "" && len(ids) < 4 {
			ids = append(ids, a.Value)
		}
	}
	for _, c := range n.children {
		ids = representationIDs(c, ids)
	}
	return ids
}

// readNodes reads a document. It returns nil for one that encoding/xml refuses, or that
// has an end tag too many.
func readNodes(document string) *xmlNode {
	d := xml.NewDecoder(strings.NewReader(document))
	root := &xmlNode{}
	stack := []*xmlNode{root}
	for {
		token, err := d.RawToken()
		if err != nil {
			if !errors.Is(err, io.EOF) {
				return nil
			}
			return root
		}
		top := stack[len(stack)-1]
		switch token := token.(type) {
		case xml.StartElement:
			n := &xmlNode{name: token.Name.Local, attrs: token.Copy().Attr}
			top.children = append(top.children, n)
			stack = append(stack, n)
		case xml.EndElement:
			if len(stack) == 1 {
				return nil
			}
			stack = stack[:len(stack)-1]
		case xml.CharData:
			top.text += string(token)
		}
	}
}

// checkNode checks an element and those in it. outside are the base URLs that
// hold around it, and inherited those further down, of the Period or
// AdaptationSet that it is in.
func checkNode(t *testing.T, n *xmlNode, outside, inherited []*url.URL, ids []string) {
	t.Helper()
	inside := ownBases(n, outside)
	for _, c := range n.children {
		for _, a := range c.attrs {
			if !strings.Contains(a.Value, testToken) {
				continue
			}
			for _, id := range ids {
				value := a.Value
				if c.name == "SegmentTemplate" {
					value = fillTemplate(value, id)
				}
				checkBases(t, value, append(slices.Clone(inside), inherited...))
			}
		}
		switch text := strings.TrimSpace(c.text); {
		case !strings.Contains(text, testToken):
		case c.name == "BaseURL":
			checkBases(t, text, outside)
		default:
			checkOwn(t, text)
		}
		further := inherited
		switch c.name {
		case "Representation":
			further = nil
		case "MPD", "Period", "AdaptationSet":
			further = deeper(c, ownBases(c, inside))
		}
		checkNode(t, c, inside, further, ids)
	}
}

// ownBases are the base URLs that hold inside of an element.
func ownBases(n *xmlNode, bases []*url.URL) []*url.URL {
	var own []*url.URL
	for _, c := range n.children {
		if c.name != "BaseURL" {
			continue
		}
		for _, b := range bases {
			if u, err := b.Parse(strings.TrimSpace(c.text)); err == nil && len(own) < 8 {
				own = append(own, u)
			}
		}
	}
	if own == nil {
		return bases
	}
	return own
}

// deeper are the base URLs of the elements inside of one.
func deeper(n *xmlNode, bases []*url.URL) (all []*url.URL) {
	for _, c := range n.children {
		switch c.name {
		case "Period", "AdaptationSet", "Representation":
			inside := ownBases(c, bases)
			all = append(all, inside...)
			all = append(all, deeper(c, inside)...)
		}
	}
	return all[:min(len(all), 32)]
}

func fillTemplate(s, id string) string {
	parts := strings.Split(s, "$")
	for i := 1; i < len(parts); i += 2 {
		switch {
		case parts[i] == "":
			parts[i] = "$"
		case strings.HasPrefix(parts[i], "RepresentationID"):
			parts[i] = id
		default:
			parts[i] = "7"
		}
	}
	return strings.Join(parts, "")
}

// checkBases checks that a URL leads to this site from each of its bases.
func checkBases(t *testing.T, ref string, bases []*url.URL) {
	t.Helper()
	for _, b := range bases {
		u, err := b.Parse(ref)
		if err != nil {
			if !stricter(err) {
				t.Errorf("net/url does not read %q: %v", ref, err)
			}
			continue
		}
		checkOwn(t, u.String())
	}
}
