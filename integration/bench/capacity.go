package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// crowd says how many watch, and how.
type crowd struct {
	viewers int           // of HLS, and of sockets
	rate    int           // requests of a viewer in a second, half of them for playlists
	flood   int           // forged tokens in a second
	length  time.Duration // of each measurement
}

// capacity measures what a machine carries: low latency with and without a flood,
// sockets, and memory for each viewer. Here the server has all CPUs.
func (b *bench) capacity(c crowd) error {
	b.cpu = allCPUs
	for i, measure := range []func(crowd, *process, string) error{b.lowLatency, b.sockets} {
		gate, at, err := b.startGate(fmt.Sprintf("capacity-%d", i), "\t\tbad_signatures 50 1m\n", "")
		if err != nil {
			return err
		}
		if err := measure(c, gate, at["EdDSA"]); err != nil {
			return err
		}
		gate.stop()
	}
	return nil
}

// viewer is a player on one connection.
type viewer struct {
	*client
	playlist, part []byte // requests
	took           []time.Duration
}

// join fetches the first playlist, and finds in it how parts are asked for.
func join(address, token string) (*viewer, error) {
	c, err := dial(address, "127.0.0.1", 4<<10)
	if err != nil {
		return nil, err
	}
	v := &viewer{client: c, playlist: request(manifest+"?token="+token, address)}
	if _, err := v.conn.Write(v.playlist); err != nil {
		return nil, err
	}
	a, err := readHead(v.r)
	if err != nil || a.status != 200 {
		return nil, errors.Join(fmt.Errorf("the first playlist: status %d", a.status), err)
	}
	body := make([]byte, a.length)
	if _, err := io.ReadFull(v.r, body); err != nil {
		return nil, err
	}
	const part = "seg104.0.m4s"
	before, after, _ := bytes.Cut(body, []byte(part))
	front, behind := before[bytes.LastIndexByte(before, '"')+1:], after[:max(bytes.IndexByte(after, '"'), 0)]
	if len(front)+len(behind) == 0 {
		return nil, fmt.Errorf("the playlist was not rewritten: %s", body)
	}
	folder, name := path.Split(segment)
	v.part = request(folder+string(front)+name+string(behind), address)
	return v, nil
}

// watch asks at a steady pace, whatever the answers take: what is late counts from
// when it was due.
func (v *viewer) watch(start time.Time, rate int, length time.Duration) error {
	every := time.Second / time.Duration(rate)
	for n := range int(length / every) {
		due := start.Add(time.Duration(n) * every)
		time.Sleep(time.Until(due))
		text := v.part
		if n%2 == 0 {
			text = v.playlist
		}
		a, err := v.ask(text)
		if err != nil {
			return err
		}
		if a.status != 200 {
			return fmt.Errorf("status %d", a.status)
		}
		v.took = append(v.took, time.Since(due))
	}
	return nil
}

func (b *bench) lowLatency(c crowd, gate *process, address string) error {
	tokens := b.keys["EdDSA"].tokens("crowd", c.viewers)
	before := gate.resident()
	viewers := make([]*viewer, c.viewers)
	for i := range viewers {
		var err error
		if viewers[i], err = join(address, tokens[i]); err != nil {
			return fmt.Errorf("viewer %d: %w", i, err)
		}
		defer viewers[i].conn.Close()
	}
	fmt.Fprintf(b.out, "%d viewers with a token and a connection each take %.0f KB each.\n\n", c.viewers, float64(gate.resident()-before)/1024/float64(c.viewers))
	fmt.Fprintf(b.out, "| LL-HLS, %d viewers, %d requests/s each | CPUs | requests | failed | p50, ms | p99, ms | forged/s | MB |\n|---|---|---|---|---|---|---|---|\n", c.viewers, c.rate)
	for _, flood := range []int{0, c.flood, 0, c.flood} {
		var stop atomic.Bool
		var answered atomic.Int64
		var floods sync.WaitGroup
		if flood > 0 {
			forged := withToken(segment, b.keys["EdDSA"].forged(int(float64(flood)*c.length.Seconds()*1.5)))
			for i := range floodClients {
				floods.Go(func() {
					b.flood(address, forged[i*len(forged)/floodClients:(i+1)*len(forged)/floodClients], flood, &stop, &answered)
				})
			}
		}
		reached, cpu, began := b.origin.requests.Load(), gate.cpu(), time.Now()
		var failed, asked atomic.Int64
		var wait sync.WaitGroup
		for i, v := range viewers {
			v.took = v.took[:0]
			wait.Go(func() {
				phase := time.Second * time.Duration(i) / time.Duration(c.rate*len(viewers))
				if err := v.watch(began.Add(phase), c.rate, c.length); err != nil {
					failed.Add(1)
					fmt.Fprintln(os.Stderr, "viewer", i, err)
				}
				asked.Add(int64(len(v.took)))
			})
		}
		wait.Wait()
		length := time.Since(began)
		used := float64(gate.cpu()-cpu) / float64(length)
		stop.Store(true)
		floods.Wait()
		var all []time.Duration
		for _, v := range viewers {
			all = append(all, v.took...)
		}
		slices.Sort(all)
		name := "quiet"
		if flood > 0 {
			name = "while forged tokens flood in"
		}
		fmt.Fprintf(b.out, "| %s | %.2f | %d | %d | %.1f | %.1f | %.0f | %d |\n", name, used, asked.Load(), failed.Load(),
			float64(all[len(all)/2])/1e6, float64(all[len(all)*99/100])/1e6, float64(answered.Load())/length.Seconds(), gate.resident()>>20)
		if got := b.origin.requests.Load() - reached; got != asked.Load() {
			return fmt.Errorf("%d requests reached the origin, and %d were let through", got, asked.Load())
		}
	}
	return nil
}

// floodClients are the connections over which forged tokens come.
const floodClients = 20

// flood sends forged tokens at a steady pace, from another address than viewers.
func (b *bench) flood(address string, targets []string, rate int, stop *atomic.Bool, answered *atomic.Int64) {
	c, err := dial(address, "127.0.0.2", 4<<10)
	if err != nil {
		fmt.Fprintln(os.Stderr, "flood:", err)
		return
	}
	defer c.conn.Close()
	every, start := time.Second*floodClients/time.Duration(rate), time.Now()
	for n := 0; !stop.Load(); n++ {
		time.Sleep(time.Until(start.Add(time.Duration(n) * every)))
		a, err := c.ask(request(targets[n%len(targets)], address))
		if err != nil || a.status != 401 && a.status != 429 {
			fmt.Fprintln(os.Stderr, "flood:", a.status, err)
			return
		}
		answered.Add(1)
	}
}

// sockets measures what WebSockets take.
func (b *bench) sockets(c crowd, gate *process, address string) error {
	before := gate.resident()
	for _, token := range b.keys["EdDSA"].tokens("idle", c.viewers) {
		s, err := openSocket(address, "idle", token)
		if err != nil {
			return err
		}
		defer s.conn.Close()
	}
	fmt.Fprintf(b.out, "\n%d idle WebSockets take %.0f KB each.\n", c.viewers, float64(gate.resident()-before)/1024/float64(c.viewers))

	token, n := b.keys["EdDSA"].token("socket"), c.viewers/20
	var received atomic.Int64
	for range n {
		s, err := openSocket(address, "socket", token)
		if err != nil {
			return err
		}
		defer s.conn.Close()
		if _, err := s.r.Discard(frameSize); err != nil { // it runs at its pace
			return err
		}
		go func() {
			buffer := make([]byte, 64<<10)
			for {
				k, err := s.r.Read(buffer)
				if err != nil {
					return
				}
				received.Add(int64(k))
			}
		}()
	}
	cpu, bytes, began := gate.cpu(), received.Load(), time.Now()
	time.Sleep(c.length) // it is the length of the measurement
	length := time.Since(began)
	used, rate := float64(gate.cpu()-cpu)/float64(length), float64(received.Load()-bytes)*8/length.Seconds()/1e9
	fmt.Fprintf(b.out, "\n%d WebSockets of 4 Mbit/s, %.2f Gbit/s together, take %.2f CPUs: %.2f for each Gbit/s.\n", n, rate, used, used/rate)
	return nil
}

func openSocket(address, name, token string) (*client, error) {
	c, err := dial(address, "127.0.0.1", 4<<10)
	if err != nil {
		return nil, err
	}
	_, err = io.WriteString(c.conn, strings.Replace(string(request("/live/s1/"+name+"?token="+token, address)), "\r\n\r\n",
		"\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n", 1))
	if err != nil {
		return nil, err
	}
	for {
		line, err := c.r.ReadString('\n')
		if err != nil {
			return nil, err
		}
		if strings.HasPrefix(line, "HTTP/1.1 ") && !strings.HasPrefix(line, "HTTP/1.1 101") {
			return nil, fmt.Errorf("no socket: %s", line)
		}
		if len(line) <= 2 {
			return c, nil
		}
	}
}
