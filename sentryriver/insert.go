package sentryriver

import (
	"context"
	"encoding/json"
	"strconv"

	"github.com/getsentry/sentry-go"
	"github.com/riverqueue/river/rivertype"

	"github.com/autoservice/sentryconfig"
)

// metadataKey is where a job's metadata holds the trace of whoever inserted it.
const metadataKey = "sentry"

// carried is what travels there.
type carried struct {
	Trace   string `json:"trace,omitempty"`
	Baggage string `json:"baggage,omitempty"`
}

// InsertMany implements River's middleware for inserts: inside a transaction it makes one span queue.publish, and puts
// the trace into the metadata of each job. Without a trace, as for periodic jobs, it changes nothing.
func (r *Reporter) InsertMany(ctx context.Context, jobs []*rivertype.JobInsertParams,
	doInner func(context.Context) ([]*rivertype.JobInsertResult, error)) ([]*rivertype.JobInsertResult, error) {
	if sentry.SpanFromContext(ctx) == nil {
		addTrace(ctx, jobs)
		return doInner(ctx)
	}
	span := sentry.StartSpan(ctx, "queue.publish", sentry.WithSpanOrigin("auto.queue."+system))
	defer span.Finish()
	span.SetData("messaging.system", system)
	describe(span, jobs)
	addTrace(span.Context(), jobs)
	results, err := doInner(span.Context())
	if err != nil {
		span.Status = sentry.SpanStatusInternalError
		return results, err
	}
	span.Status = sentry.SpanStatusOK
	if len(results) == 1 && results[0].Job != nil {
		span.SetData("messaging.message.id", strconv.FormatInt(results[0].Job.ID, 10))
	}
	return results, nil
}

// describe says what is published: of several jobs what they have in common.
func describe(span *sentry.Span, jobs []*rivertype.JobInsertParams) {
	bytes, queue, kind := 0, "", ""
	for i, job := range jobs {
		bytes += len(job.EncodedArgs)
		if i == 0 {
			queue, kind = job.Queue, job.Kind
		}
		if queue != job.Queue {
			queue = ""
		}
		if kind != job.Kind {
			kind = ""
		}
	}
	span.SetData("messaging.message.body.size", bytes)
	if queue != "" {
		span.SetData("messaging.destination.name", queue)
	}
	if len(jobs) > 1 {
		span.SetData("messaging.batch.message_count", len(jobs))
	}
	span.Description = kind
}

// addTrace puts the trace of ctx into the jobs' metadata, unless that isn't an object.
func addTrace(ctx context.Context, jobs []*rivertype.JobInsertParams) {
	headers := sentryconfig.TraceHeaders(ctx)
	if headers == nil {
		return
	}
	trace, err := json.Marshal(carried{headers[sentry.SentryTraceHeader], headers[sentry.SentryBaggageHeader]})
	if err != nil {
		return
	}
	for _, job := range jobs {
		all := make(map[string]json.RawMessage, 1)
		if len(job.Metadata) > 0 && json.Unmarshal(job.Metadata, &all) != nil || all == nil {
			continue
		}
		all[metadataKey] = trace
		if metadata, err := json.Marshal(all); err == nil {
			job.Metadata = metadata
		}
	}
}

// traceOf reads the trace from a job's metadata.
func traceOf(metadata []byte) (trace, baggage string) {
	if len(metadata) <= len("{}") {
		return "", ""
	}
	var all struct {
		Sentry carried `json:"sentry"`
	}
	if json.Unmarshal(metadata, &all) != nil {
		return "", ""
	}
	return all.Sentry.Trace, all.Sentry.Baggage
}
