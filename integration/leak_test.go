package integration_test

import (
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/playgate/playgate/integration/harness"
)

// planted is a token with the spellings under which it may show up.
type planted struct {
	token string
	names []string
}

// plant leaves out the token's header: that part is the same for every token of
// a key and no secret.
func plant(token string) planted {
	parts := strings.Split(token, ".")
	return planted{token, []string{parts[1], parts[2], escaped(parts[2])}}
}

// escaped writes every character as an escape, as a hostile client may.
func escaped(text string) string {
	var out strings.Builder
	for _, b := range []byte(text) {
		out.WriteString("%" + strings.ToUpper(hex(b)))
	}
	return out.String()
}

func hex(b byte) string {
	const digits = "0123456789abcdef"
	return string([]byte{digits[b>>4], digits[b&15]})
}

// nowhere fails the test when any spelling of the token is in the text.
func (p planted) nowhere(t *testing.T, text string) {
	t.Helper()
	for _, name := range p.names {
		if at := strings.Index(strings.ToLower(text), strings.ToLower(name)); at >= 0 {
			start := strings.LastIndexByte(text[:at], '\n') + 1
			line, _, _ := strings.Cut(text[start:], "\n")
			t.Errorf("the token is in the output:\n%s", line)
		}
	}
}

// plantings are requests with a token in each place where one can stand.
func plantings(token string) []harness.Request {
	const path = "/live/org1/cam/seg.ts"
	half := len(token) - 12
	return []harness.Request{
		{Target: path + "?token=" + token},
		{Target: path + "?a=1&jwtoken=" + token + "&b=2"},
		{Target: path + "?token=" + token + "&token=" + token},
		{Target: path + "?t%6fken=" + token},
		{Target: path + "?token=" + token[:half] + escaped(token[half:])},
		{Target: path + "?token=" + url.QueryEscape(" "+token)},
		{Target: path + "?token=" + escaped(token)},
		{Target: path + "?other=" + token},
		{Target: path + "?" + token},
		{Target: path + "?a;token=" + token},
		{Target: "/live/~" + token + "/org1/cam/seg.ts"},
		{Target: "/live/~" + escaped(token) + "/org1/cam/seg.ts"},
		{Target: "/live/org1/cam/" + token + "/seg.ts"},
		{Target: "/elsewhere/" + token},
		{Target: path, Header: []string{"Authorization: Bearer " + token}},
		{Target: path, Header: []string{"Authorization: bearer  " + token}},
		{Target: path, Header: []string{"Cookie: playgate_token=" + token}},
		{Target: path, Header: []string{"X-Token: " + token}},
		{Target: path + "?token=" + token, Header: []string{"Referer: https://page.test" + path + "?token=" + token}},
		{Target: path + "?token=" + token, Header: []string{"Referer: https://page.test/live/~" + token + "/org1/cam/index.m3u8"}},
		{Target: path, Header: []string{"Referer: https://page.test" + path + "?token=" + escaped(token)}},
		{Target: path, Header: []string{"Referer: https://page.test/?next=" + url.QueryEscape("https://live.test"+path+"?token="+token)}},
	}
}

// moodyOrigin behaves as the path of the request says.
func moodyOrigin(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Query().Get("mood") {
	case "abort":
		w.Header().Set("Content-Length", "1000000")
		io.WriteString(w, strings.Repeat("x", 100_000))
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	case "hangup":
		conn, _, err := w.(http.Hijacker).Hijack()
		if err == nil {
			conn.Close() // no answer at all: a 502
		}
	case "redirect":
		w.Header().Set("Location", "/live/org1/cam/next.ts")
		w.WriteHeader(http.StatusFound)
	default:
		io.WriteString(w, "origin\n")
	}
}

// plantEverywhere sends every planting with every mood of the origin and gives
// the tokens that it used.
func plantEverywhere(t *testing.T, server *harness.Server, key *harness.Key) []planted {
	t.Helper()
	fine := harness.Good("org1", "cam")
	tokens := []string{
		key.Sign(t, fine.With("jti", "leak-fine")),
		harness.BreakSignature(key.Sign(t, fine.With("jti", "leak-broken"))),
		key.Sign(t, harness.Good("org1", "other").With("jti", "leak-other")),
	}
	clients := harness.Clients()
	statuses := map[int]int{}
	var plants []planted
	for i, token := range tokens {
		plants = append(plants, plant(token))
		for j, request := range plantings(token) {
			for _, mood := range []string{"", "hangup", "redirect"} {
				sent := request
				if mood != "" {
					glue := "?"
					if strings.Contains(sent.Target, "?") {
						glue = "&"
					}
					sent.Target += glue + "mood=" + mood
				}
				// Each client gets its turn; all of them with all requests would
				// take minutes and find nothing more.
				statuses[clients[(i+j)%len(clients)].Do(t, server, sent).Status]++
			}
		}
		aborted := harness.Curl(t, server.Plain()+"/live/org1/cam/seg.ts?mood=abort&token="+token)
		if aborted.Status == http.StatusOK && aborted.Code == 0 {
			t.Errorf("an aborted stream came to a good end")
		}
	}
	for _, status := range []int{200, 302, 401, 403, 404, 502} {
		if statuses[status] == 0 {
			t.Errorf("no request ended with %d: %v", status, statuses)
		}
	}
	return plants
}

// A planted token (query, path, header, Referer, percent-encoded) appears in no
// output of the process for 200, 401, 403, 502 and an aborted stream.
func TestNoTokenInAnyOutput(t *testing.T) {
	t.Parallel()
	plain := func(caddyfile string) func(*testing.T, *harness.Key, string) *harness.Server {
		return func(t *testing.T, key *harness.Key, origin string) *harness.Server {
			return harness.Serve(t, caddyfile, harness.Env{"KEY": key.PublicFile, "ORIGIN": origin})
		}
	}
	second := setup{site: "log second {\noutput file {$LOGS}/second.log\nformat playgate console\n}"}
	for _, tc := range []struct {
		name  string
		serve func(*testing.T, *harness.Key, string) *harness.Server
		// bare is a Caddyfile without any "log".
		bare bool
	}{
		{name: "Caddyfile.example", serve: serveExample},
		{name: "redacting log", serve: plain(setup{}.caddyfile())},
		{name: "redacting log at DEBUG", serve: plain(setup{globals: "debug"}.caddyfile())},
		{name: "bare configuration", serve: plain(withoutLog(setup{}.caddyfile())), bare: true},
		{name: "log to a file", serve: plain(second.caddyfile())},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			key := harness.NewKey(t, "main", "EdDSA")
			origin := harness.NewOrigin(t, http.HandlerFunc(moodyOrigin))
			server := tc.serve(t, key, origin.Addr)
			plants := plantEverywhere(t, server, key)
			if err := server.Stop(); err != nil {
				t.Errorf("stopping: %v", err)
			}
			for _, p := range plants {
				p.nowhere(t, server.Everything())
			}
			checkNothingMissing(t, server, tc.bare)
		})
	}
}

// checkNothingMissing makes sure that an empty log is not what keeps the secret.
func checkNothingMissing(t *testing.T, server *harness.Server, bare bool) {
	t.Helper()
	text := server.Everything()
	if !strings.Contains(text, "502") && !strings.Contains(text, `"status":502`) && !bare {
		t.Error("the output tells of no 502: has anything been logged?")
	}
	if strings.Contains(text, "handled request") == bare {
		t.Errorf("access log where none was asked for, or none where one was")
	}
}

// withoutLog drops every "log" block.
func withoutLog(caddyfile string) string {
	var kept []string
	inside := false
	for line := range strings.SplitSeq(caddyfile, "\n") {
		word := strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(word, "log ") && strings.HasSuffix(word, "{"):
			inside = true
		case inside && word == "}":
			inside = false
		case !inside:
			kept = append(kept, line)
		}
	}
	return strings.Join(kept, "\n")
}
