package harness

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

const caddyVersion = "v2.11.9"

// XCaddy builds Caddy with the package `module` of this working tree, in the
// form of xcaddy.Dockerfile, and with other modules.
func XCaddy(t testing.TB, with ...string) string {
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
	args := []string{
		"build", caddyVersion,
		"--with", "github.com/playgate/playgate/module",
		"--replace", "github.com/playgate/playgate=" + Root(t),
		"--output", output,
	}
	for _, module := range with {
		args = append(args, "--with", module)
	}
	cmd := exec.CommandContext(t.Context(), xcaddy, args...)
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
