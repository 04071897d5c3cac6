// Package tally counts the runs of tasks by task type, and detects when too many of them fail.
package tally

import (
	"iter"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// maxTaskTypes limits the task types that are counted. A type should be a constant of the program; a program that puts
// a number into it must not run out of memory.
const maxTaskTypes = 1000

// Types counts tasks by type. The zero value is ready. Its methods, and those of Type, are safe for concurrent use.
type Types struct {
	known sync.Map     // string -> *Type
	count atomic.Int64 // entries in known, including those about to be added
}

// A Type counts the tasks of one type. A nil *Type, for types above the limit, takes every call and does nothing.
type Type struct {
	name                     string
	runs, failures, running  atomic.Int64
	lastSuccess, lastFailure atomic.Int64 // nanoseconds since 1970; 0: never
	rates                    rates
}

// Begin counts a task as running. End or Drop must follow. It returns nil for a type above the limit.
func (l *Types) Begin(name string) *Type {
	found, ok := l.known.Load(name)
	if !ok {
		if l.count.Add(1) > maxTaskTypes {
			l.count.Add(-1)
			return nil
		}
		name = strings.Clone(name) // which may be a part of a much larger text
		var other bool
		if found, other = l.known.LoadOrStore(name, &Type{name: name}); other {
			l.count.Add(-1)
		}
	}
	t := found.(*Type)
	t.running.Add(1)
	return t
}

// Drop reverts Begin, for a task during which reporting was switched off.
func (t *Type) Drop() {
	if t != nil {
		t.running.Add(-1)
	}
}

// End counts a task as ended: failed, succeeded, or neither.
func (t *Type) End(failed, succeeded bool) {
	if t == nil {
		return
	}
	t.running.Add(-1)
	t.runs.Add(1) // before failures, so that All, which reads them in reverse, never finds more failures than runs
	switch {
	case failed:
		t.failures.Add(1)
		t.lastFailure.Store(time.Now().UnixNano())
	case succeeded:
		t.lastSuccess.Store(time.Now().UnixNano())
	}
}

// Watch counts a run that ended now for those alerts that apply to t's type, and returns the alerts that it raises or
// ends. The alerts are compared with the last list by address: an equal list elsewhere in memory costs a rebuild.
func (t *Type) Watch(alerts []Alert, now time.Duration, failed bool) []Change {
	if t == nil {
		return nil
	}
	return t.rates.count(t.name, alerts, now, failed)
}

// Stats are the counts of a task type; see sentryconfig.TaskStats.
type Stats struct {
	Runs, Failures uint64
	Running        uint64
	LastSuccess    time.Time
	LastFailure    time.Time
}

// All yields the counts of each type, by name, in no particular order.
func (l *Types) All() iter.Seq2[string, Stats] {
	return func(yield func(string, Stats) bool) {
		for name, found := range l.known.Range {
			t := found.(*Type)
			s := Stats{ // the order matters: see End
				Failures: uint64(t.failures.Load()),
				Runs:     uint64(t.runs.Load()),
				Running:  uint64(max(t.running.Load(), 0)),

				LastSuccess: timeOf(t.lastSuccess.Load()),
				LastFailure: timeOf(t.lastFailure.Load()),
			}
			if !yield(name.(string), s) {
				return
			}
		}
	}
}

func timeOf(nanoseconds int64) time.Time {
	if nanoseconds == 0 {
		return time.Time{}
	}
	return time.Unix(0, nanoseconds)
}
