package find

import "strings"

// What stands in place of a person's or a machine's own marks.
const (
	mailMark = "[email]"
	macMark  = "[mac]"
	sidMark  = "[sid]"
)

// addressNames are the names of values that hold somebody's address on the network.
var addressNames = []string{
	"xforwardedfor", "xoriginalforwardedfor", "xrealip", "xclientip", "xclusterclientip", "cfconnectingip",
	"trueclientip", "fastlyclientip", "remoteaddr", "remoteaddress", "remoteip", "remoteuser", "clientip", "ipaddress",
	"ipaddr",
}

const (
	maxMailName = 64 // bytes before the "@"
	macBytes    = len("00:00:00:00:00:00")
)

// mail handles the "@" at i of a mail address.
func (e *editor) mail(i int) int {
	t := e.text
	start := e.spanBack(i, max(e.last, i-maxMailName-1), classToken|classDot|classSign)
	end := e.span(i+1, min(len(t), i+1+maxLookBack), classAlnum|classDash|classDot)
	for end > i+1 && t[end-1] == '.' { // the sentence's
		end--
	}
	host := t[i+1 : end]
	dot := strings.LastIndexByte(host, '.')
	start += len(t[start:i]) - len(strings.TrimLeft(t[start:i], ".!#$%*^~?"))
	if start == i || dot < 1 || !isMailDomain(strings.ToLower(host[dot+1:])) ||
		machineNames[strings.ToLower(t[start:i])] {
		return 0
	}
	return e.replace(start, end, mailMark)
}

// isMailDomain reports whether the last part of a host's name may be that of a mail address, rather than a kind of file
// or unit.
func isMailDomain(last string) bool {
	return len(last) >= 2 && isPlainWord(last) && !fileKinds[last]
}

var (
	machineNames = setOf("git hg svn npm noreply no-reply mailer-daemon postmaster")
	fileKinds    = setOf("zip 7z rar gz docx xlsx pptx pdf pem crt p12 pfx kdbx db log " +
		"png jpg jpeg gif svg webp ico js ts css json go py rb rs html md txt yaml yml " +
		"service socket timer mount target scope slice path device swap")
)

// mac handles the third byte, at i, of the address of a network card: six pairs of digits with the sign at i between
// them.
func (e *editor) mac(i int) int {
	t := e.text
	start, end := i-2, i-2+macBytes
	shape := "FF:FF:FF:FF:FF:FF"
	if t[i] == '-' {
		shape = "FF-FF-FF-FF-FF-FF"
	}
	if start < e.last || !hasShape(t[start:], shape) ||
		start > 0 && (isAlnum(t[start-1]) || t[start-1] == t[i] && isPair(t, start-3)) ||
		end < len(t) && (isAlnum(t[end]) || t[end] == t[i] && isPair(t, end+1)) || // longer: a fingerprint
		t[i] == '-' && only(t[start:end], classDigit|classDash) { // a date and a time
		return 0
	}
	return e.replace(start, end, macMark)
}

// isPair reports whether the word at i is two hex digits.
func isPair(t string, i int) bool {
	return i >= 0 && hasShape(t[i:], "FF") && (i == 0 || !isAlnum(t[i-1])) && (i+2 == len(t) || !isAlnum(t[i+2]))
}

// accounts begin the SIDs of persons and machines; others are everyone's.
var accounts = [...]string{"S-1-5-21-", "S-1-12-1-"}

// sid handles the "-" at i of a Windows account's SID.
func (e *editor) sid(i int) int {
	t := e.text
	for _, prefix := range accounts {
		if !strings.HasPrefix(t[i-1:], prefix) || i > 1 && isAlnum(t[i-2]) {
			continue
		}
		end := i - 1 + len(prefix)
		for end < len(t) && (isDigit(t[end]) || t[end] == '-' && end+1 < len(t) && isDigit(t[end+1])) {
			end++
		}
		e.steps += end - i
		return e.replace(i-1, end, sidMark)
	}
	return 0
}
