package replica

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/go-json-experiment/json"
	"go.uber.org/zap"

	"github.com/playgate/playgate/module/internal/kv"
	"github.com/playgate/playgate/module/token"
)

// The view's copy is written whole from time to time. In between each change is
// added to a journal beside it, so that a process that is killed has lost
// nothing of what it had acted upon. A copy names its journal, and a journal the
// one before: between the two writes of a new copy both count.
const journalPrefix = viewFile + "."

// journalLine is one line of a journal, behind its checksum.
type journalLine struct {
	After string    `json:"after,omitempty"` // only in the first line: the journal before
	Entry *kv.Entry `json:"entry,omitempty"`
	Head  *Head     `json:"head,omitempty"` // how far the store has come, and when that was known
}

// journal is the one that is written to. The zero value writes nothing.
type journal struct {
	logger *zap.Logger

	mu   sync.Mutex
	file *os.File
	id   string
	size int64
}

// follows says after which journal the first one comes: the last one that belongs
// to the copy on disk.
func (j *journal) follows(id string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.id = id
}

// next begins a journal after the present one, and returns its name.
func (j *journal) next(dir string) (id string, err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	id = token.NewID(12)
	f, err := os.OpenFile(filepath.Join(dir, journalPrefix+id), os.O_WRONLY|os.O_CREATE|os.O_EXCL|os.O_APPEND, 0o600)
	if err != nil {
		return "", err
	}
	if first, err := linesOf(journalLine{After: j.id}); err != nil {
		return "", errors.Join(err, f.Close(), os.Remove(f.Name()))
	} else if _, err := f.Write(first); err != nil {
		return "", errors.Join(err, f.Close(), os.Remove(f.Name())) // the one before goes on
	}
	j.close()
	j.file, j.id = f, id
	return id, nil
}

// append adds lines. A disk that does not take them leaves the copy older than it
// could be, which is told, and has the next copy written whole.
func (j *journal) append(lines ...journalLine) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.file == nil || len(lines) == 0 {
		return
	}
	all, err := linesOf(lines...)
	if err == nil {
		_, err = j.file.Write(all)
	}
	if err != nil {
		j.logger.Warn("the journal of the registry's copy cannot be written", zap.Error(err))
		j.close()
		return
	}
	j.size += int64(len(all))
}

func linesOf(lines ...journalLine) (all []byte, err error) {
	for _, line := range lines {
		text, err := json.Marshal(line)
		if err != nil {
			return nil, err
		}
		all = append(all, sealLine(text)...)
	}
	return all, nil
}

func sealLine(text []byte) []byte {
	sum := crc32.NewIEEE()
	_, _ = sum.Write(text) // never fails (hash.Hash)
	line := append(hex.AppendEncode(nil, sum.Sum(nil)), ' ')
	return append(append(line, text...), '\n')
}

// length is how long the journal is in bytes; -1 when there is none.
func (j *journal) length() int64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.file == nil {
		return -1
	}
	return j.size
}

func (j *journal) close() {
	if j.file != nil {
		_ = j.file.Close() // the copy does without it
	}
	j.file, j.size = nil, 0
}

// end ends the journal.
func (j *journal) end() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.close()
}

// replay adds to a copy what its journals say.
func replay(dir string, head *Head, entries []kv.Entry) ([]kv.Entry, error) {
	if head.Journal == "" {
		return entries, nil
	}
	after, err := successors(dir)
	if err != nil {
		return nil, err
	}
	known := make(map[string]kv.Entry, len(entries))
	for _, e := range entries {
		known[e.Key] = e
	}
	for id := head.Journal; id != ""; id = after[id] {
		lines, err := readJournal(filepath.Join(dir, journalPrefix+id))
		if err != nil {
			return nil, err
		}
		for _, line := range lines {
			if line.Head != nil {
				head.Seen, head.Edge, head.Issuing = line.Head.Seen, line.Head.Edge, line.Head.Issuing
			}
			if e := line.Entry; e != nil && e.Revision > known[e.Key].Revision {
				known[e.Key] = *e
			}
		}
		head.last = id
	}
	entries = entries[:0]
	for _, e := range known {
		if !e.Deleted {
			entries = append(entries, e)
		}
	}
	return entries, nil
}

// successors are the journals of a directory by the one before each.
func successors(dir string) (map[string]string, error) {
	paths, err := filesOf(dir, journalPrefix)
	if err != nil {
		return nil, err
	}
	after := make(map[string]string)
	for _, path := range paths {
		lines, err := readJournal(path)
		if err != nil {
			return nil, err
		}
		if len(lines) > 0 && lines[0].After != "" {
			after[lines[0].After] = strings.TrimPrefix(filepath.Base(path), journalPrefix)
		}
	}
	return after, nil
}

// readJournal reads the lines that are whole: the last one may be cut off or torn.
// One that is not, before others that are, is a damage: what it said is lost.
func readJournal(path string) (lines []journalLine, err error) {
	f, err := os.Open(path)
	if err != nil {
		if os.IsNotExist(err) {
			err = nil // the copy alone counts
		}
		return nil, err
	}
	defer func() { _ = f.Close() }() // nothing was written
	torn := false
	for r := bufio.NewReader(f); ; {
		text, err := r.ReadBytes('\n')
		if err != nil {
			if err == io.EOF {
				err = nil
			}
			return lines, err
		}
		_, body, _ := bytes.Cut(bytes.TrimSuffix(text, []byte("\n")), []byte(" "))
		var line journalLine
		switch {
		case !bytes.Equal(sealLine(body), text) || json.Unmarshal(body, &line) != nil:
			torn = true
		case torn:
			return nil, fmt.Errorf("%s is damaged: the checksum of a line differs", path)
		default:
			lines = append(lines, line)
		}
	}
}

// tidy removes journals that no copy needs, and what a killed process has left.
func tidy(dir, id string) {
	for _, prefix := range []string{journalPrefix, newPrefix + viewFile + "-"} {
		paths, _ := filesOf(dir, prefix) // the next time
		for _, path := range paths {
			if filepath.Base(path) != journalPrefix+id {
				_ = os.Remove(path) // the next time
			}
		}
	}
}
