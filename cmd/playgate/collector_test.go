package main

import "testing"

// A small heap grows fivefold, a large one by what lives in it and has to be looked
// at, and between them by a fixed amount. A full cache costs no more garbage than an
// empty one.
func TestPercentFor(t *testing.T) {
	for _, tt := range []struct {
		live, scanned uint64
		want          int
	}{
		{0, 0, 400},
		{20 << 20, 20 << 20, 400},
		{mostGarbage / 4, mostGarbage / 4, 400},
		{mostGarbage / 2, mostGarbage / 2, 200},
		{mostGarbage * 2 / 3, 0, 150},
		{mostGarbage, mostGarbage, 100},
		{8 << 30, 8 << 30, 100},
		{8 << 30, 4 << 30, 50},
		{2 * mostGarbage, 10 << 20, 50},
		{8 << 30, 10 << 20, 1},
		{1 << 30, 8 << 30, 100},
		{1<<64 - 1, 1<<64 - 1, 100},
		{mostGarbage/4 + 1000, 0, 399},
	} {
		if got := percentFor(tt.live, tt.scanned); got != tt.want {
			t.Errorf("with %d bytes, %d of them to look at: %d %%, want %d", tt.live, tt.scanned, got, tt.want)
		}
	}
}
