package replica

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/playgate/playgate/module/internal/kv"
)

// A copy that is not whole, in whatever way, does not count.
func TestDamagedCopies(t *testing.T) {
	dir := t.TempDir()
	now := time.Now()
	entries := []kv.Entry{{Key: "org.acme", Value: []byte(`{"schema":1,"org":"acme","secure":"on"}`), Revision: 3}}
	if _, err := WriteCopy(dir, Head{Seen: now, Edge: kv.Extent{Last: 3, Records: 1}}, entries); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, viewFile)
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("the file's mode is %v, %v", info.Mode(), err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	good := string(data)
	if _, got, err := usable(dir, now); err != nil || len(got) != 1 || got[0].Key != entries[0].Key {
		t.Fatalf("the good one: %v, %v", got, err)
	}
	for name, bad := range map[string]string{
		"empty":        "",
		"cut":          good[:len(good)-5],
		"longer":       good + " ",
		"a byte":       strings.Replace(good, `"Revision":3`, `"Revision":4`, 1),
		"another form": strings.Replace(good, `"form":1`, `"form":2`, 1),
		"no head":      good[strings.IndexByte(good, '\n')+1:],
	} {
		if err := os.WriteFile(path, []byte(bad), 0o600); err != nil {
			t.Fatal(err)
		}
		if head, got, err := usable(dir, now); err == nil || got != nil || !head.Seen.IsZero() && name != "cut" {
			t.Errorf("%s: %+v, %v, %v", name, head, got, err)
		}
	}
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	if head, _, err := usable(dir, now.Add(MaxCopyAge+time.Second)); err == nil || head.Edge.Last != 3 {
		t.Errorf("an old one: %+v, %v", head, err)
	}
}
