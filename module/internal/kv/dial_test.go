package kv

import (
	"errors"
	"net"
	"os"
	"testing"
	"testing/synctest"
	"time"
)

// A connection on which anything arrives is alive, and one on which nothing does is
// lost. Deadlines of the library's own come first.
func TestSilentConnections(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := net.Pipe()
		c := &dialled{Conn: ours}
		defer c.Close()
		go func() {
			for range 20 {
				time.Sleep(connSilent - time.Millisecond)
				_, _ = theirs.Write([]byte{'.'})
			}
		}()
		var b [1]byte
		for i := range 20 {
			if _, err := c.Read(b[:]); err != nil {
				t.Fatalf("after %d bytes: %v", i, err)
			}
		}
		silent := func(want time.Duration) {
			t.Helper()
			began := time.Now()
			_, err := c.Read(b[:])
			if took := time.Since(began); !errors.Is(err, os.ErrDeadlineExceeded) || took != want {
				t.Errorf("%v after %v instead of %v", err, took, want)
			}
		}
		silent(connSilent)
		for _, within := range []time.Duration{connSilent / 2, 2 * connSilent} {
			if err := c.SetDeadline(time.Now().Add(within)); err != nil {
				t.Fatal(err)
			}
			silent(within)
		}
		if err := c.SetDeadline(time.Time{}); err != nil {
			t.Fatal(err)
		}
		silent(connSilent)
	})
}
