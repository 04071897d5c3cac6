package main

import (
	"fmt"
	"io"
	"strings"
)

// preview says what is known of a list without running it, and with each what every task would do. It returns the exit
// code that its mistakes are worth: 1 when a task can't start.
func preview(w io.Writer, l *list, f *filter, each bool) int {
	var b strings.Builder
	code, skipped := exitWell, 0
	say := func(t *task, text string) {
		label := ""
		if t.label != "" {
			label = fmt.Sprintf(" %q", cut(oneLine(t.label), maxQuoted))
		}
		text = oneLine(hide(f.text(text), t.hidden))
		fmt.Fprintf(&b, "%3d %s%s: %s\n", t.index, cut(oneLine(t.name()), maxQuoted), label, text)
	}
	for _, t := range l.tasks {
		switch {
		case t.skip != "":
			skipped++
			say(t, "would be skipped: "+t.skip)
		case t.refused != nil:
			code = exitFailed
			say(t, "can't start: "+t.refused.Error())
		case each:
			say(t, "would "+t.plan)
		}
		if each && len(t.ignored) > 0 {
			say(t, "would not look at "+strings.Join(t.ignored, ", "))
		}
	}
	fmt.Fprintf(&b, "%s: no mistakes in %d tasks, %d would run, %d would be skipped\n",
		l.source, len(l.tasks), len(l.tasks)-skipped, skipped)
	_, _ = io.WriteString(w, b.String())
	return code
}

// showSkipped says last what wasn't done: a skipped backup is easily taken for one.
func showSkipped(w io.Writer, r *report) {
	var b strings.Builder
	shown := 0
	for i := range r.Results {
		if t := &r.Results[i]; t.Status == statusSkipped {
			if shown++; shown <= maxShown {
				fmt.Fprintf(&b, "  task %d %s: %s\n", t.Index, cut(oneLine(t.Type), maxQuoted), oneLine(t.Reason))
			}
		}
	}
	if shown == 0 {
		return
	}
	if shown > maxShown {
		fmt.Fprintf(&b, "  … and %d more\n", shown-maxShown)
	}
	were := "were"
	if shown == 1 {
		were = "was"
	}
	_, _ = fmt.Fprintf(w, "\n%d of %s %s skipped:\n%s", shown, count(len(r.Results), "task"), were, b.String())
}
