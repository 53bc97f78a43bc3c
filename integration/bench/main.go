package main

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"
)

func main() {
	rounds := flag.Int("rounds", 20, "rounds of each workload")
	slice := flag.Duration("slice", 200*time.Millisecond, "how long a contender has its turn")
	only := flag.String("only", "", "workloads, with commas between: seen, first-HS256, first-EdDSA, first-ES256, refused")
	flag.Parse()
	if err := run(*rounds, *slice, *only); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(rounds int, slice time.Duration, only string) error {
	if runtime.NumCPU() < 2 {
		return fmt.Errorf("two CPUs are needed: one for the server, one for its clients")
	}
	dir, err := os.MkdirTemp("", "playgate-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if err := os.Chmod(dir, 0o755); err != nil { //nolint:gosec // nginx workers run as another user
		return err
	}
	b := &bench{dir: dir, keys: make(map[string]*key)}
	defer b.stop()
	if b.binary, err = binary(dir); err != nil {
		return err
	}
	if err := pinSelf(clientCPU); err != nil {
		return err
	}
	runtime.GOMAXPROCS(1)
	if b.origin, err = newOrigin(4096); err != nil {
		return err
	}
	for _, algorithm := range algorithms {
		if b.keys[algorithm], err = newKey(algorithm, dir); err != nil {
			return err
		}
	}
	names := strings.Split(only, ",")
	wanted := func(name string) bool { return only == "" || slices.Contains(names, name) }
	// Each slice of first sights needs tokens of its own.
	fresh := int(float64(rounds+1) * slice.Seconds() * 12_000)
	fmt.Fprintln(os.Stderr, "starting the servers, making the tokens")
	list, err := b.workloads(wanted, fresh)
	if err != nil {
		return err
	}
	for _, w := range list {
		all, err := measure(w, b.origin, rounds, slice, func(round int) {
			fmt.Fprintf(os.Stderr, "\r%s: round %d of %d ", w.name, round, rounds)
		})
		fmt.Fprint(os.Stderr, "\r\033[K")
		if err != nil {
			return err
		}
		table(os.Stdout, w, all)
		if algorithm, ok := strings.CutPrefix(w.name, "first-"); ok {
			fmt.Printf("\nThe bare check of an %s signature takes %.1f us here.\n", algorithm, micros(b.keys[algorithm].bare()))
		}
	}
	for _, note := range b.notes {
		fmt.Println("\nNot measured:", note+".")
	}
	return nil
}

// binary is what is measured.
func binary(dir string) (string, error) {
	if given := os.Getenv("PLAYGATE_BINARY"); given != "" {
		return filepath.Abs(given)
	}
	path := filepath.Join(dir, "playgate")
	cmd := exec.Command("go", "build", "-trimpath", "-tags", "nobadger,nomysql,nopgx", "-o", path, "./cmd/playgate")
	cmd.Dir = ".."
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	cmd.Stderr = os.Stderr
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("building playgate: %w; run this in the integration directory, as go run ./bench", err)
	}
	return path, nil
}
