package main

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"
)

// progress tells on stderr how the run is coming along: by markers, one a line, for a front end that reads them; on a
// terminal by one line that is rewritten. The log is written through it, so that lines never mix. It is for concurrent
// use.
type progress struct {
	mu        sync.Mutex
	w         io.Writer
	terminal  bool
	total     int
	completed int
	running   []string // types
	shown     int      // columns of the line on the terminal
	begin     time.Time
}

func newProgress(w io.Writer, terminal bool, total int) *progress {
	return &progress{w: w, terminal: terminal, total: total, begin: time.Now()}
}

// Write writes lines of a log.
func (p *progress) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.wipe()
	n, err := p.w.Write(b)
	p.draw()
	return n, err
}

func (p *progress) started(r *result) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.running = append(p.running, r.Type)
	p.mark("TASK_START", r, "running")
}

func (p *progress) finished(r *result) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.completed++
	if i := slices.Index(p.running, r.Type); i >= 0 && r.Status != statusSkipped {
		p.running = slices.Delete(p.running, i, i+1)
	}
	switch r.Status {
	case statusSuccess:
		p.mark("TASK_OK", r, r.Status)
	case statusSkipped:
		p.mark("TASK_SKIP", r, r.Status)
	default:
		p.mark("TASK_FAIL", r, r.Status)
	}
}

// close takes the line off the terminal.
func (p *progress) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.wipe()
	p.terminal = false
}

// maxMarked is how much of a type or reason a marker shows, in bytes: front ends read lines into buffers.
const maxMarked = 300

func (p *progress) mark(marker string, r *result, status string) {
	if p.terminal {
		p.wipe()
		p.draw()
		return
	}
	line := fmt.Sprintf("%s:%d:%s", marker, r.Index, cut(oneLine(r.Type), maxMarked))
	if r.Reason != "" {
		line += " - " + cut(oneLine(r.Reason), maxMarked)
	}
	state, _ := json.Marshal(struct {
		Completed int     `json:"completed"`
		Total     int     `json:"total"`
		Percent   int     `json:"percent"`
		Index     int     `json:"index"`
		Type      string  `json:"type"`
		Label     string  `json:"label"`
		Status    string  `json:"status"`
		Elapsed   float64 `json:"elapsed_seconds"`
	}{
		p.completed, p.total, p.percent(), r.Index,
		cut(r.Type, maxMarked), cut(r.Label, maxMarked), status, seconds(time.Since(p.begin)),
	})
	_, _ = fmt.Fprintf(p.w, "%s\nPROGRESS_JSON:%s\n", line, state) // one write: other programs may share stderr
}

func (p *progress) percent() int { return 100 * p.completed / max(p.total, 1) }

const (
	barWidth  = 20
	lineWidth = 79 // columns of the narrowest terminal in use, less one: writing the last would move to the next line
)

func (p *progress) draw() {
	if !p.terminal || p.completed == p.total && len(p.running) == 0 {
		return
	}
	done := barWidth * p.completed / max(p.total, 1)
	line := fmt.Sprintf("[%s%s] %d/%d %3d %% %s", strings.Repeat("#", done), strings.Repeat("-", barWidth-done),
		p.completed, p.total, p.percent(), oneLine(strings.Join(p.running, ", ")))
	columns := []rune(line)
	columns = columns[:min(len(columns), lineWidth)]
	p.shown = len(columns)
	_, _ = io.WriteString(p.w, string(columns))
}

func (p *progress) wipe() {
	if p.shown > 0 { // blanks, because not every terminal knows a sequence for it
		_, _ = io.WriteString(p.w, "\r"+strings.Repeat(" ", p.shown)+"\r")
		p.shown = 0
	}
}

// oneLine makes text fit for one line of a terminal or a marker: control characters, which could also steer the
// terminal, become spaces.
func oneLine(s string) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == '\u2028' || r == '\u2029' {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "�"))
	return strings.TrimSpace(s)
}

func cut(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	for limit > 0 && !utf8.RuneStart(s[limit]) {
		limit--
	}
	return s[:limit] + "…"
}
