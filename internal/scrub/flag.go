package scrub

import "strings"

// isCurlLogin reports whether curl takes user:password after this flag.
func isCurlLogin(flag string) bool {
	return flag == "-u" || flag == "--user" || flag == "-U" || flag == "--proxy-user"
}

func isCurl(command string) bool { return strings.Contains(command, "curl") }

// login handles the ":" at i in the user:password of a curl, an argument that may be in quotes. The user was looked at before:
// it may be a token.
func (e *editor) login(i int) int {
	t := e.text
	if !e.sought {
		e.sought, e.curl = true, isCurl(t)
	}
	if !e.curl {
		return 0
	}
	user := i
	for user > max(0, i-maxLookBack) && strings.IndexByte(" \t\r\n\"'`=", t[user-1]) < 0 {
		user--
	}
	argument := before(t, user, "\"'`\\")
	gap := before(t, argument, " \t,")
	end := before(t, gap, "\"'`\\")
	start := end
	for start > max(0, end-maxBlanks) && (isAlnum(t[start-1]) || t[start-1] == '-') {
		start--
	}
	if gap == argument || !isCurlLogin(t[start:end]) || !isCurl(t[max(0, start-maxLookBack):start]) {
		return 0
	}
	end = len(t)
	if from, quote, escapes := opening(t, argument); quote != 0 {
		if c := closing(t, from, quote, escapes); c >= 0 {
			end = c
		}
	} else if n := strings.IndexAny(t[i:], " \t\r\n\"'`"); n >= 0 {
		end = i + n
	}
	if i+1 >= end {
		return 0
	}
	return e.replace(i+1, end, Filtered)
}

// before returns where the run of bytes of set that ends at i begins, or a place in a long one.
func before(t string, i int, set string) int {
	first := max(0, i-maxBlanks)
	for i > first && strings.IndexByte(set, t[i-1]) >= 0 {
		i--
	}
	return i
}

// flag handles the command-line flag that may begin with the dash at i and has its value in the next argument.
func (s *Scrubber) flag(ed *editor, i int) int {
	t := ed.text
	if i > 0 && strings.IndexByte(" \t\r\n\"'`[({,;=|", t[i-1]) < 0 {
		return 0
	}
	j := i + 1
	if j < len(t) && t[j] == '-' {
		j++
	}
	end := j
	for end < len(t) && (isAlnum(t[end]) || t[end] == '-' || t[end] == '_' || t[end] == '.') {
		end++
	}
	if end == j || end >= len(t) || end-j > maxNameBytes || t[end] == '=' || t[end] == ':' || !isAlnum(t[j]) {
		return 0
	}
	k := end
	for k < len(t) && (t[k] == '"' || t[k] == '\'' || t[k] == '\\' || t[k] == '`') { // ["--password", "x"]
		k++
	}
	gap := k
	for k < len(t) && (t[k] == ' ' || t[k] == '\t' || t[k] == ',' || t[k] == '\r' || t[k] == '\n') {
		k++
	}
	if k == gap || k == len(t) || t[k] == '-' || !s.names.secret(t[j:end]) || strings.ContainsAny(t[gap:k], "\r\n") && isQuotedName(t, k) {
		return 0
	}
	return s.value(ed, k, valueRule{name: t[j:end], spaced: true})
}
