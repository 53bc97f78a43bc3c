package conns

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net"
	"runtime"
	"testing"
	"testing/iotest"
)

// fromClient is a masked frame with a payload of n bytes, at most 125.
func fromClient(first byte, n int) []byte {
	return append([]byte{first, 0x80 | byte(n), 1, 2, 3, 4}, bytes.Repeat([]byte{0xaa}, n)...)
}

// Control frames pass byte for byte, and of the first other frame nothing does,
// wherever reads split them and whatever the size of the reader's buffer.
func TestOnlyControlFramesPass(t *testing.T) {
	fine := bytes.Join([][]byte{fromClient(0x89, 125), fromClient(0x8a, 0), fromClient(0x89, 3), fromClient(0x88, 2)}, nil)
	for name, bad := range map[string][]byte{
		"text": fromClient(0x81, 5), "binary": fromClient(0x82, 5), "empty text": fromClient(0x81, 0),
		"continuation": fromClient(0x80, 5), "first fragment": fromClient(0x01, 5), "compressed": fromClient(0xc1, 5),
		"reserved": fromClient(0x83, 5), "reserved control": fromClient(0x8b, 5), "not masked": {0x89, 1, 0xaa},
		"fragmented control": fromClient(0x09, 5), "control with an extension": fromClient(0xc9, 5),
		"too long": {0x89, 0xfe, 0, 126, 1, 2, 3, 4}, "far too long": {0x89, 0xff, 0, 0, 0, 0, 0, 1, 0, 0, 1, 2, 3, 4},
	} {
		all := append(bytes.Clone(fine), bad...)
		for at := range len(all) + 1 {
			for _, size := range []int{1, 7, 4096} {
				refused := 0
				c := &control{
					from:   io.MultiReader(bytes.NewReader(all[:at]), bytes.NewReader(all[at:])),
					refuse: func() { refused++ },
				}
				var got []byte
				var err error
				for p := make([]byte, size); err == nil; {
					var n int
					n, err = c.Read(p)
					got = append(got, p[:n]...)
				}
				if !bytes.Equal(got, fine) || !errors.Is(err, errMessage) || refused != 1 {
					t.Fatalf("%s, split at %d, read by %d: %d bytes of %d passed, %v, refused %d times", name, at, size, len(got), len(fine), err, refused)
				}
				if n, err := c.Read(make([]byte, 9)); n != 0 || !errors.Is(err, errMessage) {
					t.Fatalf("%s: afterwards %d bytes pass, %v", name, n, err)
				}
			}
		}
	}
}

// An end amid a header is an end, and what interrupts a read there loses no byte.
func TestControlFramesGoOn(t *testing.T) {
	frame := fromClient(0x89, 4)
	refuse := func() { t.Error("refused") }
	c := &control{from: bytes.NewReader(frame[:1]), refuse: refuse}
	if n, err := c.Read(make([]byte, 9)); n != 0 || !errors.Is(err, io.EOF) {
		t.Errorf("half a header: %d bytes, %v", n, err)
	}
	c = &control{from: iotest.TimeoutReader(iotest.OneByteReader(bytes.NewReader(frame))), refuse: refuse}
	if n, err := c.Read(make([]byte, 9)); n != 0 || !errors.Is(err, iotest.ErrTimeout) {
		t.Errorf("%d bytes, %v", n, err)
	}
	if got, err := io.ReadAll(c); err != nil || !bytes.Equal(got, frame) {
		t.Errorf("then %x, %v", got, err)
	}
}

// What came with the handshake is judged like the rest, also through the buffer
// that is handed out.
func TestEarlyBytesAreJudged(t *testing.T) {
	for _, early := range []int{0, 1, 2, 9, 30} {
		server, client := pair(t)
		run, conn := hijacked(t, server)
		ping := fromClient(0x89, 4)
		all := append(bytes.Clone(ping), fromClient(0x81, 60)...)
		before := bufio.NewReadWriter(bufio.NewReader(bytes.NewReader(all[:early])), bufio.NewWriter(server))
		_, _ = before.Peek(early)
		refused := false
		after, err := conn.TakeNoMessages(before, func() { refused = true; run.Cut("socket_message", CloseViolation) })
		if err != nil || after.Reader.Buffered() != 0 {
			t.Fatalf("%d bytes pass unseen, %v", after.Reader.Buffered(), err)
		}
		if _, err := client.Write(all[early:]); err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(after)
		if !bytes.Equal(got, ping) || !errors.Is(err, errMessage) || !refused {
			t.Errorf("%d bytes early: %x, %v", early, got, err)
		}
		_ = conn.Close()
		run.Release()
		told, err := io.ReadAll(client)
		if want := closeFrame(CloseViolation, closeTexts[CloseViolation]); err != nil || !bytes.Equal(told, want) {
			t.Errorf("%d bytes early: the client read %x, %v", early, told, err)
		}
	}
}

// Caddy's own close frame takes the place of the next frame, and is no part of
// one that is under way.
func TestGoingAwayBetweenFrames(t *testing.T) {
	whole := frame(0x82, 300)
	for at := range len(whole) + 1 {
		server, client := pair(t)
		run, conn := hijacked(t, server)
		if _, err := conn.Write(whole[:at]); err != nil {
			t.Fatal(err)
		}
		if n, err := conn.Write(goingAway); n != len(goingAway) || err != nil {
			t.Fatal(n, err)
		}
		if at > 0 && at < len(whole) {
			_ = conn.Close() // as Caddy does at once; the frame may still end
			if _, err := conn.Write(whole[at:]); !errors.Is(err, errCut) {
				t.Fatalf("at %d: %v", at, err)
			}
		} else {
			_ = conn.Close()
		}
		run.Release()
		want := goingAway
		if at > 0 {
			want = append(bytes.Clone(whole), goingAway...)
		}
		if got, err := io.ReadAll(client); err != nil || !bytes.Equal(got, want) {
			t.Fatalf("at %d: the client read %d bytes of %d, %v", at, len(got), len(want), err)
		}
	}
}

// A client that reads nothing does not hold up who says that Caddy goes away.
func TestGoingAwayFromAStuckSocket(t *testing.T) {
	server, _ := net.Pipe()
	run, conn := hijacked(t, server)
	wrote := make(chan error, 1)
	go func() { _, err := conn.Write(frame(0x82, 100)); wrote <- err }()
	for !conn.socket.busy() {
		runtime.Gosched()
	}
	if _, err := conn.Write(goingAway); err != nil {
		t.Fatal(err)
	}
	_ = conn.Close()
	if err := <-wrote; err == nil {
		t.Error("the client got it")
	}
	run.Release()
}

// Whatever a client sends, only whole control frames come out.
func FuzzControl(f *testing.F) {
	f.Add(fromClient(0x89, 3), uint8(1))
	f.Add(append(fromClient(0x8a, 0), fromClient(0x81, 3)...), uint8(5))
	f.Fuzz(func(t *testing.T, sent []byte, size uint8) {
		c := &control{from: bytes.NewReader(sent), refuse: func() {}}
		var got []byte
		var err error
		for p := make([]byte, int(size)+1); err == nil; {
			var n int
			n, err = c.Read(p)
			got = append(got, p[:n]...)
		}
		if !bytes.HasPrefix(sent, got) {
			t.Fatalf("%x became %x", sent, got)
		}
		for len(got) > 0 {
			if len(got) < 2 || got[0]&0xf8 != 0x88 || got[0] > 0x8a || got[1] < 0x80 || got[1] > 0xfd {
				t.Fatalf("%x passed", got)
			}
			got = got[min(len(got), 6+int(got[1]&0x7f)):]
		}
	})
}
