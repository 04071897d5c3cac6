package sentryconfig

import (
	"time"

	"github.com/autoservice/sentryconfig/internal/machine"
	"github.com/autoservice/sentryconfig/internal/outbox"
	"github.com/autoservice/sentryconfig/internal/safe"
)

// journal returns the journal of running tasks, nil without a disk. A nil Journal takes every call.
func (c *Client) journal() *outbox.Journal {
	if disk := c.disk.Load(); disk != nil {
		return disk.Journal()
	}
	return nil
}

// noteStart records in the journal that t runs, unless it is already recorded, has ended, or was switched off.
func (t *TaskSpan) noteStart() {
	j := t.client.journal()
	if j == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.slot != (outbox.Slot{}) || t.finished.Load() || t.offs != t.client.offs.Load() {
		return
	}
	policy := t.client.policy.Load()
	note := outbox.Task{
		Type: policy.scrubber.Text(t.taskType), Index: t.index, Total: max(t.total, 0), Started: t.started,
		PII: policy.pii, TraceID: t.traceID.String(), SpanID: t.spanID.String(),
	}
	if t.parent != nil {
		note.Outer = t.parent.spanID.String()
	}
	if t.job() != nil {
		job := t.attempt.facts().Job
		note.Job = &job
	}
	if len(t.noted) > 0 {
		note.Tags, _ = policy.scrubber.Value(t.noted).(map[string]string)
	}
	if t.data != nil {
		if data, err := safe.AppendJSON(nil, policy.scrubber.Value(t.data)); err == nil {
			note.Data = data
		}
	}
	t.slot = j.Begin(note)
}

// noteMachine records a sign of life for all running tasks, with the memory figures of a new reading.
func (c *Client) noteMachine(m machine.Memory) {
	if !c.active() {
		c.journal().EndAll() // a task may have begun just as reporting was switched off
		return
	}
	note := outbox.Note{Time: time.Now(), MemoryTotal: m.Total, MemoryAvailable: m.Available, AppMemory: m.App}
	for _, t := range c.tasks.running() {
		t.noteStart() // its start wasn't recorded if that failed, or the disk wasn't open yet
		t.note(note)
	}
}

// note records a sign of life of t, with its newest breadcrumb.
func (t *TaskSpan) note(n outbox.Note) {
	t.mu.Lock()
	slot, step := t.slot, t.lastStep
	t.lastStep = ""
	t.mu.Unlock()
	n.Breadcrumb = t.client.policy.Load().scrubber.Text(step)
	slot.Note(n)
}
