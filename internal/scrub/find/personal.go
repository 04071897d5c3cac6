package find

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// What stands in place of personal data.
const (
	homeMark = "~"
	userMark = "[user]"
)

// minNameChars is the length of the shortest name of a host or user that is replaced wherever it stands: shorter ones
// are too often ordinary words. minShortChars is that of the shortest that is replaced where nothing else can be meant.
const (
	minNameChars  = 4
	minShortChars = 2
)

// common are names that tell nothing: everyone has them.
var common = map[string]bool{"root": true, "admin": true, "administrator": true, "user": true, "localhost": true,
	"localhost.localdomain": true, "system": true, "local service": true, "network service": true, "nobody": true,
	"nt authority": true, "builtin": true, "workgroup": true}

// A personal finds personal data in texts. It is immutable.
type personal struct {
	triggers [256]bool // separators, signs in addresses, and the first bytes of words in both cases
	elements [256]bool // the first bytes of folders' elements
	folders  []folder  // longest first
	words    []ownName // longest first
}

// A folder is a path as its elements, without a drive.
type folder struct {
	elements []string
	mark     string
}

type ownName struct {
	text  string
	mark  string
	short bool // replaced only in \\NAME\, DOMAIN\name and name@
}

func newPersonal(c Config) *personal {
	p := new(personal)
	for _, c := range []byte(`/\%@:-`) {
		p.triggers[c] = true
	}
	for _, c := range []byte(`%\+`) { // escaped, or the blank of a query
		p.elements[c] = true
	}
	for c, folders := range homeFolders {
		if len(folders) > 0 {
			p.elements[c], p.elements[c&^0x20] = true, true
		}
	}
	p.elements['m'], p.elements['r'] = true, true // media, run
	for _, home := range c.Homes {
		p.addFolder(home, homeMark, 1)
	}
	for _, dir := range c.Dirs {
		p.addFolder(dir, Dir, 2) // one element, as /srv, names nobody
	}
	slices.SortStableFunc(p.folders, func(a, b folder) int { return cmp.Compare(len(b.elements), len(a.elements)) })
	for _, name := range c.Users {
		// Windows' DOMAIN\name; the domain is the machine's name or its owner's.
		if i := strings.LastIndexByte(name, '\\'); i >= 0 {
			p.addWord(name[:i], Host)
			name = name[i+1:]
		}
		p.addWord(name, userMark)
	}
	for _, name := range c.Hosts {
		p.addWord(name, Host)
		short, _, _ := strings.Cut(name, ".")
		p.addWord(short, Host)
	}
	slices.SortStableFunc(p.words, func(a, b ownName) int { return cmp.Compare(len(b.text), len(a.text)) })
	return p
}

func (p *personal) addFolder(path, mark string, minElements int) {
	elements := strings.FieldsFunc(path, func(r rune) bool { return r == '/' || r == '\\' })
	if len(elements) > 0 && isDrive(elements[0]) {
		elements = elements[1:]
	}
	if len(elements) < minElements || slices.Contains(elements, "..") {
		return
	}
	p.folders = append(p.folders, folder{elements, mark})
	for _, first := range firstBytes(elements[0]) {
		p.elements[first] = true
	}
}

func isDrive(element string) bool {
	return len(element) == 2 && element[1] == ':' && isLetter(element[0])
}

func (p *personal) addWord(name, mark string) {
	name = strings.Trim(name, " .")
	chars := utf8.RuneCountInString(name)
	if chars < minShortChars || common[strings.ToLower(name)] ||
		slices.ContainsFunc(p.words, func(w ownName) bool { return w.text == name }) {
		return
	}
	p.words = append(p.words, ownName{name, mark, chars < minNameChars})
	for _, first := range firstBytes(name) {
		p.triggers[first] = true
	}
}

// firstBytes returns the bytes that name may begin with, in all cases.
func firstBytes(name string) (list []byte) {
	first, _ := utf8.DecodeRuneInString(name)
	for r := first; ; {
		list = append(list, string(r)[0])
		if r = unicode.SimpleFold(r); r == first {
			return list
		}
	}
}

// text returns t without personal data. It is one pass that stops at separators of paths and at first bytes of words,
// and allocates nothing when nothing is found.
func (p *personal) text(t string) string {
	ed := editor{scanner: scanner{text: t}}
	p.find(&ed)
	return ed.done()
}

// find replaces the personal data in ed's text.
func (p *personal) find(ed *editor) {
	t := ed.text
	for i := 0; i < len(t); {
		c := t[i]
		if !p.triggers[c] {
			i++
			continue
		}
		i = max(p.found(ed, i), i+1)
	}
}

// found handles the personal data that may be at i: it returns where reading goes on, 0 if there is none.
func (p *personal) found(ed *editor, i int) int {
	t := ed.text
	switch c := t[i]; {
	case c == '@':
		return ed.mail(i)
	case c == ':' || c == '-':
		if next := ed.mac(i); next > 0 {
			return next
		}
		if c == '-' && i > 0 && t[i-1] == 'S' {
			return ed.sid(i)
		}
		return 0
	case c == '/' || c == '\\' || c == '%':
		n := ed.separator(i)
		if n == 0 {
			return 0
		}
		next := 0
		if k := i + n; k < len(t) && p.elements[t[k]] ||
			c == '/' && i > 0 && (t[i-1] == 'e' || t[i-1] == 's' || ed.listedOwner(i) >= 0) {
			next = p.path(ed, i, n)
		}
		return max(next, i+n)
	case i == 0 || !isLetter(t[i-1]) || escapedBefore(t, i):
		return p.word(ed, i)
	}
	return 0
}

// separator returns the length of the separators of path elements at i, 0 if there are none: /, \, either escaped in
// JSON or in a URL, and repeated.
func (x *scanner) separator(i int) int {
	t, k := x.text, i
	for k < len(t) {
		if t[k] == '/' || t[k] == '\\' {
			k++
			continue
		}
		n := -1
		if t[k] == '%' {
			n = slices.IndexFunc(escapedSeparators[:], func(escape string) bool { return hasPrefixFold(t[k:], escape) })
		}
		if n < 0 {
			break
		}
		k += len(escapedSeparators[n])
	}
	x.steps += k - i
	return k - i
}

// escapedSeparators are those that are escaped once or twice, as in a URL.
var escapedSeparators = [...]string{"%2f", "%5c", "%252f", "%255c"}

// path handles the n bytes of separators at i: this user's folders first, then homes of others by their pattern.
func (p *personal) path(ed *editor, i, n int) int {
	t := ed.text
	for _, f := range p.folders {
		if end := f.match(ed, i+n); end > 0 {
			start := driveStart(t, i)
			if len(f.elements) == 1 && start == i && pathGoesOn(t, i) {
				continue // the end of a longer path: /mnt/root
			}
			return ed.replace(start, end, f.mark)
		}
	}
	start, name, windows := ed.homesOf(i, n)
	if name == 0 {
		start, name = ed.otherHomes(i, n)
	}
	if name == 0 {
		if owner := ed.listedOwner(i); owner >= 0 && !common[strings.ToLower(t[owner:i])] {
			return ed.replace(owner, i, userMark)
		}
		return 0
	}
	end := ed.userEnd(name, windows)
	if end == name || isAny(t[name:end], everyones[:]) {
		return 0
	}
	return ed.replace(start, end, homeMark)
}

// otherHomes recognises home/name/ at the beginning of a path without a root, as tar lists them, and the folder with
// the disks of one user, by the n bytes of separators at i.
func (x *scanner) otherHomes(i, n int) (start, name int) {
	t := x.text
	for _, folder := range [...]string{"home", "Users"} {
		if k := i - len(folder); k >= 0 && t[k:i] == folder && (k == 0 || classes[t[k-1]]&classWhitespace != 0) {
			start, name = k, i+n
		}
	}
	for _, folder := range [...]string{"/run/media/", "/media/"} {
		if n == 1 && strings.HasPrefix(t[i:], folder) && !pathGoesOn(t, i) {
			start, name = i, i+len(folder)
		}
	}
	if name > 0 {
		end := x.span(name, min(len(t), name+maxLookBack), className)
		own := start < i || !diskNames[strings.TrimRight(t[name:end], digits)]
		if end > name && x.separator(end) > 0 && own {
			return start, name
		}
	}
	return 0, 0
}

// diskNames are folders of disks that aren't called by their owner.
var diskNames = setOf("usb cdrom dvd floppy disk hdd ssd sd sda sdb sdc stick backup data external windows root system")

// maxOwnerName is how long the name of a file's owner may be in a list, in bytes.
const maxOwnerName = 32

// listedOwner returns where the name of a file's owner begins that tar lists, with the group behind the slash at i; -1
// if it isn't that.
func (x *scanner) listedOwner(i int) int {
	t, mode := x.text, len("drwxr-xr-x ")
	start := x.spanBack(i, max(0, i-maxOwnerName), className)
	if start == i || start < mode || t[start-1] != ' ' || strings.IndexByte("-dlhbcps", t[start-mode]) < 0 ||
		strings.Trim(t[start-mode+1:start-1], "rwxstST-") != "" {
		return -1
	}
	return start
}

// match returns where f ends in t, of which an element begins at k; 0 if it isn't there.
func (f *folder) match(ed *editor, k int) int {
	t := ed.text
	for i, element := range f.elements {
		if i > 0 {
			n := ed.separator(k)
			if n == 0 {
				return 0
			}
			k += n
		}
		if k = ed.skip(k, element); k == 0 {
			return 0
		}
	}
	if k < len(t) && ed.separator(k) == 0 {
		r, _ := utf8.DecodeRuneInString(t[k:])
		if isWordRune(r) || r == '-' || r == '.' && k+1 < len(t) && isAlnum(t[k+1]) {
			return 0
		}
	}
	return k
}

// skip returns where the text that begins at k goes on after element, in any case and with characters escaped as in a
// URL or in JSON; 0 if it doesn't begin with element.
func (x *scanner) skip(k int, element string) int {
	t := x.text
	for element != "" {
		if k < len(t) && t[k] < utf8.RuneSelf && element[0] < utf8.RuneSelf { // most are: it saves the decoding
			if lowered(t[k]) == lowered(element[0]) {
				x.steps++
				k, element = k+1, element[1:]
				continue
			}
			if t[k] != '%' && t[k] != '\\' && t[k] != '+' {
				return 0
			}
		}
		want, n := utf8.DecodeRuneInString(element)
		got, size := utf8.DecodeRuneInString(t[k:])
		if got != want && !foldsTo(got, want) {
			got, size = unescaped(t, k)
		}
		if size == 0 || got != want && !foldsTo(got, want) {
			return 0
		}
		x.steps += size
		k, element = k+size, element[n:]
	}
	return k
}

// unescaped returns the character that is written as %C3%BC, \u00fc, or + for a blank at k, and in how many bytes; 0 if
// none is.
func unescaped(t string, k int) (r rune, size int) {
	rest := t[k:]
	switch {
	case strings.HasPrefix(rest, "+"): // in a query
		return ' ', 1
	case strings.HasPrefix(rest, `\u`) && len(rest) >= len(`\u0000`):
		if code, err := strconv.ParseUint(rest[2:6], 16, 16); err == nil {
			return rune(code), len(`\u0000`)
		}
	}
	var char [utf8.UTFMax]byte
	for n := 0; n < len(char) && len(rest) > 2 && rest[0] == '%' && isHex(rest[1]) && isHex(rest[2]); rest = rest[3:] {
		b, _ := strconv.ParseUint(rest[1:3], 16, 8)
		char[n] = byte(b)
		if n++; utf8.FullRune(char[:n]) {
			r, _ = utf8.DecodeRune(char[:n])
			return r, len("%00") * n
		}
	}
	return 0, 0
}

// foldsTo reports whether a and b are one character in different cases.
func foldsTo(a, b rune) bool {
	for r := unicode.SimpleFold(a); r != a; r = unicode.SimpleFold(r) {
		if r == b {
			return true
		}
	}
	return false
}

// driveStart returns where the path begins whose first separator is at i: at a drive before it, or at i.
func driveStart(t string, i int) int {
	if i >= 2 && t[i-1] == ':' && isLetter(t[i-2]) && (i == 2 || !isAlnum(t[i-3]) || !inWord(t, i-2)) {
		return i - 2
	}
	if i >= 4 && hasPrefixFold(t[i-3:], "%3a") && isLetter(t[i-4]) {
		return i - 4
	}
	return i
}

// pathGoesOn reports whether the separator at i goes on a path or a name.
func pathGoesOn(t string, i int) bool {
	if i == 0 {
		return false
	}
	c := t[i-1]
	if c >= utf8.RuneSelf {
		r, _ := utf8.DecodeLastRuneInString(t[:i])
		return isWordRune(r)
	}
	return (isAlnum(c) || strings.IndexByte("_-.~)]", c) >= 0) && (i < 3 || inWord(t, i) || !isAlnum(c))
}

// What may stand before the folder in which homes are.
var (
	homeParents  = setOf("/var /usr /export /private/var /data /nfs /net /rootfs /host /mnt /System/Volumes/Data")
	windowsRoots = setOf("/c /d /cygdrive/c /mnt/c /mnt/d")
	// diskParents begin paths on somebody's disk, of whatever system, or in a backup.
	diskParents = [...]string{
		"/mnt/", "/media/", "/run/media/", "/Volumes/", "/backup", "/snapshots/", "/.snapshots/", "/timeshift/",
		"/archive/",
	}
	fileSchemes = [...]string{"file:", "sftp:", "scp:", "ssh:", "smb:", "nfs:"}
)

// homeNames are the folders in which homes are.
var homeNames = [...]homeFolder{
	{name: "home", unix: "home"}, {name: "users", unix: "Users"}, {name: "documents and settings"},
	{name: "benutzer"}, {name: "utilisateurs"}, {name: "usuarios"}, {name: "usuários"}, {name: "utenti"},
	{name: "gebruikers"}, {name: "dokumente und einstellungen"}, {name: "profiles"}, {name: "userprofiles"},
	{name: "redirectedfolders"}, {name: "folderredirection"},
}

// homeFolders has homeNames by their first letter.
var homeFolders = indexBy(homeNames[:], func(f homeFolder) byte { return f.name[0] })

// A homeFolder has a name on Windows in any case, and perhaps one below a slash.
type homeFolder struct{ name, unix string }

// homesOf recognises the folder in which homes are, whose first separators are the n bytes at i. It returns where the
// path begins, where the user's name begins, and whether it is a home of Windows; name is 0 if it is no such folder.
func (x *scanner) homesOf(i, n int) (start, name int, windows bool) {
	t, k := x.text, i+n
	if k == len(t) {
		return 0, 0, false
	}
	for _, f := range homeFolders[lowered(t[k])] {
		if name = k + len(f.name); !hasPrefixFold(t[k:], f.name) {
			continue
		}
		unix := f.unix != "" && t[k:name] == f.unix
		if t[i] == '\\' && strings.HasPrefix(t[name:], "$") { // a hidden share
			name++
		}
		after := x.separator(name)
		if after == 0 {
			continue
		}
		name += after
		start = driveStart(t, i)
		windows = start < i || t[name-1] != '/'
		host := n == 2 && i > 0 && t[i-1] == ':' && t[i] == '/' // http://home/
		switch {
		case t[i] == '\\', start < i, unix && !host && (n > 1 || !pathGoesOn(t, i)):
			return start, name, windows
		case unix && !host:
			if behind, windows := x.homesBehind(i, f.name, windows); behind {
				return i, name, windows
			}
		}
	}
	return 0, 0, false
}

// homesBehind reports whether homes may be in folder, whose separator at i goes on a path, and whether they are of
// Windows.
func (x *scanner) homesBehind(i int, folder string, windows bool) (behind, ofWindows bool) {
	t, from := x.text, max(0, i-maxLookBack)
	from += strings.LastIndexAny(t[from:i], " \t\r\n\"'=:(,") + 1
	x.steps += maxLookBack
	before, root := t[from:i], strings.ToLower(t[max(0, from-maxRoot):from])
	_, volume, named := strings.Cut(root, "/volumes/") // with a blank: /Volumes/Macintosh HD/Users
	begins := func(prefix string) bool { return strings.HasPrefix(before, prefix) }
	switch {
	case before == "":
	case windowsRoots[before]:
		return true, true
	case slices.ContainsFunc(diskParents[:], begins):
		return true, windows || folder == "users"
	case homeParents[before], before[0] == '/' && strings.Contains(before, "backup/"),
		// -I/home/name, and not behind what stands for a folder
		before[0] == '-' && !strings.ContainsAny(before, "/~]"),
		begins("//") && strings.LastIndexByte(before, '/') == 1 && slices.ContainsFunc(fileSchemes[:],
			func(scheme string) bool { return strings.HasSuffix(root, scheme) }), // file://host/home/name
		named && strings.HasSuffix(volume, " ") && !strings.ContainsAny(volume+before, "/\n"):
		return true, windows
	}
	return false, false
}

const maxRoot = 24 // bytes before a path, for the scheme of a URL or the name of a disk

// userEnd returns the end of the user's name that begins at k. Windows' names may hold blanks.
func (x *scanner) userEnd(k int, windows bool) int {
	t := x.text
	const maxBytes = 128 // more is no name
	end, blank := k, -1
	for end < len(t) && end-k < maxBytes {
		n := x.userBytes(k, end, windows)
		if n == 0 {
			break
		}
		if t[end] == ' ' && blank < 0 {
			blank = end
		}
		end += n
	}
	x.steps += end - k
	if blank >= 0 && !x.closesUser(k, end) {
		end = capitalizedEnd(t, blank, end)
	}
	if end < len(t) && x.separator(end) > 0 {
		return end
	}
	for end > k && strings.IndexByte(" .,;)]}!", t[end-1]) >= 0 { // the sentence's
		end--
	}
	return end
}

// userBytes returns how many bytes at i go on the user's name that begins at k, 0 when it ends there. A blank is one of
// them on Windows alone, elsewhere it is escaped as for a shell.
func (x *scanner) userBytes(k, i int, windows bool) int {
	t, c := x.text, x.text[i]
	within := i > k && i+1 < len(t)
	switch {
	case c == '\'' && within && isAlnum(t[i-1]) && (isAlnum(t[i+1]) || t[i+1] >= utf8.RuneSelf): // O'Brien
		return 1
	case !windows && strings.HasPrefix(t[i:], `\ `):
		return len(`\ `)
	case strings.IndexByte(";/\\<>:\"'`|?*\r\n\t\x00", c) >= 0, x.separator(i) > 0:
		return 0
	case !windows && strings.IndexByte(" ,()[]{}=&", c) >= 0:
		return 0
	}
	return 1
}

// closesUser reports whether what stands at end shows that all of t[k:end] is a user's name, blanks included.
func (x *scanner) closesUser(k, end int) bool {
	t := x.text
	return end < len(t) && (x.separator(end) > 0 || classes[t[end]]&classQuote != 0 ||
		(strings.HasPrefix(t[end:], ": ") || strings.HasPrefix(t[end:], ":\n")) && strings.Count(t[k:end], " ") <= 3)
}

// capitalizedEnd returns the end of the words behind the blank in t[:end] that are written like names: what follows may
// be the sentence around the path.
func capitalizedEnd(t string, blank, end int) int {
	for word := range strings.SplitSeq(t[blank+1:end], " ") {
		if r, _ := utf8.DecodeRuneInString(word); !unicode.IsUpper(r) && !unicode.IsDigit(r) {
			break
		}
		blank += len(" ") + len(word)
	}
	return blank
}

// everyones are folders among the homes that belong to no person.
var everyones = [...]string{
	"~", ".", "..", "...", "public", "shared", userMark, "default", "all users", "default user",
}

var marks = [...]string{Filtered, Host, userMark, Dir, mailMark, macMark, sidMark}

// names reports whether name, in any case, is one that is replaced.
func (p *personal) names(name string) bool {
	return slices.ContainsFunc(p.words, func(w ownName) bool { return strings.EqualFold(w.text, name) })
}

// word handles the name of a host or user that may begin at i.
func (p *personal) word(ed *editor, i int) int {
	t := ed.text
	for _, w := range p.words {
		end := ed.skip(i, w.text)
		if end == 0 || goesOn(t, i, end) || w.short && !isMeant(t, i, end, w.mark) {
			continue
		}
		if i > 0 && end < len(t) && t[i-1] == '[' && t[end] == ']' {
			if slices.Contains(marks[:], t[i-1:end+1]) { // ours, of an earlier time
				return end
			}
		}
		return ed.replace(i, end, w.mark)
	}
	return 0
}

// goesOn reports whether t[i:end] is a part of a longer word. Underscores and digits end one, but a number isn't cut in
// two.
func goesOn(t string, i, end int) bool {
	if end < len(t) {
		r, _ := utf8.DecodeRuneInString(t[end:])
		if unicode.IsLetter(r) || unicode.IsDigit(r) && t[end-1] >= '0' && t[end-1] <= '9' {
			return true
		}
	}
	if i == 0 || escapedBefore(t, i) {
		return false
	}
	r, _ := utf8.DecodeLastRuneInString(t[:i])
	return unicode.IsLetter(r) || unicode.IsDigit(r) && t[i] >= '0' && t[i] <= '9'
}

// isMeant reports whether t[i:end], too short to be anything by itself, stands where only a host or a user does.
func isMeant(t string, i, end int, mark string) bool {
	behind := i > 0 && t[i-1] == '\\'
	server := i > 1 && behind && t[i-2] == '\\' || i > 2 && t[i-1] == '/' && t[i-2] == '/' && t[i-3] == ':'
	if mark == Host {
		return server || end < len(t) && t[end] == '\\' && (i == 0 || t[i-1] == ' ' || t[i-1] == '"' || t[i-1] == '\'')
	}
	return !server && behind && i > 1 && isTokenByte(t[i-2]) && (end == len(t) || t[end] != '\\') &&
		!isPathBefore(t, i-1) ||
		end < len(t) && t[end] == '@' && (i == 0 || !isTokenByte(t[i-1]) && t[i-1] != '.')
}

// isPathBefore reports whether the backslash at i is behind another one, or a drive, of the same word.
func isPathBefore(t string, i int) bool {
	from := max(0, i-maxLookBack)
	from += strings.LastIndexAny(t[from:i], " \t\r\n\"'`") + 1
	return strings.ContainsAny(t[from:i], `\:`)
}

func isWordRune(r rune) bool {
	return r == '_' || r != utf8.RuneError && (unicode.IsLetter(r) || unicode.IsDigit(r))
}

// escapedBefore reports whether an escape ends before i, whose letters are no part of a word: %2F, \n.
func escapedBefore(t string, i int) bool {
	if i >= 3 && t[i-3] == '%' && isHex(t[i-2]) && isHex(t[i-1]) {
		return true
	}
	return i >= 2 && t[i-2] == '\\' && strings.IndexByte("nrt", t[i-1]) >= 0
}
