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
	w := writes{contexts: map[string]string{}, keys: map[string]string{}, makers: map[string]bool{"make": true}}
	var files []*ast.File
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
			file, err := parser.ParseFile(&w.files, path, nil, parser.SkipObjectResolution)
			if err != nil {
				return err
			}
			w.findMakers(file)
			files = append(files, file)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		w.findVariables(file)
		w.read(file)
	}
	if len(w.contexts) < 10 || len(w.keys) < 50 {
		t.Errorf("found %d contexts and %d keys only", len(w.contexts), len(w.keys))
	}
	for name, where := range w.contexts {
		if !ReservedContext(name) && !ReservedKey(name) {
			t.Errorf("%s: the context %q is not reserved: add it to contexts in names.go", where, name)
		}
	}
	for name, where := range w.keys {
		if !ReservedKey(name) && !ReservedContext(name) {
			t.Errorf("%s: the key, or tag, %q is not reserved: add it to keys in names.go", where, name)
		}
	}
}

// A writes has the names that source files write, and where.
type writes struct {
	files          token.FileSet
	contexts, keys map[string]string
	makers         map[string]bool // functions that return a context
	variables      map[string]bool // of a file: those that hold a context, or tags
}

func (w *writes) findMakers(file *ast.File) {
	for _, d := range file.Decls {
		if f, ok := d.(*ast.FuncDecl); ok && f.Type.Results.NumFields() == 1 && isContext(f.Type.Results.List[0].Type) {
			w.makers[f.Name.Name] = true
		}
	}
}

func (w *writes) findVariables(file *ast.File) {
	w.variables = map[string]bool{"tags": true}
	ast.Inspect(file, func(n ast.Node) bool {
		var names []*ast.Ident
		switch n := n.(type) {
		case *ast.Field: // a parameter or a result
			if isContext(n.Type) {
				names = n.Names
			}
		case *ast.ValueSpec:
			if isContext(n.Type) {
				names = n.Names
			}
		case *ast.AssignStmt:
			for i, x := range n.Rhs {
				if name, ok := n.Lhs[i].(*ast.Ident); ok && w.makesContext(x) {
					names = append(names, name)
				}
			}
		}
		for _, name := range names {
			w.variables[name.Name] = true
		}
		return true
	})
}

// makesContext reports whether x is a literal of a context, a call that makes one, or one of an event's.
func (w *writes) makesContext(x ast.Expr) bool {
	switch x := x.(type) {
	case *ast.CompositeLit:
		return isContext(x.Type)
	case *ast.IndexExpr:
		s, ok := x.X.(*ast.SelectorExpr)
		return ok && s.Sel.Name == "Contexts"
	case *ast.CallExpr:
		switch f := x.Fun.(type) {
		case *ast.SelectorExpr:
			return w.makers[f.Sel.Name]
		case *ast.Ident:
			return w.makers[f.Name] && (f.Name != "make" || isContext(x.Args[0]))
		}
	}
	return false
}

func (w *writes) read(file *ast.File) {
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
			} else if ok && s.Sel.Name == "Tags" {
				w.add(n.Index, w.keys)
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

func (w *writes) assigned(i *ast.IndexExpr) {
	switch x := i.X.(type) {
	case *ast.Ident:
		if w.variables[x.Name] {
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
