package replica

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/playgate/playgate/module/internal/kv"
)

// journaled is a directory with a copy and what a journal adds to it.
func journaled(t *testing.T) (dir string, j *journal) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "a[b")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	j = &journal{logger: zap.NewNop()}
	id, err := j.next(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(j.end)
	entries := []kv.Entry{{Key: "a", Value: []byte("1"), Revision: 1}, {Key: "b", Value: []byte("1"), Revision: 2}}
	if _, err := WriteCopy(dir, Head{Seen: time.Now(), Journal: id}, entries); err != nil {
		t.Fatal(err)
	}
	return dir, j
}

func wantCopy(t *testing.T, dir, want string) {
	t.Helper()
	_, entries, err := ReadCopy(dir)
	if err != nil {
		t.Fatal(err)
	}
	got := make(map[string]string)
	for _, e := range entries {
		got[e.Key] = string(e.Value)
	}
	if text := fmt.Sprint(got); text != want {
		t.Errorf("the copy says %s instead of %s", text, want)
	}
}

func put(key, value string, revision uint64) journalLine {
	return journalLine{Entry: &kv.Entry{Key: key, Value: []byte(value), Revision: revision}}
}

// A process that is killed at any time has lost nothing that it added.
func TestJournal(t *testing.T) {
	dir, j := journaled(t)
	wantCopy(t, dir, "map[a:1 b:1]")
	seen := time.Now().Add(time.Hour).Truncate(time.Second)
	j.append(put("c", "3", 3), put("a", "4", 4), put("b", "old", 1))
	j.append(journalLine{Entry: &kv.Entry{Key: "b", Revision: 5, Deleted: true}}, journalLine{Head: &Head{Seen: seen, Edge: kv.Extent{Last: 5, Records: 3}}})
	wantCopy(t, dir, "map[a:4 c:3]")
	if head, _, _ := ReadCopy(dir); !head.Seen.Equal(seen) || head.Edge.Last != 5 {
		t.Errorf("the head is %+v", head)
	}

	// Killed amid a line.
	path := filepath.Join(dir, journalPrefix+j.id)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	j.append(put("d", "6", 6))
	longer, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for n := len(whole); n < len(longer); n++ {
		if err := os.WriteFile(path, longer[:n], 0o600); err != nil {
			t.Fatal(err)
		}
		wantCopy(t, dir, "map[a:4 c:3]")
	}
	longer[len(longer)-5] ^= 1
	if err := os.WriteFile(path, longer, 0o600); err != nil {
		t.Fatal(err)
	}
	wantCopy(t, dir, "map[a:4 c:3]")
}

// Between the beginning of a journal and the copy that names it, both count; also
// where another process has begun it. One that belongs to no copy does not.
func TestJournalsFollow(t *testing.T) {
	dir, j := journaled(t)
	j.append(put("c", "3", 3))
	if _, err := j.next(dir); err != nil {
		t.Fatal(err)
	}
	j.append(put("d", "4", 4))
	wantCopy(t, dir, "map[a:1 b:1 c:3 d:4]")

	head, _, err := ReadCopy(dir)
	if err != nil || head.last != j.id {
		t.Fatalf("the last journal is %q, %v", head.last, err)
	}
	other := &journal{logger: zap.NewNop()}
	other.follows(head.last)
	if _, err := other.next(dir); err != nil {
		t.Fatal(err)
	}
	defer other.end()
	other.append(put("e", "5", 5))
	wantCopy(t, dir, "map[a:1 b:1 c:3 d:4 e:5]")

	stray := &journal{logger: zap.NewNop()}
	if _, err := stray.next(dir); err != nil {
		t.Fatal(err)
	}
	defer stray.end()
	stray.append(put("f", "6", 6))
	wantCopy(t, dir, "map[a:1 b:1 c:3 d:4 e:5]")
	for _, name := range []string{".new-view-1", ".new-seal.key-1"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	tidy(dir, head.Journal)
	wantCopy(t, dir, "map[a:1 b:1 c:3]")
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 3 { // the view, its journal, and what is not the view's
		t.Errorf("%v are left, %v", left, err)
	}
}

// What a snapshot brings is in the journal before the copy is written anew.
func TestJournalOfSnapshot(t *testing.T) {
	r := node(t, t.TempDir(), kv.Settings{URLs: []string{"nats://127.0.0.1:1"}})
	id, err := r.copies.journal.next(r.Dir)
	if err != nil {
		t.Fatal(err)
	}
	r.reset([]kv.Entry{{Key: "org.a", Value: []byte(`{"schema":1,"org":"a"}`), Revision: 3}})
	r.take(kv.Entry{Key: "org.b", Value: []byte(`{"schema":1,"org":"b"}`), Revision: 4})
	r.reset([]kv.Entry{{Key: "org.a", Value: []byte(`{"schema":1,"org":"a"}`), Revision: 3}, {Key: "org.c", Value: []byte(`{"schema":1,"org":"c"}`), Revision: 5}})
	lines, err := readJournal(filepath.Join(r.Dir, journalPrefix+id))
	if err != nil {
		t.Fatal(err)
	}
	var keys []string
	for _, line := range lines {
		if line.Entry != nil {
			keys = append(keys, line.Entry.Key)
		}
	}
	if want := []string{"org.a", "org.b", "org.c"}; !slices.Equal(keys, want) {
		t.Errorf("the journal has %v instead of %v", keys, want)
	}
}

// A journal's line that is older than the copy takes nothing back.
func TestJournalLinesThatAreOld(t *testing.T) {
	dir, j := journaled(t) // b has revision 2
	j.append(journalLine{Entry: &kv.Entry{Key: "b", Value: []byte("former"), Revision: 1}})
	_, entries, err := ReadCopy(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.Key == "b" && (e.Revision != 2 || string(e.Value) != "1") {
			t.Errorf("b is %s of revision %d", e.Value, e.Revision)
		}
	}
	if len(entries) != 2 {
		t.Errorf("%d entries", len(entries))
	}
}

// A line that a disk has altered does not count, however well it reads; before
// others it is a damage, because what it said is lost.
func TestJournalLinesThatAreAltered(t *testing.T) {
	dir, j := journaled(t)
	path := j.file.Name()
	alter := func() {
		t.Helper()
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		altered := strings.Replace(string(text), `"Key":"c"`, `"Key":"x"`, 1)
		if altered == string(text) {
			t.Fatalf("nothing to alter in %s", text)
		}
		if err := os.WriteFile(path, []byte(altered), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	j.append(put("c", "3", 3))
	alter()
	wantCopy(t, dir, "map[a:1 b:1]")
	damaged := func() {
		t.Helper()
		if _, _, err := ReadCopy(dir); err == nil || !strings.Contains(err.Error(), "damaged") {
			t.Errorf("a line that was lost: %v", err)
		}
	}
	j.append(put("d", "4", 4))
	damaged()

	// So it is in the journal after the one that the copy names.
	dir, j = journaled(t)
	if _, err := j.next(dir); err != nil {
		t.Fatal(err)
	}
	path = j.file.Name()
	j.append(put("c", "3", 3), put("d", "4", 4))
	wantCopy(t, dir, "map[a:1 b:1 c:3 d:4]")
	alter()
	damaged()
}

// A journal that cannot be written is none: the next copy is written whole.
func TestJournalThatCannotBeWritten(t *testing.T) {
	_, j := journaled(t)
	if j.length() < 0 {
		t.Fatal("there is no journal")
	}
	if err := j.file.Close(); err != nil {
		t.Fatal(err)
	}
	j.append(put("c", "3", 3))
	if j.length() != -1 {
		t.Errorf("it is %d bytes long", j.length())
	}
}
