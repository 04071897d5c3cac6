package main

import (
	"bytes"
	"strings"
	"testing"
)

func TestProgressOnATerminal(t *testing.T) {
	t.Parallel()
	var screen bytes.Buffer
	p := newProgress(&screen, true, 2)
	first := &result{Index: 0, Type: "disk_space\x1b[2J\n" + strings.Repeat("x", 200)}
	p.started(first)
	if strings.Contains(screen.String(), "TASK_") || strings.ContainsAny(screen.String(), "\n\x1b") {
		t.Errorf("markers, line breaks or control characters: %q", screen.String())
	}
	if _, err := p.Write([]byte("a log line\n")); err != nil {
		t.Fatal(err)
	}
	first.Status = statusSuccess
	p.finished(first)
	p.finished(&result{Index: 1, Type: "y", Status: statusSkipped})
	p.close()
	want := []string{"a log line"} // what stays on the screen: the progress line is wiped
	if got := shown(screen.String()); strings.Join(got, "|") != strings.Join(want, "|") {
		t.Errorf("screen %q, want %q", got, want)
	}
	for line := range strings.FieldsFuncSeq(screen.String(), func(r rune) bool { return r == '\r' || r == '\n' }) {
		if len([]rune(line)) > lineWidth {
			t.Errorf("a line of %d columns would wrap", len([]rune(line)))
		}
	}
}

// shown plays what a terminal does with \r and \n and returns the lines that are not blank in the end.
func shown(output string) (lines []string) {
	var line []rune
	column := 0
	for _, r := range output + "\n" {
		switch {
		case r == '\n':
			if text := strings.TrimSpace(string(line)); text != "" {
				lines = append(lines, text)
			}
			line, column = nil, 0
		case r == '\r':
			column = 0
		case column < len(line):
			line[column] = r
			column++
		default:
			line = append(line, r)
			column++
		}
	}
	return lines
}

func TestProgressMarkersAreOneLine(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	p := newProgress(&out, false, 1)
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
