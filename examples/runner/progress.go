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

// How a run tells on stderr how it is coming along.
type progressMode int

const (
	modeMarkers progressMode = iota // markers, for a front end that reads them, and the log
	modeLive                        // a line for each task, and below them lines that move for those that run
	modePlain                       // a line for each task that has ended
	modeQuiet                       // nothing
)

// progress tells on stderr how the run is coming along. The log is written through it, so that lines never mix. It is
// for concurrent use.
type progress struct {
	mu        sync.Mutex
	w         io.Writer
	mode      progressMode
	total     int
	completed int
	running   []running
	begin     time.Time
	live      *live // of modeLive
}

// A running task, as it was when it began: its result is being made.
type running struct {
	index int
	title string
	since time.Time
}

// newProgress begins to tell of a run of total tasks. width asks the terminal how wide it is; for modeLive alone.
func newProgress(w io.Writer, mode progressMode, total int, width func() int) *progress {
	p := &progress{w: w, mode: mode, total: total, begin: time.Now()}
	if mode == modeLive {
		p.live = newLive(width)
		go p.move(p.live)
	}
	return p
}

// Write writes lines of a log.
func (p *progress) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.write(string(b)); err != nil {
		return 0, err
	}
	return len(b), nil
}

// write writes lines above those that move, in one write: other programs may share stderr. The caller holds mu.
func (p *progress) write(lines string) error {
	_, err := io.WriteString(p.w, p.wipe()+lines+p.draw())
	return err
}

func (p *progress) started(r *result) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.running = append(p.running, running{r.Index, r.title(), time.Now()})
	p.tell("TASK_START", r, "running")
}

func (p *progress) finished(r *result) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.completed++
	p.running = slices.DeleteFunc(p.running, func(other running) bool { return other.index == r.Index })
	marker := "TASK_FAIL"
	switch r.Status {
	case statusSuccess:
		marker = "TASK_OK"
	case statusSkipped:
		marker = "TASK_SKIP"
	}
	p.tell(marker, r, r.Status)
}

// tell says that something has happened to a task. The caller holds mu.
func (p *progress) tell(marker string, r *result, status string) {
	switch p.mode {
	case modeMarkers:
		p.mark(marker, r, status)
	case modePlain, modeLive:
		line := ""
		if status != "running" {
			line = p.taskLine(r) + "\n"
		}
		_ = p.write(line)
	}
}

// close takes what moves off the terminal.
func (p *progress) close() {
	p.mu.Lock()
	_, _ = io.WriteString(p.w, p.wipe())
	l := p.live
	p.live = nil
	p.mu.Unlock()
	if l != nil {
		l.stop()
	}
}

// maxMarked is how much of a type or reason a marker shows, in bytes: front ends read lines into buffers.
const maxMarked = 300

func (p *progress) mark(marker string, r *result, status string) {
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
		p.completed, p.total, 100 * p.completed / max(p.total, 1), r.Index,
		cut(r.Type, maxMarked), cut(r.Label, maxMarked), status, seconds(time.Since(p.begin)),
	})
	_, _ = fmt.Fprintf(p.w, "%s\nPROGRESS_JSON:%s\n", line, state) // one write: other programs may share stderr
}

// oneLine makes text fit for one line of a terminal or a marker: control characters, which could also steer the
// terminal, become spaces, and what turns the direction of writing goes.
func oneLine(s string) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsControl(r) || r == '\u2028' || r == '\u2029':
			return ' '
		case r >= '\u202a' && r <= '\u202e' || r >= '\u2066' && r <= '\u2069':
			return -1
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
