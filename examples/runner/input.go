package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"unicode/utf8"

	"github.com/autoservice/sentryconfig"
)

// maxListBytes is the largest task list read; one beyond it is a mistake, such as a disk image given as a list.
const maxListBytes = 64 << 20

// A list is what a task list says.
type list struct {
	tasks  []*task
	config []member // of sentry_config
	source string
	text   []byte
}

// An inputError says what in a task list keeps it from being run, where, and what to do about it.
type inputError struct {
	source  string
	line    int    // from 1
	field   string // such as tasks[2].port; "" for the whole list
	problem string
	remedy  string
}

func (e *inputError) Error() string {
	s := e.source
	if e.line > 0 {
		s += ", line " + strconv.Itoa(e.line)
	}
	if e.field != "" {
		s += ", field " + e.field
	}
	return s + ": " + e.problem + "; remedy: " + e.remedy
}

// readList reads a whole task list from r. source names it in errors.
func readList(r io.Reader, source string) (*list, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxListBytes+1))
	if err != nil {
		return nil, &inputError{source: source, problem: err.Error(), remedy: "name a file that can be read, - for standard input, or nothing for the sample list"}
	}
	if len(text) > maxListBytes {
		return nil, &inputError{source: source, problem: fmt.Sprintf("is larger than %d MiB", maxListBytes>>20), remedy: "split it into several lists"}
	}
	return parseList(text, source)
}

const listRemedy = `write [{"type": "system_info"}], one task by itself, or {"tasks": [...]}`

// parseList reads an array of tasks, one task by itself, or an object with tasks and, if it likes, sentry_config. What it
// doesn't know is ignored. An error is an *inputError.
func parseList(text []byte, source string) (*list, error) {
	text = bytes.TrimPrefix(text, []byte("\xef\xbb\xbf")) // Windows editors write one
	l := &list{source: source, text: text}
	if len(bytes.TrimSpace(text)) == 0 {
		return nil, l.errorAt(0, "", "is empty", listRemedy)
	}
	if bytes.HasPrefix(text, []byte("\xff\xfe")) || bytes.HasPrefix(text, []byte("\xfe\xff")) {
		return nil, l.errorAt(0, "", "is UTF-16", "save it as UTF-8")
	}
	var whole json.RawMessage // checks the syntax, and that nesting is no deeper than encoding/json allows
	if err := json.Unmarshal(text, &whole); err != nil {
		return nil, l.syntaxError(err)
	}
	top := value{raw: whole, offset: bytes.Index(text, whole)}
	switch top.kind() {
	case kindArray:
		return l, l.readTasks(top, "")
	case kindObject:
		fields := byName(top.members())
		if tasks, ok := fields["tasks"]; ok {
			if err := l.readTasks(tasks, "tasks"); err != nil {
				return nil, err
			}
		} else if _, ok := fields["type"]; ok {
			if err := l.readTask(top, "", 0); err != nil {
				return nil, err
			}
		} else {
			return nil, l.errorAt(top.offset, "tasks", `is missing, and so is "type" of a single task`, listRemedy)
		}
		return l, l.readConfig(fields["sentry_config"])
	}
	return nil, l.errorAt(top.offset, "", "is "+top.kind().String()+", want a list of tasks", listRemedy)
}

func (l *list) readTasks(v value, field string) error {
	if v.kind() != kindArray {
		return l.errorAt(v.offset, field, "is "+v.kind().String()+", want a list of tasks", listRemedy)
	}
	for i, element := range v.elements() {
		if err := l.readTask(element, fmt.Sprintf("%s[%d]", field, i), i); err != nil {
			return err
		}
	}
	return nil
}

func (l *list) readTask(v value, field string, index int) error {
	if v.kind() != kindObject {
		return l.errorAt(v.offset, field, "is "+v.kind().String()+", want a task", `write {"type": "system_info"}`)
	}
	p := &params{fields: byName(v.members())}
	t := newTask(index, p)
	if p.wrong != nil {
		if field != "" {
			field += "."
		}
		return l.errorAt(p.wrong.offset, field+p.wrong.name, p.wrong.problem, p.wrong.remedy)
	}
	l.tasks = append(l.tasks, t)
	return nil
}

func (l *list) readConfig(v value) error {
	switch v.kind() {
	case kindNone, kindNull:
		return nil
	case kindObject:
		l.config = v.members()
		return nil
	}
	return l.errorAt(v.offset, "sentry_config", "is "+v.kind().String()+", want an object", `write "sentry_config": {"environment": "staging"}`)
}

// configure lets the list's sentry_config win over o, field by field.
func (l *list) configure(o *sentryconfig.Options) error {
	for _, m := range l.config {
		one, err := json.Marshal(map[string]json.RawMessage{m.name: m.raw}) // alone, so that an error has a line
		if err == nil {
			err = o.UnmarshalJSON(one)
		}
		if err != nil {
			return l.errorAt(m.offset, "sentry_config."+m.name, err.Error(), "correct the value or leave it out")
		}
	}
	return nil
}

func (l *list) errorAt(offset int, field, problem, remedy string) error {
	return &inputError{l.source, l.line(offset), field, problem, remedy}
}

func (l *list) line(offset int) int {
	return 1 + bytes.Count(l.text[:min(max(offset, 0), len(l.text))], []byte("\n"))
}

func (l *list) syntaxError(err error) error {
	offset := len(l.text)
	if se := (*json.SyntaxError)(nil); errors.As(err, &se) {
		offset = int(se.Offset) - 1
	}
	start := bytes.LastIndexByte(l.text[:max(offset, 0)], '\n') + 1
	column := 1 + utf8.RuneCount(l.text[start:max(offset, start)])
	remedy := fmt.Sprintf("look at column %d of that line and before it: a missing comma, quote or bracket, or a comma too many", column)
	return l.errorAt(offset, l.fieldAt(offset), "is broken JSON: "+err.Error(), remedy)
}

// fieldAt names the field in which the text breaks off or is broken, as far as the text before that place tells.
func (l *list) fieldAt(offset int) string {
	type container struct {
		object bool
		key    string
		isKey  bool // the next string is a key
		index  int
	}
	var path []container
	next := func() { // a value has ended
		if n := len(path); n > 0 {
			path[n-1].index++
			path[n-1].isKey = path[n-1].object
		}
	}
	dec := json.NewDecoder(bytes.NewReader(l.text[:min(offset, len(l.text))]))
	dec.UseNumber()
	for len(path) < 100 {
		token, err := dec.Token()
		if err != nil {
			break
		}
		switch t := token.(type) {
		case json.Delim:
			if t == '{' || t == '[' {
				path = append(path, container{object: t == '{', isKey: t == '{'})
			} else {
				path = path[:len(path)-1]
				next()
			}
		case string:
			if n := len(path); n > 0 && path[n-1].isKey {
				path[n-1].key, path[n-1].isKey = t, false
				continue
			}
			next()
		default:
			next()
		}
	}
	name := ""
	for _, c := range path {
		switch {
		case !c.object:
			name += fmt.Sprintf("[%d]", c.index)
		case c.key != "" && name != "":
			name += "." + c.key
		case c.key != "":
			name = c.key
		}
	}
	return name
}

// A value is a JSON value and where it stands in the list. Its syntax has been checked.
type value struct {
	raw    json.RawMessage
	offset int
}

// A member is a name and a value of an object.
type member struct {
	name string
	value
}

type kind string

const (
	kindNone   kind = "missing"
	kindNull   kind = "null"
	kindObject kind = "an object"
	kindArray  kind = "a list"
	kindString kind = "a text"
	kindNumber kind = "a number"
	kindBool   kind = "true or false"
)

func (k kind) String() string { return string(k) }

func (v value) kind() kind {
	if len(v.raw) == 0 {
		return kindNone
	}
	switch v.raw[0] {
	case 'n':
		return kindNull
	case '{':
		return kindObject
	case '[':
		return kindArray
	case '"':
		return kindString
	case 't', 'f':
		return kindBool
	}
	return kindNumber
}

// elements returns the elements of a list.
func (v value) elements() []value {
	var all []value
	dec := v.open()
	for dec.More() {
		e, ok := v.next(dec)
		if !ok {
			break
		}
		all = append(all, e)
	}
	return all
}

// members returns the members of an object, repeated names included.
func (v value) members() []member {
	var all []member
	dec := v.open()
	for dec.More() {
		name, err := dec.Token()
		if err != nil {
			break
		}
		e, ok := v.next(dec)
		if !ok {
			break
		}
		key, _ := name.(string)
		all = append(all, member{key, e})
	}
	return all
}

func (v value) open() *json.Decoder {
	dec := json.NewDecoder(bytes.NewReader(v.raw))
	_, _ = dec.Token() // the bracket
	return dec
}

func (v value) next(dec *json.Decoder) (value, bool) {
	var raw json.RawMessage
	if err := dec.Decode(&raw); err != nil {
		return value{}, false
	}
	return value{raw, v.offset + int(dec.InputOffset()) - len(raw)}, true
}

// byName is for look-up; of a repeated name the last counts, as everywhere in encoding/json.
func byName(members []member) map[string]value {
	m := make(map[string]value, len(members))
	for _, f := range members {
		m[f.name] = f.value
	}
	return m
}
