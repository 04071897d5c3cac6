package sentryview

import (
	"cmp"
	"slices"
	"time"

	"github.com/autoservice/sentryconfig/sentrytest"
)

type tasksPage struct {
	Filter          filter
	Tasks, Statuses []string
	Types           []*taskTypeRow
	List            slice[*run]
	Longest         time.Duration // of the list
}

// A taskTypeRow sums up the runs of a type.
type taskTypeRow struct {
	Type                   string
	Runs, Failures         int
	Longest, Median, Total time.Duration
	LongestID              string
	Last                   time.Time

	took []time.Duration
}

func (h *handler) tasks(r *request) {
	f := r.filter()
	all := r.view.Runs
	p := tasksPage{
		Filter:   f,
		Tasks:    choices(all, func(r *run) string { return r.Task }),
		Statuses: choices(all, func(r *run) string { return r.Status.Code }),
		Types:    typeRows(all),
	}
	var found []*run
	for _, run := range all {
		if (f.Task == "" || run.Task == f.Task) && (f.Status == "" || run.Status.Code == f.Status) {
			found = append(found, run)
			p.Longest = max(p.Longest, run.Took())
		}
	}
	p.List = cut(found, f)
	h.show(r, 200, "tasks", "Tasks", "tasks", p)
}

func typeRows(runs []*run) []*taskTypeRow {
	byType := map[string]*taskTypeRow{}
	var rows []*taskTypeRow
	for _, r := range runs {
		row := byType[r.Task]
		if row == nil {
			row = &taskTypeRow{Type: r.Task}
			byType[r.Task] = row
			rows = append(rows, row)
		}
		row.Runs++
		if r.Status.Failed() {
			row.Failures++
		}
		if took := r.Took(); took >= row.Longest {
			row.Longest, row.LongestID = took, r.ID()
		}
		if r.at().After(row.Last) {
			row.Last = r.at()
		}
		row.took = append(row.took, r.Took())
		row.Total += r.Took()
	}
	for _, row := range rows {
		slices.Sort(row.took)
		row.Median = row.took[len(row.took)/2]
	}
	slices.SortStableFunc(rows, func(a, b *taskTypeRow) int {
		return cmp.Or(cmp.Compare(b.Failures, a.Failures), cmp.Compare(a.Type, b.Type))
	})
	return rows
}

type taskPage struct {
	Run       *run
	Sentence  string
	Facts     []pair
	Data      []pair
	Rows      []row
	Omitted   int
	Ticks     []tick
	Machine   []group
	Tags      []pair
	JSON      code
	TraceRuns []*run // others of the trace
}

// A row is a span, or an error, in a waterfall.
type row struct {
	Name, Op     string
	Depth        int
	Starts, Took string
	X, W         string // in percent
	Status       status
	Data         []pair
	Error        *record // nil for a span
	Level        level
}

// A tick is a mark on the line of time above a waterfall.
type tick struct{ X, Text string }

// maxRows is how many spans a waterfall has.
const maxRows = 500

func (h *handler) task(r *request) {
	run := r.view.runOf[r.PathValue("id")]
	if run == nil {
		h.missing(r)
		return
	}
	p := &taskPage{Run: run, Tags: tagPairs(run.Tags), JSON: newCode(run.Raw)}
	p.Facts, p.Data = taskPairs(run.record)
	_, p.Machine = contextGroups(run.record)
	p.Rows, p.Omitted = waterfall(run)
	for n := range 5 {
		at := time.Duration(float64(run.Took()) * float64(n) / 4)
		p.Ticks = append(p.Ticks, tick{coordinate(float64(n) * 25), spell(at)})
	}
	for _, other := range r.view.runsIn[traceID(run.record)] {
		if other != run && traceID(run.record) != "" {
			p.TraceRuns = append(p.TraceRuns, other)
		}
	}
	h.show(r, 200, "task", run.Task, "tasks", p)
}

// waterfall returns a transaction's spans in the order of a tree, each followed by its errors.
func waterfall(r *run) (rows []row, omitted int) {
	root, _ := r.Contexts["trace"]["span_id"].(string)
	children := map[string][]sentrytest.Span{}
	known := map[string]bool{root: true}
	for _, s := range r.Spans {
		known[s.SpanID] = true
	}
	for _, s := range r.Spans {
		parent := s.ParentSpanID
		if !known[parent] || parent == s.SpanID {
			parent = root
		}
		children[parent] = append(children[parent], s)
	}
	errors := map[string][]*record{}
	for _, e := range r.Errors {
		span, _ := e.Contexts["trace"]["span_id"].(string)
		errors[span] = append(errors[span], e)
	}
	seen := map[string]bool{} // what was received may name itself as its own parent
	var add func(s sentrytest.Span, name string, depth int)
	add = func(s sentrytest.Span, name string, depth int) {
		if seen[s.SpanID] {
			return
		}
		seen[s.SpanID] = true
		line := r.row(s.Start, s.Time, min(depth, 12))
		line.Name, line.Op, line.Status, line.Data = name, s.Op, newStatus(s.Status), pairs(s.Data)
		rows = append(rows, line)
		inner := children[s.SpanID]
		slices.SortStableFunc(inner, func(a, b sentrytest.Span) int { return a.Start.Compare(b.Start) })
		for _, child := range inner {
			add(child, cmp.Or(child.Description, child.Op, "span"), depth+1)
		}
		for _, e := range errors[s.SpanID] {
			line := r.row(e.at(), e.at(), min(depth+1, 12))
			line.Name, line.Error, line.Level = e.Title(), e, newLevel(e.Level)
			rows = append(rows, line)
		}
	}
	status, _ := r.Contexts["trace"]["status"].(string)
	op, _ := r.Contexts["trace"]["op"].(string)
	add(sentrytest.Span{SpanID: root, Op: op, Status: status, Start: r.Start, Time: r.Time}, r.Task, 0)
	for _, s := range r.Spans { // a circle of spans hangs on nothing
		add(s, cmp.Or(s.Description, s.Op, "span"), 1)
	}
	return rows[:min(len(rows), maxRows)], max(0, len(rows)-maxRows)
}

// startsAt is when a span began, after its task did.
func startsAt(d time.Duration) string {
	if d <= 0 {
		return "0 s"
	}
	return "+" + spell(d)
}

// row places a time within the run.
func (r *run) row(from, to time.Time, depth int) row {
	line := row{Depth: depth, Starts: startsAt(from.Sub(r.Start))}
	if to.After(from) {
		line.Took = spell(to.Sub(from))
	}
	whole := max(1, float64(r.Took()))
	line.X = coordinate(min(99.2, 100*float64(from.Sub(r.Start))/whole))
	line.W = coordinate(max(0.8, 100*float64(to.Sub(from))/whole))
	return line
}
