package main

import (
	"bytes"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// A fakeTerminal plays what a terminal of some width does with what is written to it.
type fakeTerminal struct {
	width       int
	rows        [][]rune
	row, column int
}

func (f *fakeTerminal) Write(b []byte) (int, error) {
	text := []rune(string(b))
	for i := 0; i < len(text); i++ {
		for len(f.rows) <= f.row {
			f.rows = append(f.rows, nil)
		}
		switch r := text[i]; r {
		case '\n':
			f.row, f.column = f.row+1, 0
		case '\r':
			f.column = 0
		case escape:
			end := i + 2
			for text[end] < '@' {
				end++
			}
			n, _ := strconv.Atoi(string(text[i+2 : end]))
			switch text[end] {
			case 'A':
				f.row = max(0, f.row-n)
			case 'J':
				f.rows = f.rows[:f.row+1]
				f.rows[f.row] = f.rows[f.row][:min(f.column, len(f.rows[f.row]))]
			}
			i = end
		default:
			if f.column == f.width {
				f.row, f.column = f.row+1, 0
				i--
				continue
			}
			line := f.rows[f.row]
			for len(line) <= f.column {
				line = append(line, ' ')
			}
			line[f.column] = r
			f.rows[f.row] = line
			f.column++
		}
	}
	return len(b), nil
}

func (f *fakeTerminal) screen() string {
	var lines []string
	for _, row := range f.rows {
		lines = append(lines, strings.TrimRight(string(row), " "))
	}
	return strings.TrimRight(strings.Join(lines, "\n"), "\n")
}

// TestProgressOnATerminal follows three tasks, two of them side by side, on a terminal that is made narrower meanwhile.
func TestProgressOnATerminal(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		screen := &fakeTerminal{width: 60}
		p := newProgress(screen, modeLive, 3, func() int { return screen.width })
		see := func(want ...string) {
			t.Helper()
			synctest.Wait()
			p.mu.Lock()
			defer p.mu.Unlock()
			if got := screen.screen(); got != strings.Join(want, "\n") {
				t.Errorf("the terminal shows\n%s\nwant\n%s", got, strings.Join(want, "\n"))
			}
		}
		first := &result{Index: 0, Type: "disk_space\x1b[2J\n\u202e" + strings.Repeat("x", 200)}
		second := &result{Index: 1, Type: "ping", Label: "Router"}
		p.started(first)
		p.started(second)
		title := "disk_space [2J " + strings.Repeat("x", 34) + "…"
		see("| "+title+"  0.0 s", "/ Router  0.0 s", "  0 of 3 done, 3 left  0.0 s")
		time.Sleep(frameTime) // of the bubble
		see("/ "+title+"  0.1 s", "- Router  0.1 s", "  0 of 3 done, 3 left  0.1 s")
		if _, err := p.Write([]byte("a line of the log\n")); err != nil {
			t.Fatal(err)
		}
		first.Status, first.Duration = statusSuccess, 2
		p.finished(first)
		see("a line of the log", "✓ "+title+"  2.0 s", "/ Router  0.1 s", "  1 of 3 done, 2 left  0.1 s")
		second.Status, second.Reason = statusFailure, "exit code 100: "+strings.Repeat("y", 100)
		p.finished(second)
		p.finished(&result{Index: 2, Type: "z", Status: statusSkipped, Reason: "unknown task type"})
		p.close()
		see("a line of the log", "✓ "+title+"  2.0 s", "✗ Router  exit code 100: "+strings.Repeat("y", 33)+"…",
			"- z  skipped: unknown task type")
		p.close() // once more is nothing
	})
}

// TestProgressOnANarrowTerminal makes the terminal so narrow that it breaks the lines that stand there.
func TestProgressOnANarrowTerminal(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		width := 80
		var written bytes.Buffer
		p := newProgress(&written, modeLive, 1, func() int { return width })
		p.started(&result{Type: "0123456789012345678901234567890123456789"})
		p.mu.Lock()
		width = 20
		written.Reset()
		p.mu.Unlock()
		time.Sleep(frameTime)
		synctest.Wait()
		p.mu.Lock()
		got := written.String()
		p.mu.Unlock()
		// 49 columns have become three rows, and 28 two.
		if !strings.HasPrefix(got, "\r\x1b[5A\x1b[J/ 012345678…  0.1 s\n") {
			t.Errorf("%q", got)
		}
		for line := range strings.Lines(strings.TrimPrefix(got, "\r\x1b[5A\x1b[J")) {
			if n := columnsOf(strings.TrimSuffix(line, "\n")); n >= width {
				t.Errorf("%q would break", line)
			}
		}
		p.close()
	})
}

func TestProgressWithManyTasks(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		screen := &fakeTerminal{width: 80}
		p := newProgress(screen, modeLive, 100, func() int { return screen.width })
		for i := range 20 {
			p.started(&result{Index: i, Type: "x"})
		}
		p.mu.Lock()
		got := screen.screen()
		p.mu.Unlock()
		if strings.Count(got, "\n") != maxMoving+1 || !strings.Contains(got, "… and 12 more") {
			t.Errorf("%s", got)
		}
		p.close()
	})
}

func TestPlainProgress(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	p := newProgress(&out, modePlain, 2, nil)
	r := &result{Type: "ping", Label: "Router\x1b[2J"}
	p.started(r)
	r.Status, r.Duration = statusSuccess, 0.25
	p.finished(r)
	p.finished(&result{Type: "x", Status: statusError, Reason: "no\r\nway"})
	p.close()
	if got, want := out.String(), "✓ Router [2J  0.2 s\n✗ x  no  way\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestQuietProgress(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	p := newProgress(&out, modeQuiet, 1, nil)
	r := &result{Type: "x", Status: statusFailure}
	p.started(r)
	p.finished(r)
	p.close()
	if out.Len() > 0 {
		t.Errorf("%q", out.String())
	}
}

func TestColumns(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int{
		"": 0, "abc": 3, "Prüfung": 7, "pru\u0308f": 4, "日本": 4, "😀": 2, "a\u200db": 2,
	} {
		if got := columnsOf(text); got != want {
			t.Errorf("%q: %d, want %d", text, got, want)
		}
	}
	for _, c := range []struct {
		text  string
		limit int
		want  string
	}{{"abc", 3, "abc"}, {"abcd", 3, "ab…"}, {"日本語", 5, "日本…"}, {"日本語", 4, "日…"}, {"abc", 0, "…"}} {
		if got := cutColumns(c.text, c.limit); got != c.want {
			t.Errorf("%q, %d: %q, want %q", c.text, c.limit, got, c.want)
		}
	}
}

func TestProgressMarkersAreOneLine(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	p := newProgress(&out, modeMarkers, 1, nil)
	r := &result{Index: 0, Type: "a\nTASK_OK:7:b", Reason: "one\r\ntwo\u2028three\x00", Status: statusFailure}
	p.started(r)
	p.finished(r)
	var markers []string
	for line := range strings.Lines(out.String()) {
		if !strings.HasPrefix(line, "PROGRESS_JSON:{") {
			markers = append(markers, line)
		}
	}
	want := []string{"TASK_START:0:a TASK_OK:7:b - one  two three\n", "TASK_FAIL:0:a TASK_OK:7:b - one  two three\n"}
	if strings.Join(markers, "") != strings.Join(want, "") {
		t.Errorf("%q, want %q", markers, want)
	}
}

// TestNarrowLines: what is said of a task stays to be seen, and as much of its title as there is room for.
func TestNarrowLines(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		width             int
		title, text, want string
	}{
		{30, "Router", "0.3 s", "✓ Router  0.3 s"},
		{30, strings.Repeat("w", 40), "0.3 s", "✓ " + strings.Repeat("w", 19) + "…  0.3 s"},
		{30, strings.Repeat("w", 40), "skipped: unknown task type", "✓ " + strings.Repeat("w", 13) + "…  skipped: u…"},
		{30, "打开文件打开文件打开文件", "10.3 s", "✓ 打开文件打开文件打…  10.3 s"},
		{30, "Router", strings.Repeat("y", 40), "✓ Router  " + strings.Repeat("y", 18) + "…"},
	} {
		if got := newLive(func() int { return c.width }).titled("✓", c.title, c.text); got != c.want {
			t.Errorf("%q, %q: %q, want %q", c.title, c.text, got, c.want)
		}
	}
}

func TestSummaryForPeople(t *testing.T) {
	t.Parallel()
	r := newReport("list.json", time.Now(), []result{
		{Type: "a", Status: statusSuccess, Duration: 3}, {Type: "b", Label: "Backup", Status: statusFailure, Reason: "exit code 2\n", Duration: 7},
		{Type: "c", Status: statusSkipped}, {Type: "d", Status: statusCancelled, Duration: 90},
	}, true)
	r.Duration = 100
	var b strings.Builder
	showSummary(&b, r)
	want := "\n4 tasks in 1m40s: 1 well, 1 failed, 1 skipped, 1 interrupted (interrupted)\n" +
		"  ✗ Backup  exit code 2\n  ✗ d  cancelled\n" +
		"  slowest: d 1m30s, Backup 7.0 s, a 3.0 s\n"
	if b.String() != want {
		t.Errorf("%q\nwant\n%q", b.String(), want)
	}
}
