package harness

import (
	"bufio"
	"cmp"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// Node is the Node.js that runs scripts: PLAYGATE_NODE, or else the one in PATH.
func Node() string { return cmp.Or(os.Getenv("PLAYGATE_NODE"), "node") }

// Resolver resolves references as browsers do.
type Resolver struct {
	cmd    *exec.Cmd
	input  io.WriteCloser
	output *bufio.Reader
	stderr capture
}

// Reference is a URI reference and the URL of the document that has it.
type Reference struct{ Text, Base string }

// Resolved is where a reference leads to, taken apart. Site is the scheme with host and
// port, and Query and Fragment begin with their mark.
type Resolved struct{ Site, Path, Query, Fragment, Href string }

// StartResolver starts one Node.js, which ends with the test.
func StartResolver(t testing.TB) *Resolver {
	t.Helper()
	r := &Resolver{cmd: exec.Command(Node(), filepath.Join(Root(t), "integration", "players", "resolve.mjs"))}
	r.cmd.Env = isolated(t.TempDir())
	r.cmd.Stderr = &r.stderr
	r.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	var err error
	if r.input, err = r.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	output, err := r.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	r.output = bufio.NewReader(output)
	if err := r.cmd.Start(); err != nil {
		t.Fatalf("starting node: %v", err)
	}
	t.Cleanup(func() {
		r.input.Close()
		defer time.AfterFunc(Deadline, r.kill).Stop()
		if err := r.cmd.Wait(); err != nil {
			t.Errorf("the resolver: %v\n%s", err, tail(r.stderr.String(), 4000))
		}
	})
	return r
}

func (r *Resolver) kill() { r.cmd.Process.Kill() }

// Resolve gives one result for each reference, nil for what is no URL.
func (r *Resolver) Resolve(t testing.TB, references []Reference) []*Resolved {
	t.Helper()
	pairs := make([][2]string, len(references))
	for i, reference := range references {
		pairs[i] = [2]string{reference.Text, reference.Base}
	}
	text, err := json.Marshal(pairs)
	if err != nil {
		t.Fatal(err)
	}
	defer time.AfterFunc(Deadline, r.kill).Stop()
	if _, err := r.input.Write(append(text, '\n')); err != nil {
		t.Fatalf("asking the resolver: %v", err)
	}
	line, err := r.output.ReadBytes('\n')
	if err != nil {
		t.Fatalf("the resolver's answer: %v", err)
	}
	var results []*Resolved
	if err := json.Unmarshal(line, &results); err != nil || len(results) != len(references) {
		t.Fatalf("the resolver gave %d results for %d references (%v)", len(results), len(references), err)
	}
	return results
}
