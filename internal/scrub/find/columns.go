package find

import (
	"strings"
	"unicode/utf8"
)

// A heading is the line of a table that names its columns, some of them those of secrets.
type heading struct {
	separator string // between two cells; two blanks where blanks align the columns
	cells     int
	secrets   []column
	ruled     bool // its rows follow: that of aligned columns is in capitals, or has a rule below it
}

// A column is one below the name of a secret.
type column struct {
	index int
	runes int // from the beginning of the line
	name  string
}

const (
	aligned     = "  "
	maxHeading  = 1024 // bytes
	maxCellName = 40
)

// separators are what may stand between two cells; the first one in a line is that of its table.
var separators = [...]string{"\t", "|", ";", ",", aligned}

// columns returns t without what stands below the name of a secret at the head of a column: in CSV, between tabs or
// bars, and in columns that blanks align.
func (s *Finder) columns(t string) string {
	if strings.IndexByte(t, '\n') < 0 {
		return t
	}
	ed := editor{scanner: scanner{text: t}}
	s.findColumns(&ed)
	return ed.done()
}

// findColumns reads the text once, line by line.
func (s *Finder) findColumns(ed *editor) {
	var head heading
	before := ""
	for from, next := 0, 0; from < len(ed.text); from = next {
		end := ed.index(from, len(ed.text), "\n")
		if next = end + 1; end < 0 {
			end, next = len(ed.text), len(ed.text)
		}
		line := strings.TrimSuffix(ed.text[from:end], "\r")
		if from == 0 { // an error puts words before the table: they end at the last colon
			line = line[strings.LastIndex(line, ": ")+1:]
			line = strings.TrimPrefix(line, " ")
		}
		if len(head.secrets) == 0 || !head.row(ed, from, line) {
			head = s.heading(&ed.scanner, head, before, line)
		}
		before = line
	}
}

// heading reads line as the first of a table; it has no secrets if it is none. last is what it made of the line before.
func (s *Finder) heading(x *scanner, last heading, before, line string) (h heading) {
	if !mayHead(line) {
		return heading{}
	}
	for _, h.separator = range separators {
		if strings.Contains(line, h.separator) {
			break
		}
	}
	h.cells = h.count(x, line)
	if h.cells < 2 || h.cells == last.cells && h.separator == last.separator {
		return h
	}
	from, end := 0, 0
	for i := range h.cells {
		end = h.cellEnd(x, line, from)
		name := strings.Trim(line[from:end], " \"")
		if !isColumnName(name) && (name != "" || h.separator != "|") ||
			h.separator != "|" && strings.HasPrefix(line[from:end], " ") { // a list in a sentence
			h.secrets = nil
			return h
		}
		if s.names.secret(name) {
			h.secrets = append(h.secrets, column{i, utf8.RuneCountInString(line[:from]), strings.ToLower(name)})
		}
		from = h.next(line, end)
	}
	if h.secrets != nil && len(before) <= maxHeading && h.count(x, before) == h.cells {
		h.secrets = nil // a row among others
	}
	h.ruled = h.secrets != nil && (h.separator != aligned || line == strings.ToUpper(line))
	return h
}

// mayHead reports whether line begins with the name of a column. It costs little for the lines of other texts.
func mayHead(line string) bool {
	if line == "" || len(line) > maxHeading || line[0] == '\t' || isDigit(line[0]) {
		return false
	}
	end, limit := 0, min(len(line), maxCellName+len(`""`))
	for end < limit && classes[line[end]]&(className|classBlank|classQuote) != 0 && line[end] != '\t' {
		end++
	}
	return end < len(line) && strings.IndexByte("\t|;,", line[end]) >= 0 || strings.Contains(line[:end], aligned)
}

func isColumnName(name string) bool {
	return len(name) <= maxCellName && only(name, className|classBlank) && !isDigit(name[0])
}

// count returns how many cells line has.
func (h *heading) count(x *scanner, line string) (cells int) {
	for from := 0; from <= len(line); cells++ {
		from = h.next(line, h.cellEnd(x, line, from))
	}
	return cells
}

// cellEnd returns where the cell of line that begins at from ends. A cell in quotes may hold a separator.
func (h *heading) cellEnd(x *scanner, line string, from int) int {
	end := from
	if strings.HasPrefix(line[from:], `"`) {
		for end++; end < len(line) && line[end] != '"' || strings.HasPrefix(line[end:], `""`); end++ {
			if line[end] == '"' {
				end++
			}
		}
	}
	if n := strings.Index(line[end:], h.separator); n >= 0 {
		end += n
	} else {
		end = len(line)
	}
	x.steps += end - from
	return end
}

// next returns where the cell behind the one that ends at end begins; more than the line's length if there is none.
func (h *heading) next(line string, end int) int {
	if end == len(line) {
		return end + 1
	}
	next := end + len(h.separator)
	if h.separator == aligned {
		next = len(line) - len(strings.TrimLeft(line[end:], " "))
	}
	return next
}

// row replaces the secrets of the row line, which begins at from in the text. It returns false if it isn't one of h's
// table.
func (h *heading) row(ed *editor, from int, line string) bool {
	if line != "" && strings.Trim(line, "-=+|: \t") == "" {
		h.ruled = true
		return true
	}
	if !h.ruled || !strings.Contains(line, h.separator) {
		return false
	}
	if h.separator == aligned {
		return h.alignedRow(ed, from, line)
	}
	x, index, at := &ed.scanner, 0, 0
	if h.count(x, line) != h.cells {
		return false
	}
	for _, c := range h.secrets {
		for ; index < c.index; index++ {
			at = h.next(line, h.cellEnd(x, line, at))
		}
		c.replace(ed, from+at, line[at:h.cellEnd(x, line, at)])
	}
	return true
}

// alignedRow is row where blanks align the columns. What was replaced before has moved what follows it.
func (h *heading) alignedRow(ed *editor, from int, line string) bool {
	at, runes := 0, 0
	for _, c := range h.secrets {
		for ; runes < c.runes && at < len(line); runes++ {
			_, size := utf8.DecodeRuneInString(line[at:])
			at += size
		}
		switch {
		case at == len(line) || strings.ContainsAny(line[:at], "[~"):
			return true
		case at > 0 && line[at-1] != ' ':
			return false
		}
		c.replace(ed, from+at, line[at:h.cellEnd(&ed.scanner, line, at)])
	}
	return true
}

// replace replaces what is in cell, which begins at from in the text. Below the first name there may be more names: a
// list of settings looks like a table.
func (c *column) replace(ed *editor, from int, cell string) {
	value := strings.TrimLeft(cell, " \"")
	from += len(cell) - len(value)
	value = strings.TrimRight(value, " \"")
	if value == "" || isHarmless(value, valueRule{name: c.name, sep: '='}) || c.index == 0 && !isSecretive(value) {
		return
	}
	ed.replace(from, from+len(value), Filtered)
}
