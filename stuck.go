package sentryconfig

import (
	"bytes"
	"context"
	"fmt"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/getsentry/sentry-go"

	"github.com/autoservice/sentryconfig/internal/clock"
	"github.com/autoservice/sentryconfig/internal/crash"
	"github.com/autoservice/sentryconfig/internal/exception"
	"github.com/autoservice/sentryconfig/internal/module"
	"github.com/autoservice/sentryconfig/internal/settings"
)

// A task that runs for longer than StuckAfter is reported while it runs, with the stacks of its goroutines. The
// keeper has a timer for the oldest task that isn't reported. It isn't stopped when that task ends, which would cost
// each task a wake-up: after the last one the keeper looks once more, and then sleeps.

// stuck says when to look.
type stuck struct {
	armed atomic.Bool // the keeper has a timer, or is told to set one
}

// A birthplace is how the goroutine of a task is known.
type birthplace struct {
	run     uintptr    // the entry of RunTask's function; 0: the task was made by CreateTaskSpan,
	callers [6]uintptr // called from here
}

// watchStuck has the keeper look after a task that has just begun, and notes where that was: run is what RunTask was
// given.
func (t *TaskSpan) watchStuck(run uintptr) {
	if t == nil {
		return
	}
	s := &t.client.stuck
	if t.client.policy.Load().stuckAfter == 0 {
		return
	}
	place := birthplace{run: run}
	if run == 0 {
		runtime.Callers(2, place.callers[:])
	}
	t.mu.Lock()
	t.born = place
	t.mu.Unlock()
	if !s.armed.Load() && !s.armed.Swap(true) || !t.began.Known() {
		t.client.keeper.Kick()
	}
}

// turn is the keeper's part: it has the tasks reported that are stuck, and returns when the next may be.
func (s *stuck) turn(c *Client, now time.Duration) time.Duration {
	after := c.policy.Load().stuckAfter
	s.armed.Store(false) // before the look at the tasks: one that begins after it arms it again
	if after == 0 {
		return clock.Never
	}
	due, awake := clock.Never, c.clock.Awake()
	var late []*TaskSpan
	for _, t := range c.runningTasks() {
		age := t.began.Age(awake)
		switch {
		case t.reported.Load() || t.finished.Load() || t.offs != c.offs.Load():
		case age < after:
			due = min(due, now+after-age)
		case t.reported.CompareAndSwap(false, true):
			late = append(late, t)
		}
	}
	if len(late) > 0 {
		c.keeper.Go(func() { c.reportStuck(late, after) })
	}
	if due != clock.Never {
		s.armed.Store(true)
	}
	return due
}

// runningTasks returns the tasks that run now, outer ones before those in them.
func (c *Client) runningTasks() []*TaskSpan {
	c.tasks.mu.Lock()
	running := slices.Clone(c.tasks.roots)
	c.tasks.mu.Unlock()
	for i := 0; i < len(running); i++ { // the list grows by the tasks inside
		t := running[i]
		t.mu.Lock()
		running = append(running, t.children...)
		t.mu.Unlock()
	}
	return running
}

// reportStuck captures that tasks are stuck. One look at the goroutines is for all of them: it stops the program.
func (c *Client) reportStuck(tasks []*TaskSpan, after time.Duration) {
	dump := dumpGoroutines()
	for _, t := range tasks {
		if t.finished.Load() || !c.reporting() {
			continue
		}
		ctx := context.WithValue(context.Background(), taskKey{}, t)
		e, _ := c.newEvent(ctx, "", nil, nil)
		e.Level = sentry.LevelWarning
		e.Message = t.taskType + ": stuck"
		e.Tags["failure_type"] = "task_stuck"
		task := e.Contexts["task"]
		task["began"] = t.span.StartTime.UTC().Format(time.RFC3339)
		task["stuck_after"] = settings.DurationText(after)
		if inner := t.innerTasks(); len(inner) > 0 {
			task["running"] = inner
		}
		e.Threads = dump.threadsOf(t)
		c.send(ctx, t, e, []string{t.taskType, "task_stuck"}, nil)
	}
}

// innerTasks names the tasks that run in t now.
func (t *TaskSpan) innerTasks() (names []any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, child := range t.children[:min(len(t.children), maxRunning)] {
		names = append(names, child.asParent())
	}
	return names
}

// A goroutine is one of a dump, as text. What was printed of it isn't kept elsewhere.
type goroutine struct {
	text        string
	id, creator int // creator is the ID of the one that made it; 0: not known
}

// A goroutineDump is what the goroutines of the process do, but for the one that asks.
type goroutineDump []goroutine

const (
	minDump = 256 << 10
	// maxDump bounds what is printed of the goroutines: some ten thousand. More would stop the program for too long.
	maxDump = 8 << 20
)

func dumpGoroutines() (dump goroutineDump) {
	size := minDump
	buf := make([]byte, size)
	for {
		n := runtime.Stack(buf, true)
		if n < len(buf) || size >= maxDump {
			buf = buf[:n]
			break
		}
		size *= 2
		buf = make([]byte, size)
	}
	for i, block := range bytes.Split(buf, []byte("\n\n")) {
		if i > 0 { // the first is this one
			dump = append(dump, readGoroutine(string(block)))
		}
	}
	return dump
}

// readGoroutine reads of a goroutine's text what ties it to others:
//
//	goroutine 18 [chan receive]:
//	main.work(0xc000012345)
//		/src/main.go:12 +0x25
//	created by main.main in goroutine 1
//		/src/main.go:8 +0x25
func readGoroutine(text string) goroutine {
	g := goroutine{text: text}
	title, _, _ := strings.Cut(strings.TrimPrefix(text, "goroutine "), " ")
	g.id, _ = strconv.Atoi(title) // 0 for a text that was cut
	if i := strings.LastIndex(text, "\ncreated by "); i >= 0 {
		line, _, _ := strings.Cut(text[i+1:], "\n")
		if _, creator, ok := strings.Cut(line, " in goroutine "); ok {
			g.creator, _ = strconv.Atoi(creator)
		}
	}
	return g
}

// runs reports whether a call of function is on g's stack.
func (g *goroutine) runs(function string) bool {
	return strings.Contains(g.text, "\n"+function+"(")
}

// carries reports whether a function of this package on g's stack was called with the given pointer.
func (g *goroutine) carries(pointer string) bool {
	for line := range strings.Lines(g.text) {
		if strings.HasPrefix(line, module.Path+".") && strings.Contains(line, pointer) {
			return true
		}
	}
	return false
}

// threadsOf returns the goroutines of t, its own first and then those that they made: all, where that can't be told.
func (d goroutineDump) threadsOf(t *TaskSpan) []sentry.Thread {
	var text strings.Builder
	for _, g := range d.goroutinesOf(t) {
		text.WriteString(g.text + "\n\n")
	}
	return exception.Threads(crash.Parse([]byte(text.String())).Goroutines)
}

func (d goroutineDump) goroutinesOf(t *TaskSpan) goroutineDump {
	function := t.function()
	if function == "" {
		return d
	}
	var own goroutineDump
	for _, g := range d {
		if g.runs(function) {
			own = append(own, g)
		}
	}
	// Workers side by side run the same function: RunTask was called with the task itself, which the stack shows.
	pointer := fmt.Sprintf("%p", t)
	if i := slices.IndexFunc(own, func(g goroutine) bool { return g.carries(pointer) }); i >= 0 {
		own = goroutineDump{own[i]}
	}
	if len(own) == 0 { // it has returned, and others work on
		return d
	}
	found := make(map[int]bool, len(own))
	for _, g := range own {
		found[g.id] = true
	}
	for more := true; more; { // a goroutine may be printed before the one that made it
		more = false
		for _, g := range d {
			if !found[g.id] && found[g.creator] && g.creator != 0 {
				found[g.id], more = true, true
				own = append(own, g)
			}
		}
	}
	return own
}

// function is the name of the function that t runs, or began in, as a stack shows it; "" when it isn't known.
func (t *TaskSpan) function() string {
	t.mu.Lock()
	born := t.born
	t.mu.Unlock()
	if born.run != 0 {
		if f := runtime.FuncForPC(born.run); f != nil {
			return strings.TrimSuffix(f.Name(), "-fm")
		}
		return ""
	}
	if born.callers[0] == 0 { // it began before there was a limit
		return ""
	}
	for frames, more := runtime.CallersFrames(born.callers[:]), true; more; {
		var f runtime.Frame
		if f, more = frames.Next(); f.Function != "" && !strings.HasPrefix(f.Function, module.Path+".") {
			return f.Function
		}
	}
	return ""
}
