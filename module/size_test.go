package module_test

import (
	"go/ast"
	"maps"
	"slices"
	"testing"
)

// What a part of the code may take at most, tests apart.
const (
	maxMethods      = 30    // of a type
	maxPackageLines = 3_500 // of a package
	maxFunctionSize = 60    // lines of a function
	maxFileLines    = 400   // lines of a file
	maxAppNames     = 20    // exported names of package app
)

// oversized are the exceptions. CONTRIBUTING.md has the reason for each.
var oversized = map[string]int{
	"module/gate.exchange": 52, // methods
}

func limitOf(name string, limit int) int {
	if more, ok := oversized[name]; ok {
		return more
	}
	return limit
}

// Types, functions, files and packages stay small enough to be read.
func TestSizes(t *testing.T) {
	s := readSource(t)
	for dir, files := range s.packages() {
		lines := 0
		methods := make(map[string]int)
		for _, f := range files {
			lines += f.lines
			if f.lines > limitOf(f.path, maxFileLines) {
				t.Errorf("%s has %d lines", f.path, f.lines)
			}
			for _, decl := range f.tree.Decls {
				function, ok := decl.(*ast.FuncDecl)
				if !ok {
					continue
				}
				if of := receiver(function); of != "" {
					methods[dir+"."+of]++
				}
				if n := s.line(function.End()) - s.line(function.Pos()) + 1; n > limitOf(f.path+":"+function.Name.Name, maxFunctionSize) {
					t.Errorf("%s: %s has %d lines", f.path, function.Name.Name, n)
				}
			}
		}
		if lines > limitOf(dir, maxPackageLines) {
			t.Errorf("package %s has %d lines", dir, lines)
		}
		for name, n := range methods {
			if n > limitOf(name, maxMethods) {
				t.Errorf("%s has %d methods", name, n)
			}
		}
	}
}

// No exception stands longer than it is needed.
func TestOversizedIsNeeded(t *testing.T) {
	methods := 0
	for _, f := range readSource(t).packages()["module/gate"] {
		for _, decl := range f.tree.Decls {
			if function, ok := decl.(*ast.FuncDecl); ok && receiver(function) == "exchange" {
				methods++
			}
		}
	}
	if methods != oversized["module/gate.exchange"] || len(oversized) != 1 {
		t.Errorf("the exceptions are %v, and exchange has %d methods", oversized, methods)
	}
}

// Package app offers its sisters configuration and keys, and little else.
func TestAppNames(t *testing.T) {
	names := make(map[string]bool)
	add := func(name *ast.Ident) {
		if name.IsExported() {
			names[name.Name] = true
		}
	}
	for _, f := range readSource(t).packages()["module/app"] {
		for _, decl := range f.tree.Decls {
			switch d := decl.(type) {
			case *ast.FuncDecl:
				if d.Recv == nil {
					add(d.Name)
				}
			case *ast.GenDecl:
				for _, spec := range d.Specs {
					switch x := spec.(type) {
					case *ast.TypeSpec:
						add(x.Name)
					case *ast.ValueSpec:
						for _, name := range x.Names {
							add(name)
						}
					}
				}
			}
		}
	}
	if len(names) == 0 || len(names) > maxAppNames {
		t.Errorf("package app exports %d names: %v", len(names), slices.Sorted(maps.Keys(names)))
	}
}
