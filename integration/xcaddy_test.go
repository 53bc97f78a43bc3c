package integration_test

import (
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/playgate/playgate/integration/harness"
)

// xcaddy builds with the package `module` of this working tree, in the form of
// xcaddy.Dockerfile, and has the Caddy modules of the plain build.
func TestXcaddy(t *testing.T) {
	t.Parallel()
	built := harness.XCaddy(t)
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
