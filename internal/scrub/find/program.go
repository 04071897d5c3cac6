package find

import (
	"slices"
	"strings"
)

// A programFlag is followed by a secret in the arguments of some programs, though its name doesn't tell.
type programFlag struct {
	flags    []string // of a dash and a letter: with a blank between or none
	attached bool     // never with a blank: mysql -psecret
	login    string   // what stands between user and password; a user alone is no secret
	programs []string // words in lower case; others may stand between them
}

var programFlags = []programFlag{
	{flags: []string{"-u", "--user", "-U", "--proxy-user"}, login: ":", programs: []string{"curl"}},
	{flags: []string{"-U", "--user"}, login: "%", programs: []string{
		"smbclient", "winexe", "rpcclient", "net", "wmic", "smbget",
	}},
	{flags: []string{"-u", "--user"}, login: ",", programs: []string{"lftp"}},
	{flags: []string{"-p"}, programs: []string{
		"psexec", "psexec64", "winrs", "sshpass", "docker login", "podman login", "az login", "mongosh", "mongodump",
		"mongorestore", "mongoimport", "mongo", "paexec", "rdesktop", "useradd", "usermod", "veracrypt", "ncftpget",
		"ncftpput", "certutil", "kinit",
	}},
	{flags: []string{"-p"}, attached: true, programs: []string{
		"mysql", "mysqldump", "mysqladmin", "mariadb", "7z", "7za", "7zz", "rar", "unrar", "sshpass",
	}},
	{flags: []string{"-hp"}, attached: true, programs: []string{"rar"}},
	{flags: []string{"-P"}, programs: []string{
		"sqlcmd", "osql", "isql", "bcp", "zip", "unzip", "ssh-keygen", "ipmitool",
	}},
	{flags: []string{"-N"}, programs: []string{"ssh-keygen"}},
	{flags: []string{"-k", "-K"}, programs: []string{"openssl"}},
	{flags: []string{"-pw", "-rp"}, programs: []string{"plink", "pscp", "psftp", "putty", "manage-bde"}},
	{flags: []string{"-a"}, programs: []string{"redis-cli"}},
	{flags: []string{"-w"}, programs: []string{"ldapsearch", "ldapadd", "ldapmodify", "ldapdelete", "ldapwhoami"}},
	{flags: []string{"-a"}, login: ":", programs: []string{"http", "https", "xh"}},
	{flags: []string{"/rp", "/p"}, programs: []string{
		"schtasks", "veracrypt", "truecrypt", "signtool", "mstsc", "xfreerdp", "wfreerdp",
	}},
}

// programFlagLetters has the first letters of programFlags: behind a dash (1), behind a slash (2).
var programFlagLetters = func() (letters [256]uint8) {
	for _, f := range programFlags {
		for _, flag := range f.flags {
			if flag[0] == '-' {
				letters[flag[1]] |= 1
			} else {
				letters[flag[1]] |= 2
				letters[flag[1]&^0x20] |= 2
			}
		}
	}
	return letters
}()

// mayBeProgramFlag is a quick look at whether arg begins with one of programFlags.
func mayBeProgramFlag(arg string) bool {
	if len(arg) < 2 {
		return false
	}
	letter := programFlagLetters[arg[1]]
	return arg[0] == '-' && letter&1 != 0 || arg[0] == '/' && letter&2 != 0
}

// maxCommand is how far before its flag a program is looked for in a text, in bytes.
const maxCommand = 512

// maxFlag is longer than any of programFlags, in bytes.
const maxFlag = 24

// maxProgramWords is the room for programWords. Too many for it panic before any test runs.
const maxProgramWords = 96

// A programWord is one of the words of a program.
type programWord struct {
	text string
	next bool // the word before it is the one before it in programWords
	last bool // of its program
}

// programWords has the words of all programs, in the order of programFlags. programEnds says where those of each of
// programFlags end, programStarts where those are that begin with a byte, the last first.
var (
	programWords = func() (words [maxProgramWords]programWord) {
		n := 0
		for i := range programFlags {
			for _, program := range programFlags[i].programs {
				next := false
				for text := range strings.SplitSeq(program, " ") {
					words[n] = programWord{text: text, next: next}
					n, next = n+1, true
				}
				words[n-1].last = true
			}
		}
		return words
	}()
	programEnds = func() (ends []int) {
		n := 0
		for _, f := range programFlags {
			for _, program := range f.programs {
				n += 1 + strings.Count(program, " ")
			}
			ends = append(ends, n)
		}
		return ends
	}()
	programStarts = func() (starts [256][]int) {
		for i, w := range slices.Backward(programWords[:]) {
			if w.text != "" {
				low, up := w.text[0], strings.ToUpper(w.text)[0]
				starts[low] = append(starts[low], i)
				if up != low {
					starts[up] = append(starts[up], i)
				}
			}
		}
		return starts
	}()
)

// A programs knows which programs were named in what it has read. Each byte is read once, however many flags follow.
type programs struct {
	// seen has, for each of programWords that came after those before it in its program, 1 + where the program begins.
	seen  [maxProgramWords]int
	end   int // what was read
	steps int
}

// read reads t[k:to] and says that it begins at base. Words are alone, with a path before or an extension behind them.
func (p *programs) read(t string, k, to, base int) {
	p.steps += max(to-k, 0)
	for ; k < to; k++ {
		starts := programStarts[t[k]]
		if len(starts) == 0 || k > 0 && isAlnum(t[k-1]) {
			continue
		}
		for _, i := range starts {
			w := &programWords[i]
			if end := k + len(w.text); end > to || !equalFold(t[k:end], w.text) || end < len(t) && isAlnum(t[end]) {
				continue
			}
			if !w.next {
				p.seen[i] = base + k + 1
			} else if p.seen[i-1] > 0 {
				p.seen[i] = p.seen[i-1]
			}
		}
	}
}

// run reports whether a program of programFlags[flag] was named at from or behind it.
func (p *programs) run(flag, from int) bool {
	i := 0
	if flag > 0 {
		i = programEnds[flag-1]
	}
	for ; i < programEnds[flag]; i++ {
		if programWords[i].last && p.seen[i] > max(from, 0) {
			return true
		}
	}
	return false
}

// programSecret returns where in arg the secret begins that a program takes there; -1 if there is none. prev is the
// argument before arg. The beginning of arg is enough; whole returns all of it, for a login. run reports whether a
// program of programFlags[flag] comes before; it is asked only after that flag.
func programSecret(prev, arg string, whole func() string, run func(flag int) bool) (from int) {
	for i := range programFlags {
		f := &programFlags[i]
		if from = f.secret(prev, arg); from < 0 || !run(i) {
			continue
		}
		if f.login != "" {
			if _, password, _ := strings.Cut(whole()[from:], f.login); password == "" {
				continue
			}
		}
		return from
	}
	return -1
}

func (f *programFlag) secret(prev, arg string) (from int) {
	for _, flag := range f.flags {
		longer := len(arg) > len(flag)
		switch {
		case flag[0] == '/' && longer && arg[len(flag)] == ':' && equalFold(arg[:len(flag)], flag):
			return len(flag) + 1 // /p:secret
		case f.login != "" && longer && arg[len(flag)] == '=' && arg[:len(flag)] == flag:
			return len(flag) + 1 // --user=bob:secret
		case !f.attached && isFlag(prev, flag) && arg != "" && arg[0] != '-':
			return 0
		case flag[0] == '-' && (f.attached || len(flag) == 2) && longer && strings.HasPrefix(arg, flag):
			return len(flag)
		}
	}
	return -1
}

func isFlag(arg, flag string) bool {
	return arg == flag || flag[0] == '/' && equalFold(arg, flag)
}

// programArgument handles the flag of a program in t[i:end]: what follows it, or is attached to it.
func (s *Finder) programArgument(ed *secretEditor, i, end int) int {
	if !mayBeProgramFlag(ed.text[i:]) {
		return 0
	}
	rule := valueRule{name: "password", flag: true}
	if k := ed.nextArgument(end); k > 0 && ed.programSecret(ed.text[i:end], k, i) == 0 {
		return s.value(&ed.editor, k, rule)
	}
	if from := ed.programSecret("", i, i); from > 0 {
		return s.value(&ed.editor, i+from, rule)
	}
	return 0
}

// programSecret is that of the argument at k, behind the flag prev, for the programs before i.
func (e *secretEditor) programSecret(prev string, k, i int) int {
	return programSecret(prev, e.argument(k, maxFlag), func() string { return e.argument(k, maxCommand) },
		func(flag int) bool {
			p := &e.programs
			p.read(e.text, max(p.end, i-maxCommand), i, 0)
			p.end = i
			return p.run(flag, i-maxCommand)
		})
}

// argument returns the one that begins at k, in quotes perhaps, or the beginning of one that is longer than limit.
func (x *scanner) argument(k, limit int) string {
	part := scanner{text: x.text[k:min(len(x.text), k+limit)]}
	defer func() { x.steps += part.steps }()
	from, quote, escapes := part.opening(0)
	if quote == 0 {
		return part.text[:part.wordEnd(0, valueRule{})]
	}
	if end := part.closing(from, len(part.text), quote, escapes); end >= 0 {
		return part.text[from:end]
	}
	return part.text[from:]
}

// Arguments knows which programs were named in the first maxCommand bytes of a list of arguments.
type Arguments struct {
	programs
	next int // the argument that is to be read
}

// ListedArgument returns the argument l[i] without the secret that a program takes in it, and whether there is one. Ask
// for the arguments in their order.
func ListedArgument[V any](a *Arguments, l []V, i int) (string, bool) {
	text := func(i int) string {
		t, _ := any(l[i]).(string)
		return t
	}
	if i == 0 {
		return "", false
	}
	prev, arg := text(i-1), text(i)
	if !mayBeProgramFlag(prev) && !mayBeProgramFlag(arg) {
		return "", false
	}
	from := programSecret(prev, arg, func() string { return arg }, func(flag int) bool {
		for ; a.next < i && a.end < maxCommand; a.next++ {
			t := text(a.next)
			a.read(t, 0, min(len(t), maxCommand), 0)
			a.end += len(t) + len(" ")
		}
		return a.run(flag, 0)
	})
	if from < 0 {
		return "", false
	}
	return arg[:from] + Filtered, true
}
