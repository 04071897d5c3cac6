package sentryconfig_test

import (
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"maps"
	"os"
	"os/exec"
	"path"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// A block of Go in the pages for people is one of these:
//
//   - a file, which begins with its package clause, and compiles as it is;
//   - declarations;
//   - fields of sentryconfig.Options;
//   - statements, in a function with the parameters ctx, err and t that returns an error.
//
// All but files may name a package of docPackages without importing it, and what docStandIns declares. A file that
// imports golang.org/x/sys/windows compiles for Windows, and what uses a task engine in the module of its adapter.

// docPackages are the packages that a fragment need not import.
var docPackages = packagesByName("context", "encoding/json", "errors", "expvar", "fmt", "io/fs", "log", "log/slog",
	"net/http", "os", "os/exec", "os/signal", "syscall", "testing", "testing/synctest", "time",
	"github.com/getsentry/sentry-go",
	"github.com/autoservice/sentryconfig", "github.com/autoservice/sentryconfig/sentrytest",
	"github.com/autoservice/sentryconfig/sentryview", "github.com/autoservice/sentryconfig/sentryasynq",
	"github.com/autoservice/sentryconfig/sentrycron", "github.com/autoservice/sentryconfig/sentryriver",
	"github.com/hibiken/asynq", "github.com/riverqueue/river", "github.com/riverqueue/river/riverdriver/riverpgxv5",
	"github.com/robfig/cron/v3")

// docStandIns declare what fragments take for granted.
var docStandIns = map[string]string{
	"asynqClient": "var asynqClient *asynq.Client",
	"backup":      "func backup(ctx context.Context) error",
	"checkDisk":   "func checkDisk(ctx context.Context) error",
	"data":        "var data any",
	"handle":      "func handle(ctx context.Context) error",
	"handler":     "var handler slog.Handler",
	"index":       "var index int",
	"m":           "var m struct { Queue, ID, Type string; Attempt int; Body []byte; Headers map[string]string }",
	"payload":     "var payload []byte",
	"report":      "var report map[string]any",
	"sendMail":    "func sendMail(ctx context.Context, task *asynq.Task) error",
	"server":      "var server *sentrytest.Server",
	"tasks":       "var tasks []sentryconfig.Task",
	"total":       "var total int",
	"work":        "func work(ctx context.Context)",

	"ErrQuotaExceeded": "var ErrQuotaExceeded error",
}

func packagesByName(paths ...string) map[string]string {
	names := make(map[string]string, len(paths))
	for _, p := range paths {
		name := path.Base(p)
		switch {
		case name == "sentry-go":
			name = "sentry"
		case name == "v3":
			name = path.Base(path.Dir(p))
		}
		names[name] = p
	}
	return names
}

// A unit is a block of Go, made a file.
type unit struct {
	file    *ast.File
	imports []string
}

// A place is where blocks compile: with the requirements of a module, for an operating system.
type place struct{ module, goos string }

// TestDocsCompile: every block of Go in the pages compiles.
func TestDocsCompile(t *testing.T) {
	fset := token.NewFileSet()
	places := make(map[place][]unit)
	count := 0
	for _, p := range docPages(t) {
		for _, b := range p.blocks {
			if b.language != "go" {
				continue
			}
			count++
			u, err := parseBlock(fset, p.name, b)
			if err != nil {
				t.Error(err)
				continue
			}
			where := placeOf(u)
			places[where] = append(places[where], u)
		}
	}
	if count < 10 {
		t.Errorf("found only %d blocks of Go", count)
	}
	for where, units := range places {
		t.Run(where.module+" "+where.goos, func(t *testing.T) { where.compile(t, fset, units) })
	}
}

// placeOf returns the module of the adapter that u uses, or else the root, and the system that its imports are for.
func placeOf(u unit) place {
	where := place{".", runtime.GOOS}
	for _, name := range u.imports {
		if folder, ok := strings.CutPrefix(name, "github.com/autoservice/sentryconfig/"); ok {
			if _, err := os.Stat(folder + "/go.mod"); err == nil {
				where.module = folder
			}
		}
		if strings.HasPrefix(name, "golang.org/x/sys/windows") {
			where.goos = "windows"
		}
	}
	return where
}

func (p place) compile(t *testing.T, fset *token.FileSet, units []unit) {
	if testing.Short() && p != (place{".", runtime.GOOS}) {
		t.Skip("-short: other modules and systems take a build of what they use")
	}
	wanted := make(map[string]bool)
	for _, u := range units {
		for _, name := range u.imports {
			wanted[name] = true
		}
	}
	exports := p.exports(t, slices.Sorted(maps.Keys(wanted)))
	packages := importer.ForCompiler(fset, "gc", func(name string) (io.ReadCloser, error) {
		file, ok := exports[name]
		if !ok {
			return nil, fmt.Errorf("no package %s", name)
		}
		return os.Open(file)
	})
	for _, u := range units {
		config := types.Config{Importer: packages, Error: func(err error) { t.Error(err) }}
		_, _ = config.Check("docs", fset, []*ast.File{u.file}, nil) // Error has told it
	}
}

// exports returns the files of export data of packages, and of all that they import. It skips the test where this
// machine can't compile them.
func (p place) exports(t *testing.T, names []string) map[string]string {
	t.Helper()
	if _, err := exec.LookPath("go"); err != nil {
		t.Skip("no go command: the code of the pages is not compiled")
	}
	run := func(args ...string) string {
		cmd := exec.Command("go", args...)
		cmd.Dir = p.module
		cmd.Env = append(os.Environ(), "GOOS="+p.goos, "GOPROXY=off", "GOFLAGS=")
		if p.goos != runtime.GOOS {
			cmd.Env = append(cmd.Env, "CGO_ENABLED=0")
		}
		var stderr strings.Builder
		cmd.Stderr = &stderr
		out, err := cmd.Output()
		if err == nil {
			return string(out)
		}
		for _, lack := range []string{"module lookup disabled by GOPROXY=off", "go.mod requires go >="} {
			if strings.Contains(stderr.String(), lack) {
				t.Skipf("this machine lacks what the code of the pages uses, which is not compiled:\n%s", &stderr)
			}
		}
		t.Fatalf("go %s: %v\n%s", strings.Join(args, " "), err, &stderr)
		return ""
	}
	built, _, _ := strings.Cut(runtime.Version(), " ")
	if version := strings.TrimSpace(run("env", "GOVERSION")); version != built {
		t.Skipf("the go command is %s, this test was built by %s: the code of the pages is not compiled", version,
			built)
	}
	exports := make(map[string]string)
	list := append([]string{"list", "-export", "-deps", "-f", "{{.ImportPath}}\t{{.Export}}"}, names...)
	for line := range strings.Lines(run(list...)) {
		name, file, _ := strings.Cut(strings.TrimSpace(line), "\t")
		exports[name] = file
	}
	return exports
}

// docForms are what may stand around a block that is no file, in the order in which they are tried.
var docForms = [][2]string{
	{"", ""},
	{"var _ = sentryconfig.Options{", "\n}"},
	{"func _(ctx context.Context, err error, t *testing.T) error {", "\nreturn nil }"},
}

// parseBlock makes a file of a block. Positions are those of the page.
func parseBlock(fset *token.FileSet, name string, b block) (u unit, err error) {
	where := fmt.Sprintf("%s:%d", name, b.line)
	parse := func(before, after string) (*ast.File, error) {
		return parser.ParseFile(fset, "", before+"\n//line "+where+"\n"+b.text+after, parser.SkipObjectResolution)
	}
	if strings.HasPrefix(b.text, "package ") {
		u.file, err = parse("", "")
	} else {
		for _, form := range docForms {
			if u.file, err = parse("package docs\n"+form[0], form[1]); err == nil {
				u.file, err = parse("package docs\n"+header(u.file)+form[0], form[1])
				break
			}
		}
	}
	if err != nil {
		return u, err
	}
	for _, spec := range u.file.Imports {
		imported, err := strconv.Unquote(spec.Path.Value)
		if err != nil || strings.Contains(imported, "/internal/") {
			return u, fmt.Errorf("%s: nobody can import %s", where, spec.Path.Value)
		}
		u.imports = append(u.imports, imported)
	}
	return u, nil
}

// header returns the imports and stand-ins that a fragment needs.
func header(file *ast.File) string {
	declared := make(map[string]bool)
	for _, decl := range file.Decls {
		if f, ok := decl.(*ast.FuncDecl); ok && f.Recv == nil {
			declared[f.Name.Name] = true
		}
	}
	imports, standIns := make(map[string]bool), ""
	var look func(ast.Node) bool
	look = func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.SelectorExpr:
			if x, ok := n.X.(*ast.Ident); ok && docPackages[x.Name] != "" {
				imports[docPackages[x.Name]] = true
			}
		case *ast.Ident:
			text, ok := docStandIns[n.Name]
			if !ok || declared[n.Name] {
				break
			}
			declared[n.Name] = true
			standIns += text + "\n"
			if added, err := parser.ParseFile(token.NewFileSet(), "", "package docs\n"+text, 0); err == nil {
				ast.Inspect(added, look)
			}
		}
		return true
	}
	ast.Inspect(file, look)
	text := ""
	for _, name := range slices.Sorted(maps.Keys(imports)) {
		text += "import " + strconv.Quote(name) + "\n"
	}
	return text + standIns
}
