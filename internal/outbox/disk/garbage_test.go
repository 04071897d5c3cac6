//go:build !race

// The race detector has sync.Pool forget things.

package disk

import (
	"strings"
	"testing"
	"time"
)

// TestNotesMakeNoGarbage: a worker of a task engine notes each of its jobs.
func TestNotesMakeNoGarbage(t *testing.T) {
	d, err := openTestDisk(t.TempDir())
	must(t, err)
	defer func() { _ = d.Close() }()
	task := Task{Type: "send", Started: time.Now(), TraceID: strings.Repeat("a", 32), SpanID: strings.Repeat("b", 16),
		Job: &Job{System: "asynq", Queue: "mail", ID: "17", Attempt: 1, MaxAttempts: 3}}
	if n := testing.AllocsPerRun(1000, func() { d.Journal().Begin(task).End() }); n >= 1 {
		t.Errorf("%v allocations a task", n)
	}
	if _, tasks := noted(t, d); len(tasks) > 0 {
		t.Errorf("%d tasks are noted still", len(tasks))
	}
}
