package sentryview

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/autoservice/sentryconfig/sentrytest"
)

// TestSource: lines are read from Go files of the module, and from nowhere else, however a frame names them.
func TestSource(t *testing.T) {
	outside, dir := t.TempDir(), t.TempDir()
	text := "package x\n\nfunc f() {\n\t\tsecret()\n\t}\n"
	for _, name := range []string{
		filepath.Join(outside, "out.go"), filepath.Join(dir, "in.go"), filepath.Join(dir, "in.txt"),
	} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "long.go"), make([]byte, maxSource+1), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "folder.go"), 0o700); err != nil {
		t.Fatal(err)
	}
	link := os.Symlink(filepath.Join(outside, "out.go"), filepath.Join(dir, "link.go"))
	m := module{dir, "example.com/m"}
	sideways := "/../" + filepath.Base(outside) + "/out.go"
	for _, test := range []struct {
		name  string
		frame sentrytest.Frame
		found bool
	}{
		{"absolute", sentrytest.Frame{AbsPath: filepath.Join(dir, "in.go"), Line: 4}, true},
		{"trimmed", sentrytest.Frame{Filename: "example.com/m/in.go", Line: 1}, true},
		{"another module", sentrytest.Frame{Filename: "example.com/mm/in.go", Line: 1}, false},
		{"a version of it", sentrytest.Frame{Filename: "example.com/m@v1.0.0/in.go", Line: 1}, false},
		{"relative", sentrytest.Frame{Filename: "in.go", Line: 1}, false},
		{"outside", sentrytest.Frame{AbsPath: filepath.Join(outside, "out.go"), Line: 4}, false},
		{"up and down", sentrytest.Frame{AbsPath: dir + sideways, Line: 4}, false},
		{"trimmed and up", sentrytest.Frame{Filename: "example.com/m/.." + sideways, Line: 4}, false},
		{"no Go", sentrytest.Frame{AbsPath: filepath.Join(dir, "in.txt"), Line: 1}, false},
		{"a folder", sentrytest.Frame{AbsPath: filepath.Join(dir, "folder.go"), Line: 1}, false},
		{"too long", sentrytest.Frame{AbsPath: filepath.Join(dir, "long.go"), Line: 1}, false},
		{"a link to the outside", sentrytest.Frame{AbsPath: filepath.Join(dir, "link.go"), Line: 1}, false},
		{"past the end", sentrytest.Frame{AbsPath: filepath.Join(dir, "in.go"), Line: 99}, false},
		{"before the beginning", sentrytest.Frame{AbsPath: filepath.Join(dir, "in.go"), Line: -1}, false},
		{"missing", sentrytest.Frame{AbsPath: filepath.Join(dir, "no.go"), Line: 1}, false},
	} {
		if strings.Contains(test.name, "link") && link != nil {
			continue // not everybody may make links
		}
		if got := m.lines(test.frame, 1); (got != nil) != test.found {
			t.Errorf("%s: %+v", test.name, got)
		}
	}
	got := m.lines(sentrytest.Frame{AbsPath: filepath.Join(dir, "in.go"), Line: 4}, 1)
	if len(got) != 3 || got[1].Text != "\t\tsecret()" || !got[1].Here || got[1].Number != 4 {
		t.Errorf("%+v", got)
	}
	if (module{}).lines(sentrytest.Frame{AbsPath: filepath.Join(dir, "in.go"), Line: 4}, 1) != nil {
		t.Error("a program without its source shows some")
	}
}
