package integration_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/playgate/playgate/integration/harness"
)

// operator is who asks the API of a server, with an API key.
type operator struct {
	i   *issuing
	key string
}

// ask sends a request to the API, and reads the answer into out unless that is nil.
func (o operator) ask(t *testing.T, method, path string, in, out any) {
	t.Helper()
	body := []byte(nil)
	if in != nil {
		var err error
		if body, err = json.Marshal(in); err != nil {
			t.Fatal(err)
		}
	}
	r, err := http.NewRequestWithContext(t.Context(), method, o.i.api+"/api/v1/"+path, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+o.key)
	if in != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	a, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Body.Close()
	text, err := io.ReadAll(a.Body)
	if err != nil || a.StatusCode >= 300 {
		t.Fatalf("%s %s: %d %s %v", method, path, a.StatusCode, text, err)
	}
	if out != nil {
		if err := json.Unmarshal(text, out); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
	}
}

// condition is a line of a revocation, as the API tells it.
type condition struct {
	ID, Org, Kind, Value string
	IssuedUntil          time.Time `json:"issued_until"`
	From                 time.Time
}

// wanted is a token that was made, and what plays with it.
type wanted struct {
	ID, Token, Tag, User string
	Streams              []string
	iat                  int64
	sessions             map[string]string // by stream
	running              map[string]net.Conn
}

// refuses is what a condition means, in the plainest words.
func (c condition) refuses(w *wanted, stream string, at time.Time) bool {
	value := map[string]string{"token": w.ID, "tag": w.Tag, "user": w.User, "stream": stream, "org": ""}[c.Kind]
	return c.Value == value && !at.Before(c.From) && (c.IssuedUntil.IsZero() || w.iat <= c.IssuedUntil.Unix()+2)
}

// One table drives gate, cut, explain, verify, status and lists: whatever was revoked, for
// later or for now, and undone, and after restarts, all of them say what any condition says.
func TestOneTableOfConditions(t *testing.T) {
	t.Parallel()
	i := startIssuingFor(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, ".m3u8") {
			w.Header().Set("Content-Type", "application/vnd.apple.mpegurl")
			_, _ = io.WriteString(w, "#EXTM3U\n#EXTINF:1,\nseg.ts\n")
			return
		}
		new(endless).ServeHTTP(w, r)
	}), issuer, nil)
	i.do(t, "org", "create", "org1")
	o := operator{i, i.do(t, "apikey", "create", "--role", "admin")}
	const seed = 23
	random := rand.New(rand.NewPCG(seed, 0))
	pick := func(list ...string) string { return list[random.IntN(len(list))] }
	var tokens []*wanted
	var conditions []condition
	stall := func(stream, token string) string { return "/live/org1/" + stream + "/stall?token=" + token }

	// create makes a token, unless a condition for later tokens is against it.
	create := func() {
		streams := [][]string{{"cam1"}, {"cam2"}, {"cam1", "cam2"}}[random.IntN(3)]
		w := &wanted{sessions: make(map[string]string), running: make(map[string]net.Conn)}
		in := map[string]any{"org": "org1", "streams": streams}
		for name, value := range map[string]string{"tag": pick("", "red", "blue"), "user": pick("", "ann", "bob")} {
			if value != "" {
				in[name] = value
			}
		}
		w.Tag, _ = in["tag"].(string)
		w.User, _ = in["user"].(string)
		for _, c := range conditions {
			if c.Kind != "token" && c.IssuedUntil.IsZero() && slices.ContainsFunc(streams, func(s string) bool {
				return condition{Kind: c.Kind, Value: c.Value}.refuses(w, s, time.Now())
			}) {
				return
			}
		}
		o.ask(t, "POST", "tokens", in, w)
		claims, err := base64.RawURLEncoding.DecodeString(strings.Split(w.Token, ".")[1])
		var told struct{ Iat int64 }
		if err != nil || json.Unmarshal(claims, &told) != nil || told.Iat == 0 {
			t.Fatalf("%s %v", claims, err)
		}
		w.iat = told.Iat
		tokens = append(tokens, w)
	}
	// step changes something.
	step := func() string {
		switch n := random.IntN(10); {
		case n < 2 || len(tokens) < 4:
			create()
			return "a token"
		case n < 5 && len(conditions) > 0:
			k := random.IntN(len(conditions))
			c := conditions[k]
			o.ask(t, "DELETE", "revocations/org1/"+c.ID, nil, nil)
			conditions = slices.Delete(conditions, k, k+1)
			return fmt.Sprintf("undone: %+v", c)
		case n == 5:
			if err := i.Stop(); err != nil {
				t.Fatal(err)
			}
			env := i.env
			i = startIssuingFor(t, new(endless), issuer, env)
			o.i = i
			return "a restart"
		}
		in := map[string]any{"org": "org1", "kind": pick("token", "tag", "user", "stream", "org")}
		switch in["kind"] {
		case "token":
			in["value"] = tokens[random.IntN(len(tokens))].ID
		case "tag":
			in["value"] = pick("red", "blue")
		case "user":
			in["value"] = pick("ann", "bob")
		case "stream":
			in["value"] = pick("cam1", "cam2")
		}
		if in["kind"] != "token" {
			switch random.IntN(4) {
			case 0:
				in["future"] = true
			case 1:
				in["issued_until"] = time.Now().Add(-time.Hour).Format(time.RFC3339)
			}
		}
		switch random.IntN(4) {
		case 0:
			in["from"] = "1h"
		case 1:
			in["from"] = "300ms"
		}
		var c condition
		o.ask(t, "POST", "revocations", in, &c)
		conditions = append(slices.DeleteFunc(conditions, func(x condition) bool { return x.ID == c.ID }), c)
		harness.Wait(t, "a planned one to begin", func() bool { return in["from"] == "1h" || time.Now().After(c.From.Add(20*time.Millisecond)) })
		return fmt.Sprintf("revoked: %+v", c)
	}

	checked, refused := 0, 0
	for n := range 40 {
		what := step()
		now := time.Now()
		var list struct{ Tokens []struct{ ID string } }
		o.ask(t, "GET", "tokens?org=org1&status=revoked&limit=500", nil, &list)
		for _, w := range tokens {
			all := true
			for _, stream := range w.Streams {
				want := slices.ContainsFunc(conditions, func(c condition) bool { return c.refuses(w, stream, now) })
				all = all && want
				checked++
				status := http.StatusOK
				if want {
					status = http.StatusUnauthorized
					refused++
				}
				if got := headOf(t, i.Server, stall(stream, w.Token)); got != status {
					t.Fatalf("step %d, %s: the gate answers %+v for %s with %d", n, what, w, stream, got)
				}
				if session := w.sessions[stream]; session != "" {
					if got := headOf(t, i.Server, stall(stream, session)); got != status {
						t.Fatalf("step %d, %s: the gate answers a session of %+v for %s with %d", n, what, w, stream, got)
					}
				} else if !want && n < 5 {
					answer := harness.Curl(t, i.Plain()+"/live/org1/"+stream+"/index.m3u8?token="+w.Token)
					w.sessions[stream] = sessionToken.FindString(string(answer.Body))
				}
				conn := w.running[stream]
				switch {
				case strings.HasPrefix(what, "a restart"), conn == nil:
					delete(w.running, stream)
				case want:
					_ = conn.SetReadDeadline(time.Now().Add(5 * time.Second))
					if _, err := io.Copy(io.Discard, conn); os.IsTimeout(err) {
						t.Fatalf("step %d, %s: what %+v plays of %s goes on", n, what, w, stream)
					}
					delete(w.running, stream)
				default:
					_ = conn.SetReadDeadline(time.Now().Add(time.Millisecond))
					if _, err := io.Copy(io.Discard, conn); !os.IsTimeout(err) {
						t.Fatalf("step %d, %s: what %+v plays of %s has ended: %v", n, what, w, stream, err)
					}
				}
				if !want && w.running[stream] == nil {
					w.running[stream] = hold(t, i.Server, stall(stream, w.Token))
				}
			}
			var verified struct{ Allowed bool }
			o.ask(t, "POST", "tokens/verify", map[string]any{"token": w.Token}, &verified)
			if verified.Allowed == all {
				t.Fatalf("step %d, %s: verify says %t of %+v", n, what, verified.Allowed, w)
			}
			var kept struct{ Status string }
			o.ask(t, "GET", "tokens/"+w.ID+"?org=org1", nil, &kept)
			if (kept.Status == "revoked") != all {
				t.Fatalf("step %d, %s: the status of %+v is %s", n, what, w, kept.Status)
			}
			if listed := slices.ContainsFunc(list.Tokens, func(x struct{ ID string }) bool { return x.ID == w.ID }); listed != all {
				t.Fatalf("step %d, %s: %+v is listed as revoked: %t", n, what, w, listed)
			}
		}
		if n%10 == 9 && len(tokens) > 0 { // by the command, which asks verify
			w := tokens[random.IntN(len(tokens))]
			want := 0
			if !slices.ContainsFunc(w.Streams, func(stream string) bool {
				return !slices.ContainsFunc(conditions, func(c condition) bool { return c.refuses(w, stream, time.Now()) })
			}) {
				want = 1
			}
			if r := harness.Playgate(t, "token", "explain", w.Token, "--address", i.Admin); r.Code != want {
				t.Fatalf("step %d, %s: explain %+v: %s", n, what, w, r.Text())
			}
		}
	}
	if refused < checked/10 || refused > checked*9/10 {
		t.Errorf("%d of %d were refused", refused, checked)
	}
}
