package scrub

import "strings"

// A programFlag is followed by a secret in the arguments of some programs, though its name doesn't tell.
type programFlag struct {
	flags    []string // of a dash and a letter: with a blank between or none
	attached bool     // never with a blank: mysql -psecret
	login    bool     // by user:password; a user alone is no secret
	programs []string // words in lower case; others may stand between them
}

var programFlags = []programFlag{
	{flags: []string{"-u", "--user", "-U", "--proxy-user"}, login: true, programs: []string{"curl"}},
	{flags: []string{"-p"}, programs: []string{
		"psexec", "psexec64", "winrs", "sshpass", "docker login", "podman login", "az login", "mongosh", "mongodump",
	}},
	{flags: []string{"-p"}, attached: true, programs: []string{
		"mysql", "mysqldump", "mysqladmin", "mariadb", "7z", "7za", "rar", "unrar",
	}},
	{flags: []string{"-hp"}, attached: true, programs: []string{"rar"}},
	{flags: []string{"-P"}, programs: []string{"sqlcmd", "bcp", "zip", "unzip"}},
	{flags: []string{"-pw"}, programs: []string{"plink", "pscp"}},
	{flags: []string{"-a"}, programs: []string{"redis-cli"}},
	{flags: []string{"-w"}, programs: []string{"ldapsearch"}},
	{flags: []string{"/rp", "/p"}, programs: []string{"schtasks"}},
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

// programSecret returns where in arg the secret begins that a program takes there; -1 if there is none. prev is the argument
// before arg; command returns all before arg, in lower case, and is asked only after one of programFlags.
func programSecret(command func() string, prev, arg string) (from int) {
	line := ""
	for i := range programFlags {
		f := &programFlags[i]
		if from = f.secret(prev, arg); from < 0 {
			continue
		}
		if line == "" {
			line = command()
		}
		for _, program := range f.programs {
			if runs(line, program) {
				return from
			}
		}
	}
	return -1
}

func (f *programFlag) secret(prev, arg string) (from int) {
	for _, flag := range f.flags {
		switch {
		case !f.attached && isFlag(prev, flag) && arg != "" && arg[0] != '-':
			from = 0
		case flag[0] == '-' && (f.attached || len(flag) == 2) && len(arg) > len(flag) && strings.HasPrefix(arg, flag):
			from = len(flag)
		default:
			continue
		}
		if f.login {
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

// runs reports whether command, in lower case, names the words of program, with a path before or an extension behind them.
func runs(command, program string) bool {
	for word := range strings.SplitSeq(program, " ") {
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

// programArgument handles the flag of a program in t[i:end]: what follows it, or is attached to it.
func (s *Scrubber) programArgument(ed *editor, i, end int) int {
	t := ed.text
	if !mayBeProgramFlag(t[i:]) {
		return 0
	}
	command := func() string {
		ed.steps += min(i, maxCommand) * 16
		return strings.ToLower(t[max(0, i-maxCommand):i])
	}
	rule := valueRule{name: "password"}
	if k := ed.nextArgument(end); k > 0 && programSecret(command, t[i:end], ed.argument(k)) == 0 {
		return s.value(ed, k, rule)
	}
	if from := programSecret(command, "", ed.argument(i)); from > 0 {
		return s.value(ed, i+from, rule)
	}
	return 0
}

// argument returns the one that begins at k, in quotes perhaps, or the beginning of a long one.
func (x *scanner) argument(k int) string {
	part := scanner{text: x.text[k:min(len(x.text), k+maxCommand)]}
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

// listedArgument returns the argument l[i] without the secret that a program takes in it, and whether there is one.
func listedArgument[V any](l []V, i int) (string, bool) {
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
	from := programSecret(func() string {
		var command strings.Builder
		for j := 0; j < i && command.Len() < maxCommand; j++ {
			command.WriteString(text(j) + " ")
		}
		return strings.ToLower(command.String())
	}, prev, arg)
	if from < 0 {
		return "", false
	}
	return arg[:from] + Filtered, true
}
