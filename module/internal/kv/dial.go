package kv

import (
	"net"
	"sync/atomic"
	"time"
)

// A server answers a ping each second. Its answer waits behind whatever it has sent
// before, which takes a while when a large registry is read over a slow line. So
// not an answer alone but every byte is a sign of life, and a connection that
// brings none for connSilent is lost.
const (
	connSilent  = 3 * time.Second
	dialTimeout = 2 * time.Second
)

// dialer makes connections whose reads fail when nothing arrives for connSilent.
type dialer struct{}

func (dialer) Dial(network, address string) (net.Conn, error) {
	c, err := net.DialTimeout(network, address, dialTimeout)
	if err != nil {
		return nil, err
	}
	return &dialled{Conn: c}, nil
}

type dialled struct {
	net.Conn
	bounded atomic.Bool // the library has set a deadline of its own
}

func (c *dialled) SetDeadline(t time.Time) error {
	c.bounded.Store(!t.IsZero())
	return c.Conn.SetDeadline(t)
}

func (c *dialled) Read(p []byte) (int, error) {
	if !c.bounded.Load() {
		if err := c.SetReadDeadline(time.Now().Add(connSilent)); err != nil {
			return 0, err
		}
	}
	return c.Conn.Read(p)
}
