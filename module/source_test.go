package module_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// sourceFile is one Go file of the module that is no test.
type sourceFile struct {
	path  string // from the root of the repository: module/app/app.go
	dir   string
	lines int
	tree  *ast.File
}

// source is all of the module's code, tests apart.
type source struct {
	set   *token.FileSet
	files []*sourceFile
}

var parsed = sync.OnceValues(func() (*source, error) {
	s := &source{set: token.NewFileSet()}
	for _, root := range []string{"../cmd", "../module"} {
		err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			tree, err := parser.ParseFile(s.set, path, nil, parser.ParseComments)
			if err != nil {
				return err
			}
			path = filepath.ToSlash(strings.TrimPrefix(path, "../"))
			s.files = append(s.files, &sourceFile{
				path: path, dir: path[:strings.LastIndex(path, "/")],
				lines: s.set.File(tree.FileStart).LineCount() - 1, tree: tree,
			})
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return s, nil
})

func readSource(t *testing.T) *source {
	t.Helper()
	s, err := parsed()
	if err != nil {
		t.Fatal(err)
	}
	if len(s.files) < 100 {
		t.Fatalf("only %d files were found", len(s.files))
	}
	return s
}

// packages are the files by their directory.
func (s *source) packages() map[string][]*sourceFile {
	all := make(map[string][]*sourceFile)
	for _, f := range s.files {
		all[f.dir] = append(all[f.dir], f)
	}
	return all
}

func (s *source) line(p token.Pos) int { return s.set.Position(p).Line }

// receiver is the name of the type that a method is of, or "".
func receiver(f *ast.FuncDecl) string {
	if f.Recv == nil {
		return ""
	}
	of := f.Recv.List[0].Type
	for {
		switch x := of.(type) {
		case *ast.StarExpr:
			of = x.X
		case *ast.IndexExpr:
			of = x.X
		case *ast.IndexListExpr:
			of = x.X
		case *ast.Ident:
			return x.Name
		default:
			return ""
		}
	}
}

// parse reads a text that is no file.
func parse(t *testing.T, set *token.FileSet, text string) *ast.File {
	t.Helper()
	tree, err := parser.ParseFile(set, "text.go", text, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	return tree
}
