package module_test

import (
	"go/ast"
	"go/token"
	"strings"
	"testing"
)

// changing are the package variables that may change, each with its reason. Pools
// and metrics need none.
var changing = map[string]string{
	"module/internal/redact.names":     "log encoders are set up without an app, and have to know the names of all gates",
	"module/internal/redact.growing":   "the lock of names",
	"module/internal/redact.installed": "gates are told by the log encoder, which has no app, that it is there",
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

// The test above finds what it is for.
func TestFindsVariablesThatChange(t *testing.T) {
	const text = `package p
import ("errors"; "sync"; "sync/atomic"; "regexp"; "github.com/caddyserver/caddy/v2"; "github.com/prometheus/client_golang/prometheus")
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
func f() { set++; table["a"] = 1; slice[0]++; shadowed := good; _ = shadowed; pointer.n = 1; g(&taken); good := 1; good++ }
func g(*int) {}
func newTally() *tally { return nil }
func text() string { return "" }
`
	set := token.NewFileSet()
	files := []*sourceFile{{tree: parse(t, set, text)}}
	got := variablesThatChange(files)
	for _, name := range strings.Fields("count set table once zero state shared made slice pointer taken built listed cache") {
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
					why := kindThatChanges(v, i)
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
func kindThatChanges(v *ast.ValueSpec, i int) string {
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
		}
	case *ast.CompositeLit:
		name := called(x.Type)
		switch {
		case name == "sync.Pool":
			return allowedKind
		case strings.HasPrefix(name, "sync."), strings.HasPrefix(name, "atomic."):
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
	case *ast.CallExpr:
		if called(x.Fun) == "delete" || called(x.Fun) == "clear" {
			return x.Args[:1]
		}
	}
	return nil
}

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
