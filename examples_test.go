package sentryconfig_test

import (
	"go/ast"
	"go/doc"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Each exported function and method of the public packages has an Example that runs: one with an output.
func TestExamples(t *testing.T) {
	for _, dir := range []string{".", "sentrytest"} {
		t.Run(dir, func(t *testing.T) {
			files, err := filepath.Glob(filepath.Join(dir, "*.go"))
			if err != nil {
				t.Fatal(err)
			}
			var tests []*ast.File
			var exported []string
			for _, name := range files {
				file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments)
				if err != nil {
					t.Fatal(err)
				}
				if strings.HasSuffix(name, "_test.go") {
					tests = append(tests, file)
					continue
				}
				for _, decl := range file.Decls {
					if f, ok := decl.(*ast.FuncDecl); ok && f.Name.IsExported() {
						if name := exampleName(f); name != "" {
							exported = append(exported, name)
						}
					}
				}
			}
			runs := make(map[string]bool)
			for _, e := range doc.Examples(tests...) {
				runs[e.Name] = e.Output != ""
			}
			if len(exported) < 10 {
				t.Errorf("found only %q", exported)
			}
			for _, name := range exported {
				// Methods of a Client are told by the package-level functions; Stats has another name there.
				twin := strings.Replace(strings.TrimPrefix(name, "Client_"), "Stats", "ReadStats", 1)
				if !runs[name] && !runs[twin] {
					t.Errorf("no Example%s with an output", name)
				}
			}
		})
	}
}

// Go code in docs/grouping.md is code of its examples, but for the indentation.
func TestDocsGroupingCompiles(t *testing.T) {
	page, err := os.ReadFile("docs/grouping.md")
	if err != nil {
		t.Fatal(err)
	}
	source, err := os.ReadFile("example_grouping_test.go")
	if err != nil {
		t.Fatal(err)
	}
	blocks := strings.Split(string(page), "```go\n")[1:]
	if len(blocks) < 5 {
		t.Fatalf("%d blocks of Go", len(blocks))
	}
	for _, block := range blocks {
		block, _, _ = strings.Cut(block, "```")
		if !strings.Contains(withoutIndentation(string(source)), withoutIndentation(block)) {
			t.Errorf("no example has\n%s", block)
		}
	}
}

func withoutIndentation(code string) string {
	var b strings.Builder
	for line := range strings.Lines(code) {
		b.WriteString(strings.TrimLeft(strings.TrimRight(line, "\r\n"), "\t"))
		b.WriteByte('\n')
	}
	return b.String()
}

// exampleName is what an Example of f is called, without the Example; "" for methods of types that aren't exported.
func exampleName(f *ast.FuncDecl) string {
	if f.Recv == nil {
		return f.Name.Name
	}
	receiver := f.Recv.List[0].Type
	if pointer, ok := receiver.(*ast.StarExpr); ok {
		receiver = pointer.X
	}
	if name, ok := receiver.(*ast.Ident); ok && name.IsExported() {
		return name.Name + "_" + f.Name.Name
	}
	return ""
}
