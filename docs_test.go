package sentryconfig_test

import (
	"fmt"
	"html"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"
)

// The pages for people: what they link to, what they measure. docs_compile_test.go compiles their code.

// A page is a Markdown file.
type page struct {
	name     string
	blocks   []block
	sections []section
	anchors  map[string]bool
	unclosed int // the first line of a block without an end; 0: none
}

// A block is fenced code.
type block struct {
	language string
	line     int // of its first line
	text     string
}

// A section is a heading and what stands below it; lines of fenced blocks are empty.
type section struct {
	line  int
	lines []string
}

// docPages are README.md, the pages of docs, and every other Markdown file that people read.
func docPages(t *testing.T) []page {
	t.Helper()
	var pages []page
	for _, pattern := range []string{"*.md", "docs/*.md", "examples/*/*.md", "*/examples/*/*.md"} {
		names, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			p := parsePage(filepath.ToSlash(name), string(text))
			if p.unclosed > 0 {
				t.Errorf("%s:%d: the block has no end", p.name, p.unclosed)
			}
			pages = append(pages, p)
		}
	}
	if len(pages) < 10 {
		t.Fatalf("found only %d pages", len(pages))
	}
	return pages
}

func parsePage(name, text string) page {
	p := page{name: name, anchors: make(map[string]bool), sections: []section{{line: 1}}}
	var open *block
	indent := ""
	for i, line := range strings.Split(text, "\n") {
		line = strings.TrimSuffix(line, "\r")
		said := "" // of fenced blocks nothing
		trimmed := strings.TrimLeft(line, " ")
		switch {
		case open != nil && trimmed == "```":
			p.blocks = append(p.blocks, *open)
			open = nil
		case open != nil:
			open.text += strings.TrimPrefix(line, indent) + "\n"
		case strings.HasPrefix(trimmed, "```"):
			open = &block{language: strings.TrimPrefix(trimmed, "```"), line: i + 2}
			indent = line[:len(line)-len(trimmed)]
		default:
			if heading, ok := strings.CutPrefix(strings.TrimLeft(line, "#"), " "); ok && strings.HasPrefix(line, "#") {
				p.sections = append(p.sections, section{line: i + 1})
				p.addAnchor(heading)
			}
			said = line
		}
		last := &p.sections[len(p.sections)-1]
		last.lines = append(last.lines, said)
	}
	if open != nil {
		p.unclosed = open.line
	}
	return p
}

// addAnchor adds what GitHub makes of a heading: lower case, without punctuation, dashes for spaces, numbered from the
// second on.
func (p *page) addAnchor(heading string) {
	slug := strings.Map(func(r rune) rune {
		switch {
		case r == ' ':
			return '-'
		case r == '-' || r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r):
			return unicode.ToLower(r)
		}
		return -1
	}, strings.TrimSpace(heading))
	anchor := slug
	for n := 1; p.anchors[anchor]; n++ {
		anchor = fmt.Sprintf("%s-%d", slug, n)
	}
	p.anchors[anchor] = true
}

var (
	docCodeSpan = regexp.MustCompile("`[^`]*`")
	docLink     = regexp.MustCompile(`\]\(([^()\s]+)\)|(?:src|href)="([^"]+)"|^\[[^\]]+\]:\s+(\S+)`)
	docPath     = regexp.MustCompile(`^(?:docs|examples|internal|sentry[a-z]+|\.ci|\.github)/[\w./-]*$`)
)

// TestDocsLinks: what a page links to exists, with its anchor, and so does each file that it names as code.
func TestDocsLinks(t *testing.T) {
	pages := docPages(t)
	anchors := make(map[string]map[string]bool)
	for _, p := range pages {
		anchors[p.name] = p.anchors
	}
	links := 0
	for _, p := range pages {
		for _, s := range p.sections {
			for i, line := range s.lines {
				where := fmt.Sprintf("%s:%d", p.name, s.line+i)
				for _, span := range docCodeSpan.FindAllString(line, -1) {
					if file := strings.Trim(span, "`"); docPath.MatchString(file) {
						if _, err := os.Stat(filepath.FromSlash(file)); err != nil {
							t.Errorf("%s: no file %s", where, file)
						}
					}
				}
				for _, m := range docLink.FindAllStringSubmatch(docCodeSpan.ReplaceAllString(line, "``"), -1) {
					target := m[1] + m[2] + m[3]
					if strings.Contains(target, ":") {
						continue
					}
					links++
					if problem := deadLink(p, target, anchors); problem != "" {
						t.Errorf("%s: link %s: %s", where, target, problem)
					}
				}
			}
		}
	}
	if links < 30 {
		t.Errorf("found only %d links", links)
	}
}

// deadLink says what is wrong with a link from p to another place of this module, "" if nothing is.
func deadLink(p page, target string, anchors map[string]map[string]bool) string {
	file, anchor, hasAnchor := strings.Cut(target, "#")
	name := p.name
	if file != "" {
		name = path.Join(path.Dir(p.name), file)
		if strings.HasPrefix(name, "../") || path.IsAbs(file) {
			return "outside of the module"
		}
		if _, err := os.Stat(filepath.FromSlash(name)); err != nil {
			return "no such file"
		}
	}
	if hasAnchor && !anchors[name][anchor] {
		return "no such heading"
	}
	return ""
}

// TestDocsReached: each page of docs can be reached from README.md.
func TestDocsReached(t *testing.T) {
	pages := make(map[string]page)
	for _, p := range docPages(t) {
		pages[p.name] = p
	}
	seen := map[string]bool{"README.md": true}
	for queue := []string{"README.md"}; len(queue) > 0; queue = queue[1:] {
		p := pages[queue[0]]
		for _, s := range p.sections {
			for _, m := range docLink.FindAllStringSubmatch(strings.Join(s.lines, "\n"), -1) {
				file, _, _ := strings.Cut(m[1]+m[2]+m[3], "#")
				name := path.Join(path.Dir(p.name), file)
				if _, ok := pages[name]; ok && !seen[name] {
					seen[name] = true
					queue = append(queue, name)
				}
			}
		}
	}
	for name := range pages {
		if strings.HasPrefix(name, "docs/") && !seen[name] {
			t.Errorf("no way leads from README.md to %s", name)
		}
	}
}

// TestReadmeIsShort: it can be read in a few minutes, and shows the sample list of today.
func TestReadmeIsShort(t *testing.T) {
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(text), "\n"); n > 150 {
		t.Errorf("README.md has %d lines, at most 150", n)
	}
	sample, err := os.ReadFile(filepath.Join("examples", "runner", "sample.json"))
	if err != nil {
		t.Fatal(err)
	}
	labels := regexp.MustCompile(`"label": *"([^"]+)"`).FindAllStringSubmatch(string(sample), -1)
	if len(labels) == 0 {
		t.Fatal("the sample list has no labels")
	}
	const terminal = "docs/images/terminal.svg"
	picture, err := os.ReadFile(filepath.FromSlash(terminal))
	if err != nil || !strings.Contains(string(text), "("+terminal+")") {
		t.Fatalf("README.md doesn't show %s: %v", terminal, err)
	}
	for _, m := range labels {
		if !strings.Contains(html.UnescapeString(string(picture)), m[1]) {
			t.Errorf("%s shows no task %q, which the sample list has; go run ./shots makes it again", terminal, m[1])
		}
	}
}

var (
	docFigure  = regexp.MustCompile(`\d (?:ns|µs)\b|^\|.*\d % *\||[Mm]easured`)
	docCommand = regexp.MustCompile("(?:cd [^`\n ]+ && )?go (?:test|run)[^`\n]*")
	docPattern = regexp.MustCompile(`-(?:run|bench) '?([^' ]+)`)
)

// TestDocsFigures: a section with a measurement says how to repeat it, and what it says can be run.
func TestDocsFigures(t *testing.T) {
	figures := 0
	for _, p := range docPages(t) {
		for _, s := range p.sections {
			text := strings.Join(s.lines, "\n")
			commands := docCommand.FindAllString(text, -1)
			if slices.ContainsFunc(s.lines, docFigure.MatchString) {
				figures++
				if len(commands) == 0 {
					t.Errorf("%s:%d: a measurement without the command that repeats it", p.name, s.line)
				}
			}
			for _, command := range commands {
				if problem := commandFault(command); problem != "" {
					t.Errorf("%s:%d: %s: %s", p.name, s.line, command, problem)
				}
			}
		}
	}
	if figures < 3 {
		t.Errorf("found measurements in %d sections only", figures)
	}
}

// commandFault says why a command of a page can't do what it says: its folder, or the tests that it names, don't exist.
func commandFault(command string) string {
	within := "."
	if rest, ok := strings.CutPrefix(command, "cd "); ok {
		within, command, _ = strings.Cut(rest, " && ")
	}
	var folders []string
	for _, field := range strings.Fields(command) {
		if field == "." || strings.HasPrefix(field, "./") {
			folders = append(folders, filepath.Join(within, strings.TrimSuffix(field, "...")))
		}
	}
	for _, folder := range folders {
		if _, err := os.Stat(folder); err != nil {
			return "no folder " + folder
		}
	}
	if !strings.HasPrefix(command, "go test") || len(folders) != 1 {
		return ""
	}
	for _, m := range docPattern.FindAllStringSubmatch(command, -1) {
		name, _, _ := strings.Cut(m[1], "/")
		wanted, err := regexp.Compile(name)
		if err != nil {
			return err.Error()
		}
		if name != "^$" && !hasTest(folders[0], wanted) {
			return "no test or benchmark matches " + name
		}
	}
	return ""
}

// hasTest reports whether a test or benchmark in folder, or below it, has a name that wanted matches.
func hasTest(folder string, wanted *regexp.Regexp) bool {
	declared := regexp.MustCompile(`(?m)^func ((?:Test|Benchmark|Fuzz)\w*)\(`)
	found := false
	_ = filepath.WalkDir(folder, func(name string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(name, "_test.go") {
			return nil
		}
		text, _ := os.ReadFile(name)
		for _, m := range declared.FindAllSubmatch(text, -1) {
			found = found || wanted.Match(m[1])
		}
		return nil
	})
	return found
}
