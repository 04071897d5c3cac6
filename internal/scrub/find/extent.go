package find

import "strings"

// A valueRule says how a value in a text ends.
type valueRule struct {
	name   string // in lower case
	sep    byte   // ':' or '=', 0 after a flag
	spaced bool   // a blank follows sep
	bare   bool   // the name isn't quoted
	chain  bool   // ;name=, as in connection strings: the value may hold blanks
	flag   bool   // the value of a command-line flag
	start  int    // where the name begins
}

// value replaces the value that begins at k, after blanks, and returns its end, or 0 if there is none to replace.
func (s *Finder) value(ed *editor, k int, rule valueRule) int {
	t := ed.text
	rule.name = strings.ToLower(rule.name)
	start := ed.skipBlanks(k)
	if rule.sep == ':' {
		if rule.bare {
			if from, end := ed.block(rule.start, start); end > from {
				return ed.replace(from, end, Filtered)
			}
		} else {
			start = ed.jsonValue(start)
		}
		if next := start + len(`\n  `); strings.HasPrefix(t[start:], `\n  `) { // a line below, escaped
			start = ed.skipBlanks(next)
		}
	}
	rule.spaced = start > k || rule.sep == 0
	if k = ed.sigil(start); k >= len(t) {
		return 0
	}
	from, quote, escapes := ed.opening(k)
	switch {
	case quote != 0:
		return ed.quotedValue(from, quote, escapes, rule, k > start && t[k-1] == '(')
	case strings.HasPrefix(t[k:], "{{"), ed.isRemark(k):
		return 0
	}
	if end := ed.composite(k); end > 0 {
		return ed.replace(k, end, Filtered)
	}
	if s.personal != nil && isHex(t[k]) && s.names.address(rule.name) {
		end := ed.span(k, len(t), classHex|classDot|classBlank|classComma|classColon) // one, or a list of them
		return ed.replace(k, k+len(strings.TrimRight(t[k:end], " \t,.:")), Filtered)
	}
	return ed.bareValue(k, rule)
}

// quotedValue replaces the value that begins at from, after a quote behind escapes backslashes; it is perhaps one of
// several in brackets.
func (e *editor) quotedValue(from int, quote byte, escapes int, rule valueRule, inBrackets bool) int {
	t, end := e.text, e.closing(from, len(e.text), quote, escapes)
	if end < 0 {
		return e.replace(from, len(t), Filtered) // cut off
	}
	if inBrackets { // auth=("bob", "hunter2")
		end = max(end, e.index(end, min(len(t), end+maxLookBack), ")")-1)
	}
	if rule.bare && isHarmless(t[from:end], rule) {
		return 0
	}
	return e.replace(from, end, Filtered)
}

// bareValue replaces the value without quotes that begins at k.
func (e *editor) bareValue(k int, rule valueRule) int {
	t := e.text
	end := e.wordEnd(k, rule)
	if end == k {
		return 0
	}
	word := t[k:end]
	if long := e.headerEnd(k, end, rule); long > end {
		return e.replace(k, long, Filtered)
	}
	results := rule.bare && rule.sep == ':' && rule.spaced && rule.name == "pass" // PASS: 12, FAIL: 3
	if isHarmless(word, rule) || results && !isSecretive(word) ||
		rule.sep != '=' && rule.spaced && e.isProse(k, end, rule) {
		return 0
	}
	if strings.HasPrefix(t[end-1:], ": ") && end-1 > k { // "password: hunter2: rejected"
		end--
	} else if strings.HasPrefix(t[end:], " / ") { // credentials: bob / hunter2
		end = e.wordEnd(end+len(" / "), rule)
	} else {
		end = e.phraseEnd(end, rule)
	}
	return e.replace(k, end, Filtered)
}

// sigils stand before a value in quotes: C#'s, Python's and YAML's.
var sigils = [...]string{"@", "$", "$@", "(", "r", "b", "f", "u", "!!str ", "!str ", "!secret ", "SecureString "}

// sigil returns where the quote behind a sigil at k is; k if there is none.
func (x *scanner) sigil(k int) int {
	for _, sigil := range sigils {
		rest, found := strings.CutPrefix(x.text[k:], sigil)
		if found && rest != "" && (rest[0] == '"' || rest[0] == '\'') {
			return k + len(sigil)
		}
	}
	return k
}

// jsonValue returns where the value of a name in quotes begins: at k, or on a line below it if there is what can be
// nothing but a value, a text in quotes that isn't a name itself or something in brackets.
func (x *scanner) jsonValue(k int) int {
	next := x.span(k, len(x.text), classWhitespace)
	_, quote, _ := x.opening(next)
	if quote != 0 && !x.isQuotedName(next) || next < len(x.text) && (x.text[next] == '{' || x.text[next] == '[') {
		return next
	}
	return k
}

// isQuotedName reports whether the text in quotes at k has a value of its own. What is too long to be a name has none.
func (x *scanner) isQuotedName(k int) bool {
	name := x.argument(k)
	return name.from > k && strings.HasPrefix(x.text[x.skipBlanks(name.next):], ":")
}

// phraseEnd returns the end of a value of several words, whose first one ends at end: that of a password which has a
// line to itself, up to another name.
func (x *scanner) phraseEnd(end int, r valueRule) int {
	phrase := strings.Contains(r.name, "pass") || strings.HasSuffix(r.name, "phrase") || r.name == "mnemonic"
	if _, alone := x.indent(r.start); !phrase || !alone || !r.bare || !r.spaced || r.sep == 0 {
		return end
	}
	for next := x.skipBlanks(end); next > end; next = x.skipBlanks(end) {
		after := x.wordEnd(next, r)
		if after == next || x.text[next] == '#' || x.text[next] == '(' || x.pairFollows(next) {
			break
		}
		end = after
	}
	return end
}

// indent returns how far the name at start is from the beginning of its line; false if something stands before it but
// the dash of a list.
func (x *scanner) indent(start int) (n int, ok bool) {
	line := x.spanBack(start, max(0, start-maxLookBack), classBlank|classDash)
	return start - line, line == 0 || x.text[line-1] == '\n'
}

// block returns the lines that YAML gives to the name at start, whose sign is followed by the text at k: those below it
// that are indented deeper, after "|" or ">", or when they look like a value, a list or a mapping. end is 0 if there
// are none.
func (x *scanner) block(start, k int) (from, end int) {
	t := x.text
	from = k
	literal := k < len(t) && (t[k] == '|' || t[k] == '>')
	if literal {
		k = x.span(k, len(t), classPipe|classAngle|classBase64|classDash|classDigit|classBlank)
	}
	if strings.HasPrefix(t[k:], "\r\n") {
		k++
	}
	outer, ok := x.indent(start)
	if !ok || k < len(t) && t[k] != '\n' {
		return 0, 0
	}
	for k < len(t) {
		content := x.span(k+1, len(t), classBlank)
		next := x.index(content, len(t), "\n")
		if next < 0 {
			next = len(t)
		}
		text := strings.TrimRight(t[content:next], "\r")
		indent, item := content-k-1, strings.HasPrefix(text, "- ")
		switch {
		case text == "" && end > 0:
		case text == "" || t[content-1] == '\t' || indent < outer || indent == outer && !item:
			return from, end
		case end == 0 && !literal:
			if !item && strings.IndexByte(text, ' ') >= 0 && !x.pairFollows(content) {
				return 0, 0 // a sentence
			}
			from = content
			fallthrough
		default:
			end = content + len(text)
		}
		k = next
	}
	return from, end
}

// composite returns the end of the value at k when it has brackets, in JSON or as fmt writes it: {…}, […], map[…],
// &{…}, and with types []string{…}, &main.T{…}, []byte(nil). It returns 0 for any other.
func (x *scanner) composite(k int) (end int) {
	t := x.text
	i := len(t) - len(strings.TrimLeft(t[k:], "&*"))
	x.steps += i - k
	for {
		name := i
		i = x.span(i, min(len(t), i+maxLookBack), className|classSign)
		if i == len(t) {
			return end
		}
		named, brackets := t[name:i], t[i] == '{' || t[i] == '['
		switch {
		case t[i] == '(' && end > 0 && named != "":
			return max(end, x.index(i, min(len(t), i+maxLookBack), ")")+1)
		case !brackets || end == 0 && named != "" && (named != "map" || t[i] != '[') && !strings.Contains(named, "."):
			return end
		}
		if end = x.balanced(i); t[i] == '{' {
			return end
		}
		i = end
	}
}

// opening returns the quote at k and the number of backslashes before it, and where the quoted text begins.
func (x *scanner) opening(k int) (from int, quote byte, escapes int) {
	t := x.text
	escapes = x.span(k, len(t), classBackslash) - k
	if at := k + escapes; at < len(t) && classes[t[at]]&classQuote != 0 {
		return at + 1, t[at], escapes
	}
	return k, 0, 0
}

// closing returns where the text that begins at from, after a quote behind escapes backslashes, ends; -1 if that isn't
// before limit.
func (x *scanner) closing(from, limit int, quote byte, escapes int) int {
	t := x.text
	for i := from; i < limit; i++ {
		if t[i] != quote {
			continue
		}
		n := i - x.spanBack(i, from, classBackslash)
		if escapes > 0 && n <= escapes || escapes == 0 && n%2 == 0 {
			x.steps += i - from
			return i - min(n, escapes)
		}
	}
	x.steps += max(limit-from, 0)
	return -1
}

// balanced returns the end of the bracketed text that begins at k; the end of t if it is cut off.
func (x *scanner) balanced(k int) int {
	t := x.text
	depth := 0
	var quote byte
	for i := k; i < len(t); i++ {
		switch c := t[i]; {
		case c == '\\':
			i++
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '"':
			quote = c
		case c == '{' || c == '[':
			depth++
		case c == '}' || c == ']':
			if depth--; depth == 0 {
				x.steps += i - k
				return i + 1
			}
		}
	}
	x.steps += len(t) - k
	return len(t)
}

// wordEnd returns the end of the unquoted value at k.
func (x *scanner) wordEnd(k int, rule valueRule) int {
	t := x.text
	i := k
	for i < len(t) && (classes[t[i]]&classToken != 0 || !x.endsWord(i, &rule)) {
		i++
	}
	x.steps += i - k
	for i > k && t[i-1] == '\\' && i < len(t) && t[i] == '"' { // the escape belongs to the quote
		i--
	}
	for rule.chain && i > k && t[i-1] == ' ' {
		i--
	}
	return i
}

// endsWord reports whether the byte at i ends the unquoted value before it.
func (x *scanner) endsWord(i int, rule *valueRule) bool {
	t := x.text
	last := i+1 == len(t)
	switch c := t[i]; c {
	case '\n', '\r', '\x1b', ';', '"', '`', '<':
		return true
	case ' ', '\t':
		return !rule.chain
	case '\'':
		return last || !isAlnum(t[i+1])
	case '&':
		return x.pairFollows(i + 1)
	case ',':
		return last || strings.IndexByte(" \"'\n", t[i+1]) >= 0 || x.pairFollows(i+1)
	case ')', ']', '}':
		return last || strings.IndexByte(" \t\r\n,;:.)]}>\"'`&", t[i+1]) >= 0
	case '>':
		return last
	}
	return false
}

// pairFollows reports whether the text at k goes on with name= or name:.
func (x *scanner) pairFollows(k int) bool {
	i := x.span(k, min(len(x.text), k+maxLookBack), className|classSign|classOpen|classClose)
	return i > k && i < len(x.text) && (x.text[i] == '=' || x.text[i] == ':')
}

const maxRemark = 24 // bytes

// isRemark reports whether what is in brackets at k says that there is no value: [not set].
func (x *scanner) isRemark(k int) bool {
	rest := x.text[k+1 : min(len(x.text), k+maxRemark)]
	x.steps += len(rest)
	remark, _, closed := strings.Cut(rest, "]")
	first, _, _ := strings.Cut(remark, " ")
	return x.text[k] == '[' && closed && (isProseWord(first) || isNothing(first))
}

// harmlessCookies are settings of pages.
var harmlessCookies = setOf("lang language locale theme color colour currency tz timezone consent dark_mode view sort")

// Schemes of authentication: what belongs to a lineScheme goes on to the end of the line, to a wordScheme is one word.
var (
	lineSchemes = [...]string{"digest", "aws4-hmac-sha256", "signature", "hmac", "hawk", "oauth"}
	wordSchemes = [...]string{
		"basic", "bearer", "negotiate", "ntlm", "token", "apikey", "key", "bot", "sharedkey", "splunk",
	}
)

// headerEnd returns where the value of an HTTP header such as "Authorization: Basic …" ends, whose first word is
// t[k:end]; 0 if it isn't one.
func (x *scanner) headerEnd(k, end int, rule valueRule) int {
	t := x.text
	word := strings.TrimRight(t[k:end], ";")
	if rule.sep == ':' && strings.Contains(rule.name, "cookie") {
		name, _, found := strings.Cut(word, "=")
		last := !strings.HasPrefix(t[end:], ";") || hasPrefixFold(t[end:], "; path=")
		if found && name != "" && !(harmlessCookies[strings.ToLower(name)] && last) {
			return x.headerLine(end, rule)
		}
		return 0
	}
	next := x.skipBlanks(end)
	after := x.wordEnd(next, rule)
	if next == end || after == next {
		return 0
	}
	second := t[next:after]
	ownScheme := strings.Contains(rule.name, "authori") && len(word) <= 16 && !isSmall(word) && !isProseWord(word)
	oneWord := isAny(word, wordSchemes[:])
	switch {
	case isAny(word, lineSchemes[:]) && strings.Contains(second, "="),
		oneWord && strings.HasSuffix(second, "="): // token="…"
		return x.headerLine(end, rule)
	case ownScheme && isSecretive(strings.TrimLeft(second, `"'`)),
		oneWord && t[next] != '"' && t[next] != '\'' && !strings.HasPrefix(second, Filtered) && !isProseWord(second):
		return after
	}
	return 0
}

// headerLine returns the end of the line that goes on at k, or of the quotes around the header.
func (x *scanner) headerLine(k int, rule valueRule) int {
	end := x.until(k, len(x.text), classBreak)
	if start := rule.start; start > 0 && classes[x.text[start-1]]&classQuote != 0 {
		if closed := strings.IndexByte(x.text[k:end], x.text[start-1]); closed >= 0 {
			return k + closed
		}
	}
	return end
}
