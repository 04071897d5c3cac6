// Package tally counts the runs of tasks by task type, and tells when too many of them fail.
package tally

import (
	"iter"
	"sync"
	"sync/atomic"
	"time"
)

// maxTaskTypes is how many task types are counted. A type is meant to be a constant of the program: who puts a number
// into it must not pay for that with memory.
const maxTaskTypes = 1000

// Types are the types of the tasks that have run. The zero value is ready; its methods, and those of a Type, may be
// called from many goroutines at once.
type Types struct {
	known sync.Map     // string -> *Type
	count atomic.Int64 // of what is in known, or about to be
}

// A Type counts the tasks of a type. A nil one, for a type too many, takes every call and does nothing.
type Type struct {
	name                     string
	runs, failures, running  atomic.Int64
	lastSuccess, lastFailure atomic.Int64 // nanoseconds since 1970; 0: never
	rates                    rates
}

// Begin counts a task that begins.
func (l *Types) Begin(name string) *Type {
	found, ok := l.known.Load(name)
	if !ok {
		if l.count.Add(1) > maxTaskTypes {
			l.count.Add(-1)
			return nil
		}
		var other bool
		if found, other = l.known.LoadOrStore(name, &Type{name: name}); other {
			l.count.Add(-1)
		}
	}
	t := found.(*Type)
	t.running.Add(1)
	return t
}

// Drop takes back a task that began: it was switched off half-way.
func (t *Type) Drop() {
	if t != nil {
		t.running.Add(-1)
	}
}

// End counts a task that ended. It is a failure, a success, or neither.
func (t *Type) End(failed, succeeded bool) {
	if t == nil {
		return
	}
	t.running.Add(-1)
	t.runs.Add(1) // first, so that a reader of failures and then runs never finds more failures
	switch {
	case failed:
		t.failures.Add(1)
		t.lastFailure.Store(time.Now().UnixNano())
	case succeeded:
		t.lastSuccess.Store(time.Now().UnixNano())
	}
}

// Watch counts a run that ended now for those of alerts that are for its type, and returns what has changed by it. A
// list of the same alerts at another place in memory is taken for a new one.
func (t *Type) Watch(alerts []Alert, now time.Duration, failed bool) []Change {
	if t == nil {
		return nil
	}
	return t.rates.count(t.name, alerts, now, failed)
}

// Stats are the counts of a task type: sentryconfig.TaskStats.
type Stats struct {
	Runs, Failures uint64
	Running        uint64
	LastSuccess    time.Time
	LastFailure    time.Time
}

// All yields what has been counted, by the names of the types.
func (l *Types) All() iter.Seq2[string, Stats] {
	return func(yield func(string, Stats) bool) {
		for name, found := range l.known.Range {
			t := found.(*Type)
			s := Stats{ // in this order: see End
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
