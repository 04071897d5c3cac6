package work

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"maps"
	"strings"
	"time"

	"github.com/getsentry/sentry-go"

	"github.com/autoservice/sentryconfig/internal/outbox"
	"github.com/autoservice/sentryconfig/internal/safe"
)

// A Job is what a task engine says of an attempt at a task; see sentryconfig.Job.
type Job struct {
	outbox.Job    // what the journal notes of it
	Size          int
	Wait          time.Duration
	EarlierErrors []string
}

// Retriable reports whether the engine hands j out again after this attempt.
func (j Job) Retriable() bool { return j.MaxAttempts <= 0 || j.Attempt < j.MaxAttempts }

// MarkRetried says in the event of an attempt that the engine tries again.
func MarkRetried(e *sentry.Event) {
	e.Level = sentry.LevelWarning
	e.Tags["will_retry"] = "true"
}

// EventID returns an ID for something that happens once to a job, the same in every process that tells of it; "" where
// nothing names the job.
func (j Job) EventID(what string, attempt int) string {
	if j.Identity == "" && j.ID == "" {
		return ""
	}
	fit := j.Fit()
	parts := []string{what, fit.System, fit.Queue, fit.ID}
	if j.Identity != "" {
		parts = []string{what, fit.System, fit.Identity}
	}
	var key []byte
	for _, part := range parts {
		key = binary.AppendUvarint(key, uint64(len(part))) // so that no two jobs make the same key
		key = append(key, part...)
	}
	sum := sha256.Sum256(binary.AppendVarint(key, int64(attempt)))
	return hex.EncodeToString(sum[:16])
}

// InterruptedID is the ID of the event for an attempt that never came back.
func (j Job) InterruptedID() string {
	return j.EventID("interrupted", j.Attempt)
}

const (
	maxEarlierErrors = 10  // that are sent
	maxEarlierError  = 500 // bytes that are kept of each: a context holds 8 KiB
)

// Describe adds what the context task says of a job.
func (j Job) Describe(c sentry.Context) {
	if j.Queue != "" {
		c["queue"] = j.Queue
	}
	if j.ID != "" {
		c["id"] = j.ID
	}
	if j.Attempt > 0 {
		c["attempt"] = j.Attempt
	}
	if j.MaxAttempts > 0 {
		c["max_attempts"] = j.MaxAttempts
	}
	if n := len(j.EarlierErrors); n > 0 {
		earlier := make([]any, 0, maxEarlierErrors)
		for _, text := range j.EarlierErrors[max(0, n-maxEarlierErrors):] {
			earlier = append(earlier, safe.CutText(text, maxEarlierError))
		}
		c["earlier_errors"] = earlier
	}
}

// OpProcess is the op of an attempt's span.
const OpProcess = "queue.process"

// StartSpan makes s what Sentry's Queues page reads.
// See https://develop.sentry.dev/sdk/telemetry/traces/modules/queues/.
func (j Job) StartSpan(s *sentry.Span) {
	s.Op = OpProcess
	if s.Data == nil {
		s.Data = make(map[string]any, 8)
	}
	s.Data["messaging.message.retry.count"] = max(j.Attempt-1, 0)
	if j.System != "" {
		s.Data["messaging.system"] = j.System
	}
	if j.Queue != "" {
		s.Data["messaging.destination.name"] = j.Queue
	}
	if j.ID != "" {
		s.Data["messaging.message.id"] = j.ID
	}
	if j.Size > 0 {
		s.Data["messaging.message.body.size"] = j.Size
	}
	if j.Wait > 0 {
		s.Data["messaging.message.receive.latency"] = float64(j.Wait) / float64(time.Millisecond)
	}
	if s.IsTransaction() {
		s.Data[originKey] = j.origin()
	} else {
		s.Origin = sentry.SpanOrigin(j.origin())
	}
}

// originKey is where a transaction's data holds its origin until MoveOrigin: sentry-go sends none of a transaction, and
// Span.Origin would be that of the spans within it, too.
const originKey = "sentry.origin"

// MoveOrigin puts the origin of e, a transaction, where Sentry reads it.
func MoveOrigin(e *sentry.Event) {
	trace := e.Contexts["trace"]
	data, _ := trace["data"].(map[string]any)
	if origin := data[originKey]; origin != nil {
		data = maps.Clone(data) // the span's own
		delete(data, originKey)
		trace["data"], trace["origin"] = data, origin
	}
}

// origin names the engine as Sentry takes it: parts of letters, digits and _.
func (j Job) origin() string {
	system := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '_' {
			return r
		}
		return '_'
	}, strings.ToLower(j.System))
	if system == "" {
		return "auto.queue"
	}
	return "auto.queue." + system
}
