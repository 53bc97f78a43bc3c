package seal

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestSealedIsReadUnderItsNameAlone(t *testing.T) {
	s, err := Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	sealed := s.Seal("a", []byte("private"))
	if plain, err := s.Open("a", sealed); err != nil || string(plain) != "private" {
		t.Errorf("%q, %v", plain, err)
	}
	if _, err := s.Open("b", sealed); !errors.Is(err, ErrSealed) {
		t.Errorf("under another name: %v", err)
	}
}

// A seal key that others can read is none.
func TestSealKeyOfOthers(t *testing.T) {
	dir := t.TempDir()
	if _, err := Open(dir); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, File)
	for _, mode := range []os.FileMode{0o640, 0o604, 0o644, 0o660} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(dir); err == nil || !strings.Contains(err.Error(), "chmod 600") {
			t.Errorf("%04o: %v", mode, err)
		}
	}
	for _, mode := range []os.FileMode{0o600, 0o400} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(dir); err != nil {
			t.Errorf("%04o: %v", mode, err)
		}
	}
}
