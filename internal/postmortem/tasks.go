package postmortem

import (
	"slices"

	"github.com/autoservice/sentryconfig/internal/outbox"
)

// A Task is an outermost interrupted task, with the tasks that ran inside it, outermost first.
type Task struct {
	outbox.Interrupted
	Running []outbox.Interrupted
}

// Tasks groups a dead process's tasks by outermost task. A task whose outer task has ended counts as outermost. Each
// task occurs exactly once, even if the journal is inconsistent.
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
	for i := range tasks { // tasks that claim to be inside one another
		if !found[i] {
			gather(i)
		}
	}
	return roots
}
