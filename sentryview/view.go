package sentryview

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/autoservice/sentryconfig/sentrytest"
)

// A view is a reading in the order in which pages show it. It doesn't change.
type view struct {
	Version string
	Name    string   // of the source
	Issues  []*issue // the newest first
	Runs    []*run   // the newest first
	Events  int
	Omitted int

	reading *reading
	records map[string]*record   // events, transactions and feedback, by ID
	issueOf map[string]*issue    // by the ID of an event
	runOf   map[string]*run      // by the ID of a transaction
	traces  map[string][]*record // events, oldest first
	runsIn  map[string][]*run    // by trace
}

// An issue is what belongs together.
type issue struct {
	Title     string // of the newest event
	Value     string // what its error says
	Level     level
	Task      string // its type; "" outside of tasks
	Condition string
	Status    string // of the newest event's task
	First     time.Time
	Last      time.Time
	Events    []*record // oldest first
	Fresh     string    // changes with each event
}

// ID is that of the newest event.
func (i *issue) ID() string { return i.Events[len(i.Events)-1].ID }

// Happened says what the newest event is, in a few words.
func (i *issue) Happened() string {
	words := happened(i.Events[len(i.Events)-1])
	return strings.ToUpper(words[:1]) + words[1:]
}

// Count is how many events it has.
func (i *issue) Count() int { return len(i.Events) }

// A run is a transaction: a task's, or one of the program's own.
type run struct {
	*record
	Task   string // its type, or the transaction's name
	Place  string // "3 of 14"; "" when it isn't known
	Status status
	Errors []*record // events of its spans, oldest first
}

// ID is the transaction's.
func (r *run) ID() string { return r.Event.ID }

// Began is when it did.
func (r *run) Began() time.Time { return r.Start }

// Took is how long it took, never less than nothing.
func (r *run) Took() time.Duration { return max(0, r.Duration()) }

func newView(r *reading) *view {
	v := &view{
		Name: r.name, Events: len(r.events), Omitted: r.omitted, reading: r,
		records: map[string]*record{}, issueOf: map[string]*issue{}, runOf: map[string]*run{},
		traces: map[string][]*record{}, runsIn: map[string][]*run{},
	}
	v.addRuns()
	v.addIssues()
	return v
}

func (v *view) addRuns() {
	for _, t := range v.reading.transactions {
		r := &run{record: t, Task: taskType(t), Place: place(t), Status: statusOf(t)}
		v.Runs = append(v.Runs, r)
		v.records[t.ID] = t
		v.runOf[t.ID] = r
		trace := traceID(t)
		v.runsIn[trace] = append(v.runsIn[trace], r)
	}
	slices.SortStableFunc(v.Runs, func(a, b *run) int { return b.at().Compare(a.at()) })
}

func (v *view) addIssues() {
	events := make([]sentrytest.Event, len(v.reading.events))
	for i, e := range v.reading.events {
		events[i] = e.Event
		v.records[e.ID] = e
		if trace := traceID(e); trace != "" {
			v.traces[trace] = append(v.traces[trace], e)
		}
		if r := v.runFor(e); r != nil {
			r.Errors = append(r.Errors, e)
		}
	}
	for _, group := range sentrytest.GroupEvents(events) {
		i := &issue{}
		for _, e := range group.Events {
			i.Events = append(i.Events, v.records[e.ID])
			v.issueOf[e.ID] = i
		}
		v.describe(i)
		v.Issues = append(v.Issues, i)
	}
	slices.SortStableFunc(v.Issues, func(a, b *issue) int { return b.Last.Compare(a.Last) })
}

// describe fills in what an issue's events say.
func (v *view) describe(i *issue) {
	slices.SortStableFunc(i.Events, func(a, b *record) int { return a.at().Compare(b.at()) })
	newest := i.Events[len(i.Events)-1]
	i.Title, i.Value = titleOf(newest)
	i.Level = newLevel(newest.Level)
	i.Task, i.Condition = taskType(newest), newest.Tag("error_condition")
	if i.Condition == "" {
		i.Condition = newest.Tag("failure_code")
	}
	if r := v.runFor(newest); r != nil {
		i.Status = r.Status.Code
	}
	i.First, i.Last = i.Events[0].at(), newest.at()
	i.Fresh = newest.ID
}

// runFor returns the transaction in which an event happened; nil if there is none, or none yet.
func (v *view) runFor(e *record) *run {
	trace, _ := e.Contexts["trace"]["trace_id"].(string)
	span, _ := e.Contexts["trace"]["span_id"].(string)
	if trace == "" {
		return nil
	}
	for _, r := range v.runsIn[trace] {
		if r.Contexts["trace"]["span_id"] == span ||
			slices.ContainsFunc(r.Spans, func(s sentrytest.Span) bool { return s.SpanID == span }) {
			return r
		}
	}
	return nil
}

// titleOf returns what an event is called, and what its error says.
func titleOf(e *record) (title, value string) {
	if n := len(e.Exceptions); n > 0 && e.Exceptions[n-1].Type != "" {
		return e.Exceptions[n-1].Type, e.Exceptions[n-1].Value
	}
	title = e.Title()
	if e.Type == "feedback" {
		return "User feedback", e.Message
	}
	if rest, ok := strings.CutPrefix(title, taskType(e)+": "); ok { // the task has a place of its own
		title = rest
	}
	return title, ""
}

func traceID(e *record) string {
	id, _ := e.Contexts["trace"]["trace_id"].(string)
	return id
}

// taskType returns the type of an event's task, or the name of a transaction that is none. It is short enough for an
// address.
func taskType(e *record) string { return short(fullTaskType(e)) }

func fullTaskType(e *record) string {
	if t, _ := e.Contexts["task"]["task_type"].(string); t != "" {
		return t
	}
	if t := e.Tag("task_type"); t != "" {
		return t
	}
	if e.Type == "transaction" && e.Transaction != "" {
		return e.Transaction
	}
	return strings.TrimPrefix(e.Transaction, "task.")
}

// place says which task of how many it was, counted from 1.
func place(e *record) string {
	task := e.Contexts["task"]
	index, ok := task["index"].(float64)
	total, _ := task["total"].(float64)
	if !ok || total <= 0 {
		return ""
	}
	return plain(index+1) + " of " + plain(total)
}

// A status says how a task ended.
type status struct {
	Code  string // Sentry's
	Word  string // for people
	Class string // in the style sheet
}

// Failed says whether that counts as a failure.
func (s status) Failed() bool { return s.Class == "bad" }

func statusOf(e *record) status {
	code, _ := e.Contexts["trace"]["status"].(string)
	return newStatus(code)
}

func newStatus(code string) status {
	switch code {
	case "ok":
		return status{code, "ok", "good"}
	case "cancelled":
		return status{code, "cancelled", "neutral"}
	case "", "unknown":
		return status{code, "unknown", "neutral"}
	case "internal_error":
		return status{code, "error", "bad"}
	case "failed_precondition":
		return status{code, "failure", "bad"}
	case "deadline_exceeded":
		return status{code, "timed out", "bad"}
	case "aborted", "already_exists", "data_loss", "invalid_argument", "not_found", "out_of_range", "permission_denied",
		"resource_exhausted", "unauthenticated", "unavailable", "unimplemented":
		return status{code, strings.ReplaceAll(code, "_", " "), "bad"}
	}
	return status{code, "other", "neutral"}
}

// choices are the values that a filter offers: those that occur, in order.
func choices[T any](list []T, value func(T) string) []string {
	seen := map[string]bool{}
	for _, item := range list {
		if v := value(item); v != "" {
			seen[v] = true
		}
	}
	return slices.SortedFunc(maps.Keys(seen), cmp.Compare[string])
}
