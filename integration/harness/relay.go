package harness

import (
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// Relay is a way over TCP to an address that a test can cut.
type Relay struct {
	// Addr is where clients connect.
	Addr string
	to   string
	rate atomic.Int64 // bytes a second to the client; 0 is no limit

	mu       sync.Mutex
	conns    map[net.Conn]bool
	refuses  bool
	passable chan struct{} // closed while bytes pass
}

// NewRelay makes a way to an address.
func NewRelay(t testing.TB, to string) *Relay {
	t.Helper()
	listener, err := net.Listen("tcp", Loopback(Port(t)))
	if err != nil {
		t.Fatal(err)
	}
	r := &Relay{Addr: listener.Addr().String(), to: to, conns: map[net.Conn]bool{}, passable: make(chan struct{})}
	close(r.passable)
	t.Cleanup(func() {
		listener.Close()
		r.Heal()
		r.drop()
	})
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			go r.serve(client)
		}
	}()
	return r
}

// Reset ends every connection with a reset, and refuses new ones.
func (r *Relay) Reset() {
	r.mu.Lock()
	r.refuses = true
	r.mu.Unlock()
	r.drop()
}

// Swallow lets nothing through any more, and says so to nobody: as with a
// firewall that drops packets, what was sent meanwhile arrives when it is healed.
func (r *Relay) Swallow() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.passable = make(chan struct{})
}

// Narrow lets so many bytes a second through to clients, on each connection; 0 ends
// that.
func (r *Relay) Narrow(rate int64) { r.rate.Store(rate) }

// Heal lets everything through again.
func (r *Relay) Heal() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.refuses = false
	select {
	case <-r.passable:
	default:
		close(r.passable)
	}
}

func (r *Relay) drop() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for conn := range r.conns {
		_ = conn.(*net.TCPConn).SetLinger(0)
		conn.Close()
	}
}

func (r *Relay) keep(conn net.Conn) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.refuses {
		_ = conn.(*net.TCPConn).SetLinger(0)
		conn.Close()
		return false
	}
	r.conns[conn] = true
	return true
}

func (r *Relay) forget(conn net.Conn) {
	conn.Close()
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.conns, conn)
}

// pass waits until bytes pass.
func (r *Relay) pass() {
	r.mu.Lock()
	passable := r.passable
	r.mu.Unlock()
	<-passable
}

func (r *Relay) serve(client net.Conn) {
	if !r.keep(client) {
		return
	}
	defer r.forget(client)
	r.pass()
	server, err := net.DialTimeout("tcp", r.to, 5*time.Second)
	if err != nil || !r.keep(server) {
		return
	}
	defer r.forget(server)
	var both sync.WaitGroup
	for _, way := range [][2]net.Conn{{server, client}, {client, server}} {
		both.Go(func() {
			defer way[0].Close()
			defer way[1].Close()
			buf := make([]byte, 64<<10)
			for {
				n, err := way[1].Read(buf)
				r.pass()
				if rate := r.rate.Load(); rate > 0 && way[0] == client {
					time.Sleep(time.Duration(n) * time.Second / time.Duration(rate))
				}
				if _, failed := way[0].Write(buf[:n]); err != nil || failed != nil {
					return
				}
			}
		})
	}
	both.Wait()
}
