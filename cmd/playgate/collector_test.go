package main

import "testing"

// A small heap grows fivefold, a large one by what lives in it, and between them
// by a fixed amount.
func TestPercentFor(t *testing.T) {
	for live, want := range map[uint64]int{
		0:                    400,
		20 << 20:             400,
		mostGarbage / 4:      400,
		mostGarbage / 2:      200,
		mostGarbage * 2 / 3:  150,
		mostGarbage:          100,
		8 << 30:              100,
		1<<64 - 1:            100,
		mostGarbage/4 + 1000: 399,
	} {
		if got := percentFor(live); got != want {
			t.Errorf("with %d bytes: %d %%", live, got)
		}
	}
}
