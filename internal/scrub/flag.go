package scrub

import "strings"

// isCurlLogin reports whether curl takes user:password after this flag.
func isCurlLogin(flag string) bool {
	return flag == "-u" || flag == "--user" || flag == "-U" || flag == "--proxy-user"
}

func isCurl(command string) bool { return strings.Contains(command, "curl") }

// login handles the user:password at k, an argument that may be in quotes.
func (e *editor) login(k int) int {
	t := e.text
	end := len(t)
	if from, quote, escapes := opening(t, k); quote != 0 {
		if k = from; closing(t, from, quote, escapes) > 0 {
			end = closing(t, from, quote, escapes)
		}
	} else if i := strings.IndexAny(t[k:], " \t\r\n\"'`"); i >= 0 {
		end = k + i
	}
	if colon := strings.IndexByte(t[k:end], ':'); colon >= 0 && k+colon+1 < end {
		return e.replace(k+colon+1, end, Filtered)
	}
	return 0
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
	if k > gap && !strings.ContainsAny(t[gap:k], "\r\n") && isCurlLogin(t[i:end]) && isCurl(t[max(0, i-maxLookBack):i]) {
		return ed.login(k)
	}
	if k == gap || k == len(t) || t[k] == '-' || !s.names.secret(t[j:end]) || strings.ContainsAny(t[gap:k], "\r\n") && isQuotedName(t, k) {
		return 0
	}
	return s.value(ed, k, valueRule{name: t[j:end], spaced: true})
}
