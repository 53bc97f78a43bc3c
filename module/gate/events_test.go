package gate

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	_ "github.com/caddyserver/caddy/v2/modules/caddyevents/eventsconfig" // the global option events

	"github.com/playgate/playgate/module/token"
	"github.com/playgate/playgate/module/token/sessiontoken"
)

func init() { caddy.RegisterModule(new(hearing)) }

// hearing is an event handler that does what its test says.
type hearing struct{}

// hear is called with each event; by one test at a time.
var hear func(caddy.Event)

func (*hearing) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "events.handlers.hearing", New: func() caddy.Module { return new(hearing) }}
}

func (*hearing) UnmarshalCaddyfile(*caddyfile.Dispenser) error { return nil }

func (*hearing) Handle(_ context.Context, e caddy.Event) error {
	hear(e)
	return nil
}

// runHearing starts a gate with an event handler, or starts it anew.
func runHearing(t *testing.T, events string) {
	t.Helper()
	run(t, "events {\non "+events+" hearing\n}", "http://:0 {\n"+gateBlock+"respond 200\n}")
}

// heard starts a gate whose refusals come out of the channel.
func heard(t *testing.T) <-chan caddy.Event {
	t.Helper()
	events := make(chan caddy.Event, 10_000)
	hear = func(e caddy.Event) { events <- e }
	runHearing(t, "playgate.refused")
	stopAtEnd(t)
	return events
}

// ask has the gate answer a request, and returns the id of the refusal.
func ask(t *testing.T, target string) string {
	t.Helper()
	r, err := http.NewRequest(http.MethodGet, bases(t)[0]+target, nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, _ := fetch(t, r)
	return answer.Header.Get("Playgate-Id")
}

// askUntil has requests refused until one of their reason is told, which is so
// each second, and returns the event and the ids by then.
func askUntil(t *testing.T, events <-chan caddy.Event, target string) (e caddy.Event, ids []string) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); {
		ids = append(ids, ask(t, target))
		select {
		case e := <-events:
			return e, ids
		case <-time.After(10 * time.Millisecond):
		}
	}
	t.Fatalf("no event of %s", target)
	return e, nil
}

// Of the refusals with one reason one is told each second, with how many there
// were since the one before.
func TestRefusedEvent(t *testing.T) {
	events := heard(t)
	e, ids := askUntil(t, events, media)
	first := time.Now()
	if e.Name() != "playgate.refused" || e.Origin().CaddyModule().ID != "playgate" {
		t.Errorf("the event is %s of %v", e.Name(), e.Origin())
	}
	for key, want := range map[string]any{
		"id": ids[len(ids)-1], "reason": "missing_token", "status": 401, "org": "acme", "stream": "cam", "token_id": "",
	} {
		if got := e.Data[key]; got != want {
			t.Errorf("%s is %v instead of %v", key, got, want)
		}
	}
	another := mint(t, func(g *token.Grant) {
		g.IssuedAt, g.Expires = time.Now().Unix(), time.Now().Add(time.Hour).Unix()
		g.Streams = []string{"another"}
	})
	if e, _ = askUntil(t, events, media+"?token="+another); e.Data["reason"] != "wrong_stream" || e.Data["token_id"] != "token-1" || e.Data["status"] != 403 {
		t.Errorf("of the other reason: %v", e.Data)
	}
	e, ids = askUntil(t, events, media)
	if took := time.Since(first); took < 990*time.Millisecond {
		t.Errorf("the second event of a reason came after %v", took)
	}
	if count := e.Data["count"]; count != int64(len(ids)) {
		t.Errorf("%v refusals were told of %d", count, len(ids))
	}
}

// Nothing waits for handlers that are not there.
func TestNobodyListens(t *testing.T) {
	hear = func(e caddy.Event) { t.Errorf("heard %s", e.Name()) }
	runHearing(t, "playgate.another")
	stopAtEnd(t)
	if id := ask(t, media); id == "" {
		t.Error("the request was not refused")
	}
}

// No token is in an event, even where somebody wrote one in the place of a name.
func TestEventsHaveNoToken(t *testing.T) {
	events := heard(t)
	key, err := sessiontoken.NewKey([]byte(strings.Repeat("k", 32)))
	if err != nil {
		t.Fatal(err)
	}
	text := key.Mint(sessiontoken.Token{Expires: time.Now().Add(time.Hour).Unix()}, sessiontoken.Scope{})
	e, _ := askUntil(t, events, "/live/acme/"+text+"/index.m3u8")
	for key, value := range e.Data {
		if s, ok := value.(string); ok && strings.Contains(s, text[len(text)-20:]) {
			t.Errorf("%s has the token in it", key)
		}
	}
	if e.Data["org"] != "acme" || e.Data["stream"] == "" {
		t.Errorf("the event does not tell of the request: %v", e.Data)
	}
}

// A handler that panics, and one that takes its time, stop neither a request nor
// the next event; and what waits is told after a reload.
func TestEventHandlers(t *testing.T) {
	events, panics := make(chan caddy.Event, 10_000), make(chan caddy.Event, 10_000)
	stuck, waits := make(chan struct{}), make(chan caddy.Event, 10_000)
	hear = func(e caddy.Event) {
		switch e.Data["reason"] {
		case "missing_token":
			panics <- e
			panic("a handler of a test")
		case "no_stream":
			waits <- e
			<-stuck
		}
		events <- e
	}
	runHearing(t, "playgate.refused")
	stopAtEnd(t)
	askUntil(t, panics, media)
	malformed := media + "?token=text"
	if e, _ := askUntil(t, events, malformed); e.Data["reason"] != "malformed_token" {
		t.Fatalf("after one that panicked: %v", e.Data)
	}
	told := time.Now()
	askUntil(t, waits, "/elsewhere")
	for time.Since(told) <= time.Second { // then one of this reason is told again
		ask(t, "/elsewhere")
	}
	waiting := ask(t, malformed)
	if len(events) != 0 {
		t.Fatal("an event came past a handler that is stuck")
	}
	runHearing(t, "playgate.refused")
	if e, _ := askUntil(t, events, malformed); e.Data["id"] == waiting {
		t.Fatal("the handler was not stuck")
	}
	close(stuck)
	for deadline := time.After(30 * time.Second); ; {
		select {
		case e := <-events:
			if e.Data["id"] == waiting {
				return
			}
		case <-deadline:
			t.Fatal("what waited is lost")
		}
	}
}
