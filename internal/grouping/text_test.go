package grouping

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestText(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, message, want string
	}{
		{"plain", "no route to the printer", "no route to the printer"},
		{"number", "timeout after 3 s", "timeout after <n>"},
		{"duration", "timeout after 1m30.5s", "timeout after <n>"},
		{"micro", "took 3µs", "took <n>"},
		{"negative", "status -1", "status -1"},
		{"code of Oracle", "ORA-00942: no table", "ORA-00942: no table"},
		{"hex in capitals", "code 0X8007000E", "code 0x8007000e"},
		{"in a word", "worker7 failed", "worker<n> failed"},
		{"version", "want v1.2.3, have v2", "want <n>, have <n>"},
		{"size", "512MiB free", "<n> free"},
		{"percent", "97% full", "<n> full"},
		{"thousands", "1,234,567.5 rows", "<n> row"},
		{"exponent", "1e-9 off", "<n> off"},
		{"time", "at 2024-01-02T15:04:05.1Z", "at <n>"},
		{"time in two words", "at 2024-01-02 15:04:05 +0000", "at <n>"},
		{"list", "ids [1 2 3] gone", "ids [<n>] gone"},
		{"list with commas", "ids 1, 2, 3 gone", "ids <n> gone"},
		{"other script's digits", "खाता ४२", "खाता <n>"},
		{"hex", "at 0xc000012345", "at <n>"},
		{"hash", "commit 9f86d081 is bad", "commit <n> is bad"},
		{"hash after number", "task-12-9f86d081884c", "task-<n>"},
		{"hash of letters", "block deadbeef", "block <n>"},
		{"words of a to f", "defaced facade", "defaced facade"},
		{"identifier", "req_8fK3jd9Q is bad", "req_<n> is bad"},
		{"UUID", "user 550E8400-e29b-41d4-a716-446655440000 is gone", "user <n> is gone"},
		{"UUID in a word", "{job-550e8400-e29b-41d4-a716-446655440000}", "{job-<n>}"},
		{"nil UUID", "00000000-0000-0000-0000-000000000000", "<n>"},
		{"path", "open /home/x/a.txt: no", "open <path>: no"},
		{"home", "open ~/a: no", "open <path>: no"},
		{"relative", "open ../a: no", "open <path>: no"},
		{"relative, deep", "open a/b/c: no", "open <path>: no"},
		{"file", "open report.pdf: no", "open <path>: no"},
		{"line", "main.go:12:3: bad", "<path>: bad"},
		{"after equals", "file=/a/b mode=rw", "file=<path> mode=rw"},
		{"after colon", "load:/a/b: no", "load:<path>: no"},
		{"Windows", `open C:\Users\Jo Doe\a b.txt: no`, "open <path>: no"},
		{"Windows, slashes", `open C:/x/y: no`, "open <path>: no"},
		{"Windows, two", `copy C:\a b\x.txt to D:\c d\y failed`, "copy <path> to <path> failed"},
		{"Windows, quoted", `open "C:\a b": no`, "open <quoted>: no"},
		{"UNC", `\\server\share\dir x\f.txt: denied`, "<path>: denied"},
		{"long path", `\\?\C:\x\y: z`, "<path>: z"},
		{"words with a slash", "read/write of text/html", "read/write of text/html"},
		{"slash alone", "and / or", "and / or"},
		{"command", "command 'git fetch' failed", "command git <quoted> failed"},
		{"no command", `unknown command "x" for "app"`, "unknown command <quoted> for <quoted>"},
		{"drawn without vowels", "fluentd-dvhjz xmlrpc-httpd rpc-xmlrpc", "fluentd-<n> xmlrpc-httpd rpc-xmlrpc"},
		{"field", "user.name is missing", "user.name is missing"},
		{"IPv4", "dial 10.0.0.1: no", "dial <addr>: no"},
		{"IPv4, port", "dial 10.0.0.1:80: no", "dial <addr>: no"},
		{"IPv4, both ends", "10.0.0.1:1->10.0.0.2:80: reset", "<addr>-><addr>: reset"},
		{"IPv6", "dial fe80::1: no", "dial <addr>: no"},
		{"IPv6, port", "dial [fe80::1%eth0]:80: no", "dial <addr>: no"},
		{"MAC", "from 00:1a:2B:33:44:55 only", "from <addr> only"},
		{"host", "lookup a.example.com: no", "lookup <addr>: no"},
		{"host, port", "dial srv.lan:80: no", "dial <addr>: no"},
		{"mail", "to bob@example.com", "to <addr>"},
		{"URL", "GET https://a.b/c?d=1,2: no", "GET <url>: no"},
		{"pattern", "no *.txt in a/*.d", "no <path> in <path>"},
		{"pointer type", "want *os.File", "want *os.File"},
		{"scope", "std::vector", "std::vector"},
		{"quoted", `no "such thing" here`, "no <quoted> here"},
		{"quoted, escaped", `no "such \" thing" here`, "no <quoted> here"},
		{"single", "no 'such thing' here", "no <quoted> here"},
		{"back", "no `such thing` here", "no <quoted> here"},
		{"typographic", "no “such” and ‘such’ here, «je», „nein“", "no <quoted> and <quoted> here, <quoted>"},
		{"apostrophe", "can't won't 'don't' it's", "can't won't <quoted> it's"},
		{"open quote", `no "such thing`, `no "such thing`},
		{"open quote, long", `no "` + strings.Repeat("x y ", 2000), "no <quoted>"},
		{"white space", " a\r\n\tb\u2028c\x00d ", "a b c d"},
		{"invalid", "a\xffb", "a�b"},
		{"placeholder", "a <n> b <path>", "a <n> b <path>"},
		{"empty", "", ""},
		{"100 letters", strings.Repeat("xy", 50), strings.Repeat("xy", 50)},
		{"101 letters", strings.Repeat("xy", 50) + "z", strings.Repeat("xy", 19) + "x…" + strings.Repeat("yx", 29) + "yz"},
		{"100 wide", strings.Repeat("é", 200), strings.Repeat("é", 39) + "…" + strings.Repeat("é", 60)},
		{"placeholder over the edge", strings.Repeat("x y ", 24) + "a 0x12", strings.Repeat("x y ", 9) + "x y…" + strings.Repeat("y x ", 13) + "y a <n>"},
		{"placeholder where the beginning ends",
			strings.Repeat("word ", 7) + `"a" ` + strings.Repeat("more ", 14) + "end",
			strings.Repeat("word ", 6) + "word…" + strings.Repeat("more ", 11) + "end"},
		{"placeholder where the end begins",
			strings.Repeat("word ", 14) + `"a" ` + strings.Repeat("more ", 10) + "ending",
			strings.Repeat("word ", 7) + "word…" + strings.Repeat("more ", 10) + "ending"},
		{"long, with a path in it",
			strings.Repeat("word ", 30) + "/a/b/c: " + strings.Repeat("more ", 8) + "end",
			strings.Repeat("word ", 7) + "word…word <path>: " + strings.Repeat("more ", 8) + "end"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := Text(tt.message); got != tt.want {
				t.Errorf("Text(%q)\n got %q\nwant %q", tt.message, got, tt.want)
			}
			checkNormalized(t, tt.message)
		})
	}
}

// checkNormalized checks what holds for any message.
func checkNormalized(t *testing.T, message string) {
	t.Helper()
	got := Text(message)
	if n := utf8.RuneCountInString(got); n > maxText {
		t.Errorf("%d characters: %q", n, got)
	}
	if !utf8.ValidString(got) {
		t.Errorf("invalid UTF-8: %q", got)
	}
	if got != strings.Join(strings.Fields(got), " ") || strings.ContainsAny(got, "\u2028\u2029\u0085\x00") {
		t.Errorf("white space: %q", got)
	}
	if strings.HasSuffix(got, "…") {
		return
	}
	if again := Text(" " + message + "\n"); again != got {
		t.Errorf("surrounding space changes %q to %q", got, again)
	}
}

// TestManySymbols: what stands before a quotation mark is looked for near it. From each mark of this text back to the
// beginning would take hours.
func TestManySymbols(t *testing.T) {
	t.Parallel()
	if got := Text(strings.Repeat("''", 1<<20)); got != holderQuoted {
		t.Errorf("%q", got)
	}
}

// BenchmarkText has texts of more than a class has room for: their beginning and their end cost what is read of them.
func BenchmarkText(b *testing.B) {
	for name, message := range map[string]string{
		"short":  "no answer from 10.0.0.1:80 after 3 s",
		"clean":  strings.Repeat("the printer is out of paper and nobody looks at it ", 3),
		"chain":  strings.Repeat("could not finish what was begun: ", 13) + "permission denied",
		"path":   "sync: upload: compress: open /var/lib/app/data/2024/03/01/customers-000123.csv.gz: too many open files",
		"IDs":    "request 7f3e4c5a-1b2c-4d5e-8f90-123456789abc at 2024-03-01T10:11:12Z: req_8fK3jd9Q dGhpcyBpcyBhIA==",
		"output": strings.Repeat("make: compiling things and more things\n", 100) + "ld: cannot find lib",
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_ = Text(message)
			}
		})
	}
}

func FuzzText(f *testing.F) {
	for _, seed := range []string{"", "timeout after 3 s", `open "C:\a b": no`, "[fe80::1]:80", "1m30s 0x1f", "a\xff\"", "“", "12-9f86d0", "1e", "µs1µs",
		"00000000-0000-0000-0000-000000000000", `\\?\C:\x`, "http://", "a@b", "0x", "9T", "2024-01-02T15:04:05Z", strings.Repeat("é1", 3000)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, message string) {
		checkNormalized(t, message)
		err := errors.New(message)
		class := new(Rules).Class(err)
		if class.Name == "" {
			t.Error("no class")
		}
		if got := new(Rules).Class(fmt.Errorf("x: %w", err)); got != class {
			t.Errorf("wrapped: %+v", got)
		}
		name := Name(message, MaxName)
		if utf8.RuneCountInString(name) > MaxName || !utf8.ValidString(name) || strings.ContainsAny(name, "\r\n") {
			t.Errorf("Name(%q) = %q", message, name)
		}
	})
}
