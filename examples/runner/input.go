package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/autoservice/sentryconfig"
)

// maxListBytes is the largest task list read; one beyond it is a mistake, such as a disk image given as a list.
const maxListBytes = 64 << 20

// A list is what a task list says.
type list struct {
	tasks    []*task
	config   []member // of sentry_config
	source   string
	folder   string // that names of files in it are relative to
	text     []byte
	mistakes mistakes
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

// mistakes are all that is wrong with a list, in its order: whoever corrects it wants to do so once.
type mistakes []*inputError

// Error is one line for each mistake, 100 at most.
func (m mistakes) Error() string {
	var b strings.Builder
	for i, e := range m {
		if i > 0 {
			b.WriteByte('\n')
		}
		if i == maxMistakes {
			fmt.Fprintf(&b, "%s: %d more mistakes; remedy: correct these first", e.source, len(m)-i)
			break
		}
		b.WriteString(oneLine(e.Error()))
	}
	return b.String()
}

const maxMistakes = 100

func (m mistakes) Unwrap() []error {
	all := make([]error, len(m))
	for i, e := range m {
		all[i] = e
	}
	return all
}

// readList reads a whole task list from r, sentry_config included. source names it in errors; folder is what names of
// files in it are relative to.
func readList(r io.Reader, source, folder string) (*list, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxListBytes+1))
	if err != nil {
		return nil, &inputError{source: source, problem: err.Error(), remedy: fileRemedy}
	}
	if len(text) > maxListBytes {
		problem := fmt.Sprintf("is larger than %d MiB", maxListBytes>>20)
		return nil, &inputError{source: source, problem: problem, remedy: "split it into several lists"}
	}
	l := &list{source: source, folder: folder}
	if err := l.parse(text); err != nil {
		return nil, err
	}
	if err := l.configure(new(sentryconfig.Options)); err != nil {
		var wrong mistakes
		errors.As(err, &wrong)
		for _, m := range wrong { // of a mistyped name it says less than has been said
			said := func(other *inputError) bool { return other.field == m.field }
			if !slices.ContainsFunc(l.mistakes, said) {
				l.mistakes = append(l.mistakes, m)
			}
		}
	}
	return l, l.judge()
}

const fileRemedy = "name a file that can be read, - for standard input, or nothing for the sample list"

const listRemedy = `write [{"type": "system_info"}], one task by itself, or {"tasks": [...]}`

// parseList reads an array of tasks, one task by itself, or an object with tasks and, if it likes, sentry_config. What
// it doesn't know is ignored, unless it is close to what it knows. An error is or wraps an *inputError.
func parseList(text []byte, source string) (*list, error) {
	l := &list{source: source, folder: "."}
	if err := l.parse(text); err != nil {
		return nil, err
	}
	return l, l.judge()
}

func (l *list) judge() error {
	if len(l.mistakes) == 0 {
		return nil
	}
	slices.SortStableFunc(l.mistakes, func(a, b *inputError) int { return a.line - b.line })
	return l.mistakes
}

// parse reads text. It returns what keeps it from being read at all, and leaves what is wrong with single tasks in
// mistakes.
func (l *list) parse(text []byte) error {
	text, problem := decodeList(text)
	l.text = text
	if problem != "" {
		return l.errorAt(0, "", problem, "save it as UTF-8")
	}
	if len(bytes.TrimSpace(text)) == 0 {
		return l.errorAt(0, "", "is empty", listRemedy)
	}
	var whole json.RawMessage // checks the syntax, and that nesting is no deeper than encoding/json allows
	if err := json.Unmarshal(text, &whole); err != nil {
		return l.syntaxError(err)
	}
	if at := firstInvalid(text); at >= 0 { // encoding/json would read another name of a file from it, and say nothing
		return l.errorAt(at, l.fieldAt(at), "is neither UTF-8 nor UTF-16", "save the list as UTF-8")
	}
	top := value{raw: whole, offset: bytes.Index(text, whole)}
	switch top.kind() {
	case kindArray:
		l.readTasks(top, "")
		return nil
	case kindObject:
		return l.readObject(top)
	}
	return l.errorAt(top.offset, "", "is "+top.kind().String()+", want a list of tasks", listRemedy)
}

func (l *list) readObject(top value) error {
	fields := byName(top.members())
	tasks, isList := fields["tasks"]
	_, isTask := fields["type"]
	switch {
	case isList:
		l.readTasks(tasks, "tasks")
	case isTask:
		l.readTask(top, "", 0)
	default:
		problem := `is missing, and so is "type" of a single task`
		for _, m := range top.members() {
			if meant := closest(m.name, []string{"tasks", "type"}); meant != "" {
				problem += fmt.Sprintf(", did you mean %q by %q in line %d?", meant, m.name, l.line(m.offset))
			}
		}
		return l.errorAt(top.offset, "tasks", problem, listRemedy)
	}
	for _, m := range top.members() {
		known := []string{"tasks", "sentry_config"}
		if meant := closest(m.name, known); isList && meant != "" && !slices.Contains(known, m.name) {
			l.add(m.offset, m.name, fmt.Sprintf("means nothing here, did you mean %q?", meant),
				fmt.Sprintf("write %q", meant))
		}
	}
	if config := fields["sentry_config"]; config.kind() == kindObject {
		l.config = config.members()
		l.checkConfig()
	} else if config.kind() != kindNone && config.kind() != kindNull {
		l.add(config.offset, "sentry_config", "is "+config.kind().String()+", want an object",
			`write "sentry_config": {"environment": "staging"}`)
	}
	return nil
}

// configNames are the names of sentry_config; see sentryconfig.Options. The package takes a name that is close to one
// of them for somebody else's, unless it may be an opt-out. In a list it is a mistake, as everywhere else in it.
var configNames = []string{
	"dsn", "environment", "release", "outbox_dir", "outbox_bytes", "enabled", "send_default_pii", "send_system_info",
	"crash_reports", "secret_keys", "traces_sample_rate", "max_per_minute", "stuck_after", "alerts",
}

func (l *list) checkConfig() {
	for _, m := range l.config {
		if meant := closest(m.name, configNames); meant != "" && meant != m.name {
			l.add(m.offset, "sentry_config."+m.name, fmt.Sprintf("means nothing here, did you mean %q?", meant),
				fmt.Sprintf("write %q", meant))
		}
	}
}

func (l *list) readTasks(v value, field string) {
	if v.kind() != kindArray {
		l.add(v.offset, field, "is "+v.kind().String()+", want a list of tasks", listRemedy)
		return
	}
	for i, element := range v.elements() {
		l.readTask(element, fmt.Sprintf("%s[%d]", field, i), i)
	}
}

func (l *list) readTask(v value, field string, index int) {
	if v.kind() != kindObject {
		l.add(v.offset, field, "is "+v.kind().String()+", want a task", `write {"type": "system_info"}`)
		return
	}
	p := &params{fields: byName(v.members()), folder: l.folder}
	l.tasks = append(l.tasks, newTask(index, p))
	if field != "" {
		field += "."
	}
	for _, m := range p.mistakes {
		l.add(m.offset, field+m.name, m.problem, m.remedy)
	}
}

func (l *list) add(offset int, field, problem, remedy string) {
	l.mistakes = append(l.mistakes, l.errorAt(offset, field, problem, remedy))
}

// configure lets the list's sentry_config win over o, field by field.
func (l *list) configure(o *sentryconfig.Options) error {
	var wrong mistakes
	for _, m := range l.config {
		one, err := json.Marshal(map[string]json.RawMessage{m.name: m.raw}) // alone, so that an error has a line
		if err == nil {
			err = o.UnmarshalJSON(one)
		}
		if err != nil {
			wrong = append(wrong, l.errorAt(m.offset, "sentry_config."+m.name, err.Error(),
				"correct the value or leave it out"))
		}
	}
	if wrong != nil {
		return wrong
	}
	return nil
}

func (l *list) errorAt(offset int, field, problem, remedy string) *inputError {
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
	if offset < len(l.text) && bytes.ContainsRune([]byte("/#"), rune(l.text[offset])) {
		return l.errorAt(offset, l.fieldAt(offset), "has a comment, and JSON knows none",
			`remove it, or write it as a value of its own: "_comment": "…"`)
	}
	column := 1 + utf8.RuneCount(l.text[start:max(offset, start)])
	remedy := fmt.Sprintf("look at column %d of that line and before it: a missing comma, quote or bracket, "+
		"or a comma too many", column)
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

	// Only in the tables of parameters.
	kindWhole    kind = "a whole number"
	kindTexts    kind = "a list of texts"
	kindWholes   kind = "a list of whole numbers"
	kindManifest kind = "a text or an object of texts"
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
