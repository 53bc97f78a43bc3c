package integration_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/playgate/playgate/integration/harness"
)

// crowd opens many responses that stall and returns what ends when all of them
// have ended, with the moment of the last one; half of them are WebSockets.
func crowd(t *testing.T, s *harness.Server, n int, target string) (over <-chan time.Time, ended *atomic.Int64) {
	t.Helper()
	var begun, broken atomic.Int64
	ended = new(atomic.Int64)
	last := make(chan time.Time, 1)
	var all sync.WaitGroup
	slots := make(chan struct{}, 50)
	for i := range n {
		all.Go(func() {
			slots <- struct{}{}
			conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", s.HTTP)
			if err != nil {
				t.Error(err)
				<-slots
				return
			}
			defer conn.Close()
			upgrade := ""
			if i%2 == 1 {
				upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
			}
			fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: %s\r\n%s\r\n", target, s.HTTP, upgrade)
			reader := bufio.NewReader(conn)
			response, err := http.ReadResponse(reader, nil)
			<-slots
			if err != nil || response.StatusCode != 200 && response.StatusCode != 101 {
				t.Errorf("response %d: %v, %v", i, response, err)
				return
			}
			begun.Add(1)
			if upgrade != "" {
				_, err = io.Copy(io.Discard, reader)
			} else if _, err = io.Copy(io.Discard, response.Body); err == nil {
				broken.Add(1)
			}
			ended.Add(1)
		})
	}
	go func() {
		all.Wait()
		if b := broken.Load(); b > 0 {
			t.Errorf("%d bodies look complete", b)
		}
		last <- time.Now()
	}()
	harness.Wait(t, "all responses", func() bool { return begun.Load() == int64(n) || t.Failed() })
	return last, ended
}

// descriptors is how many the server has open.
func descriptors(t *testing.T, s *harness.Server) int {
	t.Helper()
	list, err := os.ReadDir("/proc/" + strconv.Itoa(s.Pid()) + "/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}

var goroutineCount = regexp.MustCompile(`goroutine profile: total (\d+)`)

func goroutines(t *testing.T, s *harness.Server) int {
	t.Helper()
	response, err := http.Get("http://" + s.Admin + "/debug/pprof/goroutine?debug=1")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, _ := io.ReadAll(response.Body)
	m := goroutineCount.FindSubmatch(body)
	if m == nil {
		t.Fatalf("no goroutines in %.200s", body)
	}
	n, _ := strconv.Atoi(string(m[1]))
	return n
}

// Revocation cuts 2,000 connections at once; goroutines, descriptors and
// upstream connections go back to the baseline. Clients that come back in a loop
// cost no request at the origin and no line in the gate's own logger.
func TestCutOfManyConnections(t *testing.T) {
	e := new(endless)
	i := startIssuingFor(t, e, issuer, nil)
	i.do(t, "org", "create", "org1")
	token := i.do(t, "token", "create", "--org", "org1", "--stream", "cam")
	target := "/live/org1/cam/stall?token=" + token
	files, routines := descriptors(t, i.Server), goroutines(t, i.Server)
	over, _ := crowd(t, i.Server, 2000, target)
	i.do(t, "token", "revoke", "--org", "org1", "--stream", "cam")
	revoked := time.Now()
	select {
	case last := <-over:
		took := last.Sub(revoked)
		t.Logf("the last of 2,000 ended %v after the revocation was acknowledged", took)
		if took > cutWithin {
			t.Errorf("the last one ended after %v", took)
		}
	case <-time.After(harness.Deadline):
		t.Fatal("not all were cut")
	}
	harness.Wait(t, "the origin to be rid of them", func() bool { return e.open.Load() == 0 })
	// The rest are idle connections to the origin and the admin endpoint.
	harness.Wait(t, "the descriptors", func() bool { return descriptors(t, i.Server) <= files+20 })
	harness.Wait(t, "the goroutines", func() bool { return goroutines(t, i.Server) <= routines+40 })

	mark, lines := len(i.origin.Raw()), strings.Count(i.Output(), `"logger":"http.handlers.playgate`)
	for range 300 {
		if got := i.get(t, target).Status; got != http.StatusUnauthorized {
			t.Fatalf("status %d after the revocation", got)
		}
	}
	i.origin.SawNothing(t, mark)
	if now := strings.Count(i.Output(), `"logger":"http.handlers.playgate`); now > lines+1 {
		t.Errorf("%d lines of the gate's own logger for refusals", now-lines)
	}
}

// 100 reloads under 500 running streams: none is dropped, and all are cut in
// time when the last one retires their key.
func TestManyReloadsDropNothing(t *testing.T) {
	e := new(endless)
	s := setup{playgate: "leeway 0s"}
	withDelay := func() string {
		return strings.Replace(s.caddyfile(), "reverse_proxy {$ORIGIN}", "reverse_proxy {$ORIGIN} {\nstream_close_delay 1h\n}", 1)
	}
	key := harness.NewKey(t, "main", "EdDSA")
	origin := harness.NewOrigin(t, e)
	server := harness.Serve(t, withDelay(), harness.Env{"KEY": key.PublicFile, "ORIGIN": origin.Addr})
	token := key.Token(t, "--org", "org1", "--stream", "cam")
	over, ended := crowd(t, server, 500, "/live/org1/cam/stall?token="+token)
	for n := range 100 {
		s.gate = []string{"errors verbose", "propagate off"}[n%2]
		reload(t, server, withDelay())
	}
	if n := ended.Load(); n > 0 {
		t.Errorf("%d of 500 streams were dropped", n)
	}
	s.playgate = "key main {\nfile {$KEY}\nstate retired\n}"
	reload(t, server, withDelay())
	retired := time.Now()
	took := (<-over).Sub(retired)
	t.Logf("the last of 500 streams ended %v after its key was retired", took)
	if took > cutWithin {
		t.Errorf("the last stream ended %v after its key was retired", took)
	}
}

// reload hands the configuration to the admin endpoint itself: a command for each
// of a hundred reloads would take a minute.
func reload(t *testing.T, s *harness.Server, caddyfile string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), harness.Deadline)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+s.Admin+"/load", strings.NewReader(caddyfile))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "text/caddyfile")
	request.Close = true // the admin endpoint ends with its configuration, and idle connections to it
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, _ := io.ReadAll(response.Body)
	if response.StatusCode != http.StatusOK {
		t.Fatalf("a reload failed: %s", text)
	}
}
