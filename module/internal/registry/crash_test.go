package registry

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/playgate/playgate/module/internal/kv"
	"github.com/playgate/playgate/module/internal/replica"
)

// The test binary is a process of its own when this is set: what it does.
const childVariable = "PLAYGATE_TEST_CHILD"

func TestMain(m *testing.M) {
	switch what := os.Getenv(childVariable); what {
	case "":
		os.Exit(m.Run())
	case "create", "full":
		child(what)
	}
}

// child opens a registry in the working directory and says what it has done.
func child(what string) {
	r := New(Settings{Dir: "."}, zap.NewNop())
	if err := r.Start(); err != nil {
		fmt.Println("error", err)
		os.Exit(1)
	}
	fmt.Println("open")
	ctx := context.Background()
	create := func(i int) error {
		return r.Tokens.Create(ctx, &Token{ID: fmt.Sprintf("t%d", i), Org: "acme", Created: time.Now(), Expires: time.Now().Add(time.Hour)})
	}
	if what == "create" {
		for i := range 10_000 {
			if err := create(i); err != nil {
				fmt.Println("error", err)
				return
			}
			fmt.Println("created", i)
		}
		select {} // to be killed
	}
	// Files may not grow any more, as on a full disk.
	signal.Ignore(syscall.SIGXFSZ)
	var before syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &before); err != nil {
		fmt.Println("error", err)
		return
	}
	full := before
	full.Cur = 1
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &full); err != nil {
		fmt.Println("error", err)
		return
	}
	fmt.Println("full", create(1), errors.Is(create(2), ErrUnavailable), r.View().Complete(), len(r.View().Keys()))
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &before); err != nil {
		fmt.Println("error", err)
		return
	}
	fmt.Println("at once", create(3))
	for end := time.Now().Add(60 * time.Second); r.Writable() != nil && time.Now().Before(end); {
		time.Sleep(10 * time.Millisecond)
	}
	fmt.Println("freed", create(4))
	_ = r.Close()
}

// start runs a child in a directory.
func start(t *testing.T, what, dir string) (*exec.Cmd, *bufio.Scanner) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), childVariable+"="+what)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	return cmd, bufio.NewScanner(out)
}

// A process that is killed amid 10,000 creations has lost none that it had
// acknowledged, and the next one opens in under a second.
func TestKillLosesNothing(t *testing.T) {
	dir := t.TempDir()
	cmd, lines := start(t, "create", dir)
	created := 0
	for lines.Scan() {
		if strings.HasPrefix(lines.Text(), "error") {
			t.Fatal(lines.Text())
		}
		if strings.HasPrefix(lines.Text(), "created") {
			if created++; created == 5_000 {
				if err := cmd.Process.Kill(); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	_ = cmd.Wait() // it was killed
	if created < 5_000 {
		t.Fatalf("only %d were created", created)
	}
	began := time.Now()
	r := open(t, dir)
	took := time.Since(began)
	t.Logf("%d were acknowledged; opening took %s", created, took)
	if took > limit(time.Second) {
		t.Errorf("opening took %s", took)
	}
	for i := range created {
		if _, err := r.Tokens.Get(t.Context(), "acme", fmt.Sprintf("t%d", i)); err != nil {
			t.Fatalf("token %d is lost: %v", i, err)
		}
	}
}

// On a full disk a write says so, and playback goes on; when there is room
// again, so do writes.
func TestFullDisk(t *testing.T) {
	_, lines := start(t, "full", t.TempDir())
	var said []string
	for lines.Scan() {
		said = append(said, lines.Text())
	}
	text := strings.Join(said, "\n")
	t.Log(text)
	if !strings.Contains(text, "make room on its disk") || !strings.Contains(text, "true true 2") {
		t.Errorf("it says\n%s", text)
	}
	if !strings.Contains(text, "freed <nil>") {
		t.Errorf("there is room again, and it says\n%s", text)
	}
}

// A directory belongs to one process; the error names it.
func TestSecondProcess(t *testing.T) {
	dir := t.TempDir()
	cmd, lines := start(t, "create", dir)
	if !lines.Scan() || lines.Text() != "open" {
		t.Fatal(lines.Text())
	}
	r := New(Settings{Dir: dir}, zap.NewNop())
	defer func() { _ = r.Close() }()
	err := r.Start()
	if !errors.Is(err, kv.ErrLocked) || !strings.Contains(err.Error(), fmt.Sprintf("pid %d", cmd.Process.Pid)) || !strings.Contains(err.Error(), "store embedded <dir>") {
		t.Errorf("the error is %v", err)
	}
	if r.View().Complete() {
		t.Error("something is known")
	}
}

// damage changes bytes in the middle of every file of messages below a directory.
func damage(t *testing.T, dir string) {
	t.Helper()
	found := 0
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".blk") {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil || len(data) == 0 {
			return err
		}
		found++
		for i := len(data) / 4; i < len(data)/2; i++ {
			data[i] ^= 0x5a
		}
		return os.WriteFile(path, data, 0o600)
	})
	if err != nil || found == 0 {
		t.Fatalf("%d files, %v", found, err)
	}
}

// A damaged store is noticed. With the copy, playback goes on and nothing can
// be changed; without it, the start fails.
func TestDamagedStore(t *testing.T) {
	dir := t.TempDir()
	r := open(t, dir)
	for i := range 50 {
		if err := r.Streams.Create(t.Context(), &Stream{Org: "acme", Name: fmt.Sprintf("cam%d", i), Public: true}, "test"); err != nil {
			t.Fatal(err)
		}
	}
	keys := r.View().Keys()
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	damage(t, filepath.Join(dir, "nats"))
	again := New(Settings{Dir: dir}, zap.NewNop())
	if err := again.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = again.Close() }()
	if !again.View().Complete() || len(again.View().Keys()) != len(keys) || !again.View().Public("acme", "cam49") {
		t.Error("playback does not go on")
	}
	err := again.Orgs.Create(t.Context(), &Org{Hash: "acme"}, "test")
	if !errors.Is(err, ErrUnavailable) || !strings.Contains(err.Error(), "damaged") {
		t.Errorf("a write: %v", err)
	}
	// Nothing else fails in another way.
	_, signErr := again.Keys.Signer(t.Context())
	_, _, rotateErr := again.Keys.Rotate(t.Context(), "test")
	_, listErr := again.Tokens.Index(t.Context())
	_, backupErr := again.Backup(t.Context(), io.Discard)
	for what, err := range map[string]error{"the signer": signErr, "a rotation": rotateErr, "a list": listErr, "a backup": backupErr} {
		if !errors.Is(err, ErrUnavailable) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if err := again.Close(); err != nil {
		t.Fatal(err)
	}

	// One that is too old to play with tells of the damage all the same.
	head, entries, err := replica.ReadCopy(dir)
	if err != nil {
		t.Fatal(err)
	}
	head.Seen = head.Seen.Add(-2 * replica.MaxCopyAge)
	if _, err := replica.WriteCopy(dir, head, entries); err != nil {
		t.Fatal(err)
	}
	old := New(Settings{Dir: dir}, zap.NewNop())
	err = old.Start()
	if !errors.Is(err, replica.ErrDamaged) || !strings.Contains(err.Error(), "touch "+filepath.Join(dir, replica.AcceptFile)) || old.View().Complete() {
		t.Errorf("with an old copy: %v", err)
	}
	if err := old.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, replica.AcceptFile), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	rest := open(t, dir)
	if err := rest.Orgs.Create(t.Context(), &Org{Hash: "acme"}, "test"); err != nil {
		t.Error(err)
	}
}
