package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/autoservice/sentryconfig"
)

// A task is one entry of a list, its parameters read.
type task struct {
	index   int
	kind    string // its type
	label   string
	limit   time.Duration  // 0: none
	data    map[string]any // for Sentry
	run     runFunc        // nil: it can't be run here
	skip    string         // why it isn't run
	plan    string         // what it would do
	refused error          // why it can't start
	ignored []string       // parameters that mean nothing to it
	hidden  []string       // values that must not be reported
}

// A runFunc does what a task is for. The summary is for the report, with an error too. An error that is a
// *sentryconfig.TaskFailure says that the task did its work and found things not as they should be; any other that it
// couldn't.
type runFunc func(ctx context.Context) (summary, error)

type summary = map[string]any

// newTask reads a task. What is wrong with the list is left in p.mistakes; values that make no sense become the task's
// own error.
func newTask(index int, p *params) *task {
	p.table = commonParams
	t := &task{index: index, kind: p.text("type"), label: cmp.Or(p.text("label"), p.text("ui_label"))}
	kind, skip := p.typeOf(t.kind)
	t.skip = skip
	if kind == nil {
		return t
	}
	p.table = slices.Concat(commonParams, kind.params)
	p.check(t.name())
	t.run = kind.new(p)
	t.plan, t.ignored, t.data, t.hidden = p.plan, p.ignored(), p.data(), p.hidden
	t.limit = p.seconds("timeout_seconds", cmp.Or(p.limit, kind.limit))
	if t.refused = p.refused; t.refused != nil {
		refused := t.refused
		t.run = func(context.Context) (summary, error) { return nil, fmt.Errorf("%s can't start: %w", t.kind, refused) }
	}
	return t
}

// ownProgram is the type of a task that names a program and has no type of ours.
var ownProgram = taskType{new: newProgram, params: programParams}

// typeOf returns the row of the table for a task of that type: the type's own, or that of a program by its own name. Of
// a type that nobody knows it returns nil and why the task isn't run, and makes a mistake of what is close to a known
// type.
func (p *params) typeOf(name string) (*taskType, string) {
	known, ok := taskTypes[name]
	program := p.has("executable_path") && (!known.tool || p.has("args"))
	for _, field := range []string{"type", "label"} {
		if v := p.fields[field]; v.kind() != kindString && v.kind() != kindNone && v.kind() != kindNull {
			p.checkValue(find(commonParams, field), v)
		}
	}
	meant := ""
	if !ok && name != "" && !p.has("args") { // with arguments it is a program of that name
		meant = closestType(name)
		if program && strings.HasPrefix(meant, name+"_") {
			meant = "" // a battery may be a program's own name for what it does
		}
	}
	switch {
	case meant != "":
		p.mistake("type", p.fields["type"], fmt.Sprintf("is %q, did you mean %q?", cut(name, maxQuoted), meant),
			fmt.Sprintf("write \"type\": %q", meant))
		return nil, "unknown task type"
	case program:
		return &ownProgram, ""
	case ok && known.windows && runtime.GOOS != "windows" && !p.has("executable_path"):
		p.table = slices.Concat(commonParams, known.params)
		p.check(name) // a list is right or wrong wherever it is read
		return nil, "needs Windows"
	case ok:
		return &known, ""
	case name == "":
		p.unknownFields("type", "executable_path")
		return nil, "the task has no type"
	}
	p.unknownFields("executable_path")
	return nil, "unknown task type"
}

// unknownFields makes mistakes of names close to those given, in a task of which nothing else is known.
func (p *params) unknownFields(known ...string) {
	for _, field := range p.names() {
		if meant := closest(field, known); meant != "" && meant != field {
			p.mistake(field, p.fields[field], fmt.Sprintf("means nothing here, did you mean %q?", meant),
				fmt.Sprintf("write %q", meant))
		}
	}
}

// name is the type for people and reports.
func (t *task) name() string {
	if t.kind == "" {
		return "unknown"
	}
	return t.kind
}

// execute runs the task within its time limit. It returns what the report says of it beside the error, which is nil or
// a *sentryconfig.TaskError.
func (t *task) execute(ctx context.Context, total int) (summary, error) {
	var sum summary
	reported := sentryconfig.Task{Type: t.kind, Index: t.index, Total: total, Data: t.data}
	err := sentryconfig.RunTask(ctx, reported, func(ctx context.Context) (err error) {
		ctx = context.WithValue(ctx, taskKey{}, t)
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

// fail is the error of a check that came out bad. code is a short constant for what is bad: each is an issue of its
// own. The summary is added by execute.
func fail(code string, cause error, format string, args ...any) error {
	return &sentryconfig.TaskFailure{Code: code, Reason: fmt.Sprintf(format, args...), Err: cause}
}

// within runs f, which may hang in the operating system, and gives up on it when ctx ends; f's goroutine then ends when
// the system answers.
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
