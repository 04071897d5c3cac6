package sentryview

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/autoservice/sentryconfig/sentrytest"
)

func TestVisible(t *testing.T) {
	for _, test := range []struct{ in, want string }{
		{"plain text, äöü 中文 عربي\n\tindented", "plain text, äöü 中文 عربي\n\tindented"},
		{"", ""},
		{"a\u202eb", `a\u202eb`},
		{"\x1b[31m", `\u001b[31m`},
		{"\x00\x7f\u0085", `\u0000\u007f\u0085`},
		{"line\r\nline\rend\r", "line\r\nline\\u000dend\\u000d"},
		{"\u200b\ufeff\u00ad\u2028\u061c", `\u200b\ufeff\u00ad\u2028\u061c`},
		{"family \U0001f468\u200d\U0001f469", "family \U0001f468\u200d\U0001f469"},
		{"\U000e0041", `\udb40\udc41`},
		{"\xff", `\ufffd`},
		{"filler\u3164", `filler\u3164`},
	} {
		if got := string(visible([]byte(test.in))); got != test.want {
			t.Errorf("%q becomes %q, want %q", test.in, got, test.want)
		}
	}
}

// FuzzVisible: nothing hidden is left, what is valid UTF-8 and visible stays as it is, and JSON stays the same JSON.
func FuzzVisible(f *testing.F) {
	f.Add([]byte("a\u202eb\x00\r\n\xff"), "x\u202e\x1b")
	f.Fuzz(func(t *testing.T, b []byte, text string) {
		out := visible(b)
		if i := firstHidden(out); i >= 0 || !utf8.Valid(out) {
			t.Errorf("%q becomes %q", b, out)
		}
		if firstHidden(b) < 0 && string(out) != string(b) {
			t.Errorf("%q is changed", b)
		}
		encoded, err := json.Marshal(map[string]string{"text": text})
		if err != nil {
			t.Fatal(err)
		}
		var before, after map[string]string
		if json.Unmarshal(encoded, &before) != nil || json.Unmarshal(visible(encoded), &after) != nil ||
			!reflect.DeepEqual(before, after) {
			t.Errorf("%q becomes %q", before, after)
		}
	})
}

func TestUnits(t *testing.T) {
	for _, test := range []struct{ got, want string }{
		{size(0), "0 B"}, {size(999), "999 B"}, {size(1000), "1.0 KiB"}, {size(1536), "1.5 KiB"},
		{size(200_000), "195 KiB"}, {size(64 << 20), "64.0 MiB"}, {size(25_276_514_304), "23.5 GiB"},
		{size(1e18), "888.2 PiB"},
		{spell(0), "0 s"}, {spell(1500 * time.Nanosecond), "0.00 ms"}, {spell(20 * time.Millisecond), "20 ms"},
		{spell(2 * time.Second), "2.00 s"}, {spell(59 * time.Second), "59.0 s"}, {spell(61 * time.Second), "1 min 1 s"},
		{spell(90 * time.Minute), "1 h 30 min"}, {spell(-time.Second), "−1.00 s"},
		{plural(1, "issue"), "1 issue"}, {plural(2000, "event"), "2,000 events"}, {plural(0, "day"), "0 days"},
		{plural(2, "stretch"), "2 stretches"}, {plural(2, "category"), "2 categories"},
		{plural(1234567, "byte"), "1,234,567 bytes"},
		{listed([]string{"a", "b", "c"}), "a, b and c"},
		{unit("free_memory", 1048576.), "1.0 MiB"}, {unit("total_gb", 251.97), "251.97 GiB"},
		{unit("percent_used", 3.5), "3.5 %"},
		{unit("frequency_current_mhz", 2596.13), "2596.13 MHz"}, {unit("pid", 1e6), "1000000"},
		{unit("memory_mb", 3.), "3 MiB"},
		{unit("boot_time", "2026-11-26T04:14:33Z"), newMoment(time.Unix(1795666473, 0)).text()},
		{unit("began", "today"), "today"}, {unit("bought", "2026-11-26T04:14:33Z"), "2026-11-26T04:14:33Z"},
		{before(1500 * time.Millisecond), "−1.50 s"}, {before(3 * time.Millisecond), "−0.003 s"},
		{before(200 * time.Second), "−200 s"},
	} {
		if test.got != test.want {
			t.Errorf("%q, want %q", test.got, test.want)
		}
	}
}

func TestAgo(t *testing.T) {
	now := time.Unix(1e9, 0)
	for d, want := range map[time.Duration]string{
		time.Second: "just now", 30 * time.Second: "30 seconds ago", 5 * time.Minute: "5 minutes ago",
		3 * time.Hour:  "3 hours ago",
		72 * time.Hour: "3 days ago", -time.Hour: "in 60 minutes",
	} {
		if got := ago(now.Add(-d), now); got != want {
			t.Errorf("%v: %q, want %q", d, got, want)
		}
	}
	if got := ago(time.Time{}, now); got != "at an unknown time" {
		t.Error(got)
	}
}

// TestMoment: local time with UTC beside, and the day where it is another.
func TestMoment(t *testing.T) {
	for _, test := range []struct {
		utc, text string
	}{
		{"2026-03-01T10:00:00Z", "1 Mar 2026 11:00:00 (10:00:00 UTC)"},
		{"2026-03-01T23:30:00Z", "2 Mar 2026 00:30:00 (1 Mar 23:30:00 UTC)"},
	} {
		at, err := time.Parse(time.RFC3339, test.utc)
		if err != nil {
			t.Fatal(err)
		}
		if got := momentIn(at, time.FixedZone("CET", 3600)).text(); got != test.text {
			t.Errorf("%q, want %q", got, test.text)
		}
	}
	if got := momentIn(time.Unix(0, 0), time.UTC).text(); got != "1 Jan 1970 00:00:00 UTC" {
		t.Error(got)
	}
	if got := newMoment(time.Time{}).text(); got != "unknown" {
		t.Error(got)
	}
}

func TestSentence(t *testing.T) {
	no := false
	frames := []sentrytest.Frame{
		{Module: "main", Function: "main", InApp: true},
		{Module: "example.com/scan", Function: "(*S).parse", InApp: true},
	}
	type (
		tags     = map[string]string
		contexts = map[string]map[string]any
		errors   = []sentrytest.Exception
	)
	for want, e := range map[string]sentrytest.Event{
		"The task backup (3 of 14) ended with an error: the disk is full.": {
			Tags:       tags{"task_type": "backup", "error_condition": "no_space"},
			Exceptions: errors{{Type: "E"}},
			Contexts:   contexts{"task": {"task_type": "backup", "index": 2., "total": 14.}},
		},
		"The task backup ended with an error: a program that it started ended with exit code 3. It will be tried again.": {
			Tags:       tags{"task_type": "backup", "error_condition": "exit_3", "will_retry": "true"},
			Exceptions: errors{{}},
		},
		"The task scan panicked in scan.(*S).parse, which is a mistake in the program.": {
			Tags:       tags{"task_type": "scan"},
			Exceptions: errors{{Frames: frames, Mechanism: &sentrytest.Mechanism{Handled: &no}}},
		},
		"The task scan ran to its end and found things not as they should be.": {
			Tags: tags{"task_type": "scan", "failure_type": "task_status_failure"},
		},
		"The task scan never came back: its process (PID 12) ended while it ran, and the machine was restarted.": {
			Tags:     tags{"task_type": "scan", "failure_type": "task_interrupted"},
			Contexts: contexts{"interrupted": {"pid": 12., "machine_restarted": true}},
		},
		"The whole program crashed while the tasks a and b ran.": {
			Tags:     tags{"failure_type": "process_crash"},
			Contexts: contexts{"crash": {"interrupted_tasks": []any{"a", "b"}}},
		},
		"The task scan runs for longer than it should.": {
			Tags: tags{"task_type": "scan"}, Fingerprint: []string{"scan", "task_stuck"},
		},
		"The program got a message from a user.": {Type: "feedback"},
		"The program reported a message.":        {Message: "m"},
		"The program ended with an error.":       {Exceptions: errors{{}}},
	} {
		if got := sentence(&record{Event: e}); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// TestChain: an error says only what those inside don't say.
func TestChain(t *testing.T) {
	zero, one := 0, 1
	got := chain([]sentrytest.Exception{
		{Type: "syscall.Errno", Value: "no such file",
			Mechanism: &sentrytest.Mechanism{ExceptionID: 2, ParentID: &one, Source: "unwrap"}},
		{Type: "*fs.PathError", Value: "open x: no such file",
			Mechanism: &sentrytest.Mechanism{ExceptionID: 1, ParentID: &zero, Source: "errors[0]"}},
		{Type: "joined", Value: "open x: no such file\nb", Mechanism: &sentrytest.Mechanism{IsExceptionGroup: true}},
	})
	want := []link{
		{Type: "joined", Text: "several errors:"},
		{Type: "*fs.PathError", Text: "open x: …", Depth: 1, Source: "errors[0]"},
		{Type: "syscall.Errno", Text: "no such file", Depth: 2},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%+v", got)
	}
}

func TestFileName(t *testing.T) {
	for received, want := range map[string]string{
		"scan.log": "scan.log", `..\..\evil.exe`: "evil.exe", "../../etc/passwd": "passwd", "": "attachment",
		"..":             "attachment",
		"a\r\nb\"<>.txt": "a__b___.txt", ".htaccess": "htaccess", strings.Repeat("x", 300): strings.Repeat("x", 100),
	} {
		if got := fileName(received); got != want {
			t.Errorf("%q becomes %q, want %q", received, got, want)
		}
	}
}

// TestCode: JSON is shown as far as a page has room, and says where it was cut.
func TestCode(t *testing.T) {
	if got := newCode([]byte(`{"a":1}`)); got.Text != "{\n  \"a\": 1\n}" || got.Cut || got.Size != 7 {
		t.Errorf("%+v", got)
	}
	long := []byte(`{"a":"` + strings.Repeat("ä", maxCode) + `"}`)
	if got := newCode(long); len(got.Text) > maxCode || !got.Cut || got.Size != len(long) ||
		!utf8.ValidString(got.Text) {
		t.Errorf("%d bytes, cut %v", len(got.Text), got.Cut)
	}
	if got := newCode([]byte("no JSON")); got.Text != "no JSON" {
		t.Errorf("%+v", got)
	}
}
