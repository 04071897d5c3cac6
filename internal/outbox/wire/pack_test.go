package wire

import (
	"testing"
	"time"
)

func TestSentAt(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 2, 3, 4, 5, 600_000_000, time.FixedZone("", 3600))
	const at = `{"sent_at":"2026-01-02T02:04:05.600000Z"`
	for _, c := range []struct{ name, envelope, want string }{
		{"keys", `{"event_id":"1"}` + "\nrest", at + ","},
		{"empty", "{}\nrest", at},
		{"spaces", "{ \t}\nrest", at},
		{"no line end", "{}", at},
		{"windows", "{}\r\n", at},
		{"only a brace", "{", ""},
		{"a brace and spaces", "{  \nrest", ""},
		{"no header", "rest", ""},
		{"nothing", "", ""},
	} {
		if got := sentAtPrefix([]byte(c.envelope), now); got != c.want {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
	}
}
