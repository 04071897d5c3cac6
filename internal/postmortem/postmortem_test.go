package postmortem

import (
	"strings"
	"testing"

	"github.com/autoservice/sentryconfig/internal/machine"
	"github.com/autoservice/sentryconfig/internal/outbox"
)

// TestMachineRestarted: another boot ID is another boot; the same one is the same boot only where that is sure.
func TestMachineRestarted(t *testing.T) {
	boot, sure := machine.BootID()
	var same, other any
	if boot != "" {
		other = true
		if sure {
			same = false
		}
	}
	for noted, want := range map[string]any{boot: same, boot + "1": other} {
		got := Context(outbox.Dead{Process: outbox.Process{Boot: noted}})["machine_restarted"]
		if got != want {
			t.Errorf("noted %q, now %q: machine_restarted is %v, want %v", noted, boot, got, want)
		}
	}
}

// TestDeadTasks: whatever a journal says of which task is part of which, each is told once.
func TestDeadTasks(t *testing.T) {
	for name, test := range map[string]struct{ noted, want string }{ // span>outer, in the order of their beginning
		"none":                     {"", ""},
		"without the field":        {"a> b>", "a b"},
		"without spans":            {"> >", " "},
		"nested":                   {"a> b>a c>b d>a e>", "a(b d c) e"},
		"the outer one has ended":  {"a> c>b d>c", "a c(d)"},
		"the clock was turned":     {"c>b b>a a>", "a(b c)"},
		"part of itself":           {"a>a b>", "b a"},
		"part of one another":      {"a>b b>a c>b", "a(b c)"},
		"two spans of one ID":      {"a> a> b>a", "a(b) a"},
		"a span that is its own's": {"a> b>b c>b", "a b(c)"},
	} {
		t.Run(name, func(t *testing.T) {
			var tasks []outbox.Interrupted
			for _, noted := range strings.Fields(test.noted) {
				span, outer, _ := strings.Cut(noted, ">")
				tasks = append(tasks, outbox.Interrupted{Task: outbox.Task{SpanID: span, Outer: outer}})
			}
			var got []string
			for _, root := range Tasks(tasks) {
				var inner []string
				for _, t := range root.Running {
					inner = append(inner, t.SpanID)
				}
				text := root.SpanID
				if len(inner) > 0 {
					text += "(" + strings.Join(inner, " ") + ")"
				}
				got = append(got, text)
			}
			if strings.Join(got, " ") != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}
