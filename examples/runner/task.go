package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/autoservice/sentryconfig"
)

// A task is one entry of a list, its parameters read.
type task struct {
	index int
	kind  string // its type
	label string
	limit time.Duration  // 0: none
	data  map[string]any // for Sentry
	run   runFunc        // nil: nobody knows this type
}

// A runFunc does what a task is for. The summary is for the report, with an error too. An error that is a
// *sentryconfig.TaskFailure says that the task did its work and found things not as they should be; any other that it
// couldn't.
type runFunc func(ctx context.Context) (summary, error)

type summary = map[string]any

// A taskType makes a runFunc of the parameters of a task.
type taskType struct {
	new   func(p *params) runFunc
	limit time.Duration // for tasks without timeout_seconds; 0: none, because the work may rightly take hours
}

var taskTypes = map[string]taskType{
	"command":      {newCommand, 0},
	"disk_space":   {newDiskSpace, 30 * time.Second}, // a dead network drive never answers
	"ping":         {newPing, 0},                     // each attempt has its own limit
	"http_check":   {newHTTPCheck, 30 * time.Second},
	"dns_lookup":   {newDNSLookup, 15 * time.Second},
	"hash_files":   {newHashFiles, 0},
	"temp_cleanup": {newTempCleanup, 0},
	"system_info":  {newSystemInfo, 30 * time.Second},
	"demo_panic":   {newDemoPanic, 0},
}

// newTask reads a task. Wrong types are left in p.wrong; values that make no sense become the task's own error.
func newTask(index int, p *params) *task {
	t := &task{index: index, kind: p.text("type", "command"), label: p.text("label", "what it is for")}
	known, ok := taskTypes[t.kind]
	if !ok {
		return t
	}
	t.limit = p.seconds("timeout_seconds", known.limit)
	t.run = known.new(p)
	t.data = p.data()
	if refused := p.refused; refused != nil {
		t.run = func(context.Context) (summary, error) { return nil, fmt.Errorf("%s can't start: %w", t.kind, refused) }
	}
	return t
}

// name is the type for people and reports.
func (t *task) name() string {
	if t.kind == "" {
		return "unknown"
	}
	return t.kind
}

// execute runs the task within its time limit. It returns what the report says of it beside the error, which is nil or a
// *sentryconfig.TaskError.
func (t *task) execute(ctx context.Context, total int) (summary, error) {
	var sum summary
	err := sentryconfig.RunTask(ctx, sentryconfig.Task{Type: t.kind, Index: t.index, Total: total, Data: t.data}, func(ctx context.Context) (err error) {
		sum, err = t.limited(ctx)
		var failure *sentryconfig.TaskFailure
		switch {
		case err == nil || ctx.Err() != nil:
		case errors.As(err, &failure):
			failure.Extra = map[string]any{"result_summary": sum}
		case len(sum) > 0:
			// RunTask would report it without the summary. It sees that this error has been reported.
			sentryconfig.CaptureTaskException(ctx, err, "", nil, map[string]any{"result_summary": sum})
		}
		return err
	})
	return sum, err
}

func (t *task) limited(ctx context.Context) (summary, error) {
	limited, cancel := ctx, context.CancelFunc(func() {})
	if t.limit > 0 {
		limited, cancel = context.WithTimeout(ctx, t.limit)
	}
	defer cancel()
	sum, err := t.run(limited)
	switch {
	case err == nil:
		return sum, nil
	case ctx.Err() != nil: // whatever it says: it was told to stop
		return sum, fmt.Errorf("interrupted: %w", ctx.Err())
	case limited.Err() != nil: // the check didn't come out bad, it didn't come out
		return sum, fmt.Errorf("time limit of %v exceeded: %w", t.limit, limited.Err())
	}
	return sum, err
}

// fail is the error of a check that came out bad. Its summary is added by execute.
func fail(cause error, format string, args ...any) error {
	return &sentryconfig.TaskFailure{Reason: fmt.Sprintf(format, args...), Err: cause}
}

// within runs f, which may hang in the operating system, and gives up on it when ctx ends; f's goroutine then ends when the
// system answers.
func within[T any](ctx context.Context, f func() (T, error)) (T, error) {
	type answer struct {
		value T
		err   error
	}
	answers := make(chan answer, 1)
	go func() {
		v, err := f()
		answers <- answer{v, err}
	}()
	select {
	case a := <-answers:
		return a.value, a.err
	case <-ctx.Done():
		var none T
		return none, ctx.Err()
	}
}

// round keeps two decimals: what people read of gigabytes, percentages and milliseconds.
func round(f float64) float64 { return float64(int64(f*100+0.5)) / 100 }

func milliseconds(d time.Duration) float64 { return round(float64(d) / float64(time.Millisecond)) }
