package harness

import (
	"context"
	"crypto/tls"
	"net"
	"sync"
	"testing"

	"github.com/quic-go/quic-go"
)

// earlyRelay stands between a QUIC client and a server. Until it is released it
// passes the client's datagrams with Initial and 0-RTT packets and keeps those
// that finish the handshake.
type earlyRelay struct {
	front *net.UDPConn // faces the client
	back  *net.UDPConn // faces the server

	mu       sync.Mutex
	client   *net.UDPAddr
	early    bool
	released bool
	held     [][]byte
	waiting  [][]byte // from the server, until early data was seen
}

func newEarlyRelay(t testing.TB, server string) *earlyRelay {
	t.Helper()
	addr, err := net.ResolveUDPAddr("udp", server)
	if err != nil {
		t.Fatal(err)
	}
	front, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	back, err := net.DialUDP("udp", nil, addr)
	if err != nil {
		front.Close()
		t.Fatal(err)
	}
	relay := &earlyRelay{front: front, back: back}
	t.Cleanup(func() { front.Close(); back.Close() })
	go relay.forward()
	go relay.backward()
	return relay
}

// dial has the shape of http3.Transport.Dial.
func (r *earlyRelay) dial(ctx context.Context, _ string, tlsConfig *tls.Config, config *quic.Config) (*quic.Conn, error) {
	return quic.DialAddrEarly(ctx, r.front.LocalAddr().String(), tlsConfig, config)
}

func (r *earlyRelay) forward() {
	buf := make([]byte, 64<<10)
	for {
		n, client, err := r.front.ReadFromUDP(buf)
		if err != nil {
			return
		}
		datagram := append([]byte(nil), buf[:n]...)
		r.mu.Lock()
		r.client = client
		switch early, finishes := packetKinds(datagram); {
		case r.released:
			r.back.Write(datagram)
		case early && !finishes:
			r.early = true
			r.back.Write(datagram)
			r.flushWaiting()
		case finishes:
			r.held = append(r.held, datagram)
		default:
			r.back.Write(datagram)
		}
		r.mu.Unlock()
	}
}

// backward keeps the server's answer to the first Initial until the client has
// sent early data: with that answer in hand it would not send any.
func (r *earlyRelay) backward() {
	buf := make([]byte, 64<<10)
	for {
		n, err := r.back.Read(buf)
		if err != nil {
			return
		}
		r.mu.Lock()
		r.waiting = append(r.waiting, append([]byte(nil), buf[:n]...))
		if r.early || r.released {
			r.flushWaiting()
		}
		r.mu.Unlock()
	}
}

func (r *earlyRelay) flushWaiting() {
	for _, datagram := range r.waiting {
		r.front.WriteToUDP(datagram, r.client)
	}
	r.waiting = nil
}

func (r *earlyRelay) release() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.released = true
	for _, datagram := range r.held {
		r.back.Write(datagram)
	}
	r.held = nil
	if r.client != nil {
		r.flushWaiting()
	}
}

func (r *earlyRelay) sawEarlyData() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.early
}

// packetKinds looks at the packets of one datagram (RFC 9000, 17.2): whether
// one is 0-RTT, and whether one is a Handshake packet or has a short header,
// which only a client has that got the server's part of the handshake.
func packetKinds(datagram []byte) (early, finishes bool) {
	for len(datagram) > 0 {
		if datagram[0]&0x80 == 0 {
			return early, true
		}
		kind := datagram[0] >> 4 & 3
		switch kind {
		case 1:
			early = true
		case 2:
			finishes = true
		case 3: // Retry: the datagram's last
			return early, finishes
		}
		rest, ok := afterLongHeader(datagram, kind == 0)
		if !ok {
			return early, finishes
		}
		datagram = rest
	}
	return early, finishes
}

func afterLongHeader(b []byte, initial bool) (rest []byte, ok bool) {
	at := 5 // first byte and version
	for range 2 {
		if at >= len(b) {
			return nil, false
		}
		at += 1 + int(b[at]) // a connection id
	}
	if initial {
		token, width, ok := varint(b, at)
		if !ok {
			return nil, false
		}
		at += width + token
	}
	length, width, ok := varint(b, at)
	if !ok || at+width+length > len(b) {
		return nil, false
	}
	return b[at+width+length:], true
}

func varint(b []byte, at int) (value, width int, ok bool) {
	if at >= len(b) {
		return 0, 0, false
	}
	width = 1 << (b[at] >> 6)
	if at+width > len(b) {
		return 0, 0, false
	}
	value = int(b[at] & 0x3f)
	for _, next := range b[at+1 : at+width] {
		value = value<<8 | int(next)
	}
	return value, width, true
}
