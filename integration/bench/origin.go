package main

import (
	"bufio"
	"bytes"
	"fmt"
	"net"
	"strconv"
	"sync/atomic"
	"time"
)

// origin answers every request with the same segment. It counts them: a refused
// request must not be among them.
type origin struct {
	listener net.Listener
	requests atomic.Int64
	answer   []byte
}

func newOrigin(size int) (*origin, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "HTTP/1.1 200 OK\r\nServer: origin\r\nDate: %s\r\nContent-Type: video/mp4\r\nContent-Length: %d\r\n"+
		"Last-Modified: Fri, 27 Nov 2026 12:00:00 GMT\r\nETag: \"6b09fdbf-1000\"\r\nCache-Control: public, max-age=3600\r\nAccept-Ranges: bytes\r\n\r\n",
		time.Now().UTC().Format("Mon, 02 Jan 2006 15:04:05 GMT"), size)
	b.Write(bytes.Repeat([]byte("#"), size))
	o := &origin{listener: l, answer: b.Bytes()}
	go o.accept()
	return o, nil
}

func (o *origin) address() string { return o.listener.Addr().String() }

func (o *origin) accept() {
	for {
		conn, err := o.listener.Accept()
		if err != nil {
			return
		}
		go o.serve(conn)
	}
}

func (o *origin) serve(conn net.Conn) {
	defer conn.Close()
	r := bufio.NewReaderSize(conn, 16<<10)
	for {
		for { // the header; media is asked for without a body
			line, err := r.ReadSlice('\n')
			if err != nil {
				return
			}
			if len(line) <= 2 {
				break
			}
		}
		o.requests.Add(1)
		if _, err := conn.Write(o.answer); err != nil {
			return
		}
	}
}

// answered is what a client reads: the status, and how long the body is.
type answered struct {
	status int
	length int
}

// readHead reads the header of an answer.
func readHead(r *bufio.Reader) (answered, error) {
	a := answered{length: -1}
	for first := true; ; first = false {
		line, err := r.ReadSlice('\n')
		if err != nil {
			return a, err
		}
		switch {
		case first:
			if len(line) < 12 {
				return a, fmt.Errorf("no status line: %q", line)
			}
			if a.status, err = strconv.Atoi(string(line[9:12])); err != nil {
				return a, err
			}
		case len(line) <= 2:
			if a.length < 0 {
				return a, fmt.Errorf("a %d without a length", a.status)
			}
			return a, nil
		case len(line) > 16 && bytes.EqualFold(line[:15], []byte("Content-Length:")):
			if a.length, err = strconv.Atoi(string(bytes.TrimSpace(line[15:]))); err != nil {
				return a, err
			}
		}
	}
}
