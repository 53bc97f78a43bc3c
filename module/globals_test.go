package module_test

import (
	"go/ast"
	"go/token"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// changing are the package variables that may change, each with its reason. Pools
// and metrics need none.
var changing = map[string]string{
	"module/console.assets":          "the files are read once, and never change",
	"module/player.assets":           "the files are read once, and never change",
	"module/internal/redact.names":   "log encoders are set up without an app, and have to know the names of all gates",
	"module/internal/redact.growing": "the lock of names",
}

// A package variable that changes is state that nobody can start, stop or have
// twice. What a process keeps is in pools.
func TestPackageVariablesDoNotChange(t *testing.T) {
	used := make(map[string]bool)
	for dir, files := range readSource(t).packages() {
		for name, why := range variablesThatChange(files) {
			name = dir + "." + name
			if used[name] = true; changing[name] == "" {
				t.Errorf("%s changes: %s", name, why)
			}
		}
	}
	for name := range changing {
		if !used[name] {
			t.Errorf("%s does not change, or is not there any more; take it out of the list", name)
		}
	}
}

// No package writes to a variable of another one.
func TestForeignVariablesAreNotWritten(t *testing.T) {
	s := readSource(t)
	for _, f := range s.files {
		imports := importsOf(f)
		ast.Inspect(f.tree, func(n ast.Node) bool {
			for _, x := range changedBy(n) {
				for {
					selector, ok := x.(*ast.SelectorExpr)
					if !ok {
						break
					}
					if name, ok := selector.X.(*ast.Ident); ok && name.Obj == nil && ours(called(selector), imports) {
						t.Errorf("%s:%d writes to %s", f.path, s.line(n.Pos()), called(selector))
					}
					x = selector.X
				}
			}
			return true
		})
	}
}

// The test above finds what it is for.
func TestFindsVariablesThatChange(t *testing.T) {
	const text = `package p
import ("errors"; "sync"; "sync/atomic"; "regexp"; "github.com/caddyserver/caddy/v2"; "github.com/prometheus/client_golang/prometheus"; "github.com/playgate/playgate/module/internal/verify")
var count atomic.Int64
var set int = 1
var table = map[string]int{}
var filled = map[string]int{"a": 1}
var once = sync.OnceFunc(func() {})
var zero struct{ n int }
var state tally
var shared = new(tally)
var made = make(chan int)
var slice = []int{1}
var pointer = &tally{}
var taken = 5
var built = newTally()
var listed = func() map[string]*tally { return nil }()
var name = text()
var ErrGood = errors.New("good")
var good = regexp.MustCompile("a")
var pool = sync.Pool{}
var usage = caddy.NewUsagePool()
var counter = prometheus.NewCounter(prometheus.CounterOpts{})
var _ = set
type tally struct{ n int }
func (t *tally) add() { t.n++ }
type fixed struct{ n int }
func (f *fixed) get() int { return f.n }
var still = newFixed()
func newFixed() *fixed { return nil }
var cache = newCache()
func newCache() *otter.Cache { return nil }
var limiter = verify.NewLimiter(1)
var local = tally{}
var sorted = []int{2, 1}
var copied = []int{1}
var ranged = 1
func h() { slices.Sort(sorted); copy(copied, sorted); for ranged = range sorted {} }
func f() { set++; table["a"] = 1; slice[0]++; shadowed := good; _ = shadowed; pointer.n = 1; g(&taken); good := 1; good++ }
func g(*int) {}
func newTally() *tally { return nil }
func text() string { return "" }
`
	set := token.NewFileSet()
	files := []*sourceFile{{tree: parse(t, set, text)}}
	got := variablesThatChange(files)
	for _, name := range strings.Fields("count set table once zero state shared made slice pointer taken built listed cache limiter local sorted copied ranged") {
		if got[name] == "" {
			t.Errorf("%s is not found", name)
		}
		delete(got, name)
	}
	if len(got) > 0 {
		t.Errorf("these do not change: %v", got)
	}
}

// variablesThatChange are the package variables of some files that can change,
// with what tells it.
func variablesThatChange(files []*sourceFile) map[string]string {
	functions := make(map[string]*ast.FuncType)
	for _, f := range files {
		for _, decl := range f.tree.Decls {
			if function, ok := decl.(*ast.FuncDecl); ok && function.Recv == nil {
				functions[function.Name.Name] = function.Type
			}
		}
	}
	mutable := mutableTypes(files)
	specs := make(map[string]*ast.ValueSpec)
	found := make(map[string]string)
	for _, f := range files {
		for _, decl := range f.tree.Decls {
			d, ok := decl.(*ast.GenDecl)
			if !ok || d.Tok != token.VAR {
				continue
			}
			for _, spec := range d.Specs {
				v := spec.(*ast.ValueSpec)
				if v.Doc == nil {
					v.Doc = d.Doc
				}
				for i, name := range v.Names {
					if name.Name == "_" {
						continue
					}
					why := kindThatChanges(v, i, importsOf(f), mutable)
					if why == "" && i < len(v.Values) && pointsTo(v.Values[i], functions, mutable) {
						why = "a function makes it, and gives a pointer"
					}
					if why == "" {
						specs[name.Name] = v
					} else if why != allowedKind {
						found[name.Name] = why
					}
				}
			}
		}
	}
	for _, f := range files {
		ast.Inspect(f.tree, func(n ast.Node) bool {
			for _, x := range changedBy(n) {
				name := base(x)
				if name == nil {
					continue
				}
				spec := specs[name.Name]
				if spec != nil && (name.Obj == nil || name.Obj.Decl == spec) {
					found[name.Name] = "it is written to, or its address is taken"
				}
			}
			return true
		})
	}
	return found
}

const allowedKind = "allowed"

// kindThatChanges tells by its declaration that a variable is made to change, or
// is of a kind that may.
func kindThatChanges(v *ast.ValueSpec, i int, imports map[string]string, mutable map[string]bool) string {
	if i >= len(v.Values) {
		if len(v.Values) == 1 { // several results of one call
			return ""
		}
		if v.Doc != nil {
			for _, line := range v.Doc.List {
				if strings.HasPrefix(line.Text, "//go:embed ") {
					return ""
				}
			}
		}
		return "it has no value yet"
	}
	switch x := v.Values[i].(type) {
	case *ast.CallExpr:
		name := called(x.Fun)
		switch {
		case name == "caddy.NewUsagePool", strings.HasPrefix(name, "prometheus.New"):
			return allowedKind
		case name == "new", name == "make", strings.HasPrefix(name, "sync.Once"):
			return "it is made by " + name
		case ours(name, imports) && strings.Contains(name, ".New"):
			return "another package makes it"
		}
	case *ast.CompositeLit:
		name := called(x.Type)
		switch {
		case name == "sync.Pool":
			return allowedKind
		case strings.HasPrefix(name, "sync."), strings.HasPrefix(name, "atomic."), mutable[name]:
			return "it is a " + name
		}
	}
	return ""
}

// pointsTo reports whether a call gives a pointer to something that can change, or
// something that holds one. functions are those of the package by their names,
// and mutable the types of it that can change.
func pointsTo(x ast.Expr, functions map[string]*ast.FuncType, mutable map[string]bool) bool {
	call, ok := x.(*ast.CallExpr)
	if !ok {
		return false
	}
	var of *ast.FuncType
	switch f := call.Fun.(type) {
	case *ast.Ident:
		of = functions[f.Name]
	case *ast.FuncLit:
		of = f.Type
	}
	found := false
	if of != nil && of.Results != nil {
		ast.Inspect(of.Results, func(n ast.Node) bool {
			if pointer, ok := n.(*ast.StarExpr); ok {
				name := called(pointer.X)
				foreign := strings.Contains(name, ".") && !strings.HasPrefix(name, "prometheus.") && !strings.HasPrefix(name, "template.")
				found = found || foreign || mutable[name]
			}
			return true
		})
	}
	return found
}

// mutableTypes are the types of a package that change: those with a method that
// writes to its receiver, and those that hold locks or atomic values.
func mutableTypes(files []*sourceFile) map[string]bool {
	mutable := make(map[string]bool)
	for _, f := range files {
		ast.Inspect(f.tree, func(n ast.Node) bool {
			switch x := n.(type) {
			case *ast.TypeSpec:
				ast.Inspect(x.Type, func(n ast.Node) bool {
					if of, ok := n.(*ast.SelectorExpr); ok {
						name := called(of)
						mutable[x.Name.Name] = mutable[x.Name.Name] || strings.HasPrefix(name, "sync.") || strings.HasPrefix(name, "atomic.")
					}
					return true
				})
			case *ast.FuncDecl:
				of := receiver(x)
				if of == "" || x.Body == nil || len(x.Recv.List[0].Names) == 0 {
					return true
				}
				own := x.Recv.List[0].Names[0].Name
				ast.Inspect(x.Body, func(n ast.Node) bool {
					for _, written := range changedBy(n) {
						if name := base(written); name != nil && name.Name == own {
							mutable[of] = true
						}
					}
					return true
				})
			}
			return true
		})
	}
	return mutable
}

// importsOf are the imports of a file by their names there.
func importsOf(f *sourceFile) map[string]string {
	all := make(map[string]string)
	for _, spec := range f.tree.Imports {
		path, _ := strconv.Unquote(spec.Path.Value) // the parser has read it
		name := path[strings.LastIndex(path, "/")+1:]
		if spec.Name != nil {
			name = spec.Name.Name
		}
		all[name] = path
	}
	return all
}

// ours reports whether a name with its package is of this repository.
func ours(name string, imports map[string]string) bool {
	of, _, found := strings.Cut(name, ".")
	return found && strings.HasPrefix(imports[of], root)
}

// called is the name of a function or type, with its package.
func called(x ast.Expr) string {
	switch x := x.(type) {
	case *ast.Ident:
		return x.Name
	case *ast.SelectorExpr:
		if of, ok := x.X.(*ast.Ident); ok {
			return of.Name + "." + x.Sel.Name
		}
	case *ast.IndexExpr:
		return called(x.X)
	}
	return ""
}

// changedBy are the expressions that a node writes to.
func changedBy(n ast.Node) []ast.Expr {
	switch x := n.(type) {
	case *ast.AssignStmt:
		if x.Tok != token.DEFINE {
			return x.Lhs
		}
	case *ast.IncDecStmt:
		return []ast.Expr{x.X}
	case *ast.UnaryExpr:
		if x.Op == token.AND {
			return []ast.Expr{x.X}
		}
	case *ast.RangeStmt:
		if x.Tok == token.ASSIGN {
			return []ast.Expr{x.Key, x.Value}
		}
	case *ast.CallExpr:
		if slices.Contains(writers, called(x.Fun)) {
			return x.Args[:1]
		}
	}
	return nil
}

// writers are functions that write to their first argument.
var writers = []string{"delete", "clear", "copy", "maps.Copy", "maps.DeleteFunc", "slices.Sort", "slices.SortFunc", "slices.SortStableFunc", "slices.Reverse", "sort.Strings", "sort.Ints", "sort.Slice"}

// base is the variable that an expression is a part of.
func base(x ast.Expr) *ast.Ident {
	for {
		switch y := x.(type) {
		case *ast.Ident:
			return y
		case *ast.SelectorExpr:
			x = y.X
		case *ast.IndexExpr:
			x = y.X
		case *ast.StarExpr:
			x = y.X
		case *ast.ParenExpr:
			x = y.X
		default:
			return nil
		}
	}
}
