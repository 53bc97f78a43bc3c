package main

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"strconv"
	"sync/atomic"
	"time"
)

// origin answers by the end of the path: seg.m4s is a small segment, big.m4s one
// of 1 MB, list.m3u8 a playlist, socket a WebSocket of 4 Mbit/s, and idle one that
// sends nothing. It counts the requests: a refused one must not be among them.
type origin struct {
	listener net.Listener
	requests atomic.Int64
	answers  map[string][]byte
	frame    []byte // of a WebSocket
}

func newOrigin() (*origin, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	o := &origin{listener: l, frame: binaryFrame(frameSize), answers: map[string][]byte{
		"seg.m4s":   answer("video/mp4", bytes.Repeat([]byte("#"), 4<<10)),
		"big.m4s":   answer("video/mp4", bytes.Repeat([]byte("#"), 1<<20)),
		"list.m3u8": answer("application/vnd.apple.mpegurl", playlist()),
	}}
	go o.accept()
	return o, nil
}

func answer(mediaType string, body []byte) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "HTTP/1.1 200 OK\r\nServer: origin\r\nDate: %s\r\nContent-Type: %s\r\nContent-Length: %d\r\n"+
		"Last-Modified: Fri, 27 Nov 2026 12:00:00 GMT\r\nETag: \"6b09fdbf-1000\"\r\nCache-Control: public, max-age=3600\r\nAccept-Ranges: bytes\r\n\r\n",
		time.Now().UTC().Format("Mon, 02 Jan 2006 15:04:05 GMT"), mediaType, len(body))
	b.Write(body)
	return b.Bytes()
}

// playlist is one of low latency: six segments of 4 s, the last two in parts of
// half a second.
func playlist() []byte {
	var b bytes.Buffer
	b.WriteString("#EXTM3U\n#EXT-X-VERSION:9\n#EXT-X-TARGETDURATION:4\n#EXT-X-PART-INF:PART-TARGET=0.5\n" +
		"#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,PART-HOLD-BACK=1.5\n#EXT-X-MEDIA-SEQUENCE:100\n#EXT-X-MAP:URI=\"init.mp4\"\n")
	for segment := 100; segment < 106; segment++ {
		for part := range 8 {
			if segment >= 104 {
				fmt.Fprintf(&b, "#EXT-X-PART:DURATION=0.5,URI=\"seg%d.%d.m4s\"\n", segment, part)
			}
		}
		fmt.Fprintf(&b, "#EXTINF:4.0,\nseg%d.m4s\n", segment)
	}
	b.WriteString("#EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"seg106.0.m4s\"\n")
	return b.Bytes()
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
		var text []byte
		name := ""
		for first := true; ; first = false { // the header; media is asked for without a body
			line, err := r.ReadSlice('\n')
			if err != nil {
				return
			}
			if first {
				path, _, _ := bytes.Cut(bytes.TrimPrefix(line, []byte("GET ")), []byte(" "))
				path, _, _ = bytes.Cut(path, []byte("?"))
				name = string(path[bytes.LastIndexByte(path, '/')+1:])
				text = o.answers[name]
			}
			if len(line) <= 2 {
				break
			}
		}
		o.requests.Add(1)
		if name == "socket" || name == "idle" {
			o.push(conn, name == "idle")
			return
		}
		if text == nil {
			text = []byte("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
		}
		if _, err := conn.Write(text); err != nil {
			return
		}
	}
}

const (
	frameSize  = 20_000
	frameEvery = 40 * time.Millisecond // 4 Mbit/s
)

// push opens a WebSocket and sends frames, or nothing, until the other side has
// enough.
func (o *origin) push(conn net.Conn, idle bool) {
	if _, err := io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"); err != nil {
		return
	}
	if idle {
		_, _ = conn.Read(make([]byte, 1)) // until it is closed
		return
	}
	for range time.Tick(frameEvery) {
		if _, err := conn.Write(o.frame); err != nil {
			return
		}
	}
}

// binaryFrame is a WebSocket frame of a server (RFC 6455, section 5.2).
func binaryFrame(size int) []byte {
	f := append([]byte{0x82, 127}, binary.BigEndian.AppendUint64(nil, uint64(size))...)
	return append(f, bytes.Repeat([]byte("#"), size)...)
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
