package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// One short round of everything: that all contenders answer as they should, and
// that what is refused never reaches the origin. Its figures mean nothing.
func TestBench(t *testing.T) {
	out := filepath.Join(t.TempDir(), "results") // which is made
	var text bytes.Buffer
	if err := run(&text, settings{rounds: 1, slice: 50 * time.Millisecond, out: out}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"Playgate EdDSA, 10,000 tokens", "first sight", "open loop", "forged ES256", "no token", "1 MB segment", "Playgate EdDSA, cached"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("no line for %q in\n%s", want, text.String())
		}
	}
	for _, name := range []string{"results.md", "results.svg"} {
		if info, err := os.Stat(filepath.Join(out, name)); err != nil || info.Size() == 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestUnknownWorkload(t *testing.T) {
	if err := run(t.Output(), settings{rounds: 1, slice: time.Millisecond, only: "seen,unseen"}); err == nil || !strings.Contains(err.Error(), "unseen") {
		t.Errorf("the error is %v", err)
	}
}

func TestCapacity(t *testing.T) {
	var text bytes.Buffer
	if err := run(&text, settings{crowd: crowd{viewers: 20, rate: 5, flood: 100, length: time.Second}}); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(text.String(), "| 100 | 0 |") { // 20 viewers, 5 requests each, none failed
		t.Errorf("not every viewer was served:\n%s", text.String())
	}
}
