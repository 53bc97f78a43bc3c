package module_test

import (
	"go/ast"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const root = "github.com/playgate/playgate/"

// layers are the packages from left to right. A package imports only what stands
// to its right; within a layer none imports another.
var layers = [][]string{
	{"cmd/playgate"},
	{"module", "module/demo"},
	{"module/admin", "module/command", "module/console"},
	{"module/gate", "module/cache", "module/player", "module/api", "module/logging"},
	{"module/app"},
	{"module/internal/edge", "module/internal/directive", "module/internal/loadcheck"},
	{"module/internal/verify", "module/internal/conns", "module/internal/registry", "module/internal/seal", "module/internal/issue", "module/internal/jwks"},
	{"module/internal/replica", "module/internal/cluster", "module/internal/kv/kvtest"},
	{"module/internal/kv"},
	{
		"module/api/types", "module/internal/handoff", "module/internal/access", "module/internal/target", "module/internal/manifest",
		"module/internal/redact", "module/internal/shard", "module/internal/budget", "module/internal/asset", "module/internal/headers", "module/internal/keyfile", "module/internal/problem",
		"module/internal/weborigin", "module/internal/xmltext", "module/internal/body", "module/internal/places", "module/internal/template",
	},
	{"module/token/jwt", "module/token/sessiontoken"},
	{"module/token"},
}

// withinLayer are the imports that are allowed within a layer.
var withinLayer = map[string][]string{
	"module/internal/access":   {"module/internal/target"}, // it judges a grant for a target
	"module/internal/registry": {"module/internal/seal"},   // it stores what is sealed
	"module/internal/manifest": {"module/internal/weborigin", "module/internal/xmltext"},
	"module/internal/body":     {"module/internal/manifest"}, // it reads them piece by piece
	// It finds tokens in targets.
	"module/internal/places": {"module/internal/access", "module/internal/headers", "module/internal/redact", "module/internal/target"},
}

// caddyPackages are those that may import Caddy. All others are tested without it.
var caddyPackages = []string{
	"cmd/playgate", "module/admin", "module/api", "module/app", "module/cache", "module/command", "module/console", "module/demo",
	"module/gate", "module/internal/directive", "module/internal/edge", "module/internal/loadcheck", "module/logging", "module/player",
}

func layerOf(dir string) int {
	return slices.IndexFunc(layers, func(layer []string) bool { return slices.Contains(layer, dir) })
}

// Imports lead from left to right only, and Caddy stays with those who need it.
func TestImportsPointOneWay(t *testing.T) {
	for _, f := range readSource(t).files {
		from := layerOf(f.dir)
		if from < 0 {
			t.Errorf("%s: package %s is in no layer; add it to the list here and to CONTRIBUTING.md", f.path, f.dir)
			continue
		}
		for _, spec := range f.tree.Imports {
			path, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				t.Fatal(err)
			}
			if strings.HasPrefix(path, "github.com/caddyserver/caddy/") && !slices.Contains(caddyPackages, f.dir) {
				t.Errorf("%s imports Caddy; %s has to do without it", f.path, f.dir)
			}
			imported, ours := strings.CutPrefix(path, root)
			if !ours {
				continue
			}
			to := layerOf(imported)
			if to < from || to == from && !slices.Contains(withinLayer[f.dir], imported) {
				t.Errorf("%s imports %s, which is not to its right", f.path, imported)
			}
		}
	}
}

// impure are packages of the pure layers that read files or serve them.
var impure = []string{"module/internal/asset", "module/internal/keyfile"}

// The layers on the right do no I/O and have no clock of their own, which is why
// nearly all of the behaviour is tested without a server.
func TestPureLayers(t *testing.T) {
	forbidden := []string{"os", "io/fs", "os/exec", "log", "embed", "syscall"}
	calls := []string{"time.Now", "time.Since", "time.Until", "time.Sleep", "time.After", "time.AfterFunc", "time.NewTimer", "time.NewTicker", "net.Dial", "net.Listen", "http.Get"}
	s := readSource(t)
	for _, f := range s.files {
		if layerOf(f.dir) < layerOf("module/internal/access") || slices.Contains(impure, f.dir) {
			continue
		}
		for name, path := range importsOf(f) {
			if slices.Contains(forbidden, path) {
				t.Errorf("%s imports %s", f.path, name)
			}
		}
		ast.Inspect(f.tree, func(n ast.Node) bool {
			if call, ok := n.(*ast.CallExpr); ok && slices.Contains(calls, called(call.Fun)) {
				t.Errorf("%s:%d calls %s", f.path, s.line(n.Pos()), called(call.Fun))
			}
			return true
		})
	}
}

// CONTRIBUTING.md names each package.
func TestContributingNamesPackages(t *testing.T) {
	text, err := os.ReadFile("../CONTRIBUTING.md")
	if err != nil {
		t.Fatal(err)
	}
	for dir := range readSource(t).packages() {
		short := strings.TrimPrefix(strings.TrimPrefix(dir, "module/internal/"), "module/")
		if !strings.Contains(string(text), "`"+dir+"`") && !strings.Contains(string(text), "`"+short+"`") {
			t.Errorf("CONTRIBUTING.md does not say what %s holds", dir)
		}
	}
}

// The list of layers names packages that exist.
func TestLayersExist(t *testing.T) {
	packages := readSource(t).packages()
	for _, layer := range layers {
		for _, dir := range layer {
			if packages[dir] == nil {
				t.Errorf("there is no package %s", dir)
			}
		}
	}
	for _, dir := range caddyPackages {
		if packages[dir] == nil {
			t.Errorf("there is no package %s", dir)
		}
	}
}
