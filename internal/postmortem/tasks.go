package postmortem

import (
	"slices"

	"github.com/autoservice/sentryconfig/internal/outbox"
)

// A Task is an interrupted task that isn't part of another one that was running, with those that ran inside it, the
// outermost first.
type Task struct {
	outbox.Interrupted
	Running []outbox.Interrupted
}

// Tasks sorts a dead process's tasks into those that are not part of another and those inside them. A task whose
// outer one has ended is not part of another. Each task is found once, whatever the journal says.
func Tasks(tasks []outbox.Interrupted) (roots []Task) {
	known := make(map[string]bool, len(tasks))
	inside := make(map[string][]int)
	for i, t := range tasks {
		if t.SpanID != "" {
			known[t.SpanID] = true
		}
		if t.Outer != "" {
			inside[t.Outer] = append(inside[t.Outer], i)
		}
	}
	found := make([]bool, len(tasks))
	gather := func(i int) {
		found[i] = true
		root := Task{Interrupted: tasks[i]}
		next := slices.Clone(inside[tasks[i].SpanID])
		for ; len(next) > 0; next = next[1:] {
			at := next[0]
			if found[at] {
				continue
			}
			found[at] = true
			root.Running = append(root.Running, tasks[at])
			next = append(next, inside[tasks[at].SpanID]...)
		}
		roots = append(roots, root)
	}
	for i, t := range tasks {
		if !known[t.Outer] {
			gather(i)
		}
	}
	for i := range tasks { // tasks that claim to be part of one another
		if !found[i] {
			gather(i)
		}
	}
	return roots
}
