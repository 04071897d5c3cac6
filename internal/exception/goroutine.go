package exception

import (
	"slices"
	"strconv"

	"github.com/getsentry/sentry-go"

	"github.com/autoservice/sentryconfig/internal/crash"
)

// maxThreads limits the goroutines in an event. The runtime prints the crashing one first.
const maxThreads = 100

// CrashThreads returns the goroutines of a crash that have a visible frame. The stack of the crashing one goes to x,
// which then names its thread.
func CrashThreads(list []crash.Goroutine, x *sentry.Exception) (threads []sentry.Thread) {
	told := make(map[int]bool)
	for _, g := range list {
		st := goroutineStack(g)
		if st == nil || told[g.ID] || len(threads) == maxThreads {
			continue
		}
		if g.Crashed {
			x.Stacktrace, st = st, nil
			if g.ID <= 0 {
				continue // the runtime's own stack: ID 0 can't be named by an exception
			}
			x.ThreadID = uint64(g.ID)
		}
		told[g.ID] = true
		thread := threadOf(g, st)
		thread.Crashed, thread.Current = g.Crashed, g.Crashed
		threads = append(threads, thread)
	}
	return threads
}

// Threads returns the goroutines of a running process that have a visible frame. The first one is the subject of the
// event.
func Threads(list []crash.Goroutine) (threads []sentry.Thread) {
	for _, g := range list {
		if st := goroutineStack(g); st != nil {
			threads = append(threads, threadOf(g, st))
		}
		if len(threads) == maxThreads {
			break
		}
	}
	if len(threads) > 0 {
		threads[0].Current = true
	}
	return threads
}

func threadOf(g crash.Goroutine, st *sentry.Stacktrace) sentry.Thread {
	id := strconv.Itoa(g.ID)
	return sentry.Thread{ID: id, Name: "goroutine " + id + " [" + g.State + "]", Stacktrace: st}
}

// goroutineStack returns nil when no visible frame is left.
func goroutineStack(g crash.Goroutine) *sentry.Stacktrace {
	var frames []sentry.Frame
	for _, f := range g.Frames {
		frame := sentry.Frame{Function: f.Function, Module: f.Package, AbsPath: f.File, Lineno: f.Line}
		if complete(&frame) {
			frames = append(frames, frame)
		}
		if len(frames) == maxFrames {
			break
		}
	}
	if frames == nil {
		return nil
	}
	slices.Reverse(frames) // Sentry expects the outermost first
	return &sentry.Stacktrace{Frames: frames}
}
