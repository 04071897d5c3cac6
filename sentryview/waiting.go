package sentryview

import (
	"bytes"
	"cmp"
	"encoding/json"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/autoservice/sentryconfig/internal/machine"
)

type waitingPage struct {
	Outbox   bool
	Dir      string
	Nothing  string // why nothing is shown; "": something is
	Dead     []deadProcess
	Living   []livingProcess
	Projects []*projectRow
	List     slice[*waitingRow]
	Command  string

	Envelopes, Duplicates int // at a server
	Discarded             []discardedRow
}

// A deadProcess has left tasks, or a crash, that the next process will report.
type deadProcess struct {
	PID       int
	LastAlive time.Time
	Kind      string // of a crash
	Reason    string
	Tasks     []noted
	Release   string
}

// A livingProcess works with the outbox.
type livingProcess struct {
	PID     int
	Began   time.Time
	Release string
	Tasks   []noted
}

// noted is a task as its process has noted it.
type noted struct {
	Type, Place, Step string
	Began             time.Time
	Seen              time.Time // the last sign of life
	Data              string
	Free, Size        uint64 // memory, in bytes
}

type projectRow struct {
	Name, Kinds string
	Count       int
	Bytes       int64
	Since       time.Time
	Trouble     []string
	health
}

// health is what the processes of a project that run, or were killed, have said of their delivery.
type health struct {
	Told    bool   // one that runs or was killed has
	Error   string // the last that isn't over, else the last; "": none
	PID     int    // whose error it is
	ErrorAt time.Time
	Solved  time.Time // zero: the error isn't over
	Dropped []discardedRow
}

// A waitingRow is an envelope on its way.
type waitingRow struct {
	Kind, Title, Task string
	Level             level
	Link              string // of what it holds
	Captured          time.Time
	Size              int64
	Packed, Personal  bool
	Problem           string
}

type discardedRow struct {
	Reason, Meaning, Category string
	N                         int
}

func (h *handler) waiting(r *request) {
	p := waitingPage{}
	if d := r.view.reading.server; d != nil {
		p.Envelopes, p.Duplicates, p.Discarded = d.envelopes, d.duplicates, discardedRows(d.discarded)
	}
	if o := r.view.reading.outbox; o != nil {
		p.Outbox, p.Dir, p.Command = true, o.dir, o.command()
		p.look(o, r.filter())
	}
	h.show(r, 200, "waiting", "Waiting", "waiting", p)
}

// look tells of an outbox.
func (p *waitingPage) look(o *waiting, f filter) {
	var rows []*waitingRow
	for _, project := range o.projects {
		p.processes(project.Left)
		p.Projects = append(p.Projects, newProjectRow(project))
		for _, e := range project.envelopes {
			rows = append(rows, newWaitingRow(e))
		}
	}
	slices.SortStableFunc(rows, func(a, b *waitingRow) int { return b.Captured.Compare(a.Captured) })
	p.List = cut(rows, f)
	if len(rows) == 0 {
		p.Nothing = o.nothing()
	}
}

// processes tells the dead from the living. One that ended in good order has left what waits, and nothing to tell.
func (p *waitingPage) processes(left []outboxLeft) {
	for _, l := range left {
		var tasks []noted
		for _, t := range l.Tasks {
			n := noted{
				Type: t.Type, Step: t.Breadcrumb, Began: t.Started, Seen: t.Time, Free: t.MemoryAvailable,
				Size: t.MemoryTotal, Data: strings.TrimSpace(string(t.Data)),
			}
			if t.Total > 0 {
				n.Place = plain(float64(t.Index+1)) + " of " + plain(float64(t.Total))
			}
			tasks = append(tasks, n)
		}
		kind, reason := "", ""
		if len(l.Crash) > 0 {
			kind, reason = crashReason(l.Crash)
			kind = cmp.Or(kind, "crash")
		}
		switch {
		case kind == "" && l.Ended:
		case kind == "" && alive(l.Process):
			p.Living = append(p.Living, livingProcess{l.Process.PID, l.Process.Started, l.Process.Release, tasks})
		case kind != "" || len(tasks) > 0:
			p.Dead = append(p.Dead, deadProcess{l.Process.PID, l.LastAlive, kind, reason, tasks, l.Process.Release})
		}
	}
}

// alive says whether a process runs, as far as its number and the machine's boot can tell: a folder may come from
// another machine, where the number was another process's.
func alive(p outboxProcess) bool {
	elsewhere, _ := machine.Restarted(p.Boot)
	return !elsewhere && processExists(p.PID)
}

// newHealth puts together what processes say of themselves.
func newHealth(left []outboxLeft) (h health) {
	dropped := map[string]int{}
	for _, l := range left {
		h.Told = h.Told || l.Tells && !l.Ended || l.Health.Error != "" || len(l.Health.Dropped) > 0
		for reason, n := range l.Health.Dropped {
			dropped[reason] += int(min(n, math.MaxInt32))
		}
		broken := l.Health.Solved.IsZero()
		switch was := h.Solved.IsZero(); {
		case l.Health.Error == "":
		case h.Error == "", broken && !was, broken == was && l.Health.ErrorAt.After(h.ErrorAt):
			h.Error, h.PID, h.ErrorAt, h.Solved = l.Health.Error, l.Process.PID, l.Health.ErrorAt, l.Health.Solved
		}
	}
	for _, reason := range slices.Sorted(maps.Keys(dropped)) {
		h.Dropped = append(h.Dropped, discardedRow{Reason: reason, Meaning: reasons[reason], N: dropped[reason]})
	}
	return h
}

// State says whether the last error is over.
func (h *health) State() status {
	if h.Solved.IsZero() {
		return status{Word: "not solved", Class: "bad"}
	}
	return status{Word: "works again", Class: "good"}
}

func newProjectRow(p *project) *projectRow {
	row := &projectRow{
		Name: p.Name, Kinds: p.kinds(), Count: len(p.Waiting), Bytes: p.bytes, health: newHealth(p.Left),
	}
	if len(p.Waiting) > 0 {
		row.Since = p.Waiting[0].Captured()
	}
	if p.Damaged > 0 {
		row.Trouble = append(row.Trouble, plural(p.Damaged, "damaged stretch")+": given up and counted")
	}
	if p.Newer > 0 {
		row.Trouble = append(row.Trouble, plural(p.Newer, "file")+" of a newer version, which only that can read")
	}
	if p.Unread != nil {
		row.Trouble = append(row.Trouble, p.Unread.Error())
	}
	return row
}

func newWaitingRow(e *envelope) *waitingRow {
	row := &waitingRow{
		Kind: categoryWord(e.Category.String()), Captured: e.Captured(), Size: e.Size, Packed: e.Packed,
		Personal: e.PII, Link: "waiting/" + e.project + "/" + e.key,
	}
	if e.err != nil {
		row.Problem = e.err.Error()
	}
	if e.record != nil {
		row.Level, row.Title, row.Task = newLevel(e.record.Level), e.record.Title(), taskType(e.record)
		if e.record.Type == "transaction" {
			row.Kind, row.Level = "transaction", ""
			row.Title = row.Task + ": " + statusOf(e.record).Word + " after " + spell(max(0, e.record.Duration()))
		}
		if strings.HasPrefix(row.Title, row.Task+": ") {
			row.Task = "" // once is enough
		}
		return row
	}
	var types []string
	for _, item := range e.parsed.Items {
		types = append(types, item.Type)
	}
	row.Title = cmp.Or(listed(types), "unreadable")
	return row
}

// reasons says in plain words why clients drop.
var reasons = map[string]string{
	"queue_overflow":     "no room in memory",
	"cache_overflow":     "no room on disk, or too old",
	"ratelimit_backoff":  "the server limits it for long",
	"send_error":         "the server refused it",
	"internal_sdk_error": "it could not be read any more",
	"before_send":        "held back by a hook or by privacy settings",
	"event_processor":    "held back by the program",
	"sample_rate":        "left out by sampling, or over the limit of events a minute",
	"network_error":      "the network failed",
}

func discardedRows(discarded map[string]map[string]int) (rows []discardedRow) {
	for _, reason := range slices.Sorted(maps.Keys(discarded)) {
		for _, category := range slices.Sorted(maps.Keys(discarded[reason])) {
			rows = append(rows, discardedRow{reason, reasons[reason], category, discarded[reason][category]})
		}
	}
	return rows
}

type envelopePage struct {
	Row    *waitingRow
	Event  *record
	Header code
	Items  []item
}

// An item is one of an envelope, as it will leave the machine.
type item struct {
	Type, Name string
	Content    code
	IsJSON     bool
	Attachment int // its number, from 1; 0: it is none
}

func (h *handler) envelope(r *request) {
	e := r.view.envelope(r.PathValue("project"), r.PathValue("key"))
	if e == nil {
		h.missing(r)
		return
	}
	head, _, _ := bytes.Cut(e.Raw, []byte("\n"))
	p := envelopePage{Row: newWaitingRow(e), Event: e.record, Header: newCode(head)}
	attachments := 0
	for _, part := range e.parsed.Items {
		i := item{Type: part.Type, Content: newCode(part.Payload), IsJSON: json.Valid(part.Payload)}
		i.Name, _ = part.Header["filename"].(string)
		if part.Type == "attachment" {
			attachments++
			i.Attachment = attachments
		}
		p.Items = append(p.Items, i)
	}
	h.show(r, 200, "envelope", "Waiting: "+p.Row.Title, "waiting", p)
}

func (v *view) envelope(project, key string) *envelope {
	if v.reading.outbox == nil {
		return nil
	}
	for _, p := range v.reading.outbox.projects {
		for _, e := range p.envelopes {
			if p.Name == project && e.key == key {
				return e
			}
		}
	}
	return nil
}

// Waiting is how many envelopes wait, for the navigation; "" for a source that isn't an outbox.
func (v *view) Waiting() string {
	if v.reading.outbox == nil {
		return ""
	}
	n := 0
	for _, p := range v.reading.outbox.projects {
		n += len(p.Waiting)
	}
	return grouped(plain(float64(n)))
}
