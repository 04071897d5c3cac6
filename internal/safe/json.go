package safe

import (
	"bytes"
	"encoding/json"
	"errors"
	"reflect"
	"unicode/utf8"
)

// json copies a JSON document: its content, or its text if it isn't JSON.
func (k *keeper) json(b []byte) any {
	if len(b) == 0 {
		return k.value(nil)
	}
	n := min(len(b), max(minBytes, k.copyRoom/2))
	k.copyRoom -= n
	p := parser{b: b[:n], rest: len(b) - n}
	v, err := p.document()
	if err != nil {
		return k.bytes(b)
	}
	return k.value(v)
}

var errJSON = errors.New("not JSON")

// maxDeepBytes limits the JSON text that replaces a container.
const maxDeepBytes = 1024

// maxParseLevels limits the parser's recursion. Levels below maxLevels aren't kept, but must be skipped.
const maxParseLevels = 64

// A parser reads JSON that may be only the beginning of a document: encoding/json can neither stop early nor return
// what it has read until then. Where the document ends early, the innermost container gets a marker.
type parser struct {
	b     []byte
	i     int
	rest  int  // bytes of the document after b
	ended bool // the document ended early
	told  bool // and the innermost container has its marker
	level int
}

func (p *parser) document() (any, error) {
	v, err := p.value()
	if err == nil && !p.ended {
		if p.space(); p.i < len(p.b) {
			return nil, errJSON
		}
	}
	return v, err
}

func (p *parser) space() {
	for p.i < len(p.b) {
		switch p.b[p.i] {
		case ' ', '\t', '\n', '\r':
			p.i++
		default:
			return
		}
	}
}

// peek returns the next byte that isn't space, 0 at the end of a document that ends early.
func (p *parser) peek() (byte, error) {
	p.space()
	if p.i < len(p.b) {
		return p.b[p.i], nil
	}
	if p.rest > 0 {
		p.ended = true
		return 0, nil
	}
	return 0, errJSON
}

func (p *parser) value() (any, error) {
	c, err := p.peek()
	if err != nil {
		return nil, err
	}
	switch c {
	case 0:
		if p.ended {
			return "…", nil
		}
	case '{':
		return p.object()
	case '[':
		return p.array()
	case '"':
		return p.string()
	case 't':
		return true, p.word("true")
	case 'f':
		return false, p.word("false")
	case 'n':
		return nil, p.word("null")
	default:
		return p.number()
	}
	return nil, errJSON
}

func (p *parser) word(w string) error {
	if len(p.b)-p.i < len(w) && p.rest > 0 {
		p.i, p.ended = len(p.b), true
		return nil
	}
	if !bytes.HasPrefix(p.b[p.i:], []byte(w)) {
		return errJSON
	}
	p.i += len(w)
	return nil
}

func (p *parser) number() (any, error) {
	from := p.i
	for p.i < len(p.b) {
		if c := p.b[p.i]; c >= '0' && c <= '9' || c == '-' || c == '+' || c == '.' || c == 'e' || c == 'E' {
			p.i++
			continue
		}
		break
	}
	if p.i == len(p.b) && p.rest > 0 {
		p.ended = true
		return "…", nil
	}
	s := p.b[from:p.i]
	if !json.Valid(s) {
		return nil, errJSON
	}
	if n := parseNumber(string(s)); n != nil {
		return n, nil
	}
	return string(s), nil
}

func (p *parser) string() (string, error) {
	from := p.i
	escaped, escape := false, 0
	for p.i++; p.i < len(p.b); p.i++ {
		switch c := p.b[p.i]; {
		case c == '\\':
			escaped, escape = true, p.i
			p.i++
		case c == '"':
			p.i++
			if !escaped {
				return string(p.b[from+1 : p.i-1]), nil
			}
			var s string
			if err := json.Unmarshal(p.b[from:p.i], &s); err != nil {
				return "", errJSON
			}
			return s, nil
		}
	}
	if p.rest == 0 {
		return "", errJSON
	}
	// The text must not end inside a character or an escape.
	p.i, p.ended, p.told = len(p.b), true, true
	end := len(p.b)
	if escaped && end-escape < len(`\ud800\udc00`) {
		end = escape
	}
	for i := 1; i < utf8.UTFMax && end-i > from; i++ {
		if utf8.RuneStart(p.b[end-i]) {
			if !utf8.FullRune(p.b[end-i : end]) {
				end -= i
			}
			break
		}
	}
	var s string
	if err := json.Unmarshal(append(bytes.Clone(p.b[from:end]), '"'), &s); err != nil {
		s = string(p.b[from+1 : end])
	}
	return s + cutMark(p.rest), nil
}

func (p *parser) object() (any, error) {
	out := map[string]any{}
	err := p.items('}', func() error {
		c, err := p.peek()
		if err != nil || p.ended {
			return err
		}
		if c != '"' {
			return errJSON
		}
		key, err := p.string()
		if err != nil {
			return err
		}
		if p.ended {
			p.told = false // the key isn't kept
			return nil
		}
		c, err = p.peek()
		if err != nil || p.ended {
			return err
		}
		if c != ':' {
			return errJSON
		}
		p.i++
		v, err := p.value()
		if err == nil && (!p.ended || p.told) {
			out[key] = v
		}
		return err
	}, func() { out[markerKey] = count(p.rest) + " more bytes" })
	return out, err
}

func (p *parser) array() (any, error) {
	out := []any{}
	err := p.items(']', func() error {
		v, err := p.value()
		if err == nil && (!p.ended || p.told) {
			out = append(out, v)
		}
		return err
	}, func() { out = append(out, moreOpen+count(p.rest)+" more bytes") })
	return out, err
}

// items reads the items of a container up to its closing byte. It calls cut for the innermost container of a document
// that ends early.
func (p *parser) items(closing byte, item func() error, cut func()) error {
	if p.level >= maxParseLevels {
		return errJSON
	}
	p.level++
	defer func() { p.level-- }()
	p.i++
	c, err := p.peek()
	if err == nil && !p.ended && c == closing {
		p.i++
		return nil
	}
	for err == nil && !p.ended {
		if err = item(); err != nil || p.ended {
			break
		}
		if c, err = p.peek(); err != nil || p.ended {
			break
		}
		p.i++
		if c == closing {
			return nil
		}
		if c != ',' {
			return errJSON
		}
	}
	if err == nil && !p.told {
		p.told = true
		cut()
	}
	return err
}

// deep returns the stand-in for a container below the last level.
func (k *keeper) deep(rv reflect.Value) any {
	if k.deepText && rv.CanInterface() {
		return k.text(jsonText(keep(rv.Interface(), min(k.max, maxDeepBytes), maxLevels, false)), nil)
	}
	switch rv.Kind() {
	case reflect.Map:
		return k.short("{… " + count(rv.Len()) + " keys}")
	case reflect.Slice, reflect.Array:
		return k.short("[… " + count(rv.Len()) + " elements]")
	}
	return k.short("<" + typeName(rv.Type()) + ">")
}

// jsonText returns a safe value as JSON for people.
func jsonText(v any) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return unreadable(err)
	}
	return string(bytes.TrimRight(b.Bytes(), "\n"))
}
