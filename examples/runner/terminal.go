package main

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"
	"unicode"

	"golang.org/x/term"
)

const (
	// frameTime is how long a line that moves stands still. A resized terminal is noticed as fast.
	frameTime = 100 * time.Millisecond
	// maxMoving is how many running tasks have a line of their own; a terminal has few lines to spare.
	maxMoving = 8
	// usualWidth is what a terminal has that doesn't tell, in columns.
	usualWidth = 80

	noColour = "NO_COLOR" //nolint:misspell // it is everybody's name for it
)

// modeOf is how to tell people of a run: at a terminal that can move its cursor by lines that move, at any other by
// plain lines.
func modeOf(stderr *os.File, markers, quiet bool) progressMode {
	switch {
	case quiet:
		return modeQuiet
	case markers || !isTerminal(stderr):
		return modeMarkers
	case os.Getenv(noColour) != "" || os.Getenv("TERM") == "dumb" || !enableSequences(stderr):
		return modePlain
	}
	return modeLive
}

func isTerminal(f *os.File) bool { return term.IsTerminal(int(f.Fd())) }

// widthOf asks a terminal for its width each time.
func widthOf(f *os.File) func() int {
	return func() int {
		if width, _, err := term.GetSize(int(f.Fd())); err == nil && width > 0 {
			return width
		}
		return usualWidth
	}
}

// A live area is the lines at the end of a terminal that move.
type live struct {
	width func() int
	drawn []int // columns of its lines
	frame int
	done  chan struct{} // closed by stop
	ended chan struct{} // closed when nothing moves any more
}

func newLive(width func() int) *live {
	return &live{width: width, done: make(chan struct{}), ended: make(chan struct{})}
}

// stop waits until nothing moves any more.
func (l *live) stop() {
	close(l.done)
	<-l.ended
}

// move redraws what moves until it is stopped.
func (p *progress) move(l *live) {
	ticker := time.NewTicker(frameTime)
	defer ticker.Stop()
	defer close(l.ended)
	for {
		select {
		case <-l.done:
			return
		case <-ticker.C:
		}
		p.mu.Lock()
		if p.live != nil {
			l.frame++
			_ = p.write("")
		}
		p.mu.Unlock()
	}
}

// wipe is what takes the lines that move off the terminal. One that has become narrower has broken them. The caller
// holds mu.
func (p *progress) wipe() string {
	if p.live == nil || len(p.live.drawn) == 0 {
		return ""
	}
	width, rows := p.live.width(), 0
	for _, columns := range p.live.drawn {
		rows += max(1, (columns+width-1)/width)
	}
	p.live.drawn = p.live.drawn[:0]
	return fmt.Sprintf("\r\x1b[%dA\x1b[J", rows)
}

var frames = []string{"|", "/", "-", `\`}

// draw is what shows the lines that move. The caller holds mu.
func (p *progress) draw() string {
	if p.live == nil || p.completed == p.total {
		return ""
	}
	var b strings.Builder
	line := func(text string) {
		text = cutColumns(text, p.live.width()-1)
		p.live.drawn = append(p.live.drawn, columnsOf(text))
		b.WriteString(text + "\n")
	}
	for i, r := range p.running {
		if i == maxMoving {
			line(fmt.Sprintf("  … and %d more", len(p.running)-maxMoving))
			break
		}
		line(p.live.titled(frames[(p.live.frame+i)%len(frames)], r.title, elapsed(time.Since(r.since))))
	}
	line(fmt.Sprintf("  %d of %d done, %d left  %s",
		p.completed, p.total, p.total-p.completed, elapsed(time.Since(p.begin))))
	return b.String()
}

// taskLine is the line of a task that has ended.
func (p *progress) taskLine(r *result) string {
	mark, colour, text := "✗", "31", cmp.Or(oneLine(r.Reason), r.Status)
	switch r.Status {
	case statusSuccess:
		mark, colour, text = "✓", "32", elapsedSeconds(r.Duration)
	case statusSkipped:
		mark, colour, text = "-", "33", "skipped: "+text
	}
	text = cut(text, maxMarked)
	if p.live == nil {
		return mark + " " + r.title() + "  " + text
	}
	return "\x1b[" + colour + "m" + mark + "\x1b[0m" + strings.TrimPrefix(p.live.titled(mark, r.title(), text), mark)
}

// titled is the line of a task. On a narrow terminal its title gives way to what is said of it, down to half a line.
func (l *live) titled(mark, title, text string) string {
	room := l.width() - 1 // writing the last column would move to the next line
	over := columnsOf(mark+" "+title+"  "+text) - room
	title = cutColumns(title, max(columnsOf(title)-max(over, 0), room/2))
	return cutColumns(mark+" "+title+"  "+text, room)
}

// maxTitle is how much of a label a line of a terminal shows, in columns: what went wrong stands behind it.
const maxTitle = 50

// title is what people call a task.
func (r *result) title() string { return cutColumns(oneLine(cmp.Or(r.Label, r.Type)), maxTitle) }

func elapsed(d time.Duration) string {
	if d < time.Minute {
		return fmt.Sprintf("%.1f s", d.Seconds())
	}
	return d.Round(time.Second).String()
}

func elapsedSeconds(s float64) string { return elapsed(time.Duration(s * float64(time.Second))) }

// wide are the letters and signs that take two columns; see Unicode's EastAsianWidth.
var wide = &unicode.RangeTable{
	R16: []unicode.Range16{
		{Lo: 0x1100, Hi: 0x115f, Stride: 1}, {Lo: 0x2e80, Hi: 0x303e, Stride: 1}, {Lo: 0x3041, Hi: 0xa4cf, Stride: 1},
		{Lo: 0xac00, Hi: 0xd7a3, Stride: 1}, {Lo: 0xf900, Hi: 0xfaff, Stride: 1}, {Lo: 0xfe30, Hi: 0xfe6f, Stride: 1},
		{Lo: 0xff00, Hi: 0xff60, Stride: 1}, {Lo: 0xffe0, Hi: 0xffe6, Stride: 1},
	},
	R32: []unicode.Range32{{Lo: 0x1f300, Hi: 0x1faff, Stride: 1}, {Lo: 0x20000, Hi: 0x3fffd, Stride: 1}},
}

func columnOf(r rune) int {
	switch {
	case unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf):
		return 0
	case unicode.Is(wide, r):
		return 2
	}
	return 1
}

// columnsOf is how wide a text is on a terminal.
func columnsOf(s string) (n int) {
	for _, r := range s {
		n += columnOf(r)
	}
	return n
}

// cutColumns returns s when it is at most limit columns wide, otherwise its beginning and a mark.
func cutColumns(s string, limit int) string {
	if columnsOf(s) <= limit {
		return s
	}
	n := 0
	for i, r := range s {
		if n += columnOf(r); n >= max(limit, 1) {
			return s[:i] + "…"
		}
	}
	return s
}

// maxSlowest is how many tasks the summary for people calls slow.
const maxSlowest = 3

// showSummary tells people how the run went.
func showSummary(w io.Writer, r *report) {
	var b strings.Builder
	n := r.Counts
	fmt.Fprintf(&b, "\n%s in %s: %d well, %d failed, %d skipped",
		count(len(r.Results), "task"), elapsedSeconds(r.Duration),
		n[statusSuccess], n[statusFailure]+n[statusError], n[statusSkipped])
	if n[statusCancelled] > 0 {
		fmt.Fprintf(&b, ", %d interrupted", n[statusCancelled])
	}
	fmt.Fprintf(&b, " (%s)\n", strings.ReplaceAll(r.OverallStatus, "_", " "))
	shown, bad := 0, 0
	for i := range r.Results {
		t := &r.Results[i]
		if t.well() {
			continue
		}
		if bad++; shown < maxShown {
			shown++
			fmt.Fprintf(&b, "  ✗ %s  %s\n", t.title(), cut(oneLine(cmp.Or(t.Reason, t.Status)), maxMarked))
		}
	}
	if bad > shown {
		fmt.Fprintf(&b, "    … and %d more\n", bad-shown)
	}
	var slow []string
	longest := func(a, b result) int { return cmp.Compare(b.Duration, a.Duration) }
	for _, t := range slices.SortedStableFunc(slices.Values(r.Results), longest) {
		if len(slow) < maxSlowest && t.Duration >= 0.1 {
			slow = append(slow, t.title()+" "+elapsedSeconds(t.Duration))
		}
	}
	if len(slow) > 0 {
		fmt.Fprintf(&b, "  slowest: %s\n", strings.Join(slow, ", "))
	}
	_, _ = io.WriteString(w, b.String())
}
