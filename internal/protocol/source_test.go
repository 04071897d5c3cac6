//go:build !windows

package protocol

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// TestWhatTheCodeWrites reads this module's source, that for other systems too: each name of a context and each of its
// keys that is written there is in the tables.
func TestWhatTheCodeWrites(t *testing.T) {
	t.Parallel()
	w := writes{contexts: map[string]string{}, keys: map[string]string{}}
	err := filepath.WalkDir("../..", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			_, err := os.Stat(filepath.Join(path, "go.mod"))
			if path != "../.." && (err == nil ||
				slices.Contains([]string{"examples", "sentrytest", "sentryview", "testdata", ".git"}, d.Name())) {
				return filepath.SkipDir
			}
			return nil
		}
		if strings.HasSuffix(path, ".go") && !strings.HasSuffix(path, "_test.go") {
			w.read(t, path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(w.contexts) < 10 || len(w.keys) < 50 {
		t.Errorf("found %d contexts and %d keys only", len(w.contexts), len(w.keys))
	}
	for name, where := range w.contexts {
		if !ReservedContext(name) && !ReservedKey(name) {
			t.Errorf("%s: the context %q is not reserved", where, name)
		}
	}
	for name, where := range w.keys {
		if !ReservedKey(name) && !ReservedContext(name) {
			t.Errorf("%s: the key %q is not reserved", where, name)
		}
	}
}

// A writes has the names that source files write, and where.
type writes struct {
	files          token.FileSet
	contexts, keys map[string]string
}

func (w *writes) read(t *testing.T, path string) {
	t.Helper()
	file, err := parser.ParseFile(&w.files, path, nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.CompositeLit:
			if isContext(n.Type) {
				w.literal(n, w.keys)
			} else if m, ok := n.Type.(*ast.MapType); ok && isContext(m.Value) {
				w.literal(n, w.contexts)
				for _, e := range n.Elts {
					if inner, ok := e.(*ast.KeyValueExpr).Value.(*ast.CompositeLit); ok && inner.Type == nil {
						w.literal(inner, w.keys)
					}
				}
			}
		case *ast.IndexExpr:
			if s, ok := n.X.(*ast.SelectorExpr); ok && s.Sel.Name == "Contexts" {
				w.add(n.Index, w.contexts)
			}
		case *ast.CallExpr:
			if s, ok := n.Fun.(*ast.SelectorExpr); ok && s.Sel.Name == "put" && len(n.Args) == 2 { // an error's details
				w.add(n.Args[0], w.keys)
			}
		case *ast.AssignStmt:
			for _, left := range n.Lhs {
				if i, ok := left.(*ast.IndexExpr); ok {
					w.assigned(i)
				}
			}
		}
		return true
	})
}

// contextNames are what variables that hold a context are called.
var contextNames = []string{"app", "c", "d", "death", "details", "device", "environment", "memory", "named", "process",
	"processor", "system", "task"}

func (w *writes) assigned(i *ast.IndexExpr) {
	switch x := i.X.(type) {
	case *ast.Ident:
		if slices.Contains(contextNames, x.Name) {
			w.add(i.Index, w.keys)
		}
	case *ast.IndexExpr: // e.Contexts["error"]["x"]
		w.add(i.Index, w.keys)
	}
}

func (w *writes) literal(lit *ast.CompositeLit, to map[string]string) {
	for _, e := range lit.Elts {
		if kv, ok := e.(*ast.KeyValueExpr); ok {
			w.add(kv.Key, to)
		}
	}
}

func (w *writes) add(key ast.Expr, to map[string]string) {
	if lit, ok := key.(*ast.BasicLit); ok && lit.Kind == token.STRING {
		if name, err := strconv.Unquote(lit.Value); err == nil && name != "" && name[0] < 0x80 {
			to[name] = w.files.Position(lit.Pos()).String()
		}
	}
}

func isContext(t ast.Expr) bool {
	switch t := t.(type) {
	case *ast.SelectorExpr:
		return t.Sel.Name == "Context" && t.X.(*ast.Ident).Name == "sentry"
	case *ast.Ident:
		return t.Name == "Values" // of internal/machine
	}
	return false
}
