package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"time"
)

// params reads the parameters of one task. A value of the wrong JSON type is noted in wrong and keeps the whole list from
// being run; a value of the right type that makes no sense is noted in refused and is that task's own error.
type params struct {
	fields  map[string]value
	wrong   *wrongType
	refused error
}

type wrongType struct {
	name, problem, remedy string
	offset                int
}

// get returns a field that is there and of the kind wanted. null counts as absent.
func (p *params) get(name string, want kind, example string) (value, bool) {
	v, ok := p.fields[name]
	if !ok || v.kind() == kindNull {
		return v, false
	}
	if v.kind() != want {
		p.wrongType(name, v, string(want), example)
		return v, false
	}
	return v, true
}

func (p *params) wrongType(name string, v value, want, example string) {
	if p.wrong == nil {
		p.wrong = &wrongType{name, fmt.Sprintf("is %s, want %s", v.kind(), want), fmt.Sprintf("write %q: %s", name, example), v.offset}
	}
}

func (p *params) refuse(format string, args ...any) {
	if p.refused == nil {
		p.refused = fmt.Errorf(format, args...)
	}
}

// text reads a text; "" when it is absent.
func (p *params) text(name, example string) string {
	v, ok := p.get(name, kindString, strconv.Quote(example))
	if !ok {
		return ""
	}
	var s string
	_ = json.Unmarshal(v.raw, &s) // checked before
	return s
}

// needText reads a text that must not be empty.
func (p *params) needText(name, example string) string {
	s := p.text(name, example)
	if s == "" {
		p.refuse("%s is missing: write %q: %q", name, name, example)
	}
	return s
}

func (p *params) texts(name, example string) []string {
	v, ok := p.get(name, kindArray, example)
	if !ok {
		return nil
	}
	var all []string
	for i, e := range v.elements() {
		if e.kind() != kindString {
			p.wrongType(name, e, "a text", example)
			if p.wrong.offset == e.offset {
				p.wrong.name = fmt.Sprintf("%s[%d]", name, i) // the remedy is of the whole list
			}
			return nil
		}
		var s string
		_ = json.Unmarshal(e.raw, &s)
		all = append(all, s)
	}
	return all
}

func (p *params) bool(name string) bool {
	v, ok := p.get(name, kindBool, "true")
	return ok && string(v.raw) == "true"
}

// number reads a number from low to high, which may be +Inf; absent, it is otherwise.
func (p *params) number(name string, otherwise, low, high float64) float64 {
	v, ok := p.get(name, kindNumber, strconv.FormatFloat(otherwise, 'g', -1, 64))
	if !ok {
		return otherwise
	}
	n, _ := strconv.ParseFloat(string(v.raw), 64) // out of range it is ±Inf, compared as such
	if !(n >= low && n <= high) {
		want := fmt.Sprintf("%v to %v", low, high)
		if math.IsInf(high, 1) {
			want = fmt.Sprintf("%v or more", low)
		}
		p.refuse("%s is %.20s, want %s", name, v.raw, want)
		return otherwise
	}
	return n
}

// integer is number for whole numbers; a fraction is a wrong type.
func (p *params) integer(name string, otherwise, low, high int) int {
	n := p.number(name, float64(otherwise), float64(low), float64(high))
	if n != math.Trunc(n) {
		if p.wrong == nil {
			p.wrong = &wrongType{name, "is a fraction, want a whole number", fmt.Sprintf("write %q: %d", name, otherwise), p.fields[name].offset}
		}
		return otherwise
	}
	return int(n)
}

// maxTimeLimit is the longest time limit that counts as one; longer ones would overflow a time.Duration.
const maxTimeLimit = 365 * 24 * time.Hour

// seconds reads a time limit; absent or 0, it is otherwise.
func (p *params) seconds(name string, otherwise time.Duration) time.Duration {
	n := p.number(name, 0, 0, math.Inf(1))
	if n == 0 {
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
