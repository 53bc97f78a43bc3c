package integration_test

import (
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"path"
	"strings"
	"testing"

	"github.com/playgate/playgate/integration/harness"
)

// status sends many small requests over few connections, where starting curl
// for each would take minutes.
func (g *guarded) status(t *testing.T, client *http.Client, target string) int {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, g.Plain(), nil)
	if err != nil {
		t.Fatal(err)
	}
	// An opaque URL goes out as it is written.
	request.URL.Opaque = "//" + g.HTTP + target
	response, err := client.Do(request)
	if err != nil {
		t.Fatalf("%q: %v", target, err)
	}
	defer response.Body.Close()
	io.Copy(io.Discard, response.Body)
	return response.StatusCode
}

// No change of a good token, in any place of it, leaves a good token.
func TestEveryByteOfATokenCounts(t *testing.T) {
	t.Parallel()
	g := guard(t, setup{}, nil)
	token := g.key.Token(t, "--org", "org1", "--stream", "cam")
	client := &http.Client{Transport: &http.Transport{}}
	if got := g.status(t, client, target(token)); got != http.StatusOK {
		t.Fatalf("the token itself: status %d", got)
	}
	mark := len(g.origin.Raw())
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	for at := range len(token) {
		changes := []string{
			token[:at] + token[at+1:],
			token[:at] + token[at:at+1] + token[at:],
			token[:at],
			token[:at] + "." + token[at:],
			token[:at] + "%00" + token[at:],
		}
		if index := strings.IndexByte(alphabet, token[at]); index >= 0 {
			// Neighbours share all bits but the last, and differ in those alone
			// that a careless decoder drops.
			changes = append(changes,
				token[:at]+string(alphabet[index^1])+token[at+1:],
				token[:at]+string(alphabet[index^32])+token[at+1:])
		}
		for _, changed := range changes {
			if got := g.status(t, client, target(changed)); got != 401 && got != 400 {
				t.Errorf("changed at %d, status %d: %s", at, got, changed)
			}
		}
	}
	g.origin.SawNothing(t, mark)
}

// pieces are what paths that fool servers are made of.
var pieces = []string{
	"/", "//", ".", "..", "%2e", "%2E%2e", "%2f", "%5c", `\`, ";", "%3b", "%00", "%25", "%252e", "#", "%23", "?", "%3f",
	"org1", "org2", "cam", "other", "live", "seg.ts", "~", "%20", "%c3%a9", "é", "\xff", "%ff", "*", "@", ":", "=", "&", "+",
	"%", "%z", "/../", "/./", "/..;/", "c%61m",
}

// Whatever path is let through, the origin gets the stream that was decided on,
// and no further decoding or cleaning of that path leads anywhere else.
func TestDecidedPathIsTheOriginsPath(t *testing.T) {
	t.Parallel()
	g := guard(t, setup{}, nil)
	token := g.key.Token(t, "--org", "org1", "--stream", "cam")
	client := &http.Client{
		Transport:     &http.Transport{},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	random := rand.New(rand.NewPCG(1, 2))
	allowed := 0
	for range 4000 {
		var text strings.Builder
		text.WriteString([]string{"/live/org1/cam/", "/live/org1/", "/live/", "/"}[random.IntN(4)])
		for range 1 + random.IntN(5) {
			text.WriteString(pieces[random.IntN(len(pieces))])
		}
		sent := text.String()
		calls := len(g.origin.Calls())
		status := g.status(t, client, sent+"?token="+token)
		if status != http.StatusOK {
			if got := g.origin.Calls(); len(got) != calls {
				t.Fatalf("%q: status %d, and the origin got %s", sent, status, got[len(got)-1].Target)
			}
			continue
		}
		allowed++
		got := g.origin.Last(t).Target
		if !onlyLeadsTo(got, "/live/org1/cam/") {
			t.Errorf("%q was let through as %s", sent, got)
		}
	}
	if allowed < 50 {
		t.Errorf("only %d paths were let through: nothing has been tried", allowed)
	}
}

// onlyLeadsTo decodes and cleans a path over and over, with backslashes and
// semicolons read as other servers read them.
func onlyLeadsTo(target, prefix string) bool {
	read, _, _ := strings.Cut(target, "?")
	for range 3 {
		if !strings.HasPrefix(read, prefix) {
			return false
		}
		read = strings.ReplaceAll(read, `\`, "/")
		if cut, _, found := strings.Cut(read, ";"); found && !strings.HasPrefix(path.Clean(cut)+"/", prefix) {
			return false
		}
		if !strings.HasPrefix(path.Clean(read)+"/", prefix) {
			return false
		}
		next, err := url.PathUnescape(read)
		if err != nil {
			return true
		}
		read = next
	}
	return true
}

// The same request gets the same answer over every version of HTTP.
func TestSameAnswerOnEveryVersion(t *testing.T) {
	t.Parallel()
	g := guard(t, setup{gate: "errors verbose"}, nil)
	token := g.key.Token(t, "--org", "org1", "--stream", "cam")
	for _, target := range []string{
		target(token), "/live/org1/cam/a%20b.ts?token=" + token, "/live/org1/cam/%2e%2e/x.ts?token=" + token,
		"/live/org1//cam/x.ts?token=" + token, "/live/org1/cam/x%3by.ts?token=" + token, "/live/org1/cam/x%23.ts?token=" + token,
		"/live/~" + token + "/org1/cam/seg.ts", "/live/~" + token + "/org1/other/seg.ts", "/live/~/org1/cam/seg.ts",
		"/live/~a.b.c/org1/cam/seg.ts", "/live/org1/cam/seg.ts?token=", "/live/org1/cam/seg.ts?token", "/live/org1/cam/?token=" + token,
		"/?token=" + token, "/live?token=" + token, "/live/org1/cam/seg.ts?" + token, "/live/org1/cam/seg.ts?TOKEN=" + token,
	} {
		var first string
		for i, client := range harness.Clients() {
			answer := client.Do(t, g.Server, harness.Request{Target: target})
			got := http.StatusText(answer.Status)
			if answer.Status != http.StatusOK {
				got += " " + problemOf(t, answer).Reason
			}
			if i == 0 {
				first = got
			} else if got != first {
				t.Errorf("%s: %q over %s and %q over %s", target, first, harness.Clients()[0].Name, got, client.Name)
			}
		}
	}
}
