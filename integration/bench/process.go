package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// twoCPUs are that of the server under test and that of everything else. Where
// there is one only, they share it, and its figures mean less.
func twoCPUs() (server, client int, err error) {
	var set unix.CPUSet
	if err := unix.SchedGetaffinity(0, &set); err != nil {
		return 0, 0, err
	}
	var list []int
	for cpu := range len(set) * 64 {
		if set.IsSet(cpu) {
			list = append(list, cpu)
		}
	}
	if len(list) == 0 {
		return 0, 0, errors.New("no CPU that this process may use is known")
	}
	return list[0], list[min(1, len(list)-1)], nil
}

// pinSelf keeps the threads that this process has, and those that they make, on one
// CPU.
func pinSelf(cpu int) error {
	var set unix.CPUSet
	set.Set(cpu)
	threads, err := os.ReadDir("/proc/self/task")
	if err != nil {
		return err
	}
	for _, t := range threads {
		id, err := strconv.Atoi(t.Name())
		if err != nil {
			return err
		}
		if err := unix.SchedSetaffinity(id, &set); err != nil {
			return err
		}
	}
	return nil
}

// process is a server under test.
type process struct {
	cmd  *exec.Cmd
	gone chan struct{}
}

// allCPUs has a server run on all CPUs.
const allCPUs = -1

// start runs a server, on one CPU or on [allCPUs], until its address answers.
func start(log string, env []string, cpu int, address string, name string, args ...string) (*process, error) {
	out, err := os.Create(log)
	if err != nil {
		return nil, err
	}
	defer out.Close()
	if cpu != allCPUs {
		name, args = "taskset", append([]string{"-c", strconv.Itoa(cpu), name}, args...)
	}
	cmd := exec.Command(name, args...)
	cmd.Env = append(os.Environ(), env...)
	cmd.Stdout, cmd.Stderr = out, out
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	p := &process{cmd, make(chan struct{})}
	go func() { _ = cmd.Wait(); close(p.gone) }()
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); {
		conn, err := net.DialTimeout("tcp", address, time.Second)
		if err == nil {
			return p, conn.Close()
		}
		select {
		case <-p.gone:
			text, _ := os.ReadFile(log)
			return nil, fmt.Errorf("%s has ended: %s", name, text)
		case <-time.After(50 * time.Millisecond):
		}
	}
	p.stop()
	return nil, fmt.Errorf("%s does not answer at %s", name, address)
}

func (p *process) stop() {
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.gone:
	case <-time.After(5 * time.Second):
		_ = p.cmd.Process.Kill()
		<-p.gone
	}
}

// family are the process and its children.
func (p *process) family() []int {
	all := []int{p.cmd.Process.Pid}
	for i := 0; i < len(all); i++ {
		tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", all[i]))
		for _, t := range tasks {
			text, _ := os.ReadFile(t)
			for _, child := range strings.Fields(string(text)) {
				if pid, err := strconv.Atoi(child); err == nil {
					all = append(all, pid)
				}
			}
		}
	}
	return all
}

// cpu is the CPU time that the family has taken.
func (p *process) cpu() time.Duration {
	total := time.Duration(0)
	for _, pid := range p.family() {
		var t unix.Timespec
		const processClock = 2 // of another process, see clock_getcpuclockid(3)
		if unix.ClockGettime(int32(^pid<<3|processClock), &t) == nil {
			total += time.Duration(t.Nano())
		}
	}
	return total
}

// resident is the memory that the family takes, in bytes.
func (p *process) resident() int64 {
	total := int64(0)
	for _, pid := range p.family() {
		text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
		if f := strings.Fields(string(text)); len(f) > 1 {
			pages, _ := strconv.ParseInt(f[1], 10, 64)
			total += pages * int64(os.Getpagesize())
		}
	}
	return total
}

// freePorts are n ports of loopback that nobody listens on.
func freePorts(n int) ([]string, error) {
	var list []string
	var held []io.Closer
	var errs []error
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			errs = append(errs, err)
			break
		}
		held = append(held, l)
		list = append(list, l.Addr().String())
	}
	for _, l := range held {
		errs = append(errs, l.Close())
	}
	return list, errors.Join(errs...)
}
