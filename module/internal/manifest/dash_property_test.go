package manifest

import (
	"fmt"
	"math/rand/v2"
	"net/url"
	"slices"
	"strings"
	"testing"
)

// mpdReference is a reference of an MPD together with the base URLs that it is resolved
// against, from the outside to the inside.
type mpdReference struct {
	bases []string
	ref   string
}

// against resolves the reference.
func (r mpdReference) against(t *testing.T, address *url.URL) *url.URL {
	t.Helper()
	u := address
	for _, ref := range append(append([]string{}, r.bases...), r.ref) {
		next, err := u.Parse(ref)
		if err != nil {
			t.Fatalf("net/url does not read %q: %v", ref, err)
		}
		u = next
	}
	return u
}

// mpdReferences are the references of an MPD in the order of the document, one for each
// combination of base URLs. A template is resolved in each Representation that it is for.
func mpdReferences(root *xmlNode) (all []mpdReference) {
	var walk func(n *xmlNode, chains [][]string, templates []string)
	walk = func(n *xmlNode, chains [][]string, templates []string) {
		chains = longerChains(n, chains)
		for _, c := range n.children {
			for _, a := range c.attrs {
				switch a.Name.Local {
				case "media", "initialization", "sourceURL":
					templates = append(templates, fillTemplate(a.Value, "r1"))
				}
			}
		}
		if n.name == "Representation" || n.name == "SegmentList" {
			for _, chain := range chains {
				for _, ref := range templates {
					all = append(all, mpdReference{bases: chain, ref: ref})
				}
				if last := len(chain) - 1; len(templates) == 0 && len(n.children) == 1 && n.children[0].name == "BaseURL" { // it is one file
					all = append(all, mpdReference{bases: chain[:last], ref: chain[last]})
				}
			}
		}
		for _, c := range n.children {
			switch c.name {
			case "BaseURL":
			case "Location":
				all = append(all, mpdReference{ref: strings.TrimSpace(c.text)})
			case "SegmentList":
				walk(c, chains, nil)
			default:
				walk(c, chains, templates)
			}
		}
	}
	walk(root, [][]string{nil}, nil)
	return all
}

// longerChains are the base URLs that hold in an element.
func longerChains(n *xmlNode, chains [][]string) (longer [][]string) {
	for _, chain := range chains {
		for _, c := range n.children {
			if c.name == "BaseURL" {
				longer = append(longer, append(slices.Clone(chain), strings.TrimSpace(c.text)))
			}
		}
	}
	if longer == nil {
		return chains
	}
	return longer
}

// anyBasedMPD is a random MPD with base URLs on each level.
func anyBasedMPD(r *rand.Rand) string {
	var b strings.Builder
	folder := func() string {
		return pick(r, "", "", "", "/live/org/cam/", "/live/org/cam/a/", "https://live.test/live/org/cam/", "https://evil.test/live/org/cam/", "../", "../cam/", "../other/", "./", "a/../") + pick(r, "", "v/", "v1/w/")
	}
	bases := func(chance int) {
		if r.IntN(chance) > 0 {
			return
		}
		for range 1 + r.IntN(2)*r.IntN(2) {
			fmt.Fprintf(&b, "<BaseURL>%s%s%s</BaseURL>", pick(r, "", "\n"), folder(), pick(r, "", " "))
		}
	}
	file := func() string {
		return pick(r, "", "", "", "", "/live/org/cam/", "https://live.test/live/org/cam/b/", "https://evil.test/", "../", "../other/", "../../third/x/", "./") +
			pick(r, "", "$RepresentationID$/", "v/") + pick(r, "$Number$.m4s", "$Number$.m4s?a=1", "x.mp4", "a=b$$.m4s")
	}
	b.WriteString("<MPD>")
	if r.IntN(4) == 0 {
		fmt.Fprintf(&b, "<Location>%s</Location>", pick(r, "x.mpd", "/live/org/cam/x.mpd", "../cam/x.mpd", "https://evil.test/x.mpd"))
	}
	bases(3)
	for range 1 + r.IntN(2) {
		b.WriteString("<Period>")
		bases(4)
		for range 1 + r.IntN(2) {
			b.WriteString("<AdaptationSet>")
			bases(4)
			template := r.IntN(2) == 0
			if template {
				fmt.Fprintf(&b, `<SegmentTemplate media="%s" initialization="%s"/>`, file(), file())
			}
			for range 1 + r.IntN(2) {
				b.WriteString(`<Representation id="r1">`)
				if !template && r.IntN(2) == 0 {
					fmt.Fprintf(&b, "<BaseURL>%s</BaseURL>", strings.ReplaceAll(file(), "$", "")) // one file
				} else {
					bases(3)
					fmt.Fprintf(&b, `<SegmentList><Initialization sourceURL="%s"/><SegmentURL media="%s"/></SegmentList>`, file(), file())
				}
				b.WriteString("</Representation>")
			}
			b.WriteString("</AdaptationSet>")
		}
		b.WriteString("</Period>")
	}
	b.WriteString("</MPD>")
	return b.String()
}

// Each reference of an MPD leads, by net/url and through all its base URLs, to what the
// origin's MPD meant, with one token segment where it stays on this site and in scope;
// what got none is counted, and applied twice nothing changes.
func TestMPDsLeadWhereTheyDid(t *testing.T) {
	const seed = 20270118
	r := rand.New(rand.NewPCG(seed, seed))
	with, without, missed := 0, 0, 0
	for range 1_500 {
		in := anyBasedMPD(r)
		path, address := "/live/org/cam/d/index.mpd", "https://live.test/live/org/cam/d/index.mpd"
		var tokens []int
		if r.IntN(3) == 0 {
			tokens, address = []int{3}, "https://live.test/live/org/cam/~T.T.T/d/index.mpd"
		}
		rw := based(path, tokens...)
		got := string(rw.DASH(nil, []byte(in)))
		origin, _ := url.Parse("https://live.test" + path)
		from, _ := url.Parse(address)
		meant, leads := mpdReferences(readNodes(in)), mpdReferences(readNodes(got))
		if len(meant) != len(leads) {
			t.Fatalf("%d references have become %d:\n got %s\nfrom %s", len(meant), len(leads), got, in)
		}
		climbs := false
		for i := range meant {
			want, is := meant[i].against(t, origin), leads[i].against(t, from)
			bare, n := withoutSegments(is.Path)
			what := fmt.Sprintf("%q below %q leads to %s, and meant %s:\n got %s\nfrom %s", leads[i].ref, leads[i].bases, is, want, got, in)
			_, covered := based(path).Covers(want.Path, "")
			for n := range meant[i].bases {
				on := mpdReference{bases: meant[i].bases[:n], ref: meant[i].bases[n]}.against(t, origin)
				_, ok := based(path).Covers(on.Path+"x", "")
				climbs = climbs || !ok
			}
			climbs = climbs || !covered // perhaps over the token that it leaves behind, once more each time
			if climbsOut(leads[i]) && (rw.Missed.Count > 0 || !covered) && bare != want.Path && want.Host == is.Host {
				missed++ // of several bases, whose tokens stand in different folders
				continue
			}
			if bare != want.Path || is.Host != want.Host || is.RawQuery != want.RawQuery {
				t.Fatal(what)
			}
			switch {
			case want.Host != "live.test":
				without++
				if n > 0 {
					t.Fatalf("a token for another site: %s", what)
				}
			case !covered:
				without++
			case n == 1:
				with++
			case n == 0 && rw.Missed.Count > 0:
				missed++
			default:
				t.Fatalf("%d tokens, and %+v: %s", n, rw.Missed, what)
			}
		}
		again := based(path, tokens...)
		if twice := string(again.DASH(nil, []byte(got))); twice != got && !climbs {
			t.Fatalf("once %s\ntwice %s\nfrom %s", got, twice, in)
		}
	}
	t.Logf("%d references got a token, %d are elsewhere, %d were counted", with, without, missed)
	if with < 10_000 || without < 2_000 || missed > with/10 {
		t.Errorf("%d references got a token, %d are elsewhere, %d were counted", with, without, missed)
	}
}

// climbsOut reports whether a reference, or a base URL on its way, begins above its base.
func climbsOut(r mpdReference) bool {
	return slices.ContainsFunc(append([]string{r.ref}, r.bases...), func(ref string) bool { return strings.HasPrefix(ref, "../") })
}

// withoutSegments is a path without its token segments, and how many these are.
func withoutSegments(path string) (bare string, n int) {
	var rest []string
	for s := range strings.SplitSeq(path, "/") {
		if s == "~T.T.T" || s == "~O.O.O" {
			n++
		} else {
			rest = append(rest, s)
		}
	}
	return strings.Join(rest, "/"), n
}
