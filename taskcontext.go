package sentryconfig

import (
	"cmp"
	"context"
	"encoding/binary"
	"encoding/hex"
	"maps"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"

	"github.com/getsentry/sentry-go"

	"github.com/autoservice/sentryconfig/internal/outbox"
	"github.com/autoservice/sentryconfig/internal/protocol"
)

// A taskContext is the context that a task's function gets: that of the caller, with the task, and with its hub and its
// span for sentry-go to find. Most tasks have no span until somebody asks for it, or for the hub, here: most end well,
// and a span costs more than all else that a task does which isn't sampled, and a fifth of what a sampled one does.
type taskContext struct {
	context.Context
	task *TaskSpan
}

func (c *taskContext) Value(key any) any {
	switch key {
	case taskKey{}:
		return c.task
	case sentry.HubContextKey:
		return c.task.sentryHub()
	case spanKey:
		return c.task.sentrySpan()
	}
	return c.Context.Value(key)
}

// spanKey is the key, sentry-go's own, under which a context holds its span.
var spanKey = func() any {
	probe := keyProbe{Context: context.Background(), key: new(any)}
	sentry.SpanFromContext(probe)
	return *probe.key
}()

// A keyProbe remembers what it was asked for.
type keyProbe struct {
	context.Context
	key *any
}

func (p keyProbe) Value(key any) any {
	*p.key = key
	return nil
}

// sentryHub returns the task's hub. It must not be called with a lock of ours held.
func (t *TaskSpan) sentryHub() *sentry.Hub {
	t.making.Do(t.makeLate)
	return t.scopeHub()
}

// sentrySpan returns the task's span. It must not be called with a lock of ours held.
func (t *TaskSpan) sentrySpan() *sentry.Span {
	t.making.Do(t.makeLate)
	return t.span
}

// How a task without a span goes on: it is asked for one, or its transaction is sent without. One excludes the other.
const (
	isOpen int32 = iota
	isAsked
	isSent
)

// makeLate makes the span of a task that began without. It is sampled as was decided then, even if Reconfigure has
// changed the rate since, and after the task's end it tells how that went.
func (t *TaskSpan) makeLate() {
	sent := !t.without.CompareAndSwap(isOpen, isAsked)
	t.make(append(t.spanOptions(nil, nil), func(s *sentry.Span) {
		s.TraceID, s.SpanID, s.StartTime, s.Sampled = t.traceID, t.spanID, t.started, t.sampled
		t.mu.Lock()
		defer t.mu.Unlock()
		setOutcome(s, t.ended.status, t.ended.outcome)
	}))
	if sent { // whoever finishes the span doesn't send it again
		t.span.Sampled = sentry.SampledFalse
		t.span.Finish()
		t.span.Sampled = sentry.SampledTrue
	}
}

func (t *TaskSpan) make(options []sentry.SpanOption) {
	t.span = sentry.StartSpan(sentry.SetHubOnContext(t.from, t.scopeHub()), "task", options...)
	t.made.Store(true)
}

// sendWithout sends the transaction of a task that nobody has asked for its span: what sentry-go would make of that. It
// reports whether the outbox ends slot.
func (t *TaskSpan) sendWithout(status sentry.SpanStatus, outcome string, slot outbox.Slot) bool {
	s := &sentry.Span{TraceID: t.traceID, SpanID: t.spanID, Op: "task"}
	t.fill(s)
	setOutcome(s, status, outcome)
	e := &sentry.Event{
		Spans:           []*sentry.Span{}, // as a hook knows it
		Type:            protocol.Transaction.Type,
		Transaction:     s.Name,
		TransactionInfo: &sentry.TransactionInfo{Source: s.Source},
		StartTime:       t.started,
		Timestamp:       t.started.Add(time.Since(t.started)), // by the monotonic clock, as in sentry-go
		Tags:            s.Tags,
		Contexts:        make(map[string]sentry.Context, 8),
	}
	s.Tags = nil // they are the event's now
	e.Contexts["task"] = t.context()
	e.Contexts["trace"] = sentry.TraceContext{TraceID: s.TraceID, SpanID: s.SpanID, Op: s.Op,
		Description: s.Description, Status: s.Status, Data: s.Data}.Map()
	header := maps.Clone(t.client.tracing.header)
	header["trace_id"], header["transaction"] = t.traceID.String(), s.Name
	details := &captureDetails{trace: header}
	if slot != (outbox.Slot{}) {
		details.note = slot
	}
	hint := &sentry.EventHint{Context: &captureContext{context.Background(), details}}
	hub := t.ownHub()
	hub.Scope().SetSpan(s) // or the scope would put another trace into e
	t.client.process(outbox.CategoryTransaction, func() { hub.CaptureEventWithHint(e, hint) })
	return details.over
}

// scopeHub returns the task's hub, which may have no span yet: breadcrumbs need none. It may be asked for while the
// span is made, by a ClientOptions.DebugWriter that logs. Once the transaction is sent without a span, the hub that it
// is sent with is nobody else's: its scope is locked while event processors run, and has no span that sentry-go could
// use. Whoever asks then gets a clone.
func (t *TaskSpan) scopeHub() *sentry.Hub {
	if t.without.Load() != isSent {
		return t.ownHub()
	}
	t.leaving.Do(func() { t.late = t.ownHub().Clone() })
	return t.late
}

// ownHub returns the hub that the task began with, or would have, with the breadcrumbs that were kept for it. One that
// comes too late to be kept waits here until those before it are in the hub: nothing of the user's runs meanwhile.
func (t *TaskSpan) ownHub() *sentry.Hub {
	t.cloning.Do(func() {
		if t.hub == nil {
			t.hub = t.newHub(t.client.apart)
		}
		t.crumbs.Close(func(b *sentry.Breadcrumb) { t.hub.Scope().AddBreadcrumb(b, t.client.maxBreadcrumbs) })
	})
	return t.hub
}

// newHub returns a clone of base for the task.
func (t *TaskSpan) newHub(base *sentry.Hub) *sentry.Hub {
	hub := base.Clone()
	if t.parent == nil {
		hub.Scope().ClearBreadcrumbs() // of tasks before it, and of customers before this one
	}
	t.eachTag(hub.Scope().SetTag)
	return hub
}

// eachTag calls set with the tags that all events of the task have.
func (t *TaskSpan) eachTag(set func(key, value string)) {
	if job := t.job(); job != nil && job.Queue != "" && t.noted["queue"] == "" {
		set("queue", job.Queue)
	}
	for key, value := range t.noted {
		set(key, value)
	}
}

// beginWithout gives t the IDs of its span, which is made when it is asked for, and reports true, if it is plain
// whether the task is sampled: all are, or none. base is what its hub will be a clone of: one that the program can't
// reach may be cloned later, too.
func (t *TaskSpan) beginWithout(base *sentry.Hub) bool {
	c := t.client
	if c.hooks.sampler != nil || sentry.SpanFromContext(t.from) != nil {
		return false
	}
	rate, job := c.sampleRate(), t.job()
	if job != nil && job.Trace != "" {
		sampled, ok := c.continued(job, &t.traceID)
		switch {
		case !ok || sampled == sentry.SampledTrue:
			return false
		case sampled == sentry.SampledFalse:
			rate = 0
		}
	} else {
		binary.NativeEndian.PutUint64(t.traceID[:8], rand.Uint64())
		binary.NativeEndian.PutUint64(t.traceID[8:], rand.Uint64())
	}
	switch {
	case rate == 0:
		t.sampled = sentry.SampledFalse
	case rate == 1 && (job == nil || job.Trace == "") && c.tracing.header != nil:
		t.sampled = sentry.SampledTrue
	default:
		return false
	}
	binary.NativeEndian.PutUint64(t.spanID[:], rand.Uint64())
	t.started = time.Now()
	if base != c.apart {
		t.hub = t.newHub(base)
	}
	if c.hooks.beforeBreadcrumb == nil && c.maxBreadcrumbs > 0 { // a hook sees a breadcrumb at the call
		t.crumbs.Open(c.maxBreadcrumbs, t.sampled == sentry.SampledFalse)
	}
	return true
}

// continued reads the trace that a job continues, as sentry.ContinueFromHeaders does. It isn't ok where that decides by
// more than the header sentry-trace.
func (c *Client) continued(job *Job, id *sentry.TraceID) (sampled sentry.Sampled, ok bool) {
	const plain, flagged = 32 + len("-") + 16, 32 + len("-") + 16 + len("-1")
	header := job.Trace
	var parent sentry.SpanID
	if len(header) != plain && len(header) != flagged || header[32] != '-' || c.tracing.strict ||
		!c.tracing.ours(job.Baggage) {
		return 0, false
	}
	if _, err := hex.Decode(id[:], []byte(header[:32])); err != nil {
		return 0, false
	}
	if _, err := hex.Decode(parent[:], []byte(header[33:plain])); err != nil {
		return 0, false
	}
	switch header[plain:] {
	case "":
		return sentry.SampledUndefined, true
	case "-0":
		return sentry.SampledFalse, true
	case "-1":
		return sentry.SampledTrue, true
	}
	return 0, false
}

// tracing is what ClientOptions say of traces.
type tracing struct {
	sampleRate float64
	strict     bool              // StrictTraceContinuation
	org        string            // how baggage names the organisation of the DSN
	header     map[string]string // of a sampled transaction, for all but its own; nil: only sentry-go can tell
}

// ours reports whether baggage plainly names no other organisation than the DSN's.
func (t *tracing) ours(baggage string) bool {
	n := strings.Count(baggage, "org_id")
	return n == 0 || n == 1 && strings.Contains(baggage+",", t.org)
}

func (c *Client) newTracing(co *sentry.ClientOptions) tracing {
	t := tracing{sampleRate: co.TracesSampleRate, strict: co.StrictTraceContinuation}
	if dsn, err := sentry.NewDsn(co.Dsn); err == nil {
		t.org = "org_id=" + strconv.FormatUint(cmp.Or(co.OrgID, dsn.GetOrgID()), 10) + ","
	}
	if c.transport != nil && co.EnableTracing { // a Transport of the user's gets events as sentry-go makes them
		ctx := sentry.SetHubOnContext(context.Background(), c.apart.Clone())
		span := sentry.StartSpan(ctx, "", sentry.WithSpanSampled(sentry.SampledTrue))
		t.header = sentry.DynamicSamplingContextFromTransaction(span).Entries
	}
	return t
}
