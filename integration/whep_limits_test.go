package integration_test

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/playgate/playgate/integration/harness"
)

const perToken = 16 // sessions that a token may have

// offers posts offers in parallel, and returns the answers' statuses and Locations.
type offers struct {
	mu        sync.Mutex
	statuses  map[int]int
	locations []string
	retry     map[string]int
}

func (o *offers) post(t *testing.T, g *guarded, token string, n, parallel int) {
	t.Helper()
	client := &http.Client{Timeout: harness.Deadline, Transport: &http.Transport{MaxIdleConnsPerHost: parallel, MaxConnsPerHost: parallel}}
	defer client.CloseIdleConnections()
	var next atomic.Int32
	var all sync.WaitGroup
	for range parallel {
		all.Go(func() {
			for int(next.Add(1)) <= n {
				answer, err := client.Post(g.Plain()+"/live/org1/cam/whep?token="+token, "application/sdp", strings.NewReader(offer))
				if err != nil {
					t.Error(err)
					return
				}
				answer.Body.Close()
				o.mu.Lock()
				if o.statuses == nil {
					o.statuses, o.retry = map[int]int{}, map[string]int{}
				}
				o.statuses[answer.StatusCode]++
				o.retry[answer.Header.Get("Retry-After")]++
				if location := answer.Header.Get("Location"); location != "" {
					o.locations = append(o.locations, location)
				}
				o.mu.Unlock()
			}
		})
	}
	all.Wait()
}

// bare is a Location without its token.
func bare(location string) string {
	path, _, _ := strings.Cut(pathOf(location), "?")
	return path
}

func (g *guarded) metrics(t *testing.T) string {
	t.Helper()
	return string(harness.Curl(t, "http://"+g.Admin+"/metrics").Body)
}

// One token cannot end the session of another one, however many it begins: beyond 16,
// its own oldest ends.
func TestWHEPSessionsOfATokenAreLimited(t *testing.T) {
	t.Parallel()
	g := guard(t, setup{gate: whepRule, globals: "metrics\n"}, new(signalling))
	client := harness.Clients()[0]
	victim := g.key.Token(t, "--org", "org1", "--stream", "cam")
	mine := client.Do(t, g.Server, post("/live/org1/cam/whep?token="+victim)).Header.Get("Location")
	flood := g.key.Token(t, "--org", "org1", "--stream", "cam")

	// One after the other: the oldest ends each time.
	var own offers
	own.post(t, g, flood, perToken+3, 1)
	got := map[string]bool{}
	for _, c := range deletedIn(t, g.origin, 3, cutWithin) {
		got[c.Target] = true
	}
	for _, location := range own.locations[:3] {
		if !got[bare(location)] {
			t.Errorf("%s is not among what has ended: %v", location, got)
		}
	}
	g.refused(t, client.Do(t, g.Server, harness.Request{Method: http.MethodPatch, Target: pathOf(own.locations[0]), Body: "x"}), 404, "no_stream")
	if status := client.Do(t, g.Server, harness.Request{Method: http.MethodPatch, Target: pathOf(own.locations[3]), Body: "x"}).Status; status != 204 {
		t.Errorf("the oldest that is left: status %d", status)
	}

	// In parallel: what is too much at the same time is refused before the origin is
	// asked, and what has begun ends, but for 16.
	own.post(t, g, flood, 400, 60)
	if own.statuses[201]+own.statuses[429] != perToken+3+400 || own.statuses[201] < 2*perToken {
		t.Fatalf("statuses %v", own.statuses)
	}
	if own.retry["2"] != own.statuses[429] {
		t.Errorf("%d refusals; Retry-After %v", own.statuses[429], own.retry)
	}
	if n := len(calls(g.origin, "POST")) - 1; n != own.statuses[201] {
		t.Errorf("the origin got %d offers, and %d were answered with 201", n, own.statuses[201])
	}
	for _, c := range deletedIn(t, g.origin, own.statuses[201]-perToken, harness.Deadline) {
		if c.Target == bare(mine) {
			t.Fatalf("the other token's session has ended: %s", c.Target)
		}
	}
	if n := len(calls(g.origin, "DELETE")); n != own.statuses[201]-perToken {
		t.Errorf("%d sessions began, and %d have ended", own.statuses[201], n)
	}
	if status := client.Do(t, g.Server, harness.Request{Method: http.MethodPatch, Target: pathOf(mine), Body: "x"}).Status; status != 204 {
		t.Errorf("the other token's session: status %d", status)
	}
	if metrics := g.metrics(t); !strings.Contains(metrics, `playgate_cuts_total{reason="displaced"} `+strconv.Itoa(own.statuses[201]-perToken)) {
		t.Error("the displaced sessions are not among playgate_cuts_total")
	}
}

// An origin may answer with a Location that is already another token's session: the
// newcomer gets nothing of it, whatever the host under which it asks.
func TestWHEPLocationOfAnotherToken(t *testing.T) {
	t.Parallel()
	for _, option := range []string{"", "cut off"} {
		t.Run(option, func(t *testing.T) {
			t.Parallel()
			origin := new(signalling)
			g := guard(t, setup{gate: whepRule + option}, origin)
			mine, other := g.key.Token(t, "--org", "org1", "--stream", "cam"), g.key.Token(t, "--org", "org1", "--orgwide")
			client := harness.Clients()[0]
			first := bare(client.Do(t, g.Server, post("/live/org1/cam/whep?token="+mine)).Header.Get("Location"))
			for _, location := range []string{first, "/live/org1/cam/whep/%31", g.Plain() + first, "http://localhost:" + strings.Split(g.HTTP, ":")[1] + first} {
				origin.set(location)
				for _, base := range []string{g.HTTP, "localhost:" + strings.Split(g.HTTP, ":")[1]} {
					answer := harness.Raw(t, g.Server, fmt.Sprintf("POST /live/org1/cam/whep?token=%s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\nContent-Length: 1\r\n\r\nx", other, base))
					if option == "" && (answer.Status != 502 || answer.Header.Get("Location") != "") || strings.Contains(answer.Header.Get("Location"), other) {
						t.Errorf("%s: Location %s: status %d, Location %q", base, location, answer.Status, answer.Header.Get("Location"))
					}
					for _, method := range []string{http.MethodPatch, http.MethodDelete} {
						for _, path := range []string{first, "/live/org1/cam/whep/%31"} {
							answer := harness.Raw(t, g.Server, fmt.Sprintf("%s %s?token=%s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n", method, path, other, base))
							g.refused(t, answer, 404, "no_stream")
						}
					}
				}
			}
			origin.set("")
			if n := len(calls(g.origin, "DELETE")); n != 0 {
				t.Errorf("the origin got %d DELETEs", n)
			}
			// It is the first one's still.
			for _, method := range []string{http.MethodPatch, http.MethodDelete} {
				if answer := client.Do(t, g.Server, harness.Request{Method: method, Target: first + "?token=" + mine}); answer.Status >= 300 {
					t.Errorf("%s by its owner: status %d\n%s", method, answer.Status, answer.Body)
				}
			}
			// Once it is over, another one may have the URL.
			origin.set(first)
			if answer := client.Do(t, g.Server, post("/live/org1/cam/whep?token="+other)); answer.Status != 201 {
				t.Errorf("after its end: status %d\n%s", answer.Status, answer.Body)
			}
			g.refused(t, client.Do(t, g.Server, harness.Request{Method: http.MethodDelete, Target: first + "?token=" + mine}), 404, "no_stream")
		})
	}
}

// If an organisation has all sessions that it may have, a token that has none is
// refused before the origin is asked, and one that has some makes room with its own.
func TestWHEPSessionsOfAnOrganisationAreLimited(t *testing.T) {
	t.Parallel()
	const perOrg = 4096
	g := guard(t, setup{gate: whepRule + "errors verbose", globals: "metrics\n"}, new(signalling))
	sign := func(org, id string) string { return g.key.Sign(t, harness.Good(org, "cam").With("jti", id)) }
	var first offers
	var crowd sync.WaitGroup
	limit := make(chan struct{}, 8)
	for i := range perOrg / perToken {
		token := sign("org1", "crowd-"+strconv.Itoa(i))
		crowd.Go(func() {
			limit <- struct{}{}
			defer func() { <-limit }()
			if i == 0 {
				first.post(t, g, token, perToken, 1)
				return
			}
			new(offers).post(t, g, token, perToken, 2)
		})
	}
	crowd.Wait()
	if n := len(calls(g.origin, "POST")); n != perOrg {
		t.Fatalf("%d sessions have begun", n)
	}
	mark := len(g.origin.Raw())
	for _, client := range harness.Clients() {
		answer := client.Do(t, g.Server, post("/live/org1/cam/whep?token="+sign("org1", "late")))
		g.refused(t, answer, 429, "too_many_sessions")
		if p := problemOf(t, answer); p.Reason != "too_many_sessions" || answer.Header.Get("Retry-After") != "2" || answer.Header.Get("Www-Authenticate") != "" {
			t.Errorf("%s: header %v\n%s", client.Name, answer.Header, answer.Body)
		}
	}
	g.origin.SawNothing(t, mark)
	client := harness.Clients()[0]
	if answer := client.Do(t, g.Server, post("/live/org1/cam/whep?token="+sign("org1", "crowd-0"))); answer.Status != 201 {
		t.Errorf("a token that has some: status %d\n%s", answer.Status, answer.Body)
	}
	if got := deletedIn(t, g.origin, 1, cutWithin); len(got) != 1 || got[0].Target != bare(first.locations[0]) {
		t.Errorf("%v have ended instead of %s", got, first.locations[0])
	}
	if answer := client.Do(t, g.Server, post("/live/org2/cam/whep?token="+sign("org2", "late"))); answer.Status != 201 {
		t.Errorf("another organisation: status %d\n%s", answer.Status, answer.Body)
	}
	if status := client.Do(t, g.Server, harness.Request{Method: http.MethodDelete, Target: pathOf(first.locations[5])}).Status; status != 200 {
		t.Errorf("DELETE: status %d", status)
	}
	if answer := client.Do(t, g.Server, post("/live/org1/cam/whep?token="+sign("org1", "late"))); answer.Status != 201 {
		t.Errorf("after one has ended: status %d\n%s", answer.Status, answer.Body)
	}
	if metrics := g.metrics(t); !strings.Contains(metrics, `playgate_requests_total{reason="too_many_sessions",result="deny"} 4`) {
		t.Error("the refusals are not among playgate_requests_total")
	}
}

// A session that a token began while its stream needed none is that token's, with the
// URL that it got, then and later.
func TestWHEPBegunWithATokenOnAPublicStream(t *testing.T) {
	t.Parallel()
	for _, option := range []string{"", "cut off", "propagate query"} {
		t.Run(option, func(t *testing.T) {
			t.Parallel()
			i := startIssuingFor(t, new(signalling), strings.Replace(issuer, liveRule, whepRule+option, 1), nil)
			i.do(t, "org", "create", "org1")
			token := i.do(t, "token", "create", "--org", "org1", "--stream", "cam")
			other := i.do(t, "token", "create", "--org", "org1", "--orgwide")
			i.do(t, "org", "secure", "org1", "off", "--for", "1h", "--reason", "rehearsal")
			harness.Wait(t, "the stream to be public", func() bool { return i.get(t, "/live/org1/cam/seg.ts").Status == 200 })
			client := harness.Clients()[0]
			begun := client.Do(t, i.Server, post("/live/org1/cam/whep?token="+token))
			mine := pathOf(begun.Header.Get("Location"))
			bearer := client.Do(t, i.Server, post("/live/org1/cam/whep", "Authorization: Bearer "+token))
			if begun.Status != 201 || bearer.Status != 201 || bare(mine) == mine {
				t.Fatalf("status %d, Location %q; with a header: status %d", begun.Status, mine, bearer.Status)
			}
			for _, public := range []bool{true, false} {
				if !public {
					i.do(t, "org", "secure", "org1", "mend")
					harness.Wait(t, "the stream to need a token", func() bool { return i.get(t, "/live/org1/cam/seg.ts").Status == 401 })
				}
				i.origin.Forget()
				for _, method := range []string{http.MethodPatch, http.MethodDelete} {
					i.refused(t, client.Do(t, i.Server, harness.Request{Method: method, Target: bare(mine)}), 401, "missing_token")
					i.refused(t, client.Do(t, i.Server, harness.Request{Method: method, Target: bare(mine) + "?token=" + other}), 404, "no_stream")
				}
				if n := len(calls(i.origin, "DELETE")) + len(calls(i.origin, "PATCH")); n != 0 {
					t.Errorf("public %v: the origin got %d requests for another one's session", public, n)
				}
				if status := client.Do(t, i.Server, harness.Request{Method: http.MethodPatch, Target: mine, Body: "x"}).Status; status != 204 {
					t.Errorf("public %v: PATCH by its owner: status %d", public, status)
				}
			}
			end := harness.Request{Method: http.MethodDelete, Target: bare(pathOf(bearer.Header.Get("Location"))), Header: []string{"Authorization: Bearer " + token}}
			for _, r := range []harness.Request{{Method: http.MethodDelete, Target: mine}, end} {
				if status := client.Do(t, i.Server, r).Status; status != 200 {
					t.Errorf("DELETE %s by its owner: status %d", bare(r.Target), status)
				}
			}
			for _, c := range i.origin.Calls() {
				if strings.Contains(c.Head, token) {
					t.Errorf("the origin got\n%s", c.Head)
				}
			}
		})
	}
}

// A session that a token began stays that token's while its stream needs none, and
// who plays without one displaces no session of a token.
func TestWHEPOfATokenWhileThePublicPlays(t *testing.T) {
	t.Parallel()
	i := startIssuingFor(t, new(signalling), strings.Replace(issuer, liveRule, whepRule, 1), nil)
	i.do(t, "org", "create", "org1")
	token := i.do(t, "token", "create", "--org", "org1", "--stream", "cam")
	other := i.do(t, "token", "create", "--org", "org1", "--orgwide")
	client := harness.Clients()[0]
	mine := pathOf(client.Do(t, i.Server, post("/live/org1/cam/whep?token="+token)).Header.Get("Location"))
	i.do(t, "org", "secure", "org1", "off", "--for", "1h", "--reason", "rehearsal")
	harness.Wait(t, "the stream to be public", func() bool { return i.get(t, "/live/org1/cam/seg.ts").Status == 200 })

	public := pathOf(client.Do(t, i.Server, post("/live/org1/cam/whep")).Header.Get("Location"))
	for _, method := range []string{http.MethodPatch, http.MethodDelete} {
		i.refused(t, client.Do(t, i.Server, harness.Request{Method: method, Target: bare(mine)}), 401, "missing_token")
		i.refused(t, client.Do(t, i.Server, harness.Request{Method: method, Target: bare(mine) + "?token=" + other}), 404, "no_stream")
	}
	if n := len(calls(i.origin, "DELETE")) + len(calls(i.origin, "PATCH")); n != 0 {
		t.Fatalf("the origin got %d requests for another one's session", n)
	}
	for name, path := range map[string]string{"the token": mine, "who plays without one": public} {
		if status := client.Do(t, i.Server, harness.Request{Method: http.MethodDelete, Target: path}).Status; status != 200 {
			t.Errorf("DELETE by %s: status %d", name, status)
		}
	}
}
