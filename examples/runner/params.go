package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A param is one parameter of a type of task: a row of the tables in types.go.
type param struct {
	name      string
	kind      kind
	example   string // as JSON, for remedies
	required  bool
	secret    bool     // "env:NAME" is read from the environment, and the value is never reported
	otherwise float64  // what an absent number is
	low, high float64  // of numbers; both 0: any
	choices   []string // of texts; none: any
}

// params reads the parameters of one task by the table of its type. A value of the wrong JSON type is a mistake and
// keeps the whole list from being run; a value of the right type that makes no sense is kept in refused and is that
// task's own error.
type params struct {
	fields   map[string]value
	table    []param
	folder   string // of the list: names of files are relative to it
	mistakes []mistake
	refused  error

	// What constructors say of the task beside what runs it.
	plan   string        // what would run, for -dry-run
	limit  time.Duration // instead of the one in the table; 0: that one
	hidden []string      // values read from the environment
}

// A mistake is what is wrong with one parameter.
type mistake struct {
	name, problem, remedy string
	offset                int
}

func (p *params) mistake(name string, v value, problem, remedy string) {
	p.mistakes = append(p.mistakes, mistake{name, problem, remedy, v.offset})
}

func (p *params) refuse(format string, args ...any) {
	if p.refused == nil {
		p.refused = fmt.Errorf(format, args...)
	}
}

// will says what the task would do.
func (p *params) will(format string, args ...any) { p.plan = fmt.Sprintf(format, args...) }

// check compares the task with the table: each value with its row, and each name without a row with those it may be
// meant for. owner names the type in what it says.
func (p *params) check(owner string) {
	for _, name := range p.names() {
		v := p.fields[name]
		def := find(p.table, name)
		switch {
		case def == nil:
			if meant := closest(name, namesOf(p.table)); meant != "" {
				p.mistake(name, v, fmt.Sprintf("is no parameter of %s, did you mean %q?", owner, meant),
					remedyFor(find(p.table, meant)))
			}
		case v.kind() != kindNull:
			p.checkValue(def, v)
		}
	}
	for i := range p.table {
		def := &p.table[i]
		if v := p.fields[def.name]; def.required && v.empty() {
			p.refuse("%s is missing: %s", def.name, remedyFor(def))
		}
	}
}

// names returns the names of the task in the order of the list.
func (p *params) names() []string {
	names := make([]string, 0, len(p.fields))
	for name := range p.fields {
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b string) int { return p.fields[a].offset - p.fields[b].offset })
	return names
}

// ignored returns the names that mean nothing to this type of task.
func (p *params) ignored() []string {
	return slices.DeleteFunc(p.names(), func(name string) bool { return find(p.table, name) != nil || isNote(name) })
}

func find(table []param, name string) *param {
	for i := range table {
		if table[i].name == name {
			return &table[i]
		}
	}
	return nil
}

func namesOf(table []param) []string {
	names := make([]string, len(table))
	for i := range table {
		names[i] = table[i].name
	}
	return names
}

func remedyFor(def *param) string { return fmt.Sprintf("write %q: %s", def.name, def.example) }

func (p *params) checkValue(def *param, v value) {
	wrong := func(v value, name string, want kind) {
		p.mistake(name, v, fmt.Sprintf("is %s, want %s", v.kind(), want), remedyFor(def))
	}
	switch def.kind {
	case kindWhole, kindNumber:
		if v.kind() != kindNumber {
			wrong(v, def.name, kindNumber)
		} else if def.kind == kindWhole && v.number() != math.Trunc(v.number()) {
			p.mistake(def.name, v, "is a fraction, want a whole number", remedyFor(def))
		} else {
			p.checkRange(def, v)
		}
	case kindTexts, kindWholes:
		if v.kind() != kindArray {
			wrong(v, def.name, kindArray)
			return
		}
		want, choices := kindString, def.choices
		if def.kind == kindWholes {
			want = kindNumber
		}
		for i, e := range v.elements() {
			name := fmt.Sprintf("%s[%d]", def.name, i) // the remedy is of the whole list
			switch {
			case e.kind() != want:
				wrong(e, name, want)
			case want == kindString:
				p.checkChoice(def, name, e, choices)
			case e.number() != math.Trunc(e.number()):
				p.mistake(name, e, "is a fraction, want a whole number", remedyFor(def))
			}
		}
	case kindManifest:
		p.checkManifest(def, v)
	default:
		if v.kind() != def.kind {
			wrong(v, def.name, def.kind)
		} else if def.kind == kindString {
			p.checkChoice(def, def.name, v, def.choices)
		}
	}
}

func (p *params) checkManifest(def *param, v value) {
	var hashes map[string]string
	switch {
	case v.kind() == kindString:
	case v.kind() != kindObject:
		p.mistake(def.name, v, fmt.Sprintf("is %s, want %s", v.kind(), kindString), remedyFor(def))
	case json.Unmarshal(v.raw, &hashes) != nil:
		p.mistake(def.name, v, "is an object, want an object of texts", `write "`+def.name+`": {"name": "hash"}`)
	}
}

func (p *params) checkRange(def *param, v value) {
	if n := v.number(); (def.low != 0 || def.high != 0) && !(n >= def.low && n <= def.high) {
		want := fmt.Sprintf("%v to %v", def.low, def.high)
		if math.IsInf(def.high, 1) {
			want = fmt.Sprintf("%v or more", def.low)
		}
		p.refuse("%s is %.20s, want %s", def.name, v.raw, want)
	}
}

// checkChoice looks for a word among those that are known, in any case. One close to a known word is a mistake of the
// list.
func (p *params) checkChoice(def *param, name string, v value, choices []string) {
	word := strings.ToLower(v.text())
	if len(choices) == 0 || slices.Contains(choices, word) {
		return
	}
	if meant := closest(word, choices); meant != "" {
		p.mistake(name, v, fmt.Sprintf("is %q, did you mean %q?", cut(word, maxQuoted), meant), remedyFor(def))
		return
	}
	p.refuse("%s is %q, want one of %s", name, cut(word, maxQuoted), strings.Join(choices, ", "))
}

// maxQuoted is how much of a wrong word is repeated, in bytes.
const maxQuoted = 60

func (p *params) has(name string) bool {
	v := p.fields[name]
	return v.kind() != kindNone && v.kind() != kindNull
}

// text reads a text; "" when it is absent.
func (p *params) text(name string) string {
	v := p.fields[name]
	if v.kind() != kindString {
		return ""
	}
	s := v.text()
	if def := find(p.table, name); def != nil && def.secret {
		return p.secret(name, s)
	}
	return s
}

// word reads one of the choices of name, in lower case.
func (p *params) word(name string) string { return strings.ToLower(p.text(name)) }

func (p *params) texts(name string) []string {
	var all []string
	for _, e := range p.fields[name].elementsOf(kindArray) {
		if e.kind() == kindString {
			all = append(all, e.text())
		}
	}
	return all
}

func (p *params) integers(name string) []int {
	var all []int
	for _, e := range p.fields[name].elementsOf(kindArray) {
		if e.kind() == kindNumber {
			all = append(all, clampInt(e.number()))
		}
	}
	return all
}

func (p *params) bool(name string) bool { return string(p.fields[name].raw) == "true" }

// number reads a number; what the table says when it is absent.
func (p *params) number(name string) float64 {
	v := p.fields[name]
	if v.kind() != kindNumber {
		if def := find(p.table, name); def != nil {
			return def.otherwise
		}
		return 0
	}
	return v.number()
}

// integer is number for whole numbers.
func (p *params) integer(name string) int { return clampInt(p.number(name)) }

func clampInt(n float64) int { return int(min(max(n, math.MinInt32), math.MaxUint32)) }

// maxTimeLimit is the longest time limit that counts as one; longer ones would overflow a time.Duration.
const maxTimeLimit = 365 * 24 * time.Hour

// seconds reads a time limit; absent or 0, it is otherwise.
func (p *params) seconds(name string, otherwise time.Duration) time.Duration {
	n := p.number(name)
	if n <= 0 {
		return otherwise
	}
	return time.Duration(min(n, maxTimeLimit.Seconds()) * float64(time.Second))
}

// data returns the parameters as they stand in the list, all but the type: what Sentry shows as the task's data.
func (p *params) data() map[string]any {
	m := make(map[string]any, len(p.fields))
	for name, v := range p.fields {
		if name == "type" {
			continue
		}
		dec := json.NewDecoder(bytes.NewReader(v.raw))
		dec.UseNumber() // a number may be too large for any of Go's
		var x any
		if dec.Decode(&x) == nil {
			m[name] = x
		}
	}
	return m
}

// text is what a JSON text says.
func (v value) text() string {
	var s string
	_ = json.Unmarshal(v.raw, &s) // its syntax has been checked
	return s
}

// number is what a JSON number says; out of range it is ±Inf, compared as such.
func (v value) number() float64 {
	n, _ := strconv.ParseFloat(string(v.raw), 64)
	return n
}

// elementsOf is elements for a value that may be of another kind.
func (v value) elementsOf(want kind) []value {
	if v.kind() != want {
		return nil
	}
	return v.elements()
}

// empty reports whether nothing was said: absent, null, an empty text or list.
func (v value) empty() bool {
	switch v.kind() {
	case kindNone, kindNull:
		return true
	case kindString:
		return v.text() == ""
	case kindArray:
		return len(v.elements()) == 0
	}
	return false
}
