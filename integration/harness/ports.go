package harness

import (
	"math/rand/v2"
	"net"
	"strconv"
	"sync"
	"testing"
)

var ports struct {
	sync.Mutex
	given map[int]bool
}

// Port finds a port of 127.0.0.1 that is free for TCP and for UDP. It stays
// below the range from which the kernel takes ports for outgoing connections,
// and no port is given twice in one run, so that it is still free when the
// server that it is for starts.
func Port(t testing.TB) int {
	t.Helper()
	ports.Lock()
	defer ports.Unlock()
	if ports.given == nil {
		ports.given = map[int]bool{}
	}
	for range 1000 {
		port := 10_000 + rand.IntN(20_000)
		if !ports.given[port] && free(port) {
			ports.given[port] = true
			return port
		}
	}
	t.Fatal("no free port on 127.0.0.1")
	return 0
}

func free(port int) bool {
	addr := Loopback(port)
	tcp, err := net.Listen("tcp", addr)
	if err != nil {
		return false
	}
	defer tcp.Close()
	udp, err := net.ListenPacket("udp", addr)
	if err != nil {
		return false
	}
	udp.Close()
	return true
}

// Loopback is the address of a port on 127.0.0.1.
func Loopback(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }
