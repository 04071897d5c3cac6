package scrub

import "strings"

// A program takes a secret in an argument whose name doesn't tell.
type program struct {
	command  string   // its words in lower case; others may stand between them
	flags    []string // what the secret follows; of a dash and a letter: with a blank between or none
	attached bool     // never with a blank: mysql -psecret
	login    bool     // of user:password; a user alone is no secret
}

var programs = []program{
	{command: "curl", flags: []string{"-u", "--user", "-U", "--proxy-user"}, login: true},
	{command: "psexec", flags: []string{"-p"}},
	{command: "psexec64", flags: []string{"-p"}},
	{command: "winrs", flags: []string{"-p"}},
	{command: "schtasks", flags: []string{"/rp", "/p"}},
	{command: "sqlcmd", flags: []string{"-P"}},
	{command: "bcp", flags: []string{"-P"}},
	{command: "plink", flags: []string{"-pw"}},
	{command: "pscp", flags: []string{"-pw"}},
	{command: "sshpass", flags: []string{"-p"}},
	{command: "docker login", flags: []string{"-p"}},
	{command: "podman login", flags: []string{"-p"}},
	{command: "az login", flags: []string{"-p"}},
	{command: "redis-cli", flags: []string{"-a"}},
	{command: "ldapsearch", flags: []string{"-w"}},
	{command: "mongosh", flags: []string{"-p"}},
	{command: "mongodump", flags: []string{"-p"}},
	{command: "mysql", flags: []string{"-p"}, attached: true},
	{command: "mysqldump", flags: []string{"-p"}, attached: true},
	{command: "mysqladmin", flags: []string{"-p"}, attached: true},
	{command: "mariadb", flags: []string{"-p"}, attached: true},
	{command: "7z", flags: []string{"-p"}, attached: true},
	{command: "7za", flags: []string{"-p"}, attached: true},
	{command: "rar", flags: []string{"-p", "-hp"}, attached: true},
	{command: "unrar", flags: []string{"-p"}, attached: true},
	{command: "zip", flags: []string{"-P"}},
	{command: "unzip", flags: []string{"-P"}},
}

// programFlags has which letters, behind a dash (1) or a slash (2), begin one of programs' flags.
var programFlags = func() (letters [256]uint8) {
	for _, p := range programs {
		for _, flag := range p.flags {
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

// mayBeProgramFlag is a quick look at whether arg begins with a flag of one of programs.
func mayBeProgramFlag(arg string) bool {
	if len(arg) < 2 {
		return false
	}
	letter := programFlags[arg[1]]
	return arg[0] == '-' && letter&1 != 0 || arg[0] == '/' && letter&2 != 0
}

// maxCommand is how far before its flag a program is looked for in a text, in bytes.
const maxCommand = 512

// programSecret returns where in arg the secret begins that a program takes there; -1 if there is none. prev is the argument
// before arg; command returns all before arg, in lower case, and is asked only when the flag is one of a program's.
func programSecret(command func() string, prev, arg string) (from int) {
	line := ""
	for i := range programs {
		p := &programs[i]
		if from = p.secret(prev, arg); from < 0 {
			continue
		}
		if line == "" {
			line = command()
		}
		if p.runs(line) {
			return from
		}
	}
	return -1
}

func (p *program) secret(prev, arg string) (from int) {
	for _, flag := range p.flags {
		switch {
		case !p.attached && isFlag(prev, flag) && arg != "" && arg[0] != '-':
			from = 0
		case flag[0] == '-' && (p.attached || len(flag) == 2) && len(arg) > len(flag) && strings.HasPrefix(arg, flag):
			from = len(flag)
		default:
			continue
		}
		if p.login {
			_, password, _ := strings.Cut(arg[from:], ":")
			if password == "" {
				continue
			}
		}
		return from
	}
	return -1
}

func isFlag(arg, flag string) bool {
	return arg == flag || flag[0] == '/' && equalFold(arg, flag)
}

// runs reports whether the program is named in a command line: in lower case, with a path before or an extension behind it.
func (p *program) runs(command string) bool {
	for words := p.command; words != ""; {
		var word string
		word, words, _ = strings.Cut(words, " ")
		for {
			n := strings.Index(command, word)
			if n < 0 {
				return false
			}
			alone := (n == 0 || !isAlnum(command[n-1])) && (n+len(word) == len(command) || !isAlnum(command[n+len(word)]))
			if command = command[n+len(word):]; alone {
				break
			}
		}
	}
	return true
}

// programArgument handles the flag of a program at i: what follows it, or is attached to it.
func (s *Scrubber) programArgument(ed *editor, i int) int {
	t := ed.text
	if !mayBeProgramFlag(t[i:]) {
		return 0
	}
	command := func() string { return strings.ToLower(t[max(0, i-maxCommand):i]) }
	end := i + 1
	for end < len(t) && (isAlnum(t[end]) || t[end] == '-') {
		end++
	}
	rule := valueRule{name: "password"}
	if k := nextArgument(t, end); k > 0 && programSecret(command, t[i:end], argument(t, k)) == 0 {
		return s.value(ed, k, rule)
	}
	if from := programSecret(command, "", argument(t, i)); from > 0 {
		return s.value(ed, i+from, rule)
	}
	return 0
}

// argument returns the one that begins at k, in quotes perhaps, or the beginning of a long one.
func argument(t string, k int) string {
	t = t[k:min(len(t), k+maxCommand)]
	from, quote, escapes := opening(t, 0)
	if quote == 0 {
		return t[:wordEnd(t, 0, valueRule{})]
	}
	if end := closing(t, from, quote, escapes); end >= 0 {
		return t[from:end]
	}
	return t[from:]
}

// nextArgument returns where the argument after the one that ends at end begins, in a command line or in a list; 0 if there is
// none, or it is a flag.
func nextArgument(t string, end int) int {
	k := end
	for k < len(t) && strings.IndexByte("\"'`\\", t[k]) >= 0 { // ["--password", "x"]
		k++
	}
	gap := k
	for k < len(t) && strings.IndexByte(" \t,\r\n", t[k]) >= 0 {
		k++
	}
	if k == gap || k == len(t) || t[k] == '-' || strings.ContainsAny(t[gap:k], "\r\n") && isQuotedName(t, k) {
		return 0
	}
	return k
}
