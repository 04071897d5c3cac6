package scrub

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/getsentry/sentry-go"

	"github.com/autoservice/sentryconfig/internal/protocol"
	"github.com/autoservice/sentryconfig/internal/safe"
)

// Shrink cuts e until its JSON takes at most maxBytes: first the oldest breadcrumbs, then what the host added, then
// texts. What was cut is said in the context noteContext.
func (s *Scrubber) Shrink(e *sentry.Event, maxBytes int) {
	// What e points to may be shared.
	e.Contexts, e.Exception, e.Threads = maps.Clone(e.Contexts), slices.Clone(e.Exception), slices.Clone(e.Threads)
	if c := e.Contexts[noteContext]; c != nil {
		e.Contexts[noteContext] = maps.Clone(c)
	}
	for _, cut := range cuts {
		for eventSize(e) > maxBytes {
			what := cut(e)
			if what == "" {
				break
			}
			if e.Contexts == nil {
				e.Contexts = make(map[string]sentry.Context)
			}
			if e.Contexts[noteContext] == nil {
				e.Contexts[noteContext] = sentry.Context{"reason": "the event was larger than Sentry takes"}
			}
			e.Contexts[noteContext][what] = true
		}
	}
	if !utf8.ValidString(e.Message) || eventSize(e) > maxBytes {
		e.Message = cutRunes(strings.ToValidUTF8(e.Message, "�"), 1024)
	}
}

// What frames, texts and other parts of an event take in JSON beside their contents, about.
const (
	fixedBytes     = 16 << 10 // what is never cut: IDs, tags, the smallest contexts
	frameBytes     = 320
	crumbBytes     = 128
	exceptionBytes = 256
	spanBytes      = 512
)

// eventSize is about how many bytes e's JSON takes.
func eventSize(e *sentry.Event) int {
	n := fixedBytes + len(e.Message)
	for _, c := range e.Contexts {
		n += safe.Size(c)
	}
	for _, b := range e.Breadcrumbs {
		n += len(b.Message) + safe.Size(b.Data) + crumbBytes
	}
	for _, x := range e.Exception {
		n += len(x.Value) + exceptionBytes + stackSize(x.Stacktrace)
	}
	for _, t := range e.Threads {
		n += stackSize(t.Stacktrace)
	}
	for _, span := range e.Spans {
		n += spanBytes + len(span.Description) + safe.Size(span.Data)
	}
	return n
}

func stackSize(t *sentry.Stacktrace) int {
	if t == nil {
		return 0
	}
	return frameBytes * len(t.Frames)
}

// cuts are the steps of Shrink. Each takes a part from the event, as often as the event is too large, and returns what
// it was; "" when nothing is left for it to take.
var cuts = [...]func(*sentry.Event) string{cutBreadcrumbs, cutThreads, cutSpans, cutLargestContext, cutExceptions}

func cutBreadcrumbs(e *sentry.Event) string {
	if len(e.Breadcrumbs) == 0 {
		return ""
	}
	e.Breadcrumbs = e.Breadcrumbs[(len(e.Breadcrumbs)+1)/2:]
	return "breadcrumbs"
}

func cutThreads(e *sentry.Event) (what string) {
	for i := range e.Threads {
		if e.Threads[i].Stacktrace != nil {
			e.Threads[i].Stacktrace, what = nil, "threads"
		}
	}
	return what
}

func cutSpans(e *sentry.Event) string {
	if len(e.Spans) < 2 {
		return ""
	}
	e.Spans = e.Spans[:len(e.Spans)/2]
	return "spans"
}

func cutLargestContext(e *sentry.Event) string {
	largest, bytes := "", 0
	for name, c := range e.Contexts {
		if name == "trace" || name == noteContext || name == "task" {
			continue
		}
		if n := safe.Size(c); n > bytes || n == bytes && name < largest {
			largest, bytes = name, n
		}
	}
	if largest == "" {
		return ""
	}
	delete(e.Contexts, largest)
	return "context " + largest
}

// What is kept of an exception that is cut.
const (
	minExceptionChars = 512
	minFrames         = 20
)

// cutExceptions cuts the first exception that can be made smaller.
func cutExceptions(e *sentry.Event) string {
	for i := range e.Exception {
		x := &e.Exception[i]
		value, frames := cutRunes(x.Value, minExceptionChars), 0
		if x.Stacktrace != nil {
			frames = len(x.Stacktrace.Frames)
		}
		if value == x.Value && frames <= minFrames {
			continue
		}
		if x.Value = value; frames > minFrames {
			x.Stacktrace = &sentry.Stacktrace{Frames: x.Stacktrace.Frames[frames-minFrames:]}
		}
		return "exceptions"
	}
	return ""
}

// shareData cuts task data, extra and breadcrumb data to maxDataBytes together: the data of the oldest breadcrumbs goes
// first, then the largest contexts are cut.
func (s *Scrubber) shareData(e *sentry.Event) {
	var list []sizedContext
	total := 0
	for name, c := range e.Contexts {
		if isData(name) {
			size := safe.Size(c)
			total += size
			list = append(list, sizedContext{name, size})
		}
	}
	crumbs := make([]int, len(e.Breadcrumbs))
	for i, b := range e.Breadcrumbs {
		crumbs[i] = safe.Size(b.Data)
		total += crumbs[i]
	}
	if total <= maxDataBytes {
		return
	}
	if total = cutCrumbData(e, crumbs, total); total > maxDataBytes {
		s.shareContexts(e, list, total)
	}
}

// A sizedContext is a context of the host program's data.
type sizedContext struct {
	name  string
	bytes int
}

// cutCrumbData leaves out the data of the oldest breadcrumbs, whose sizes are given, until no more than maxDataBytes of
// total are left, and returns what is left.
func cutCrumbData(e *sentry.Event, sizes []int, total int) int {
	e.Breadcrumbs = slices.Clone(e.Breadcrumbs)
	for i, size := range sizes {
		if total <= maxDataBytes {
			break
		}
		if size > len(cutData)+16 {
			b := *e.Breadcrumbs[i]
			b.Data = map[string]any{"cut": cutData}
			e.Breadcrumbs[i] = &b
			total -= size - len(cutData) - 10
		}
	}
	return total
}

// shareContexts cuts the contexts in list, of total bytes, to maxDataBytes together.
func (s *Scrubber) shareContexts(e *sentry.Event, list []sizedContext, total int) {
	slices.SortFunc(list, func(a, b sizedContext) int {
		return cmp.Or(cmp.Compare(b.bytes, a.bytes), cmp.Compare(a.name, b.name))
	})
	e.Contexts = maps.Clone(e.Contexts)
	// The largest are cut to a common size, those that are smaller stay.
	share, room, rest := 0, maxDataBytes, len(list)
	for _, c := range slices.Backward(list) {
		if share = room / rest; c.bytes > share {
			break
		}
		room -= c.bytes
		rest--
	}
	dropped := 0
	for _, c := range list[:rest] {
		if share < minShareBytes {
			delete(e.Contexts, c.name)
			dropped++
			if total -= c.bytes; total <= maxDataBytes {
				break
			}
			continue
		}
		e.Contexts[c.name] = s.fit(e.Contexts[c.name], share, protocol.MaxContextDepth)
	}
	if dropped > 0 {
		note(e, "contexts_left_out", dropped)
	}
}

const (
	cutData       = "left out: the data of this event is too large"
	minShareBytes = 256 // a context that is cut to less tells nothing
)

// noteContext says what Event and Shrink left out of an event.
const noteContext = "cut"

// note adds n to what e says was left out.
func note(e *sentry.Event, what string, n int) {
	old := e.Contexts[noteContext]
	c := make(sentry.Context, len(old)+1)
	maps.Copy(c, old)
	if before, ok := c[what].(int); ok {
		n += before
	}
	c[what] = n
	e.Contexts = maps.Clone(e.Contexts)
	if e.Contexts == nil {
		e.Contexts = make(map[string]sentry.Context, 1)
	}
	e.Contexts[noteContext] = c
}
