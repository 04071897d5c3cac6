package sentryview

import (
	"bufio"
	"os"
	"path"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/autoservice/sentryconfig/sentrytest"
)

// A module is the main module of this program, if its folder is at hand.
type module struct{ dir, path string }

// mainModule looks for the module above the working folder, and takes it if this program was built from it.
func mainModule() module {
	info, ok := debug.ReadBuildInfo()
	dir, err := os.Getwd()
	if !ok || err != nil || info.Main.Path == "" {
		return module{}
	}
	for {
		text, err := os.ReadFile(filepath.Join(dir, "go.mod"))
		if err == nil {
			if modulePath(string(text)) == info.Main.Path {
				return module{dir, info.Main.Path}
			}
			return module{}
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return module{}
		}
		dir = parent
	}
}

func modulePath(text string) string {
	for line := range strings.Lines(text) {
		if rest, ok := strings.CutPrefix(strings.TrimSpace(line), "module "); ok {
			return strings.Trim(strings.TrimSpace(rest), `"`)
		}
	}
	return ""
}

// within returns the path of a frame's file within the module, "" when it is elsewhere or no Go file.
func (m module) within(f sentrytest.Frame) string {
	name := f.AbsPath
	if name == "" {
		name = f.Filename
	}
	if m.dir == "" || !strings.HasSuffix(name, ".go") {
		return ""
	}
	if filepath.IsAbs(name) {
		rel, err := filepath.Rel(m.dir, name)
		if err != nil {
			return ""
		}
		name = filepath.ToSlash(rel)
	} else { // as with -trimpath
		rel, ok := strings.CutPrefix(name, m.path+"/")
		if !ok {
			return ""
		}
		name = rel
	}
	if name = path.Clean(name); !filepath.IsLocal(filepath.FromSlash(name)) {
		return ""
	}
	return name
}

// A sourceLine is one of a file.
type sourceLine struct {
	Number int
	Text   string
	Here   bool // the frame is on it
}

const (
	sourceFirst  = 4       // lines before and after that of the innermost call
	sourceOthers = 1       // and of the others
	maxSource    = 1 << 20 // bytes of a file
	maxSources   = 30      // frames of a page with lines
)

// lines returns the lines around a frame, nil if they can't be had. os.Root keeps links from leading out of the module.
func (m module) lines(f sentrytest.Frame, around int) []sourceLine {
	name := m.within(f)
	if name == "" || f.Line <= 0 {
		return nil
	}
	root, err := os.OpenRoot(m.dir)
	if err != nil {
		return nil
	}
	defer func() { _ = root.Close() }()
	info, err := root.Stat(name)
	if err != nil || !info.Mode().IsRegular() || info.Size() > maxSource {
		return nil
	}
	file, err := root.Open(name)
	if err != nil {
		return nil
	}
	defer func() { _ = file.Close() }()
	var lines []sourceLine
	scanner := bufio.NewScanner(file)
	for n := 1; n <= f.Line+around && scanner.Scan(); n++ {
		if n >= f.Line-around {
			lines = append(lines, sourceLine{n, scanner.Text(), n == f.Line})
		}
	}
	if len(lines) == 0 || lines[len(lines)-1].Number < f.Line {
		return nil
	}
	return outdent(lines)
}

// outdent takes away the tabs that all lines begin with, and writes the others as spaces.
func outdent(lines []sourceLine) []sourceLine {
	least := -1
	for _, l := range lines {
		if tabs := len(l.Text) - len(strings.TrimLeft(l.Text, "\t")); strings.TrimSpace(l.Text) != "" &&
			(least < 0 || tabs < least) {
			least = tabs
		}
	}
	for i := range lines {
		lines[i].Text = lines[i].Text[min(max(0, least), len(lines[i].Text)):]
	}
	return lines
}

// A call is a frame for the page.
type call struct {
	Function, Module, File string
	Line                   int
	Own                    bool
	Source                 []sourceLine
}

// calls are frames of one kind that follow each other.
type calls struct {
	Own    bool
	Frames []call
}

// stack returns frames as people read them, the innermost first, in groups. left counts the frames that may have lines
// of source.
func (m module) stack(frames []sentrytest.Frame, left *int) []calls {
	var groups []calls
	around := sourceFirst
	for _, f := range slices.Backward(frames) {
		c := call{Function: f.Function, Module: f.Module, File: f.AbsPath, Line: f.Line, Own: f.InApp}
		if c.File == "" {
			c.File = f.Filename
		}
		if c.Own && *left > 0 {
			if c.Source = m.lines(f, around); c.Source != nil {
				*left--
				around = sourceOthers
			}
		}
		if f.ContextLine != "" && c.Source == nil {
			c.Source = []sourceLine{{f.Line, strings.TrimSpace(f.ContextLine), true}}
		}
		if n := len(groups); n == 0 || groups[n-1].Own != c.Own {
			groups = append(groups, calls{Own: c.Own})
		}
		last := &groups[len(groups)-1]
		last.Frames = append(last.Frames, c)
	}
	return groups
}

// Name is the function with the last part of its package.
func (c call) Name() string { return shortName(c.Module, c.Function) }

// Short is the end of the file's path.
func (c call) Short() string {
	name := strings.ReplaceAll(c.File, `\`, "/")
	parts := strings.Split(name, "/")
	return strings.Join(parts[max(0, len(parts)-2):], "/")
}
