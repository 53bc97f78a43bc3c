package conns

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"testing"
)

// frame is one as a server sends it, with a payload of n bytes.
func frame(first byte, n int) []byte {
	b := []byte{first}
	switch {
	case n < 126:
		b = append(b, byte(n))
	case n < 1<<16:
		b = binary.BigEndian.AppendUint16(append(b, 126), uint16(n)) //nolint:gosec // it fits
	default:
		b = binary.BigEndian.AppendUint64(append(b, 127), uint64(n)) //nolint:gosec // not negative
	}
	return append(b, make([]byte, n)...)
}

// However the bytes are cut into pieces, the ends of frames are found, and
// nowhere else.
func TestFramesEndWhereTheyEnd(t *testing.T) {
	sizes := []int{0, 1, 125, 126, 127, 65535, 65536, 70000}
	for round := range 200 {
		random := rand.New(rand.NewPCG(1, uint64(round))) //nolint:gosec // the same each time
		var all []byte
		ends := map[int]bool{0: true}
		for range 6 {
			all = append(all, frame([]byte{0x82, 0x01, 0x80, 0x89, 0xc1}[random.IntN(5)], sizes[random.IntN(len(sizes))])...)
			ends[len(all)] = true
		}
		var f frames
		for at := 0; at < len(all); {
			piece := all[at:min(len(all), at+1+random.IntN([]int{3, 50, 100_000}[round%3]))]
			for len(piece) > 0 {
				n, err := f.next(piece)
				if err != nil || n == 0 {
					t.Fatalf("at %d: %d, %v", at, n, err)
				}
				at += n
				piece = piece[n:]
				if f.between() != ends[at] {
					t.Fatalf("at %d: between frames: %v", at, f.between())
				}
			}
		}
	}
}

func TestWhatIsNoFrame(t *testing.T) {
	for name, b := range map[string][]byte{
		"masked": {0x82, 0x85}, "reserved": {0x83, 0}, "reserved control": {0x8b, 0},
		"too long": append([]byte{0x82, 127}, bytes.Repeat([]byte{0xff}, 8)...),
	} {
		var f frames
		if _, err := f.next(b); err == nil {
			t.Errorf("%s is a frame", name)
		}
	}
}
