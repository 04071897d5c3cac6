package sentryconfig_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

var roomRow = regexp.MustCompile(`(?m)^\| ([\w/]+) \|[^|]*\|([^|]*)\|$`)

// TestRooms: docs/architecture.md has a row for each package, with the packages that it imports.
func TestRooms(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("docs", "architecture.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(text), "\n## The rooms\n")
	table, _, _ = strings.Cut(table, "\n## ")
	uses := packageImports(t)
	rooms := make(map[string]bool)
	for _, m := range roomRow.FindAllStringSubmatch(table, -1) {
		room := m[1]
		if room == "package" { // the heading
			continue
		}
		rooms[room] = true
		want := []string{}
		for name := range strings.SplitSeq(m[2], ",") {
			if name = strings.TrimSpace(name); name != "" {
				want = append(want, path.Base(name))
			}
		}
		if room == "root" {
			want = firstRooms(uses)
		}
		slices.Sort(want)
		if got := uses[room]; !slices.Equal(got, want) {
			t.Errorf("docs/architecture.md says that %s uses %q, but it uses %q", room, want, got)
		}
	}
	for room := range uses {
		if !rooms[room] {
			t.Errorf("docs/architecture.md has no row for %s, which uses %q", room, uses[room])
		}
	}
}

// firstRooms returns the packages of internal that aren't within another: the root uses them all.
func firstRooms(uses map[string][]string) (names []string) {
	for room := range uses {
		if name, ok := strings.CutPrefix(room, "internal/"); ok && !strings.Contains(name, "/") {
			names = append(names, name)
		}
	}
	return names
}

// packageImports returns, for the folder of each package of the root module, the packages of it that this one imports
// on any platform, by the last part of their path.
func packageImports(t *testing.T) map[string][]string {
	t.Helper()
	const module = "github.com/autoservice/sentryconfig"
	uses := make(map[string][]string)
	err := filepath.WalkDir(".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			_, err := os.Stat(filepath.Join(name, "go.mod"))
			if name != "." && (err == nil || strings.HasPrefix(d.Name(), ".") ||
				slices.Contains([]string{"examples", "testdata", "sample", "demo"}, d.Name())) {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		room := strings.Replace(filepath.ToSlash(filepath.Dir(name)), ".", "root", 1)
		if uses[room] == nil {
			uses[room] = []string{}
		}
		for _, i := range file.Imports {
			used, err := strconv.Unquote(i.Path.Value)
			if err != nil {
				return err
			}
			used, ours := strings.CutPrefix(used, module+"/")
			if ours && !slices.Contains(uses[room], path.Base(used)) {
				uses[room] = append(uses[room], path.Base(used))
			}
		}
		slices.Sort(uses[room])
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return uses
}
