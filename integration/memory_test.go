package integration_test

import (
	"os"
	"strings"
	"testing"

	"github.com/playgate/playgate/integration/harness"
)

// The binary collects its memory less often than Go would by itself, under a
// limit, and the operator has the last word on both.
func TestCollectorDefaults(t *testing.T) {
	for _, name := range []string{"GOGC", "GOMEMLIMIT"} { // of this machine
		t.Setenv(name, "")
		if err := os.Unsetenv(name); err != nil {
			t.Fatal(err)
		}
	}
	s := setup{globals: "metrics\n"}
	key := harness.NewKey(t, "main", "EdDSA")
	for _, tc := range []struct {
		env            harness.Env
		percent, limit string // "" for any below the largest there is
	}{
		{nil, "400", ""},
		{harness.Env{"GOGC": "150", "GOMEMLIMIT": "1073741824"}, "150", "1.073741824e+09"},
	} {
		env := harness.Env{"KEY": key.PublicFile, "ORIGIN": "127.0.0.1:1"}
		for name, value := range tc.env {
			env[name] = value
		}
		server := harness.Serve(t, s.caddyfile(), env)
		found := make(map[string]string)
		for line := range strings.Lines(string(harness.Curl(t, "http://"+server.Admin+"/metrics").Body)) {
			if f := strings.Fields(line); len(f) == 2 {
				found[f[0]] = f[1]
			}
		}
		if got := found["go_gc_gogc_percent"]; got != tc.percent {
			t.Errorf("with %v: collected at %q %%", tc.env, got)
		}
		const none = "9.223372036854776e+18"
		if got := found["go_gc_gomemlimit_bytes"]; got == "" || got == none || tc.limit != "" && got != tc.limit {
			t.Errorf("with %v: a limit of %q bytes", tc.env, got)
		}
	}
}
