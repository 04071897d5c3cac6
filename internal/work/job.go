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

// A Job describes an attempt by a task engine; see sentryconfig.Job.
type Job struct {
	outbox.Job    // the part that the journal records
	Size          int
	Wait          time.Duration
	EarlierErrors []string
}

// Retriable reports whether the engine tries again after this attempt.
func (j Job) Retriable() bool { return j.MaxAttempts <= 0 || j.Attempt < j.MaxAttempts }

// MarkRetried marks the event of an attempt that will be tried again: level warning, tag will_retry.
func MarkRetried(e *sentry.Event) {
	e.Level = sentry.LevelWarning
	e.Tags["will_retry"] = "true"
}

// EventID returns an ID for something that happens once per job, the same in every process that reports it. It returns
// "" if nothing identifies the job.
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
		key = binary.AppendUvarint(key, uint64(len(part))) // with the length, so that no two jobs have the same key
		key = append(key, part...)
	}
	sum := sha256.Sum256(binary.AppendVarint(key, int64(attempt)))
	return hex.EncodeToString(sum[:16])
}

// InterruptedID returns the ID of the event for an attempt that never came back.
func (j Job) InterruptedID() string {
	return j.EventID("interrupted", j.Attempt)
}

const (
	maxEarlierErrors = 10  // errors sent
	maxEarlierError  = 500 // bytes of each error: a context holds 8 KiB
)

// Describe adds the job's fields to the context task.
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

// StartSpan sets on s what Sentry's Queues page reads. See
// https://develop.sentry.dev/sdk/telemetry/traces/modules/queues/.
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

// originKey is the data key for a transaction's origin until MoveOrigin. sentry-go doesn't send a transaction's Origin,
// and passes it on to the spans inside.
const originKey = "sentry.origin"

// MoveOrigin moves the origin of e, a transaction, to where Sentry reads it.
func MoveOrigin(e *sentry.Event) {
	trace := e.Contexts["trace"]
	data, _ := trace["data"].(map[string]any)
	if origin := data[originKey]; origin != nil {
		data = maps.Clone(data) // a copy: the map belongs to the span
		delete(data, originKey)
		trace["data"], trace["origin"] = data, origin
	}
}

// origin returns the engine's name in the form that Sentry accepts: parts of letters, digits and _.
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
