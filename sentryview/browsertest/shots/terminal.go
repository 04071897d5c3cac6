package main

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"unicode/utf8"
)

// columns and rows are those of the terminal that the runner is recorded at.
const columns, rows = 114, 60

// recordRunner runs the runner's sample list at a terminal and draws what the terminal shows in the end.
func recordRunner(dir, module, picture string) error {
	program := filepath.Join(dir, "runner")
	build := exec.Command("go", "build", "-o", program, "./examples/runner")
	build.Dir, build.Stderr = module, os.Stderr
	if err := build.Run(); err != nil {
		return err
	}
	command := fmt.Sprintf("stty cols %d rows %d && exec %s", columns, rows, program)
	cmd := exec.Command("script", "-qec", command, "/dev/null")
	cmd.Dir, cmd.Stderr = module, os.Stderr
	cmd.Env = append(os.Environ(), "TERM=xterm-256color", "NO_COLOR=", "SENTRY_DSN=")
	written, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("runner at a terminal: %w", err)
	}
	s := &screen{}
	s.play("$ go run ./examples/runner\r\n" + string(written))
	return os.WriteFile(picture, s.draw(), 0o644)
}

// A screen is a terminal's, played as far as the runner asks for it.
type screen struct {
	lines       [][]cell
	row, column int
	colour      string // of what is written next, a class of the picture
}

type cell struct {
	sign   rune
	colour string
}

func (s *screen) play(text string) {
	for len(text) > 0 {
		if rest, ok := strings.CutPrefix(text, "\x1b["); ok {
			end := strings.IndexFunc(rest, func(r rune) bool { return r >= '@' && r <= '~' })
			s.control(rest[end], rest[:end])
			text = rest[end+1:]
			continue
		}
		r, size := utf8.DecodeRuneInString(text)
		s.write(r)
		text = text[size:]
	}
}

// control does what a control sequence with that final letter says.
func (s *screen) control(letter byte, parameter string) {
	switch letter {
	case 'A':
		n, _ := strconv.Atoi(parameter)
		s.row = max(0, s.row-n)
	case 'J':
		s.lines = s.lines[:min(s.row, len(s.lines))]
	case 'm':
		s.colour = map[string]string{"31": "bad", "32": "good", "33": "note"}[parameter]
	}
}

func (s *screen) write(r rune) {
	switch r {
	case '\r':
		s.column = 0
	case '\n':
		s.row++
	default:
		if s.column == columns {
			s.row, s.column = s.row+1, 0
		}
		for len(s.lines) <= s.row {
			s.lines = append(s.lines, nil)
		}
		line := append(s.lines[s.row][:min(s.column, len(s.lines[s.row]))], cell{r, s.colour})
		s.lines[s.row] = line
		s.column++
	}
}

const (
	cellWidth, cellHeight = 8.4, 20.
	margin, titleHeight   = 18., 34.
)

// draw makes an SVG of the screen. Each text says how wide it is, so that columns stand below each other in any font.
func (s *screen) draw() []byte {
	width, height := math.Ceil(2*margin+columns*cellWidth), titleHeight+2*margin+float64(len(s.lines))*cellHeight
	var b bytes.Buffer
	_, _ = fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %g %g" width="%[1]g" height="%[2]g">
<title>The runner at a terminal</title>
<style>
text { fill: #d7dae0; font: 14px ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace; }
.good { fill: #7fd29b; } .bad { fill: #ff9b90; } .note { fill: #efbb62; }
</style>
<rect width="100%%" height="100%%" rx="10" fill="#16181c"/>
<circle cx="22" cy="20" r="6" fill="#ff6159"/>
<circle cx="42" cy="20" r="6" fill="#ffbd2e"/>
<circle cx="62" cy="20" r="6" fill="#28c941"/>
`, width, height)
	for n, line := range s.lines {
		y := titleHeight + margin + (float64(n)+.7)*cellHeight
		for from := 0; from < len(line); {
			to := from + 1
			for to < len(line) && line[to].colour == line[from].colour &&
				(line[to].sign != ' ' || line[to-1].sign != ' ') {
				to++
			}
			drawText(&b, line[from:to], margin+float64(from)*cellWidth, y)
			from = to
		}
	}
	b.WriteString("</svg>\n")
	return b.Bytes()
}

// drawText draws text within which no two spaces follow each other: an SVG would show them as one.
func drawText(b *bytes.Buffer, cells []cell, x, y float64) {
	text := make([]rune, len(cells))
	for i, c := range cells {
		text[i] = c.sign
	}
	shown := strings.TrimLeft(string(text), " ")
	x += float64(len(text)-utf8.RuneCountInString(shown)) * cellWidth
	if shown = strings.TrimRight(shown, " "); shown == "" {
		return
	}
	class := ""
	if cells[0].colour != "" {
		class = ` class="` + cells[0].colour + `"`
	}
	width := float64(utf8.RuneCountInString(shown)) * cellWidth
	_, _ = fmt.Fprintf(b, `<text x="%.1f" y="%.1f" textLength="%.1f"%s>`, x, y, width, class)
	_ = xml.EscapeText(b, []byte(shown)) // a buffer takes everything
	b.WriteString("</text>\n")
}
