package conns

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func start(t *testing.T, table *Table, conn net.Conn) (*Running, context.Context) {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	ctx, cancel := context.WithCancel(t.Context())
	run := new(Running)
	run.Start(httptest.NewRecorder(), r, conn, cancel)
	table.Add(run)
	return run, ctx
}

// hijacked is the response of a WebSocket on its connection.
func hijacked(t *testing.T, server net.Conn) (*Running, *Conn) {
	t.Helper()
	run, _ := start(t, new(Table), server)
	conn := run.Hijacked(server)
	run.Begin()
	return run, conn
}

func pair(t *testing.T) (server, client net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if client, err = net.Dial("tcp", l.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if server, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = server.Close(), client.Close() })
	return server, client
}

// A close frame never stands inside of another frame, whenever the cut comes.
func TestCloseFrameBetweenFrames(t *testing.T) {
	whole := frame(0x82, 300)
	for at := range len(whole) + 1 {
		var sent bytes.Buffer
		var table Table
		run, ctx := start(t, &table, nil)
		stream := run.Stream(sent.Write)
		run.Begin()
		if _, err := stream.Write(whole[:at]); err != nil {
			t.Fatal(err)
		}
		var cut sync.WaitGroup
		cut.Go(func() { run.Cut("expired", CloseExpired) })
		for !stream.wanted() {
			runtime.Gosched()
		}
		next := frame(0x82, 5)
		rest := append(bytes.Clone(whole[at:]), next...)
		if _, err := stream.Write(rest); err == nil {
			t.Fatalf("cut at %d: the origin may go on", at)
		}
		cut.Wait()
		run.Release()
		end := closeFrame(CloseExpired, closeTexts[CloseExpired])
		wants := [][]byte{append(bytes.Clone(whole), end...)}
		switch at { // between two frames the origin may be first: its next one is sent whole
		case 0:
			wants = append(wants, end)
		case len(whole):
			wants = append(wants, slices.Concat(whole, next, end))
		}
		if !slices.ContainsFunc(wants, func(want []byte) bool { return bytes.Equal(want, sent.Bytes()) }) {
			t.Fatalf("cut at %d: sent %d bytes: %x", at, sent.Len(), sent.Bytes())
		}
		if ctx.Err() == nil || table.Len() != 0 {
			t.Fatalf("cut at %d: what is below goes on", at)
		}
	}
}

// One who reads nothing loses the connection, in the midst of a frame.
func TestCutOfAStuckSocket(t *testing.T) {
	server, _ := net.Pipe() // a write waits until it is read
	run, conn := hijacked(t, server)
	wrote := make(chan error, 1)
	go func() {
		for {
			if _, err := conn.Write(frame(0x82, 1<<20)); err != nil {
				wrote <- err
				return
			}
		}
	}()
	for !conn.socket.busy() {
		runtime.Gosched()
	}
	began := time.Now()
	run.Cut("revoked", CloseRevoked)
	select {
	case <-wrote:
	case <-time.After(10 * time.Second):
		t.Fatal("still writing")
	}
	if took := time.Since(began); took > 2*time.Second {
		t.Errorf("the cut took %v", took)
	}
	run.Release()
}

// The client reads the close frame although it has sent bytes that nobody read.
func TestCloseFrameIsRead(t *testing.T) {
	server, client := pair(t)
	run, conn := hijacked(t, server)
	if _, err := client.Write(make([]byte, 10_000)); err != nil {
		t.Fatal(err)
	}
	run.Cut("revoked", CloseRevoked)
	_ = conn.Close()
	run.Release()
	got, err := io.ReadAll(client)
	if want := closeFrame(CloseRevoked, closeTexts[CloseRevoked]); err != nil || !bytes.Equal(got, want) {
		t.Errorf("the client read %x, %v", got, err)
	}
}

// Cut, Release, Begin and Each may come in any order at the same time.
func TestRaces(t *testing.T) {
	var table Table
	var all sync.WaitGroup
	for range 200 {
		server, _ := net.Pipe()
		run, _ := start(t, &table, server)
		all.Go(func() { run.Cut("expired", CloseExpired) })
		all.Go(func() { run.Begin(); run.Release() })
		all.Go(func() {
			table.Each(func(r *Running) {
				if r.Schedule() {
					go r.Cut("revoked", CloseRevoked)
				}
			})
		})
	}
	all.Wait()
	if n := table.Len(); n != 0 {
		t.Errorf("%d responses are left", n)
	}
}

// What was cut before it began sends nothing.
func TestCutBeforeTheBeginning(t *testing.T) {
	var table Table
	run, ctx := start(t, &table, nil)
	run.Cut("expired", CloseExpired)
	if run.Begin() || run.Reason() != "expired" || ctx.Err() == nil {
		t.Error("it begins")
	}
	run.Release()
}

// A handler that returns while its client does not read is not held up.
func TestReleaseOfAStuckSocket(t *testing.T) {
	server, _ := net.Pipe()
	run, conn := hijacked(t, server)
	go func() { _, _ = conn.Write(frame(0x82, 100)) }()
	for !conn.socket.busy() {
		runtime.Gosched()
	}
	released := make(chan struct{})
	go func() { run.Release(); close(released) }()
	select {
	case <-released:
	case <-time.After(10 * time.Second):
		t.Fatal("still waiting")
	}
}

// Each time that nothing runs any more is told once.
func TestIdleTable(t *testing.T) {
	var idle atomic.Int64
	table := Table{Idle: func() { idle.Add(1) }}
	first, _ := start(t, &table, nil)
	second, _ := start(t, &table, nil)
	first.Release()
	if idle.Load() != 0 || table.Len() != 1 {
		t.Errorf("%d run, and it was idle %d times", table.Len(), idle.Load())
	}
	second.Release()
	third, _ := start(t, &table, nil)
	third.Release()
	if idle.Load() != 2 || table.Len() != 0 {
		t.Errorf("%d run, and it was idle %d times", table.Len(), idle.Load())
	}
}
