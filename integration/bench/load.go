package main

import (
	"bufio"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// load asks one server, over a number of connections, each request as soon as
// the one before is answered.
type load struct {
	address string
	status  int      // that every answer must have
	texts   [][]byte // of requests, taken in turn
	next    atomic.Int64

	conns []*client
}

type client struct {
	conn net.Conn
	r    *bufio.Reader
}

// dial connects from one of loopback's addresses, with so many bytes to read into.
func dial(address, from string, buffer int) (*client, error) {
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
	conn, err := d.Dial("tcp", address)
	if err != nil {
		return nil, err
	}
	return &client{conn, bufio.NewReaderSize(conn, buffer)}, nil
}

const (
	connections = 64       // of a closed loop
	loadBuffer  = 64 << 10 // of each of them
)

func newLoad(address string, status int, targets []string) *load {
	l := &load{address: address, status: status}
	for _, target := range targets {
		l.texts = append(l.texts, request(target, address))
	}
	return l
}

func request(target, host string) []byte {
	return []byte("GET " + target + " HTTP/1.1\r\nHost: " + host + "\r\n\r\n")
}

func (l *load) connect() error {
	for range connections {
		c, err := dial(l.address, "127.0.0.1", loadBuffer)
		if err != nil {
			return err
		}
		l.conns = append(l.conns, c)
	}
	return nil
}

func (l *load) close() {
	for _, c := range l.conns {
		_ = c.conn.Close()
	}
	l.conns = nil
}

// run asks for so long, and returns how many requests were answered.
func (l *load) run(length time.Duration) (requests int, err error) {
	var done atomic.Bool
	var count atomic.Int64
	var wait sync.WaitGroup
	failed := make(chan error, len(l.conns))
	for _, c := range l.conns {
		wait.Go(func() {
			for !done.Load() {
				if err := l.one(c); err != nil {
					failed <- err
					return
				}
				count.Add(1)
			}
		})
	}
	time.Sleep(length) // it is the length of the measurement, not a wait for something
	done.Store(true)
	wait.Wait()
	select {
	case err = <-failed:
	default:
	}
	return int(count.Load()), err
}

// all asks for each of the targets once, over a connection of its own.
func (l *load) all() error {
	c, err := dial(l.address, "127.0.0.1", loadBuffer)
	if err != nil {
		return err
	}
	defer c.conn.Close()
	for range l.texts {
		if err := l.one(c); err != nil {
			return err
		}
	}
	return nil
}

func (l *load) one(c *client) error {
	n := l.next.Add(1) - 1
	a, err := c.ask(l.texts[n%int64(len(l.texts))])
	if err == nil && a.status != l.status {
		err = fmt.Errorf("%s answers %d instead of %d", l.address, a.status, l.status)
	}
	return err
}

func (c *client) ask(text []byte) (answered, error) {
	if _, err := c.conn.Write(text); err != nil {
		return answered{}, err
	}
	a, err := readHead(c.r)
	if err == nil {
		_, err = c.r.Discard(a.length)
	}
	return a, err
}
