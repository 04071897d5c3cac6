package main

import (
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf16"
	"unicode/utf8"
)

// utf16LE encodes text as programs of Windows write it.
func utf16LE(text string) []byte {
	var b []byte
	for _, u := range utf16.Encode([]rune(text)) {
		b = append(b, byte(u), byte(u>>8))
	}
	return b
}

func utf16BE(text string) []byte {
	b := utf16LE(text)
	for i := 0; i+1 < len(b); i += 2 {
		b[i], b[i+1] = b[i+1], b[i]
	}
	return b
}

const sfcText = "\r\n\r\nBeginning verification phase of system scan.\r\n" +
	"Verification 1% complete.\rVerification 100% complete.\r\n" +
	"\r\nWindows Resource Protection did not find any integrity violations.\r\n"

func TestOutput(t *testing.T) {
	t.Parallel()
	spinner := strings.Repeat("\r   - \r   \\ \r   | \r   / ", 500)
	for name, c := range map[string]struct {
		written string
		want    string
	}{
		"plain":                 {"one\ntwo\n", "one\ntwo\n"},
		"unfinished line":       {"one\ntwo", "one\ntwo"},
		"Windows lines":         {"one\r\ntwo\r\n", "one\ntwo\n"},
		"twice returned":        {"one\r\r\ntwo\r\r\n", "one\ntwo\n"},
		"UTF-8 with a mark":     {"\xef\xbb\xbfGrüße\n", "Grüße\n"},
		"UTF-16 without a mark": {string(utf16LE(sfcText)), "\n\nBeginning verification phase of system scan.\nVerification 100% complete.\n\nWindows Resource Protection did not find any integrity violations.\n"},
		"UTF-16 with a mark":    {"\xff\xfe" + string(utf16LE("Überprüfung 😀\r\n")), "Überprüfung 😀\n"},
		"UTF-16 big endian":     {"\xfe\xff" + string(utf16BE("日本語です\r\nあ")), "日本語です\nあ"},
		"short UTF-16":          {string(utf16LE("ok\r\n")), "ok\n"},
		"winget's spinner":      {spinner + "\r      \rNo package found matching input criteria.\r\n", "No package found matching input criteria.\n"},
		"a bar":                 {"\r  ██▒▒▒  40 %\r  █████  100 %\r\nDone\r\n", "  █████  100 %\nDone\n"},
		"colours":               {"\x1b[31mred\x1b[0m and \x1b[1;32mgreen\x1b[m\n", "red and green\n"},
		"title and link":        {"\x1b]0;title\x07a\x1b]8;;https://x\x1b\\b\x1b]8;;\x1b\\\n", "ab\n"},
		"erased line":           {"working 40 %\r\x1b[2Kdone\n", "done\n"},
		"erased to the end":     {"working 40 %\r\x1b[Kdone\n", "done\n"},
		"cursor moved":          {"abc\x1b[1Gx\x1b[5Gy\x1b[2Dz\n", "xbczy\n"},
		"backspace":             {"1%\b\b2%\b\b3%\n", "3%\n"},
		"control characters":    {"a\x00b\x07c\x7f\n", "abc\n"},
		"bytes with NUL":        {"abc\x00def\x00ghi\n", "abcdefghi\n"},
		"tabs":                  {"a\tb\n", "a\tb\n"},
		"escape at the end":     {"a\x1b[3", "a"},
		"escape cut off":        {"a\x1b[3\nb\n", "a\nb\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for way, r := range map[string]io.Reader{
				"at once": strings.NewReader(c.written), "byte by byte": iotest.OneByteReader(strings.NewReader(c.written)),
			} {
				var o output
				if n, err := io.Copy(&o, r); err != nil || n != int64(len(c.written)) {
					t.Fatal(n, err)
				}
				if got := o.String(); got != c.want {
					t.Errorf("%s: %q, want %q", way, got, c.want)
				}
			}
		})
	}
}

// TestOutputInACodePage reads what chkdsk writes on a German machine.
func TestOutputInACodePage(t *testing.T) {
	t.Parallel()
	written, want := "Datentr\x84gerbezeichnung: M\x81ller, 5 \xe1\r\n", "Datenträgerbezeichnung: Müller, 5 ß\n"
	var o output
	_, _ = io.WriteString(&o, written)
	got := o.String()
	if runtime.GOOS == "windows" { // by the machine's own code page, which needn't be a western one
		if !utf8.ValidString(got) || strings.Contains(got, "\ufffd") || !strings.HasPrefix(got, "Datentr") {
			t.Errorf("%q", got)
		}
		return
	}
	if got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// TestOutputInTheOtherCodePage tells apart what programs with and without a console write.
func TestOutputInTheOtherCodePage(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("this machine's code pages needn't be western ones")
	}
	for written, want := range map[string]string{
		"Gr\xf6\xdfe der Festplatte": "Größe der Festplatte", // 1252
		"Gr\x94\xe1e der Festplatte": "Größe der Festplatte", // 850
		"na\xefve caf\xe9":           "naïve café",
		"\xc3\xc4\xc4\xc4Ordner":     "├───Ordner",
		"\xc0\xc4\xc4x\xb3":          "└──x│",
		"Gr\xc3\xb6\xc3\x9fe \xc3":   "Größe �", // UTF-8 that was cut off
		"100 \xb5m, 20 \xf8C":        "100 Ám, 20 °C",
	} {
		var o output
		_, _ = io.WriteString(&o, written)
		if got := o.String(); got != want {
			t.Errorf("%q: %q, want %q", written, got, want)
		}
	}
}

func TestOutputKeepsHeadAndTail(t *testing.T) {
	t.Parallel()
	for _, lines := range []int{300, 3000, 300_000} {
		var o output
		for i := range lines {
			_, _ = fmt.Fprintf(&o, "line %06d\n", i)
		}
		got := o.String()
		head, tail, ok := strings.Cut(got, "\n… ")
		if !ok || !strings.HasPrefix(head, "line 000000\n") ||
			!strings.HasSuffix(tail, fmt.Sprintf("line %06d\n", lines-1)) {
			t.Fatalf("%d lines: %.100q … %.100q", lines, head, tail[max(0, len(tail)-100):])
		}
		var gone int
		_, rest, _ := strings.Cut(tail, "\n")
		if _, err := fmt.Sscanf(tail, "%d bytes left out", &gone); err != nil || len(got) > shownHead+shownTail+100 {
			t.Errorf("%d bytes: %v", len(got), err)
		}
		if all := 12 * lines; gone+len(head)+len(rest) < all-2 || gone+len(head)+len(rest) > all {
			t.Errorf("%d left out of %d, %d and %d kept", gone, all, len(head), len(rest))
		}
		if kept := o.screen.head.Len() + cap(o.screen.tail); kept > 8*(readHead+readTail) {
			t.Errorf("%d bytes in memory", kept)
		}
	}
}

func TestOutputOfOneEndlessLine(t *testing.T) {
	t.Parallel()
	var o output
	chunk := []byte(strings.Repeat("ü", 1000))
	for range 1000 {
		_, _ = o.Write(chunk[:1001]) // in the middle of a character
		_, _ = o.Write(chunk[1001:])
	}
	if got := o.String(); !utf8.ValidString(got) || strings.Trim(got, "ü\n… 0123456789byteslfou") != "" {
		t.Errorf("%.200q", got)
	}
	if len(o.raw) > 4*maxLine || len(o.screen.line) > maxLine {
		t.Errorf("%d bytes and %d characters wait", len(o.raw), len(o.screen.line))
	}
}

func FuzzOutput(f *testing.F) {
	for _, s := range []string{
		sfcText, string(utf16LE(sfcText)), "\x1b[2K\r\x1b]0;x\x1b\\", "\xff\xfea", "\x84\x81\r\b\b",
	} {
		f.Add([]byte(s), 3)
	}
	f.Fuzz(func(t *testing.T, written []byte, cut int) {
		var whole, parts output
		_, _ = whole.Write(written)
		cut = min(max(cut, 0), len(written))
		_, _ = parts.Write(written[:cut])
		_, _ = parts.Write(written[cut:])
		got := whole.String()
		if !utf8.ValidString(got) || strings.ContainsAny(got, "\x1b\r\x00\b") {
			t.Fatalf("%q", got)
		}
		if other := parts.String(); other != got && len(written) < maxLine {
			t.Fatalf("cut at %d: %q, whole: %q", cut, other, got)
		}
	})
}
