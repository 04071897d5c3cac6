package sentryview

import (
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// perPage is how many rows a list has.
const perPage = 100

// A filter is what the URL of a list asks for.
type filter struct {
	Text, Task, Level, Status string
	Page                      int // from 1
}

func (r *request) filter() filter {
	q := r.URL.Query()
	page, _ := strconv.Atoi(q.Get("page"))
	return filter{strings.TrimSpace(q.Get("q")), q.Get("task"), q.Get("level"), q.Get("status"), max(1, page)}
}

// Active says whether it leaves anything out.
func (f filter) Active() bool { return f.Text != "" || f.Task != "" || f.Level != "" || f.Status != "" }

// at is the query of another page of the same list.
func (f filter) at(page int) string {
	q := url.Values{}
	for name, value := range map[string]string{"q": f.Text, "task": f.Task, "level": f.Level, "status": f.Status} {
		if value != "" {
			q.Set(name, value)
		}
	}
	if page > 1 {
		q.Set("page", strconv.Itoa(page))
	}
	return "?" + q.Encode()
}

// A slice is one page of a list.
type slice[T any] struct {
	Items        []T
	Total        int // of all pages
	From, To     int // of Total, from 1
	Newer, Older string
}

func cut[T any](list []T, f filter) slice[T] {
	from := min((f.Page-1)*perPage, len(list))
	to := min(from+perPage, len(list))
	s := slice[T]{Items: list[from:to], Total: len(list), From: min(from+1, to), To: to}
	if f.Page > 1 {
		s.Newer = f.at(min(f.Page-1, (len(list)+perPage-1)/perPage))
	}
	if to < len(list) {
		s.Older = f.at(f.Page + 1)
	}
	return s
}

type issuesPage struct {
	Filter                  filter
	Tasks, Levels, Statuses []string
	List                    slice[*issue]
	Counts                  []levelCount
}

// A levelCount is how many issues have a level.
type levelCount struct {
	Level level
	N     int
}

func (h *handler) issues(r *request) {
	f := r.filter()
	all := r.view.Issues
	p := issuesPage{
		Filter:   f,
		Tasks:    choices(all, func(i *issue) string { return i.Task }),
		Levels:   choices(all, func(i *issue) string { return string(i.Level) }),
		Statuses: choices(all, func(i *issue) string { return i.Status }),
	}
	slices.SortFunc(p.Levels, func(a, b string) int { return level(b).rank() - level(a).rank() })
	for _, l := range p.Levels {
		n := 0
		for _, i := range all {
			if string(i.Level) == l {
				n++
			}
		}
		p.Counts = append(p.Counts, levelCount{level(l), n})
	}
	var found []*issue
	for _, i := range all {
		if i.matches(f) {
			found = append(found, i)
		}
	}
	p.List = cut(found, f)
	h.show(r, 200, "issues", "Issues", "issues", p)
}

func (i *issue) matches(f filter) bool {
	if f.Task != "" && i.Task != f.Task || f.Level != "" && string(i.Level) != f.Level ||
		f.Status != "" && i.Status != f.Status {
		return false
	}
	if f.Text == "" {
		return true
	}
	for _, e := range slices.Backward(i.Events) {
		if e.contains(strings.ToLower(f.Text)) {
			return true
		}
	}
	return false
}

// contains looks for a text, in lower case, where people look for one: in title, messages, tags and breadcrumbs.
func (e *record) contains(text string) bool {
	has := func(s string) bool { return strings.Contains(strings.ToLower(s), text) }
	if has(e.ID) || has(e.Message) || has(e.Transaction) || has(e.Title()) || has(plain(e.Contexts["task"]["data"])) {
		return true
	}
	for _, x := range e.Exceptions {
		if has(x.Type) || has(x.Value) {
			return true
		}
	}
	for name, value := range e.Tags {
		if has(name + "=" + value) {
			return true
		}
	}
	for _, b := range e.Breadcrumbs {
		if has(b.Message) || has(b.Category) {
			return true
		}
	}
	return false
}
