package module_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2/caddyconfig"
)

// In the JSON configuration nothing empty means everything: whatever is written in one
// of the configurations that load, they load no more once it is null, "" or [].
func TestNothingEmptyInJSONMeansEverything(t *testing.T) {
	testKeys(t)
	for _, name := range []string{"app_all", "app_store_nats", "key_twice_apart", "gate_all", "gate_propagate_cookie", "cache", "console", "player", "jwks_all"} {
		t.Run(name, func(t *testing.T) {
			data, err := os.ReadFile(filepath.Join("testdata/adapt", name+".caddyfiletest"))
			if err != nil {
				t.Fatal(err)
			}
			_, text, _ := strings.Cut(string(data), dashes)
			if err := validate([]byte(text)); err != nil {
				t.Fatal(err)
			}
			var config any
			if err := json.Unmarshal([]byte(text), &config); err != nil {
				t.Fatal(err)
			}
			n := 0
			for path, replace := range playgateValues(config, "", false) {
				for _, empty := range []any{nil, "", []any{}} {
					if empty == "" && strings.Contains(path, "/pins/") && strings.HasSuffix(path, "/value") {
						continue // the one that may be empty
					}
					restore := replace(empty)
					n++
					if err := validate(caddyconfig.JSON(config, nil)); err == nil {
						t.Errorf("%s may be %#v", path, empty)
					}
					restore()
				}
			}
			if n < 10 {
				t.Errorf("only %d values were tried", n)
			}
		})
	}
}

// playgateValues are the values of a configuration that belong to Playgate, and how each is
// replaced, and put back.
func playgateValues(value any, path string, inside bool) map[string]func(any) (restore func()) {
	found := map[string]func(any) func(){}
	visit := func(name string, child any, set func(any)) {
		at := path + "/" + name
		if inside && name != "handler" {
			found[at] = func(to any) func() { set(to); return func() { set(child) } }
		}
		for p, replace := range playgateValues(child, at, inside || at == "/apps/playgate") {
			found[p] = replace
		}
	}
	switch v := value.(type) {
	case map[string]any:
		if handler, _ := v["handler"].(string); strings.HasPrefix(handler, "playgate") {
			inside = true
		}
		for name, child := range v {
			visit(name, child, func(to any) { v[name] = to })
		}
	case []any:
		for i, child := range v {
			visit(strconv.Itoa(i), child, func(to any) { v[i] = to })
		}
	}
	return found
}
