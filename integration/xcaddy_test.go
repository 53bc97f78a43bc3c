package integration_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/playgate/playgate/integration/harness"
)

const caddyVersion = "v2.11.9"

// xcaddy builds with the package `module` of this working tree, in the form of
// xcaddy.Dockerfile, and has the Caddy modules of the plain build.
func TestXcaddy(t *testing.T) {
	t.Parallel()
	built := xcaddyBuild(t)
	ours, theirs := listModules(t, harness.Binary(t)), listModules(t, built)
	if len(theirs) < 100 {
		t.Fatalf("only %d modules:\n%s", len(theirs), strings.Join(theirs, "\n"))
	}
	for _, name := range theirs {
		if !slices.Contains(ours, name) {
			t.Errorf("%s is in the xcaddy build alone", name)
		}
	}
	for _, name := range ours {
		if !slices.Contains(theirs, name) && !strings.Contains(name, "demo") {
			t.Errorf("%s is in the plain build alone", name)
		}
	}
	for _, name := range []string{"playgate", "http.handlers.playgate", "caddy.logging.encoders.playgate"} {
		if !slices.Contains(theirs, name) {
			t.Errorf("%s is not in the xcaddy build", name)
		}
	}
	for _, args := range [][]string{{"key", "new", "--id", "k"}, {"token", "create", "--help"}} {
		if out, err := exec.CommandContext(t.Context(), built, args...).CombinedOutput(); err != nil {
			t.Errorf("%s of the xcaddy build: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
}

func xcaddyBuild(t *testing.T) string {
	t.Helper()
	xcaddy, err := exec.LookPath("xcaddy")
	if err != nil {
		t.Fatal("xcaddy is not on the PATH; ./scripts/test installs it")
	}
	dir := t.TempDir()
	// Go asks for newer modules of our path although the source is given. An
	// empty repository in place of the published one says that there are none.
	none := filepath.Join(dir, "none.git")
	if out, err := exec.CommandContext(t.Context(), "git", "init", "--quiet", "--bare", none).CombinedOutput(); err != nil {
		t.Fatalf("git init: %v\n%s", err, out)
	}
	output := filepath.Join(dir, "caddy")
	cmd := exec.CommandContext(t.Context(), xcaddy, "build", caddyVersion,
		"--with", "github.com/playgate/playgate/module",
		"--replace", "github.com/playgate/playgate="+harness.Root(t),
		"--output", output)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(),
		"GOFLAGS=-buildvcs=false",
		"CGO_ENABLED=0",
		"GOPRIVATE=github.com/playgate/playgate",
		"GIT_CONFIG_COUNT=1",
		fmt.Sprintf("GIT_CONFIG_KEY_0=url.file://%s.insteadOf", none),
		"GIT_CONFIG_VALUE_0=https://github.com/playgate/playgate",
	)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		t.Fatalf("xcaddy: %v\n%s", err, out.String())
	}
	return output
}

func listModules(t *testing.T, binary string) []string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), binary, "list-modules").Output()
	if err != nil {
		t.Fatalf("list-modules: %v", err)
	}
	var names []string
	for line := range strings.Lines(string(out)) {
		// The rest are counts: "Standard modules: 130".
		if name := strings.TrimSpace(line); name != "" && !strings.Contains(name, ":") {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}
