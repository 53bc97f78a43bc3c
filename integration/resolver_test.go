package integration_test

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/playgate/playgate/integration/harness"
)

// playlistOrigin serves playlists by their decoded paths; everything else is a segment.
type playlistOrigin struct {
	mu    sync.RWMutex
	texts map[string]string
}

func (l *playlistOrigin) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	text := cmp.Or(l.texts[r.URL.Path], "segment")
	if text != "segment" {
		w.Header().Set("Content-Type", "application/vnd.apple.mpegurl")
	}
	io.WriteString(w, text)
}

func (l *playlistOrigin) add(t *testing.T, p *testPlaylist) {
	t.Helper()
	path, err := url.PathUnescape(p.path)
	if err != nil {
		t.Fatal(err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.texts[path] = p.text
}

// resolverRun is one row of the test.
type resolverRun struct {
	*guarded
	client   *http.Client
	resolver *harness.Resolver
	existing []string // tokens in the origin's own references, in both forms
	carried  []carriedReference
	outside  []*harness.Resolved // on this site and out of scope
	faults   map[string][]string // by the kind of the reference
	counts   map[string]int
}

// carriedReference is a reference that carries a token, and where it leads to.
type carriedReference struct {
	kind         string
	meant, leads *harness.Resolved
}

// A player that resolves references as browsers do gets to the URL that the origin's
// reference means. If that URL is on this site and a rule covers it, its path has the
// token once; no token gets to another site. A request for it reaches the origin without
// the token and with the path that the origin's reference means.
func TestResolverReadsReferencesAsMeant(t *testing.T) {
	t.Parallel()
	origin := &playlistOrigin{texts: map[string]string{}}
	g, _ := guardSessions(t, setup{gate: "propagate session\nsite https://cdn.test"}, origin)
	origin.add(t, &testPlaylist{path: "/live/org1/third/index.m3u8", text: "#EXTM3U\nx.ts\n"})
	jwt := g.key.Token(t, "--org", "org1", "--stream", "cam", "--stream", "other")
	existing := []string{g.key.Token(t, "--org", "org1", "--stream", "third"), g.sessionTokenOf(t, "org1", "third", "/live/org1/third/index.m3u8")}
	client := &http.Client{
		Transport:     &http.Transport{},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	t.Cleanup(client.CloseIdleConnections)
	resolver := harness.StartResolver(t)
	for seed, row := range []struct {
		name   string
		target func(path string) string // of a first playlist
	}{
		{"a JWT in the query", func(path string) string { return path + "?token=" + jwt }},
		{"a JWT in the path", func(path string) string {
			return streamFolder + "~" + jwt + "/" + strings.TrimPrefix(path, streamFolder)
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := &resolverRun{guarded: g, client: client, resolver: resolver, existing: existing, faults: map[string][]string{}, counts: map[string]int{}}
			w := &playlistWriter{Rand: rand.New(rand.NewPCG(20270116, uint64(seed))), site: g.Plain(), tokens: existing, name: fmt.Sprintf("-%d", seed)}
			references := 0
			for range 9 {
				p := w.tree(2)
				for _, q := range p.reached() {
					origin.add(t, q)
					references += len(q.references)
				}
				r.read(t, p, row.target(p.path))
			}
			r.ask(t, jwt, w.Rand, 600)
			for _, kind := range slices.Sorted(maps.Keys(r.faults)) {
				list := r.faults[kind]
				t.Errorf("%s: %d of %d\n\t%s", kind, len(list), r.counts[kind], strings.Join(list[:min(len(list), 4)], "\n\t"))
			}
			if len(r.carried) < 1000 || references < 3000 {
				t.Errorf("%d of %d references carry a token: too few have been tried", len(r.carried), references)
			}
		})
	}
}

// read fetches a playlist at a target of the gate and those that its references lead to,
// and judges each reference.
func (r *resolverRun) read(t *testing.T, p *testPlaylist, target string) {
	t.Helper()
	status, body := r.fetch(t, target)
	if status == http.StatusFound { // the body is the Location
		target = strings.TrimPrefix(body, r.Plain())
		status, body = r.fetch(t, target)
	}
	before, after := strings.Split(p.text, "\n"), strings.Split(body, "\n")
	if status != http.StatusOK || len(before) != len(after) {
		r.fault("playlists", "%s: status %d, and %d lines instead of %d", target, status, len(after), len(before))
		return
	}
	site := r.Plain()
	questions := make([]harness.Reference, 0, 5*len(p.references))
	got := make([]string, len(p.references))
	for i := range p.references {
		ref := &p.references[i]
		head, tail, _ := strings.Cut(before[i+1], ref.text)
		if before[i+1] != head+ref.text+tail || !strings.HasPrefix(after[i+1], head) || !strings.HasSuffix(after[i+1], tail) {
			t.Fatalf("a line of another reference: %q has become %q", before[i+1], after[i+1])
		}
		got[i] = after[i+1][len(head) : len(after[i+1])-len(tail)]
		questions = append(
			questions,
			harness.Reference{Text: ref.text, Base: site + p.path},
			harness.Reference{Text: got[i], Base: site + target},
			harness.Reference{Text: ref.deeper(), Base: site + "/pad" + p.path},
			harness.Reference{Text: ref.text, Base: site + target},
			harness.Reference{Text: ref.deeper(), Base: site + "/pad" + target},
		)
	}
	answers := r.resolver.Resolve(t, questions)
	session := strings.Contains(target, "/~s.") || strings.Contains(target, "token=s.")
	for i := range p.references {
		ref := &p.references[i]
		meant, leads := answers[5*i], answers[5*i+1]
		r.counts[ref.kind]++
		what := r.judge(ref, got[i], leads, reading{meant, answers[5*i+2]}, session)
		if what != "" && ref.token && !strings.HasPrefix(target, p.path) {
			// A gate may have written it, relative to the URL with the token: a second pass
			// must change nothing. Either reading is right.
			if r.judge(ref, got[i], leads, reading{answers[5*i+3], answers[5*i+4]}, session) == "" {
				what = ""
			}
		}
		if what != "" {
			r.fault(ref.kind, "%s: %q has become %q, which leads to %s, and meant %s: %s", target, ref.text, got[i], href(leads), href(meant), what)
		}
		if ref.child != nil && leads != nil && what == "" {
			r.read(t, ref.child, leads.Path+leads.Query)
		}
	}
}

func href(r *harness.Resolved) string {
	if r == nil {
		return "nothing"
	}
	return r.Href
}

// reading is the URL that a reference means, and the same with one more folder at the root.
type reading struct{ meant, deeper *harness.Resolved }

// judge says what is wrong with a rewritten reference; "" if nothing is.
func (r *resolverRun) judge(ref *reference, got string, leads *harness.Resolved, of reading, session bool) string {
	meant, deeper := of.meant, of.deeper
	own := leads != nil && r.own(leads.Site)
	switch {
	case !own && (r.hasToken(got) || leads != nil && r.hasToken(leads.Href)):
		return "a token for another site"
	case ref.odd:
		return ""
	case meant == nil || leads == nil:
		return wrong(meant != leads || got != ref.text, "it was no URL, and is one, or the other way round")
	case !r.own(meant.Site):
		return wrong(got != ref.text, "it is of another site, and has changed")
	}
	path, tokens := r.without(leads.Path)
	want, _ := r.without(meant.Path)
	query, pairs := withoutPairs(leads.Query)
	wantQuery, _ := withoutPairs(meant.Query)
	if leads.Site != meant.Site || path != want || query != wantQuery || leads.Fragment != meant.Fragment {
		return "another meaning"
	}
	bare := strings.Trim(ref.text, " \t")
	leaves := deeper == nil || !strings.HasPrefix(deeper.Path, "/pad/")
	switch {
	case bare == "" || bare[0] == '#' || leaves:
		return wrong(got != ref.text, "it has no place for a token, and has changed")
	case !inScope(meant.Path, want, session):
		if !inScope(meant.Path, want, false) && meant.Site == r.Plain() {
			r.outside = append(r.outside, meant)
		}
		return wrong(r.hasToken(got), "it is out of scope, and has got a token")
	case len(tokens) != 1 || slices.Contains(r.existing, tokens[0]) || !strings.HasPrefix(tokens[0], "s."):
		return fmt.Sprintf("%d tokens in its path", len(tokens))
	case pairs:
		return "a token in its query"
	}
	r.carried = append(r.carried, carriedReference{ref.kind, meant, leads})
	return ""
}

func wrong(is bool, what string) string {
	if is {
		return what
	}
	return ""
}

// own reports whether an origin is this site, or named in the configuration.
func (r *resolverRun) own(site string) bool { return site == r.Plain() || site == "https://cdn.test" }

var (
	anyToken       = regexp.MustCompile(`s\.[A-Za-z0-9_-]{116}|eyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+`)
	anyTokenInPath = regexp.MustCompile(`^(?:~|%7[Ee])(` + anyToken.String() + `)$`)
)

// hasToken reports whether a text has a token that is not the origin's.
func (r *resolverRun) hasToken(text string) bool {
	return slices.ContainsFunc(anyToken.FindAllString(text, -1), func(s string) bool { return !slices.Contains(r.existing, s) })
}

// without is a path without token segments, and those tokens. Before the literal start of
// the rule there are none.
func (r *resolverRun) without(path string) (bare string, tokens []string) {
	var list []string
	for i, segment := range strings.Split(path, "/") {
		if m := anyTokenInPath.FindStringSubmatch(segment); m != nil && i > 1 {
			tokens = append(tokens, m[1])
		} else {
			list = append(list, segment)
		}
	}
	return strings.Join(list, "/"), tokens
}

// withoutPairs is a query without token pairs.
func withoutPairs(query string) (bare string, pairs bool) {
	if query == "" {
		return "", false
	}
	list := strings.Split(query[1:], "&")
	n := len(list)
	list = slices.DeleteFunc(list, func(pair string) bool {
		name, value, _ := strings.Cut(pair, "=")
		name, _ = url.QueryUnescape(name)
		return (name == "token" || name == "jwtoken") && anyToken.FindString(value) == value && value != ""
	})
	if bare = strings.Join(list, "&"); bare != "" {
		bare = "?" + bare
	}
	return bare, len(list) < n
}

// unreadable finds what the gate refuses in any path.
var unreadable = regexp.MustCompile(`(?i)//|%2f|%5c|%zz|%25[0-9a-f]{2}|/;`)

// inScope reports whether a rule maps a path to a stream that the token may play. A session
// token is valid for one stream only; the gate refuses escapes in the name of a stream.
func inScope(written, path string, session bool) bool {
	list := strings.Split(path, "/")
	return len(list) > 4 && list[1] == "live" && list[2] == "org1" && (list[3] == "cam" || list[3] == "other" && !session) &&
		(list[4] != "" || len(list) > 5) && !unreadable.MatchString(path) && !unreadable.MatchString(written)
}

// ask requests some references of each kind that carry a token, and compares the path
// that the origin gets with the one that its reference means.
func (r *resolverRun) ask(t *testing.T, jwt string, random *rand.Rand, n int) {
	t.Helper()
	kinds := map[string][]carriedReference{}
	for _, c := range r.carried {
		if c.leads.Site == r.Plain() {
			kinds[c.kind] = append(kinds[c.kind], c)
		}
	}
	asked := 0
	for _, kind := range slices.Sorted(maps.Keys(kinds)) {
		list := kinds[kind]
		random.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
		for _, c := range list[:min(len(list), n/len(kinds)+1)] {
			asked++
			r.origin.Forget()
			status, _ := r.fetch(t, c.leads.Path+c.leads.Query)
			path, _ := r.without(c.meant.Path)
			query, _ := withoutPairs(c.meant.Query)
			// The gate escapes characters that no URI may have in its path.
			want := strings.NewReplacer("[", "%5B", "]", "%5D", "|", "%7C", "^", "%5E").Replace(path) + query
			calls := r.origin.Calls()
			switch {
			case status != http.StatusOK || len(calls) != 1:
				r.fault(c.kind, "%s: status %d, and %d requests to the origin", c.leads.Href, status, len(calls))
			case calls[0].Target != want:
				r.fault(c.kind, "%s: the origin got %s instead of %s", c.leads.Href, calls[0].Target, want)
			case anyToken.MatchString(calls[0].Head):
				r.fault(c.kind, "%s: the origin got a token\n%s", c.leads.Href, calls[0].Head)
			}
		}
	}
	// The gate agrees on what is out of scope.
	random.Shuffle(len(r.outside), func(i, j int) { r.outside[i], r.outside[j] = r.outside[j], r.outside[i] })
	for _, meant := range r.outside[:min(len(r.outside), n/2)] {
		if status, _ := r.fetch(t, meant.Path+"?token="+jwt); status == http.StatusOK {
			t.Errorf("%s is in scope", meant.Href)
		}
	}
	if asked < n/3 {
		t.Errorf("only %d references have been asked for", asked)
	}
}

// fault records a failure, with tokens shortened.
func (r *resolverRun) fault(kind, format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	text = anyToken.ReplaceAllStringFunc(text, func(s string) string {
		switch {
		case slices.Contains(r.existing, s):
			return "OTHER"
		case strings.HasPrefix(s, "s."):
			return "SESSION"
		}
		return "JWT"
	})
	r.faults[kind] = append(r.faults[kind], text)
}

// fetch asks the gate for a target as it is written. For a redirect, the body is its
// Location.
func (r *resolverRun) fetch(t *testing.T, target string) (status int, body string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, r.Plain(), nil)
	if err != nil {
		t.Fatal(err)
	}
	request.URL.Opaque = "//" + r.HTTP + target // goes out as it is
	response, err := r.client.Do(request)
	if err != nil {
		t.Fatalf("%q: %v", target, err)
	}
	defer response.Body.Close()
	if location := response.Header.Get("Location"); location != "" {
		return response.StatusCode, location
	}
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatalf("%q: %v", target, err)
	}
	return response.StatusCode, string(text)
}
