package main

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"
)

// settings are what the command line says.
type settings struct {
	rounds int
	slice  time.Duration
	only   string // workloads, with commas between; "" for all
	out    string // directory of results; "" for none
	crowd  crowd  // with viewers: what a machine carries, and nothing else
}

func main() {
	var s settings
	var capacity bool
	flag.IntVar(&s.rounds, "rounds", 20, "rounds of each workload")
	flag.DurationVar(&s.slice, "slice", 100*time.Millisecond, "how long a contender has its turn")
	flag.StringVar(&s.only, "only", "", "workloads, with commas between: "+strings.Join(workloadNames, ", "))
	flag.StringVar(&s.out, "out", "", "directory for results.md and results.svg")
	flag.BoolVar(&capacity, "capacity", false, "measure what a machine carries, and nothing else")
	flag.IntVar(&s.crowd.viewers, "viewers", 800, "with -capacity: viewers")
	flag.IntVar(&s.crowd.rate, "rate", 5, "with -capacity: requests of each viewer in a second")
	flag.IntVar(&s.crowd.flood, "flood", 5000, "with -capacity: forged tokens in a second")
	flag.DurationVar(&s.crowd.length, "length", 10*time.Second, "with -capacity: how long each measurement takes")
	flag.Parse()
	if !capacity {
		s.crowd = crowd{}
	}
	if err := run(os.Stdout, s); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(stdout io.Writer, s settings) error {
	dir, err := os.MkdirTemp("", "playgate-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if err := os.Chmod(dir, 0o755); err != nil { //nolint:gosec // nginx workers run as another user
		return err
	}
	if s.out != "" {
		if err := os.MkdirAll(s.out, 0o755); err != nil { //nolint:gosec // for everybody
			return err
		}
	}
	b := &bench{dir: dir, out: stdout, keys: make(map[string]*key)}
	defer b.stop()
	if b.binary, err = buildBinary(dir); err != nil {
		return err
	}
	if b.origin, err = newOrigin(); err != nil {
		return err
	}
	for _, algorithm := range algorithms {
		if b.keys[algorithm], err = newKey(algorithm, dir); err != nil {
			return err
		}
	}
	if s.crowd.viewers > 0 {
		return b.capacity(s.crowd)
	}
	return b.compare(s)
}

// compare measures the workloads one after the other.
func (b *bench) compare(s settings) error {
	server, client, err := twoCPUs()
	if err != nil {
		return err
	}
	b.cpu = server
	if server == client {
		b.notes = append(b.notes, "the server by itself: there is one CPU, which it shares with its clients")
	}
	if err := pinSelf(client); err != nil {
		return err
	}
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	names := workloadNames
	if s.only != "" {
		names = strings.Split(s.only, ",")
	}
	for _, name := range names {
		if !slices.Contains(workloadNames, name) {
			return fmt.Errorf("-only %s: there are %s", name, strings.Join(workloadNames, ", "))
		}
	}
	wanted := func(name string) bool { return slices.Contains(names, name) }
	// Each slice of first sights needs tokens of its own.
	fresh := int(float64(s.rounds+1)*s.slice.Seconds()*12_000) + 2*connections
	fmt.Fprintln(os.Stderr, "starting the servers, making the tokens")
	list, err := b.workloads(wanted, fresh)
	if err != nil {
		return err
	}
	var text bytes.Buffer
	fmt.Fprintf(&text, "%s.\n%d rounds of %v each.\n", strings.Join(b.versions(), "; "), s.rounds, s.slice)
	for _, w := range list {
		progress := func(round int) { fmt.Fprintf(os.Stderr, "\r%s: round %d of %d ", w.name, round, s.rounds) }
		if w.name == "steady" {
			all, rate, err := measureSteady(w, s.rounds, s.slice, progress)
			fmt.Fprint(os.Stderr, "\r\033[K")
			if err != nil {
				return err
			}
			tableSteady(&text, w, all, rate)
			continue
		}
		all, err := measure(w, b.origin, s.rounds, s.slice, progress)
		fmt.Fprint(os.Stderr, "\r\033[K")
		if err != nil {
			return err
		}
		table(&text, w, all)
		if algorithm, ok := strings.CutPrefix(w.name, "first-"); ok {
			fmt.Fprintf(&text, "\nThe bare check of an %s signature takes %.1f us here.\n", algorithm, micros(b.keys[algorithm].bare()))
		}
		if w.name == "seen" && s.out != "" {
			var picture bytes.Buffer
			if err := plot(&picture, w, all); err != nil {
				return err
			}
			if err := os.WriteFile(filepath.Join(s.out, "results.svg"), picture.Bytes(), 0o644); err != nil { //nolint:gosec // for everybody
				return err
			}
		}
	}
	for _, note := range b.notes {
		fmt.Fprintf(&text, "\nNot measured: %s.\n", note)
	}
	if s.out != "" {
		if err := os.WriteFile(filepath.Join(s.out, "results.md"), text.Bytes(), 0o644); err != nil { //nolint:gosec // for everybody
			return err
		}
	}
	_, err = b.out.Write(text.Bytes())
	return err
}

// buildBinary gives what is measured.
func buildBinary(dir string) (string, error) {
	if given := os.Getenv("PLAYGATE_BINARY"); given != "" {
		return filepath.Abs(given)
	}
	path := filepath.Join(dir, "playgate")
	cmd := exec.Command("go", "build", "-trimpath", "-tags", "nobadger,nomysql,nopgx", "-o", path, "./cmd/playgate")
	root, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}").Output()
	if err != nil {
		return "", fmt.Errorf("%w; run this in the integration directory, as go run ./bench", err)
	}
	cmd.Dir = filepath.Dir(strings.TrimSpace(string(root)))
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	cmd.Stderr = os.Stderr
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("building playgate: %w", err)
	}
	return path, nil
}
