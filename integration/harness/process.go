package harness

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Process is a running program of which all output is kept.
type Process struct {
	t      testing.TB
	name   string
	cmd    *exec.Cmd
	stdout capture
	stderr capture
	done   chan struct{}
	err    error
}

// StartProcess starts a program and ends it with the test.
func StartProcess(t testing.TB, env []string, dir, name string, args ...string) *Process {
	t.Helper()
	p := &Process{t: t, name: name, cmd: exec.Command(name, args...), done: make(chan struct{})}
	p.cmd.Env = env
	p.cmd.Dir = dir
	p.cmd.Stdout, p.cmd.Stderr = &p.stdout, &p.stderr
	// A group of its own: a Ctrl-C at the terminal of the tests does not reach it
	// before the tests have had their say.
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := p.cmd.Start(); err != nil {
		t.Fatalf("starting %s: %v", name, err)
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.done)
	}()
	t.Cleanup(func() {
		if err := p.End(syscall.SIGKILL, 5*time.Second); err != nil && errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%s did not die", name)
		}
		if t.Failed() {
			t.Logf("output of %s:\n%s", name, tail(p.Output(), 60_000))
		}
	})
	return p
}

// Ended tells whether the program is over.
func (p *Process) Ended() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// End sends a signal, once, and waits for the program to be over. The error is
// the program's own, or os.ErrDeadlineExceeded.
func (p *Process) End(signal syscall.Signal, within time.Duration) error {
	if p.Ended() {
		return p.err
	}
	p.cmd.Process.Signal(signal)
	timer := time.NewTimer(within)
	defer timer.Stop()
	select {
	case <-p.done:
		return p.err
	case <-timer.C:
		return os.ErrDeadlineExceeded
	}
}

// Pid is the program's process id.
func (p *Process) Pid() int { return p.cmd.Process.Pid }

// Stdout and Stderr are what the program has printed so far.
func (p *Process) Stdout() string { return p.stdout.String() }

// Stderr is the other half of Output.
func (p *Process) Stderr() string { return p.stderr.String() }

// Output is all that the program has printed so far.
func (p *Process) Output() string { return p.stdout.String() + p.stderr.String() }

// capture is a buffer that one goroutine writes while others read.
type capture struct {
	sync.Mutex
	buf bytes.Buffer
}

func (c *capture) Write(b []byte) (int, error) {
	c.Lock()
	defer c.Unlock()
	return c.buf.Write(b)
}

func (c *capture) String() string {
	c.Lock()
	defer c.Unlock()
	return c.buf.String()
}

func tail(text string, size int) string {
	if len(text) <= size {
		return text
	}
	text = text[len(text)-size:]
	if _, rest, ok := strings.Cut(text, "\n"); ok {
		text = rest
	}
	return "…\n" + text
}

// CPU is the processor time that the process has used so far, in user and kernel mode, to a
// hundredth of a second.
func (p *Process) CPU(t testing.TB) time.Duration {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.Pid()))
	if err != nil {
		t.Fatal(err)
	}
	// The name of the program, in brackets, may hold blanks. proc_pid_stat(5): utime is the
	// fourteenth field, stime the one after it.
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	var ticks int64
	for _, field := range fields[11:13] {
		n, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		ticks += n
	}
	return time.Duration(ticks) * time.Second / 100
}
