package console

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/playgate/playgate/module/internal/registry"
)

// natsServer starts a server of its own, and returns its URL.
func natsServer(t *testing.T) string {
	t.Helper()
	s, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: server.RANDOM_PORT, JetStream: true, StoreDir: t.TempDir(), NoSigs: true, NoLog: true})
	if err != nil {
		t.Fatal(err)
	}
	go s.Start()
	t.Cleanup(func() {
		s.Shutdown()
		s.WaitForShutdown()
	})
	if !s.ReadyForConnections(10 * time.Second) {
		t.Fatal("the server does not start")
	}
	return fmt.Sprintf("nats://127.0.0.1:%d", s.Addr().(*net.TCPAddr).Port)
}

// A page asks all other nodes once for what it shows, however many rows it has.
func TestQuestionsOfAPage(t *testing.T) {
	where := natsServer(t)
	f := newTestConsole(t, fmt.Sprintf(`{"store": {"driver": "nats", "dir": %q, "urls": [%q]}}`, t.TempDir(), where))
	conn, err := nats.Connect(where)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	var questions atomic.Int64
	if _, err := conn.Subscribe("*.ask", func(m *nats.Msg) {
		if string(m.Data) != "{}" { // that counts the nodes
			questions.Add(1)
		}
		_ = m.Respond([]byte("{}")) // as a node that knows nothing
	}); err != nil {
		t.Fatal(err)
	}
	r, ctx, now := f.app.Registry(), t.Context(), time.Now().UTC()
	if err := r.Orgs.Create(ctx, &registry.Org{Hash: "acme"}, "test"); err != nil {
		t.Fatal(err)
	}
	chosen := url.Values{}
	for i := range maxChosen {
		id := fmt.Sprintf("t%02d", i)
		if err := r.Tokens.Create(ctx, &registry.Token{ID: id, Org: "acme", Streams: []string{"cam00"}, Created: now, Expires: now.Add(time.Hour), Key: "k"}); err != nil {
			t.Fatal(err)
		}
		if err := r.Streams.Create(ctx, &registry.Stream{Org: "acme", Name: fmt.Sprintf("cam%02d", i)}, "test"); err != nil {
			t.Fatal(err)
		}
		chosen.Add("token", "acme/"+id)
	}
	sure := url.Values{"sure": {"1"}, "token": chosen["token"]}
	for _, tt := range []struct {
		path  string
		form  url.Values // nil: the page is asked for
		asked int64
		shows string
	}{
		{"/tokens", nil, 1, "t49"},
		{"/tokens/acme/t01", nil, 1, "t01"},
		{"/tokens/revoke", chosen, 1, "t49"},
		{"/tokens/revoke", sure, 0, ""},
		{"/", nil, 1, "cam49"},
		{"/streams/acme/cam00", nil, 2, "cam00"}, // who watches the stream, and who uses the tokens
		{"/revocations", nil, 0, "t49"},
		{"/revocations", url.Values{"org": {"acme"}, "kind": {"tag"}, "value": {"x"}}, 1, "acme"},
		{"/orgs", nil, 0, "acme"},
		{"/audit", nil, 0, "acme"},
	} {
		questions.Store(0)
		var w *httptest.ResponseRecorder
		if tt.form == nil {
			w = f.get("ann", tt.path)
		} else {
			w = f.post("ann", tt.path, tt.form)
		}
		if err := conn.Flush(); err != nil {
			t.Fatal(err)
		}
		if w.Code != http.StatusOK && w.Code != http.StatusSeeOther || !strings.Contains(w.Body.String(), tt.shows) {
			t.Errorf("%s: status %d", tt.path, w.Code)
		}
		if n := questions.Load(); n != tt.asked {
			t.Errorf("%s: %d questions to the other nodes instead of %d", tt.path, n, tt.asked)
		}
	}
}

// What stands between values alone is no empty list, which would mean any.
func TestSplitKeepsWhatIsNoList(t *testing.T) {
	for text, want := range map[string]int{"": 0, " , ": 1, "\n": 1, "a, b;c\nd": 4} {
		if got := split(text); len(got) != want {
			t.Errorf("%q: %q", text, got)
		}
	}
}
