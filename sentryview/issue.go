package sentryview

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/autoservice/sentryconfig/sentrytest"
)

type issuePage struct {
	Issue    *issue
	Event    *record
	Title    string
	Value    folded
	Message  folded // beside an exception, or more than the title says
	Level    level
	Sentence string

	Task      []pair
	TaskData  []pair
	Run       *run // of the task; nil: its transaction has not arrived
	Steps     timeline
	Stack     []calls
	StackOf   string
	Threads   []thread
	Chain     []link
	Details   []group // what the event tells of its error and of extra
	Machine   []group
	Tags      []pair
	JSON      code
	GroupedBy []part
	Same      []*record // other events of the trace
	Files     []file
	Feedback  []*record

	Older, Newer, Oldest, Newest *record
	Number                       int // of Event within the issue, from 1, oldest first
	Histogram                    []bar
}

// A group is a context under its name.
type group struct {
	Name   string
	Values []pair
}

// A link is an error of a chain.
type link struct {
	Type, Text string
	Depth      int
	Source     string // how the outer error holds it: "", "unwrap", "errors[1]"
}

// A thread is a goroutine's stack.
type thread struct {
	Name  string
	Stack []calls
}

// A file is an attachment.
type file struct {
	Name, Type string
	Size       int
	N          int
}

// A bar is one of a histogram, in percent of its width and height.
type bar struct{ X, W, Y, H string }

func (h *handler) issue(r *request) {
	id := r.PathValue("id")
	i, e := r.view.issueOf[id], r.view.records[id]
	if i == nil || e == nil {
		h.missing(r)
		return
	}
	p := h.newIssuePage(r.view, i, e)
	h.show(r, 200, "issue", p.Title, "issues", p)
}

func (h *handler) newIssuePage(v *view, i *issue, e *record) *issuePage {
	title, value := titleOf(e)
	left := maxSources
	p := &issuePage{
		Issue: i, Event: e, Title: title, Value: foldText(value), Level: newLevel(e.Level), Sentence: sentence(e),
		Run: v.runFor(e), Chain: chain(e.Exceptions), GroupedBy: groupedBy(e), Tags: tagPairs(e.Tags),
		Histogram: histogram(i.Events),
	}
	if m := e.Message; e.Type != "feedback" && m != title && m != taskType(e)+": "+title {
		p.Message = foldText(m)
	}
	p.Task, p.TaskData = taskPairs(e)
	p.Steps = steps(e, p.Run)
	if x := stackException(e); x != nil {
		p.Stack, p.StackOf = h.sources.stack(x.Frames, &left), x.Type
	}
	for _, t := range e.Threads {
		if len(t.Frames) > 0 {
			name := t.Name
			if name == "" {
				name = "thread " + t.ID
			}
			p.Threads = append(p.Threads, thread{name, h.sources.stack(t.Frames, new(int))})
		}
	}
	p.Details, p.Machine = contextGroups(e)
	p.JSON = newCode(e.Raw)
	for n, a := range e.Attachments {
		p.Files = append(p.Files, file{a.Filename, a.ContentType, len(a.Data), n})
	}
	for _, other := range v.traces[traceID(e)] {
		if other.ID != e.ID {
			p.Same = append(p.Same, other)
		}
	}
	for _, other := range v.reading.events {
		if id, _ := other.Contexts["feedback"]["associated_event_id"].(string); id == e.ID && other.ID != e.ID {
			p.Feedback = append(p.Feedback, other)
		}
	}
	p.neighbours()
	return p
}

// neighbours finds the events before and after this one.
func (p *issuePage) neighbours() {
	all := p.Issue.Events
	n := slices.Index(all, p.Event)
	p.Number = n + 1
	if n > 0 {
		p.Older, p.Oldest = all[n-1], all[0]
	}
	if n+1 < len(all) {
		p.Newer, p.Newest = all[n+1], all[len(all)-1]
	}
}

// stackException returns the outermost exception that has a stack.
func stackException(e *record) *sentrytest.Exception {
	for i := len(e.Exceptions) - 1; i >= 0; i-- {
		if len(e.Exceptions[i].Frames) > 0 {
			return &e.Exceptions[i]
		}
	}
	return nil
}

// chain returns the errors from the outside in, each with what it says beyond the one inside. The outermost is the
// event's title.
func chain(exceptions []sentrytest.Exception) []link {
	if len(exceptions) < 2 {
		return nil
	}
	depths := map[int]int{}
	var links []link
	for i := len(exceptions) - 1; i >= 0; i-- {
		x := &exceptions[i]
		l := link{Type: x.Type, Text: x.Value, Depth: len(links)}
		if m := x.Mechanism; m != nil {
			l.Depth = 0
			if m.ParentID != nil {
				l.Depth = depths[*m.ParentID] + 1
			}
			depths[m.ExceptionID], l.Source = l.Depth, m.Source
			if l.Source == "unwrap" {
				l.Source = ""
			}
			if m.IsExceptionGroup {
				l.Text = "several errors:"
			}
		}
		if i > 0 && l.Text == x.Value {
			if own, ok := strings.CutSuffix(x.Value, exceptions[i-1].Value); ok && exceptions[i-1].Value != "" {
				if l.Text = own + "…"; strings.Trim(own, " :") == "" {
					l.Text = "the same"
				}
			}
		}
		l.Depth = min(l.Depth, 8) // deeper ones are told by their order
		links = append(links, l)
	}
	return links
}

func taskPairs(e *record) (facts, data []pair) {
	task := e.Contexts["task"]
	if t := taskType(e); t != "" {
		facts = append(facts, pair{"Type", t})
	}
	if p := place(e); p != "" {
		facts = append(facts, pair{"Place", p})
	}
	for _, name := range slices.Sorted(maps.Keys(task)) {
		switch name {
		case "task_type", "index", "total":
		case "data":
			if values, ok := task[name].(map[string]any); ok {
				data = pairs(values)
			} else {
				data = []pair{{"data", plain(task[name])}}
			}
		case "parent":
			parent, _ := task[name].(map[string]any)
			if t, ok := parent["type"].(string); ok {
				facts = append(facts, pair{"Part of", t})
				continue
			}
			facts = append(facts, pair{"Part of", plain(task[name])})
		default:
			facts = append(facts, pair{strings.ReplaceAll(name, "_", " "), unit(name, task[name])})
		}
	}
	return facts, data
}

// machineContexts are those that tell of the machine and the program, in the order of the page.
var machineContexts = []string{
	"os", "device", "cpu", "memory", "disks", "process", "app", "runtime", "environment", "system",
}

// contextGroups returns the contexts of an event: those of its own, and those of the machine and the program.
func contextGroups(e *record) (own, machine []group) {
	for _, name := range machineContexts {
		if values := e.Contexts[name]; len(values) > 0 {
			machine = append(machine, group{name, pairs(values)})
		}
	}
	program := map[string]any{}
	for name, value := range map[string]string{
		"release": e.Release, "dist": e.Dist, "environment": e.Environment, "server_name": e.ServerName,
		"platform": e.Platform, "logger": e.Logger,
	} {
		if value != "" {
			program[name] = value
		}
	}
	for name, value := range e.User {
		program["user."+name] = value
	}
	if len(program) > 0 {
		machine = append(machine, group{"event", pairs(program)})
	}
	for _, name := range slices.Sorted(maps.Keys(e.Contexts)) {
		if name != "task" && name != "trace" && !slices.Contains(machineContexts, name) && len(e.Contexts[name]) > 0 {
			own = append(own, group{name, pairs(e.Contexts[name])})
		}
	}
	if len(e.Extra) > 0 {
		own = append(own, group{"extra", pairs(e.Extra)})
	}
	return own, machine
}

func tagPairs(tags map[string]string) (list []pair) {
	for _, name := range slices.Sorted(maps.Keys(tags)) {
		list = append(list, pair{name, tags[name]})
	}
	return list
}

// A code is JSON for people.
type code struct {
	Text string
	Cut  bool // there is more
	Size int  // in bytes, as it came
}

// maxCode is how much JSON a page shows, in bytes.
const maxCode = 128 << 10

func newCode(raw []byte) code {
	c := code{Text: string(raw), Size: len(raw)}
	var b bytes.Buffer
	if json.Indent(&b, raw, "", "  ") == nil {
		c.Text = b.String()
	}
	if len(c.Text) > maxCode {
		c.Text, c.Cut = strings.ToValidUTF8(c.Text[:maxCode], ""), true
	}
	return c
}

// bars is how many parts a histogram has.
const bars = 24

// histogram shows when events of an issue happened; nil for one alone.
func histogram(events []*record) []bar {
	first, last := events[0].at(), events[len(events)-1].at()
	span := last.Sub(first)
	if len(events) < 3 || span <= 0 {
		return nil
	}
	var counts [bars]int
	most := 0
	for _, e := range events {
		n := min(bars-1, int(float64(e.at().Sub(first))/float64(span)*bars))
		counts[n]++
		most = max(most, counts[n])
	}
	var list []bar
	for n, count := range counts {
		height := max(3, 100*float64(count)/float64(most))
		list = append(list, bar{
			coordinate(float64(n) * 100 / bars), coordinate(80. / bars), coordinate(100 - height), coordinate(height),
		})
	}
	return list
}

// A timeline is what led to an event.
type timeline struct {
	Steps   []step
	Omitted int
	From    string // how long before the event it begins
}

// A step is a breadcrumb, or a span, before an event.
type step struct {
	Before   string // the event, in seconds
	Kind     string // "step" or "span"
	Category string
	Message  string
	Level    level
	Data     []pair
	Took     string // of a span
	X, W     string // on the line, in percent
	at       time.Time
	ends     time.Time
}

// crumbLevel is the level of a breadcrumb, which is info where it has none.
func crumbLevel(received string) level {
	if received == "" {
		return "info"
	}
	return newLevel(received)
}

// maxSteps is how many of the newest steps are shown.
const maxSteps = 200

// steps puts an event's breadcrumbs and the spans of its task on one line of time.
func steps(e *record, r *run) timeline {
	end := e.at()
	var list []step
	for _, b := range e.Breadcrumbs {
		list = append(list, step{
			Kind: "step", Category: b.Category, Message: b.Message, Level: crumbLevel(b.Level), Data: pairs(b.Data),
			at: b.Time, ends: b.Time,
		})
	}
	if r != nil {
		for _, s := range r.Spans {
			if s.Start.After(end) {
				continue
			}
			list = append(list, step{
				Kind: "span", Category: s.Op, Message: s.Description, Level: "info", Data: pairs(s.Data),
				Took: spell(max(0, s.Time.Sub(s.Start))), at: s.Start, ends: s.Time,
			})
		}
	}
	slices.SortStableFunc(list, func(a, b step) int { return a.at.Compare(b.at) })
	t := timeline{Omitted: max(0, len(list)-maxSteps)}
	t.Steps = list[t.Omitted:]
	begin := end
	for _, s := range t.Steps {
		if !s.at.IsZero() && s.at.Before(begin) {
			begin = s.at
		}
	}
	whole := float64(end.Sub(begin))
	t.From = spell(end.Sub(begin))
	for i := range t.Steps {
		s := &t.Steps[i]
		if s.at.IsZero() {
			s.Before, s.X, s.W = "?", "0", "0"
			continue
		}
		s.Before = before(end.Sub(s.at))
		if s.ends.After(end) || s.ends.Before(s.at) {
			s.ends = end
		}
		if whole > 0 {
			s.X = coordinate(98.5 * float64(s.at.Sub(begin)) / whole)
			s.W = coordinate(max(1.5, 98.5*float64(s.ends.Sub(s.at))/whole))
		}
	}
	return t
}

// before is how long before an event something was, in seconds.
func before(d time.Duration) string {
	sign := "−"
	if d < 0 {
		sign, d = "+", -d
	}
	switch s := d.Seconds(); {
	case s < 1:
		return fmt.Sprintf("%s%.3f s", sign, s)
	case s < 100:
		return fmt.Sprintf("%s%.2f s", sign, s)
	default:
		return fmt.Sprintf("%s%.0f s", sign, s)
	}
}
