package sentryview

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// maxReportIssues and maxReportSteps keep a report to what people read in a mail.
const (
	maxReportIssues = 200
	maxReportSteps  = 15
)

// eventText is one event as a text, to be pasted anywhere.
func (h *handler) eventText(r *request) {
	id := r.PathValue("id")
	e, i := r.view.records[id], r.view.issueOf[id]
	if e == nil || i == nil {
		h.missing(r)
		return
	}
	var b bytes.Buffer
	writeEvent(&b, h.newIssuePage(r.view, i, e))
	sendText(r, "text/plain", b.Bytes())
}

// report is all of it as a text for a mail.
func (h *handler) report(r *request) {
	v := r.view
	var b bytes.Buffer
	_, _ = fmt.Fprintf(&b, "%s\nas of %s\n\n", v.Name, newMoment(r.now).text())
	_, _ = fmt.Fprintf(&b, "%s in %s, %s\n", plural(v.Events, "event"), plural(len(v.Issues), "issue"),
		plural(len(v.Runs), "transaction"))
	if v.Omitted > 0 {
		_, _ = fmt.Fprintf(&b, "%s left out: the report holds the newest\n", plural(v.Omitted, "older one"))
	}
	if o := v.reading.outbox; o != nil {
		writeWaiting(&b, o)
	}
	if rows := typeRows(v.Runs); len(rows) > 0 {
		heading(&b, "Tasks")
		for _, t := range rows {
			_, _ = fmt.Fprintf(&b, "%-28s %s, %s, longest %s\n", t.Type, plural(t.Runs, "run"),
				plural(t.Failures, "failure"), spell(t.Longest))
		}
	}
	if len(v.Issues) > 0 {
		heading(&b, "Issues")
	}
	for n, i := range v.Issues {
		if n == maxReportIssues {
			_, _ = fmt.Fprintf(&b, "… and %s\n", plural(len(v.Issues)-n, "older issue"))
			break
		}
		writeEvent(&b, h.newIssuePage(v, i, i.Events[len(i.Events)-1]))
		b.WriteString("\n")
	}
	sendText(r, "text/plain", b.Bytes())
}

func heading(b *bytes.Buffer, text string) {
	_, _ = fmt.Fprintf(b, "\n%s\n%s\n\n", text, strings.Repeat("=", len(text)))
}

func writeWaiting(b *bytes.Buffer, o *waiting) {
	var p waitingPage
	p.look(o, filter{Page: 1})
	heading(b, "Waiting in "+o.dir)
	for _, d := range p.Dead {
		what := "ended"
		if d.Kind != "" {
			what = "crashed (" + d.Kind + ": " + d.Reason + ")"
		}
		_, _ = fmt.Fprintf(b, "Process %d %s, last sign of life %s\n", d.PID, what, newMoment(d.LastAlive).text())
		for _, t := range d.Tasks {
			_, _ = fmt.Fprintf(b, "  interrupted: %s %s, began %s\n", t.Type, t.Place, newMoment(t.Began).text())
			if t.Step != "" {
				_, _ = fmt.Fprintf(b, "    last step: %s\n", indent(t.Step, "      "))
			}
			if t.Data != "" {
				_, _ = fmt.Fprintf(b, "    data: %s\n", indent(foldText(t.Data).Beginning, "      "))
			}
		}
	}
	for _, l := range p.Living {
		_, _ = fmt.Fprintf(b, "Process %d is at work: %s running\n", l.PID, plural(len(l.Tasks), "task"))
	}
	if p.Nothing != "" {
		_, _ = fmt.Fprintln(b, p.Nothing)
	}
	for _, row := range p.Projects {
		_, _ = fmt.Fprintf(b, "Project %s", row.Name)
		if row.Count > 0 {
			_, _ = fmt.Fprintf(b, ": %s (%s), %s, since %s", plural(row.Count, "envelope"), row.Kinds,
				size(float64(row.Bytes)), newMoment(row.Since).text())
		}
		b.WriteString("\n")
		writeHealth(b, &row.health)
		for _, trouble := range row.Trouble {
			_, _ = fmt.Fprintf(b, "  trouble: %s\n", indent(trouble, "    "))
		}
	}
	if p.Nothing == "" {
		_, _ = fmt.Fprintf(b, "\nTo take it to another machine: %s\n", o.command())
	}
}

func writeHealth(b *bytes.Buffer, h *health) {
	if !h.Told {
		b.WriteString("  last error, and what was dropped: no process says\n")
		return
	}
	if h.Error == "" {
		b.WriteString("  last error: none\n")
	} else {
		_, _ = fmt.Fprintf(b, "  last error, of process %d, since %s: %s\n", h.PID, newMoment(h.ErrorAt).text(),
			indent(h.Error, "    "))
	}
	if !h.Solved.IsZero() {
		_, _ = fmt.Fprintf(b, "    works again since %s\n", newMoment(h.Solved).text())
	}
	for _, d := range h.Dropped {
		_, _ = fmt.Fprintf(b, "  dropped: %d %s (%s)\n", d.N, indent(d.Reason, "    "),
			cmp.Or(d.Meaning, "a reason unknown here"))
	}
	if len(h.Dropped) == 0 {
		b.WriteString("  dropped: nothing\n")
	}
}

// writeEvent writes an event, with how often its issue has come.
func writeEvent(b *bytes.Buffer, p *issuePage) {
	e := p.Event
	_, _ = fmt.Fprintf(b, "[%s] %s\n", p.Level, p.Title)
	_, _ = fmt.Fprintf(b, "  %s\n", p.Sentence)
	if p.Value.Length > 0 {
		_, _ = fmt.Fprintf(b, "  %s\n", indent(p.Value.Beginning, "  "))
	}
	_, _ = fmt.Fprintf(b, "  when: %s; event %d of %d, the first %s\n", newMoment(e.at()).text(), p.Number,
		p.Issue.Count(), newMoment(p.Issue.First).text())
	var parts []string
	for _, part := range p.GroupedBy {
		parts = append(parts, part.Value)
	}
	_, _ = fmt.Fprintf(b, "  event ID: %s; grouped by: %s\n", e.ID, indent(strings.Join(parts, " / "), "  "))
	for _, d := range p.TaskData {
		_, _ = fmt.Fprintf(b, "  %s: %s\n", d.Name, indent(foldText(d.Value).Beginning, "    "))
	}
	for _, l := range p.Chain {
		_, _ = fmt.Fprintf(b, "  %s%s: %s\n", strings.Repeat("  ", l.Depth), l.Type, indent(l.Text, "    "))
	}
	for _, group := range p.Stack {
		for _, c := range group.Frames {
			if group.Own {
				_, _ = fmt.Fprintf(b, "  at %s (%s:%d)\n", c.Name(), c.File, c.Line)
			}
		}
	}
	steps := p.Steps.Steps
	for _, s := range steps[max(0, len(steps)-maxReportSteps):] {
		_, _ = fmt.Fprintf(b, "  %9s  %s: %s\n", s.Before, s.Category, indent(foldText(s.Message).Beginning, "    "))
	}
	if os := e.Contexts["os"]; os != nil {
		var machine []string
		for _, name := range []string{"distribution_pretty_name", "name", "version", "architecture"} {
			if v := plain(os[name]); os[name] != nil && !slices.Contains(machine, v) {
				machine = append(machine, v)
			}
		}
		_, _ = fmt.Fprintf(b, "  machine: %s; release %s\n", strings.Join(machine, ", "), e.Release)
	}
}

// indent keeps the lines of a received text from passing for lines of the report.
func indent(text, by string) string { return strings.ReplaceAll(text, "\n", "\n"+by) }
