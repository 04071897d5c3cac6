package find

import (
	"slices"
	"strings"
)

// apart handles a name and its value that stand apart by what isn't ":" or "=", at i: in tables, lists, brackets and
// calls. As names stand so in prose and code too, the value must look like a secret.
func (s *Finder) apart(ed *editor, i int) int {
	t := ed.text
	name, start, quoted := ed.nameBefore(ed.last, len(strings.TrimSuffix(t[:i], "-")))                  // ->
	if !s.names.secret(lastComponent(name)) || start > 0 && (t[start-1] == '/' || t[start-1] == '.') || // a method
		t[i] == '/' && weakNames[name] { // kubectl: secret/db-creds1 created
		return 0
	}
	ed.headed = true
	k := ed.skipBlanks(i + 1)
	a := ed.argument(k)
	inQuotes := a.from > k
	word := t[a.from:a.end]
	if cut := strings.IndexAny(word, ",<>()[]{}"); cut >= 0 && !inQuotes {
		word = word[:cut]
	}
	called := quoted && inQuotes && t[i] == ',' && start > 1 && t[start-2] == '(' // setenv("TOKEN", "x")
	if word == "" || s.names.secret(word) && isIdentifier(word) || isReference(word) ||
		!called && !isSecretive(word) {
		return 0
	}
	return ed.replace(a.from, a.from+len(word), Filtered)
}

// flag handles the command-line flag that may begin with the dash or slash at i: its value is the next argument.
func (s *Finder) flag(ed *editor, i int) int {
	t := ed.text
	name := i + 1
	if strings.HasPrefix(t[name:], "-") {
		name++
	}
	end := ed.span(name, len(t), classToken|classDot)
	if end == name || end-name > maxNameBytes || !isAlnum(t[name]) {
		return 0
	}
	k, sameLine := ed.nextStart(end), true
	if k == 0 { // arguments may be printed one a line
		k, sameLine = ed.span(end, len(t), classWhitespace), false
	}
	if k == end || k == len(t) || t[k] == '-' {
		return 0
	}
	value := ed.argument(k)
	word, secret := t[value.from:value.end], s.names.secret(t[name:end])
	switch {
	case !sameLine && (t[i] != '-' || !secret || !isSecretive(word)):
		return 0
	case secret && t[i] == '-', secret && isSecretive(word): // and not GET /token 401
	case end == i+len("-p") && strings.IndexByte("pPwW", t[name]) >= 0 && ed.lineHas(i, userFlags[:]) &&
		isSecretive(word) && strings.IndexByte(word, '.') < 0: // tool -u bob -p hunter2
	default:
		return 0
	}
	return s.value(ed, k, valueRule{name: t[name:end], flag: true})
}

// userFlags stand before the name of a user, networkWords before that of a wireless network and its key.
var (
	userFlags    = [...]string{" -u ", " -U ", " -l ", " -D ", " --user", " -username "}
	networkWords = [...]string{"SSID", "ssid", "WLAN", "wlan", "Wi-Fi", "WiFi", "wifi", "WIFI", "wireless", "Wireless"}
)

// lineHas reports whether the line has one of words before i.
func (x *scanner) lineHas(i int, words []string) bool {
	before := x.text[max(0, i-maxLookBack):i]
	x.steps += len(before)
	before = before[strings.LastIndexByte(before, '\n')+1:]
	return slices.ContainsFunc(words, func(word string) bool { return strings.Contains(before, word) })
}

// passWord handles the byte at i of a password that its value follows behind a blank or in a sentence.
func (s *Finder) passWord(ed *editor, i int) int {
	t := ed.text
	end := ed.span(i, min(len(t), i+maxLookBack), className)
	if end == len(t) || classes[t[end]]&(classBlank|classClose|classQuote) == 0 { // most
		return 0
	}
	if classes[t[end]]&classQuote != 0 {
		end++
	}
	name, start, _ := ed.nameBefore(ed.last, end)
	if !s.names.secret(lastComponent(name)) || start > 0 && (t[start-1] == '-' || t[start-1] == '/') { // a flag
		return 0
	}
	return ed.said(end, equalFold(name, "pass"))
}

// papSecret handles the "*" at i of what pppd reads: "bob" * "hunter2" *.
func (e *editor) papSecret(i int) int {
	client, k := e.spanBack(i, 0, classBlank), e.skipBlanks(i+1)
	secret := e.argument(k)
	addresses := e.skipBlanks(secret.next)
	if client == 0 || classes[e.text[client-1]]&classBreak != 0 || !isSecretive(e.text[secret.from:secret.end]) ||
		secret.from == k && !strings.HasPrefix(e.text[addresses:], "*") {
		return 0
	}
	return e.replace(secret.from, secret.end, Filtered)
}

// registryWords are followed by the value of a name of the registry, in its lists and in the flags of reg add and
// Set-ItemProperty.
var registryWords = setOf("REG_SZ REG_EXPAND_SZ REG_MULTI_SZ REG_BINARY /d -Value")

// copulas stand in a sentence between a password and its value.
var copulas = setOf("is was to ist lautet war auf est es è é : = -> => « “ „")

// maxSaid is how many words behind "password" are read for its value.
const maxSaid = 8

// said handles what follows "password", which ends at k: its value, or a sentence with a copula or a colon before it.
// Where the word may be a verb, "to" is no copula: pass the length to sha1_hash.
func (e *editor) said(k int, verb bool) int {
	t, announced, colon := e.text, true, false
	if strings.HasPrefix(t[k:], ")") {
		k, announced = k+1, false
	}
	if k == len(t) || classes[t[k]]&classBlank == 0 {
		return 0
	}
	registry, to := false, false
	for n := range maxSaid {
		a := e.nextArgument(k)
		word := strings.TrimRight(t[a.from:a.end], ".")
		flag := word != "" && (word[0] == '-' || word[0] == '/')
		switch {
		case a.next == a.from, strings.HasPrefix(t[a.from:], Filtered): // nothing, or of an earlier time
			return 0
		case registryWords[word], word == "/t":
			registry = word != "/t"
		case registry && !flag, announced && (n > 0 || !flag) && t[a.from-1] != '(' && isSecretive(word) &&
			!isPackage(word) && !isHarmless(word, valueRule{}) && strings.IndexByte(word, '=') < 0 &&
			!(to && isProseWord(e.nextWord(a.next))): // PSK to AP5GHz rejected
			return e.replace(a.from, a.end, Filtered)
		case n == 0 && flag, colon && word != "": // "password for bob: decode hex: U+0067"
			return 0
		}
		if k = a.next; strings.HasPrefix(t[k:], ":") { // 'bob':
			k++
		}
		colon = t[k-1] == ':'
		to = n == 0 && word == "to"
		announced = colon || copulas[word] && !(verb && word == "to")
	}
	return 0
}
