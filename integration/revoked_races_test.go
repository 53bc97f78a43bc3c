package integration_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/playgate/playgate/integration/harness"
)

// send sends a request to the API, and gives the answer, whatever it is.
func (o operator) send(t *testing.T, method, path, in string) (status int, out map[string]any) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, o.i.api+"/api/v1/"+path, strings.NewReader(in))
	if err != nil {
		t.Error(err)
		return 0, nil
	}
	r.Header.Set("Authorization", "Bearer "+o.key)
	if in != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	a, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Error(err)
		return 0, nil
	}
	defer a.Body.Close()
	text, err := io.ReadAll(a.Body)
	if err != nil {
		t.Error(err)
	}
	_ = json.Unmarshal(text, &out) // not every answer has a body
	return a.StatusCode, out
}

// What is made while an organisation is deleted ends with it: no token of that time plays, and
// no API key of it works when another one of the same hash is made.
func TestDeletionEndsWhatIsMadeMeanwhile(t *testing.T) {
	t.Parallel()
	i := startIssuing(t, issuer, nil)
	all := operator{i, i.do(t, "apikey", "create", "--role", "admin")}
	all.send(t, "POST", "orgs", `{"org":"evil"}`)
	for n := range 40 { // so that it takes a while
		all.send(t, "POST", "streams", fmt.Sprintf(`{"org":"evil","stream":"s%d"}`, n))
	}
	evil := operator{i, i.do(t, "apikey", "create", "--role", "admin", "--org", "evil")}
	var mu sync.Mutex
	var tokens, keys []string
	var done sync.WaitGroup
	stop := make(chan struct{})
	for n := range 4 {
		done.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				by := []operator{evil, all}[n%2]
				_, token := by.send(t, "POST", "tokens", `{"org":"evil","orgwide":true,"expires":"365d"}`)
				_, key := by.send(t, "POST", "apikeys", `{"role":"admin","orgs":["evil"]}`)
				mu.Lock()
				if text, ok := token["token"].(string); ok {
					tokens = append(tokens, text)
				}
				if text, ok := key["apikey"].(string); ok {
					keys = append(keys, text)
				}
				mu.Unlock()
			}
		})
	}
	harness.Wait(t, "some tokens", func() bool { mu.Lock(); defer mu.Unlock(); return len(tokens) > 20 && len(keys) > 20 })
	if status, out := all.send(t, "DELETE", "orgs/evil?force=true", ""); status != 204 {
		t.Errorf("%d %v", status, out)
	}
	close(stop)
	done.Wait()
	all.send(t, "POST", "orgs", `{"org":"evil"}`)
	plays := func(token string) bool {
		return harness.Curl(t, i.Plain()+"/live/evil/cam/x.ts?token="+token).Status == 200
	}
	_, fresh := all.send(t, "POST", "tokens", `{"org":"evil","orgwide":true}`)
	harness.Wait(t, "a token of the new organisation to play", func() bool { return plays(fresh["token"].(string)) })
	for _, token := range tokens {
		if plays(token) {
			t.Errorf("one of %d tokens plays", len(tokens))
			break
		}
	}
	for _, key := range keys {
		if status, _ := (operator{i, key}).send(t, "GET", "orgs", ""); status != 401 && status != 429 {
			t.Errorf("one of %d API keys works: %d", len(keys), status)
			break
		}
	}
}

// A revocation concerns every token that was made before it, however many others were made
// since, and one that is made just after it plays, again and again.
func TestRevokeAndMakeInTurn(t *testing.T) {
	t.Parallel()
	i := startIssuing(t, issuer, nil)
	o := operator{i, i.do(t, "apikey", "create", "--role", "admin")}
	o.send(t, "POST", "orgs", `{"org":"acme"}`)
	create := func(in string) string {
		t.Helper()
		status, out := o.send(t, "POST", "tokens", `{"org":"acme",`+in+`}`)
		if status != 201 {
			t.Fatalf("%d %v", status, out)
		}
		return out["token"].(string)
	}
	revoke := func(kind, value string) {
		t.Helper()
		if status, out := o.send(t, "POST", "revocations", fmt.Sprintf(`{"org":"acme","kind":%q,"value":%q}`, kind, value)); status != 201 {
			t.Fatalf("%d %v", status, out)
		}
	}
	plays := func(token, stream string) bool {
		return harness.Curl(t, i.Plain()+"/live/acme/"+stream+"/x.ts?token="+token).Status == 200
	}

	revoke("tag", "x")
	first := create(`"streams":["cam"],"tag":"x"`)
	for range 120 {
		create(`"streams":["cam"],"tag":"other"`)
	}
	revoke("tag", "x")
	if plays(first, "cam") {
		t.Error("a token plays that was made before the revocation")
	}

	for n := range 8 {
		token := create(`"streams":["cam"],"tag":"x"`)
		if !plays(token, "cam") {
			t.Fatalf("round %d: a new token does not play", n)
		}
		revoke("tag", "x")
		if plays(token, "cam") {
			t.Fatalf("round %d: it plays on", n)
		}
	}
	began := time.Now()
	if _, out := o.send(t, "POST", "revocations", `{"org":"acme","kind":"tag","value":"never used"}`); out["issued_until"] != nil {
		until, err := time.Parse(time.RFC3339, out["issued_until"].(string))
		if err != nil || until.Sub(began) > 10*time.Second {
			t.Errorf("a revocation reaches %v from now, %v", until.Sub(began), err)
		}
	}

	revoke("stream", "cam2")
	if wide := create(`"orgwide":true`); !plays(wide, "cam2") || !plays(wide, "cam") {
		t.Error("a token for all streams is dead for one that was revoked before it was made")
	}
}

// Asking what the gate would answer changes nothing there: not the budget of an address, and
// not what it remembers.
func TestAskingChangesNothing(t *testing.T) {
	t.Parallel()
	i := startIssuing(t, strings.Replace(issuer, "\tstream_url", "\tbad_signatures 3 1m\n\t\tstream_url", 1), nil)
	o := operator{i, i.do(t, "apikey", "create", "--role", "admin")}
	o.send(t, "POST", "orgs", `{"org":"acme"}`)
	_, out := o.send(t, "POST", "tokens", `{"org":"acme","orgwide":true}`)
	good := out["token"].(string)
	head, rest, _ := strings.Cut(good, ".")
	claims, _, _ := strings.Cut(rest, ".")
	forged := func(n int) string { return fmt.Sprintf("%s.%s.%06d%s", head, claims, n, strings.Repeat("A", 80)) }
	at := i.Plain() + "/live/acme/cam/x.ts"
	ask := func(token string) {
		in, err := json.Marshal(map[string]string{"token": token, "url": at, "ip": "127.0.0.1"})
		if err != nil {
			t.Fatal(err)
		}
		o.send(t, "POST", "tokens/verify", string(in))
		o.send(t, "POST", "tokens/verify", fmt.Sprintf(`{"token":%q}`, at+"?token="+token))
	}
	for n := range 10 {
		ask(forged(n))
	}
	gate := func(token string) int { return harness.Curl(t, at+"?token="+token).Status }
	for n := range 3 {
		if got := gate(forged(100 + n)); got != 401 {
			t.Errorf("forged, %d: %d", n, got)
		}
	}
	for range 2 { // whose signature has not been checked before
		if got := gate(good); got != 429 {
			t.Errorf("from an address over its budget: %d", got)
		}
		ask(good)
	}
}
