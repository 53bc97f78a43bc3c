package harness

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// BuildTags keep databases that nothing here uses out of the binary. They are
// the tags of xcaddy's own builds, so that both share one build cache.
const BuildTags = "nobadger,nomysql,nopgx"

var shared struct {
	sync.Once
	dir string
	err error
}

// Main runs the tests of a package and removes what they shared.
func Main(m *testing.M) {
	code := m.Run()
	if shared.dir != "" {
		os.RemoveAll(shared.dir)
	}
	os.Exit(code)
}

// SharedDir is a directory for what is made once for one run of the tests.
func SharedDir(t testing.TB) string {
	t.Helper()
	shared.Do(func() { shared.dir, shared.err = os.MkdirTemp("", "playgate-integration-") })
	if shared.err != nil {
		t.Fatalf("shared directory: %v", shared.err)
	}
	return shared.dir
}

// once makes something at most once per run and gives every caller the same
// result, failures included.
type once[T any] struct {
	sync.Once
	value T
	err   error
}

func (o *once[T]) get(t testing.TB, make func() (T, error)) T {
	t.Helper()
	o.Do(func() { o.value, o.err = make() })
	if o.err != nil {
		t.Fatal(o.err)
	}
	return o.value
}

var built once[string]

// Binary is the path of the playgate binary. It is built at the first call,
// unless PLAYGATE_BINARY names one.
func Binary(t testing.TB) string {
	t.Helper()
	if path := os.Getenv("PLAYGATE_BINARY"); path != "" {
		return path
	}
	dir := SharedDir(t)
	return built.get(t, func() (string, error) {
		root, err := findRoot()
		if err != nil {
			return "", err
		}
		out := filepath.Join(dir, "playgate")
		cmd := exec.Command("go", "build", "-trimpath", "-tags", BuildTags, "-ldflags", "-s -w", "-o", out, "./cmd/playgate")
		cmd.Dir = root
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if text, err := cmd.CombinedOutput(); err != nil {
			return "", fmt.Errorf("building the binary: %w\n%s", err, text)
		}
		return out, nil
	})
}

// Variant builds a binary of sources of which some texts were replaced: a version
// that is to come. The keys of edits are files from the root.
func Variant(t testing.TB, edits map[string][][2]string) string {
	t.Helper()
	dir := t.TempDir()
	replace := map[string]string{}
	for name, pairs := range edits {
		path := filepath.Join(Root(t), filepath.FromSlash(name))
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, pair := range pairs {
			if strings.Count(string(text), pair[0]) != 1 {
				t.Fatalf("%s holds %q %d times instead of once", name, pair[0], strings.Count(string(text), pair[0]))
			}
			text = []byte(strings.Replace(string(text), pair[0], pair[1], 1))
		}
		replace[path] = filepath.Join(dir, filepath.Base(name))
		if err := os.WriteFile(replace[path], text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	overlay, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		t.Fatal(err)
	}
	file, out := filepath.Join(dir, "overlay.json"), filepath.Join(dir, "playgate")
	if err := os.WriteFile(file, overlay, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-overlay", file, "-tags", BuildTags, "-ldflags", "-s -w", "-o", out, "./cmd/playgate")
	cmd.Dir = Root(t)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("building the variant: %v\n%s", err, text)
	}
	return out
}

// Root is the directory of the module under test.
func Root(t testing.TB) string {
	t.Helper()
	root, err := findRoot()
	if err != nil {
		t.Fatal(err)
	}
	return root
}

func findRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		text, err := os.ReadFile(filepath.Join(dir, "go.mod"))
		if err == nil && strings.HasPrefix(string(text), "module github.com/playgate/playgate\n") {
			return dir, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", errors.New("no directory above this one holds the module github.com/playgate/playgate")
		}
		dir = parent
	}
}

// Result is what a command left behind.
type Result struct {
	Stdout, Stderr string
	Code           int
}

// Text is all that the command printed.
func (r Result) Text() string { return r.Stdout + r.Stderr }

// Playgate runs the binary to its end. Its home is a directory of the test's
// own, so that no setting of the machine's user plays a part.
func Playgate(t testing.TB, args ...string) Result {
	t.Helper()
	return run(t, isolated(t.TempDir()), Binary(t), args...)
}

// MustPlaygate is Playgate for a command that has to succeed; it gives the
// standard output without the newline at its end.
func MustPlaygate(t testing.TB, args ...string) string {
	t.Helper()
	r := Playgate(t, args...)
	if r.Code != 0 {
		t.Fatalf("playgate %s: exit status %d\n%s", strings.Join(args, " "), r.Code, r.Text())
	}
	return strings.TrimSuffix(r.Stdout, "\n")
}

func run(t testing.TB, env []string, name string, args ...string) Result {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Env = env
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("running %s: %v", name, err)
	}
	return Result{stdout.String(), stderr.String(), cmd.ProcessState.ExitCode()}
}

// isolated is the environment of a program whose whole home is dir.
func isolated(dir string) []string {
	return append(os.Environ(),
		"HOME="+dir,
		"XDG_DATA_HOME="+filepath.Join(dir, "data"),
		"XDG_CONFIG_HOME="+filepath.Join(dir, "config"),
		"XDG_CACHE_HOME="+filepath.Join(dir, "cache"),
	)
}
