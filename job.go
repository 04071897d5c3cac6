package sentryconfig

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/getsentry/sentry-go"

	"github.com/autoservice/sentryconfig/internal/engine"
	"github.com/autoservice/sentryconfig/internal/outbox"
	"github.com/autoservice/sentryconfig/internal/work"
)

// A Job is what a task engine says of the task that it has handed to this process. [RunTask] makes its transaction a
// queue.process of Sentry's Queues page, in the trace of the enqueuer, and asks Classify what becomes of an error.
//
// A Job is read when its task begins. It must not be written to while the task runs.
type Job struct {
	System, Queue, ID string        // "asynq", "default"; ID: the same in all attempts
	Attempt           int           // from 1
	MaxAttempts       int           // 0: no end known
	Size              int           // of the payload in bytes; 0: unknown
	Wait              time.Duration // from when it could have run to its start; 0: unknown
	Trace, Baggage    string        // the enqueuer's headers, see [TraceHeaders]
	EarlierErrors     []string      // what ended earlier attempts, oldest first; the newest 10 are sent

	// Classify says what the engine will do about err, which is what run returned or a *[PanicError]. It is asked after
	// Options.Expected, in the goroutine that ran the task or in the engine's own. Nil, or a panic in it, goes by
	// Attempt: the first of several is Retried, later ones are RetriedQuietly, the last has Failed.
	Classify func(ctx context.Context, err error) Outcome
}

// An Outcome is what a task engine does about an attempt that ended with an error or a panic.
type Outcome int

// The outcomes, and what is reported of them.
const (
	OutcomeFailed         Outcome = iota // given up: an event of level error, of a panic fatal
	OutcomeRetried                       // will be tried again: an event of level warning, with the tag will_retry
	OutcomeRetriedQuietly                // will be tried again: no event
	OutcomePostponed                     // will run again, and nothing went wrong: no event, status ok
	OutcomeCancelled                     // from outside: no event, status cancelled
)

// outcomes is what follows from each for the end of the attempt, and for what is reported of it.
var outcomes = [...]struct {
	name    string
	checkIn sentry.CheckInStatus
	status  sentry.SpanStatus // undefined: what follows from the error
	verdict verdict
}{
	OutcomeFailed:         {name: "failed", checkIn: sentry.CheckInStatusError},
	OutcomeRetried:        {"retried", sentry.CheckInStatusInProgress, 0, verdict{willRetry: true}},
	OutcomeRetriedQuietly: {"retried", sentry.CheckInStatusInProgress, 0, verdict{quiet: true}},
	OutcomePostponed:      {"postponed", sentry.CheckInStatusInProgress, sentry.SpanStatusOK, verdict{silent: true}},
	OutcomeCancelled:      {"cancelled", sentry.CheckInStatusOK, sentry.SpanStatusCanceled, verdict{silent: true}},
}

// known reports whether o is one of the outcomes.
func (o Outcome) known() bool { return o >= 0 && int(o) < len(outcomes) }

// String returns the outcome as a transaction shows it in its data, under task.outcome.
func (o Outcome) String() string {
	if !o.known() {
		o = OutcomeFailed
	}
	return outcomes[o].name
}

// byAttempt is the outcome of an error where only the attempt is known.
func byAttempt(j work.Job) Outcome {
	switch {
	case !j.Retriable():
		return OutcomeFailed
	case j.Attempt <= 1:
		return OutcomeRetried
	}
	return OutcomeRetriedQuietly
}

// classify asks for the outcome of err.
func (c *Client) classify(ctx context.Context, a *attempt, err error) Outcome {
	outcome, j := byAttempt(a.facts()), a.job
	if j.Classify == nil {
		return outcome
	}
	c.call("Job.Classify", func() {
		if o := j.Classify(ctx, err); o.known() {
			outcome = o
		}
	})
	return outcome
}

// An attempt is how a task stands that has a Job, a Monitor, or both. Its fields but for job and identity are guarded
// by its task's mu.
type attempt struct {
	job      *Job // nil: a Monitor alone
	identity string
	monitor  *monitoring // nil: none

	settled bool   // it is decided how the attempt ends, and what is reported of it
	outcome string // for the data task.outcome; "": none
	checkIn sentry.CheckInStatus
	status  sentry.SpanStatus // decided by the outcome; it wins over what follows from what was captured
}

// facts is what is known of a's job, all but what it means to this process.
func (a *attempt) facts() work.Job {
	j := a.job
	return work.Job{Size: j.Size, Wait: j.Wait, EarlierErrors: j.EarlierErrors, Job: outbox.Job{
		System: j.System, Queue: j.Queue, ID: j.ID, Attempt: j.Attempt, MaxAttempts: j.MaxAttempts,
		Identity: a.identity}}
}

// A verdict says how the end of an attempt is reported. The zero verdict is that of tasks without a Job.
type verdict struct {
	silent    bool   // nothing is reported, and no status follows from the error
	quiet     bool   // no event, but what follows for the status
	willRetry bool   // an event of level warning
	eventID   string // of the event; "": a new one
}

func (v verdict) apply(e *sentry.Event) {
	e.EventID = sentry.EventID(v.eventID)
	if v.willRetry {
		work.MarkRetried(e)
	}
}

// judge decides what becomes of a task that ended with err.
func (t *TaskSpan) judge(ctx context.Context, err error) verdict {
	if t == nil || t.attempt == nil {
		return verdict{}
	}
	if t.attempt.job == nil {
		t.settle("", sentry.CheckInStatusError, sentry.SpanStatusUndefined)
		return verdict{}
	}
	if t.isSettled() {
		return verdict{silent: true}
	}
	outcome := t.client.classify(ctx, t.attempt, err)
	end := outcomes[outcome]
	v := end.verdict
	if !t.settle(end.name, end.checkIn, end.status) { // by the engine, while it was classified
		v.silent = true
	}
	return v
}

func (t *TaskSpan) isSettled() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.attempt.settled
}

// settle notes how the attempt of t ends, unless that is decided already.
func (t *TaskSpan) settle(outcome string, checkIn sentry.CheckInStatus, status sentry.SpanStatus) bool {
	if t == nil || t.attempt == nil {
		return true
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	a := t.attempt
	if a.settled {
		return false
	}
	a.settled, a.outcome, a.checkIn, a.status = true, outcome, checkIn, status
	return true
}

// succeeded notes that nothing went wrong.
func (t *TaskSpan) succeeded() { t.settle("ok", sentry.CheckInStatusOK, sentry.SpanStatusUndefined) }

// aborted notes that the task ended without a result. What becomes of a job then is for its engine to say; of a
// scheduled run nobody else tells.
func (t *TaskSpan) aborted() {
	t.imply(sentry.SpanStatusAborted)
	if t != nil && t.attempt != nil && t.attempt.job == nil {
		t.settle("", sentry.CheckInStatusError, sentry.SpanStatusUndefined)
	}
}

// handBack notes that the attempt was cancelled: by nobody who has decided what becomes of the job. The engine may
// still do so, see overdue.
func (t *TaskSpan) handBack() {
	if t == nil || t.attempt == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	a := t.attempt
	a.settled, a.outcome, a.checkIn, a.status = false, "cancelled", "", sentry.SpanStatusUndefined
}

// overdue reports that the engine has given up on the attempt with err, while its handler runs or after that was
// cancelled: once, and instead of what the handler returns.
func (t *TaskSpan) overdue(ctx context.Context, err error) {
	ctx = context.WithValue(ctx, taskKey{}, t)
	v := t.judge(ctx, err)
	if v.silent {
		return
	}
	t.mu.Lock()
	t.attempt.status = sentry.SpanStatusDeadlineExceeded
	t.mu.Unlock()
	t.sendCheckIn()
	if v.quiet || !t.finishing() || t.client.offs.Load() != t.offs {
		return
	}
	v.eventID = t.attempt.facts().InterruptedID() // another process may find it lost, and tell so, too
	t.client.captureException(ctx, err, t.taskType, nil, nil, nil, v)
}

// noTrace begins a header sentry-trace that names no trace: Sentry refuses a transaction in it.
const noTrace = "00000000000000000000000000000000"

// newAttempt returns what RunTask keeps of task beyond a plain one, nil for a plain one.
func (c *Client) newAttempt(task Task, a *engine.Attempt) *attempt {
	if task.Job == nil && task.Monitor == nil {
		return nil
	}
	state := &attempt{}
	if a != nil {
		state.identity = a.Identity
	}
	if task.Job != nil {
		job := *task.Job
		job.EarlierErrors = slices.Clone(job.EarlierErrors)
		if strings.HasPrefix(job.Trace, noTrace) {
			job.Trace, job.Baggage = "", ""
		}
		state.job = &job
	}
	if task.Monitor != nil {
		state.monitor = c.monitor(task.Monitor, state)
	}
	return state
}
