package find

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// A command says where programs take a secret in their arguments, though no name tells.
type command struct {
	// programs are in lower case, and then known in any case, or not. "+" joins the words of one: other arguments may
	// stand between them.
	programs string
	// flags stand before the secret. It may be joined to a flag of one letter, and behind ":" to one with a slash; to
	// one that ends in "+" it always is: mysql -psecret.
	flags  string
	login  string // what stands between user and password; a user alone is no secret
	at     int    // which argument that is no flag the secret is, the first is 1
	behind string // what begins the argument behind which at counts
	named  bool   // the secret is an argument behind the name of a secret
	weak   bool   // only what looks like a secret is one
}

var commands = [...]command{
	{programs: "curl", flags: "-u --user -U --proxy-user", login: ":"},
	{programs: "http https xh check_http", flags: "-a", login: ":"},
	{programs: "etcdctl", flags: "--user", login: ":"},
	{programs: "smbclient winexe rpcclient net wmic smbget", flags: "-U --user", login: "%"},
	{programs: "lftp", flags: "-u --user", login: ","},
	{programs: "psexec psexec64 paexec winrs sshpass docker+login podman+login az+login az+ad az+user mongosh " +
		"mongodump mongorestore mongoimport mongoexport mongo rdesktop useradd usermod veracrypt ncftp ncftpget " +
		"ncftpput certutil kinit cqlsh hdbsql racadm twine+upload yt-dlp doveadm+pw " +
		"bdemount ilorest+login oc+login cf+login", flags: "-p"},
	{programs: "mysql mysqldump mysqladmin mariadb mariadb-dump 7z 7za 7zz 7zr rar unrar sshpass", flags: "-p+"},
	{programs: "rar winrar", flags: "-hp+"},
	{programs: "sqlcmd osql isql mssql-cli bcp tsql zip unzip ssh-keygen ipmitool knife", flags: "-P"},
	{programs: "ssh-keygen", flags: "-N"},
	{programs: "openssl", flags: "-k -K"},
	{programs: "plink pscp psftp putty manage-bde", flags: "-pw -rp"},
	{programs: "redis-cli", flags: "-a"},
	{programs: "hdparm", flags: "--security-unlock --security-set-pass --security-erase --security-erase-enhanced " +
		"--security-disable"},
	{programs: "sedutil-cli", flags: "--initialSetup --setSIDPassword --yesIreallywanttoERASEALLmydatausingthePSID"},
	{programs: "slappasswd", flags: "-s"},
	{programs: "pvk2pfx", flags: "-pi -po"},
	{programs: "nuget choco", flags: "-k"},
	{programs: "doctl", flags: "-t"},
	{programs: "mosquitto_pub mosquitto_sub", flags: "-P"}, //nolint:misspell // the name of the program
	{programs: "mcrypt", flags: "-k"},
	{programs: "ccrypt ccencrypt ccdecrypt", flags: "-K"},
	{programs: "bcdedit", flags: "key: key"},
	{programs: "snmpget snmpwalk snmpset snmpbulkwalk snmptable", flags: "-A -X -c"},
	{programs: "ldapsearch ldapadd ldapmodify ldapdelete ldapwhoami ldappasswd kadmin", flags: "-w"},
	{programs: "security+add-generic-password security+add-internet-password", flags: "-w"},
	{programs: "security+unlock-keychain security+create-keychain", flags: "-p"},
	{programs: "schtasks veracrypt truecrypt signtool mstsc xfreerdp wfreerdp winrs wevtutil mbsacli", flags: "/rp /p"},
	{programs: "netdom", flags: "/pd /po"},
	{programs: "sudo openconnect smbpasswd cryptsetup chpasswd kinit gh+auth docker+login", flags: "<<<"},
	{programs: "aws+ssm aws+secretsmanager az+keyvault gh+secret glab+variable",
		flags: "--value --secret-string --body"},
	{programs: "converttosecurestring convertto-securestring", flags: "-String", at: 1},
	{programs: "networkcredential networkcredential]::new pscredential]::new pscredential", at: 2},
	{programs: "net+use net1+use", behind: `\\`, at: 1},
	{programs: "net+user net1+user", at: 2},
	{programs: "rasdial autologon isql", at: 3},
	{programs: "wpa_passphrase radtest rabbitmqctl+add_user rabbitmqctl+change_password", at: 2},
	{programs: "networksetup+-setairportnetwork htpasswd", at: 3, weak: true},
	{programs: "mosquitto_passwd", at: 3, weak: true}, //nolint:misspell // the name of the program
	{programs: "htpasswd", at: 2, weak: true},         // behind a path
	{programs: "dscl+-passwd", at: 1, weak: true},
	{programs: "IDENTIFIED+BY rclone+obscure", at: 1},
	{programs: "identified+by", at: 1, weak: true}, // a sentence, more often
	{programs: "crypto+isakmp+key snmp-server+community set+snmp+community", at: 1},
	{programs: "pragma+key", at: 2, weak: true}, // behind the "="
	{programs: "username+secret username+password", at: 1, weak: true},
	{programs: "username+secret username+password", at: 2, weak: true}, // behind the kind: secret 0 hunter2
	{programs: "vault+login bw+unlock cargo+login nuget+setapikey expect+send", at: 1, weak: true},
	{programs: "samba-tool+create samba-tool+add net+password ftp>+user ipmitool+password", at: 2, weak: true},
	{programs: "ftp+user LOGIN", at: 2, weak: true},
	{programs: "bundle+config", at: 2, login: ":"},
	{programs: "bitsadmin+/setcredentials", at: 5},
	{programs: "radius-server+key message-digest-key+md5 wpa-psk+ascii", at: 1, weak: true},
	{programs: "radius-server+key message-digest-key+md5 wpa-psk+ascii", at: 2, weak: true},
	{programs: "composer+config", behind: "http-basic.", at: 2},
	{programs: "composer+config", behind: "github-oauth.", at: 1},
	{programs: "qpdf", behind: "--encrypt", at: 1},
	{programs: "qpdf", behind: "--encrypt", at: 2},
	{programs: "openssl+passwd", at: 1, weak: true},
	{programs: "mkpasswd", behind: "-m", at: 2},
	{programs: "sqlplus sqlldr imp exp impdp expdp rman+target", at: 1, login: "/", weak: true},
	{programs: "AUTH AUTH+PLAIN AUTH+LOGIN AUTH+CRAM-MD5 PASS", at: 1, weak: true},
	{programs: "setx nmcli pulumi+config aws+configure npm+config yarn+config git+config rclone+config consul+kv",
		named: true},
	{programs: "netsh", flags: "key="},
	{programs: "iwconfig", flags: "key"},
	{programs: "sqlldr imp exp impdp expdp", flags: "userid=", login: "/"},
	{programs: "connect", at: 1, login: "/", weak: true},
	{programs: "poetry+config", behind: "http-basic.", at: 2},
}

// An invocation is a program of a command, by its words.
type invocation struct {
	*command
	words []string
	flags []string
}

// invocations has the programs by the first of their words.
var invocations = func() map[string][]*invocation {
	list := make(map[string][]*invocation)
	for i := range commands {
		c := &commands[i]
		for program := range strings.FieldsSeq(c.programs) {
			words := strings.Split(program, "+")
			list[words[0]] = append(list[words[0]], &invocation{c, words[1:], strings.Fields(c.flags)})
		}
	}
	return list
}()

const (
	maxCommand   = 512 // how far into a list of arguments programs are looked for, in bytes
	maxRunning   = 8   // how many programs are followed in one command line
	maxArguments = 48  // how many arguments behind a program are read
)

// Arguments follows the arguments of a command line, to know which of its programs takes a secret in the next one. The
// zero value is the beginning of one.
type Arguments struct {
	prev    string
	running [maxRunning]running
	started int // how many programs were
	steps   int // bytes read to find them
}

// A running program was named in a command line.
type running struct {
	*invocation
	words int  // how many of its words were seen
	begun bool // the argument behind was seen
	args  int  // how many were counted
}

// Argument returns arg, the next argument of a command line, without the secret that a program takes in it, and whether
// there is one.
func (f *Finder) Argument(a *Arguments, arg string) (string, bool) {
	from := a.next(f.names, arg)
	if from < 0 {
		return "", false
	}
	return arg[:from] + Filtered, true
}

// next returns where in arg, the next argument, a secret begins; -1 if there is none.
func (a *Arguments) next(n *names, arg string) int {
	secret := -1
	for i := range min(a.started, maxRunning) {
		if from := a.running[i].next(n, a.prev, arg); from >= 0 {
			secret = from
		}
	}
	if a.prev = arg; a.steps < maxCommand {
		a.steps += min(len(arg), maxCommand)
		for _, program := range invocationsOf(arg) {
			a.running[a.started%maxRunning] = running{invocation: program}
			a.started++
		}
	}
	return secret
}

// invocationsOf returns the programs that the argument arg may run, which may have a path and an extension.
func invocationsOf(arg string) []*invocation {
	if len(arg) > maxCommand {
		return nil
	}
	name := strings.TrimSuffix(arg, "(")
	name = name[strings.LastIndexAny(name, `/\(`)+1:] // with its path, or $(…
	if n := len(name) - len(".exe"); n > 0 && equalFold(name[n:], ".exe") {
		name = name[:n]
	}
	if programs := invocations[name]; programs != nil {
		return programs
	}
	var low [maxWord]byte
	return invocations[string(lowerTo(low[:], name))]
}

// next returns where in arg, behind prev, the program takes a secret; -1 if it doesn't.
func (r *running) next(n *names, prev, arg string) int {
	if r.words < len(r.invocation.words) {
		if equalFold(arg, r.invocation.words[r.words]) {
			r.words++
		}
		return -1
	}
	from := r.joined(arg)
	dash := arg == "" || arg[0] == '-' && r.behind == "" // net use has flags with slashes only
	slash := strings.HasPrefix(arg, "/")
	path := strings.HasPrefix(prev, "/") && !strings.HasPrefix(prev, "//") // no name
	if !dash && !slash && r.counts(arg) || !dash && r.follows(prev, slash) ||
		r.named && n.secret(lastComponent(prev)) && !path && len(arg) > len("/m") {
		from = 0
	}
	if from < 0 || !r.isSecret(arg[from:]) {
		return -1
	}
	return from
}

// follows reports whether the argument behind prev is the secret of a flag; one that begins with a slash only if the
// flag doesn't.
func (c *invocation) follows(prev string, slash bool) bool {
	return slices.ContainsFunc(c.flags, func(flag string) bool {
		return prev == flag && (!slash || flag[0] == '-') || flag[0] == '/' && !slash && equalFold(prev, flag)
	})
}

// counts reports whether arg, which is no flag, is the one that at counts.
func (r *running) counts(arg string) bool {
	if !r.begun {
		r.begun = strings.HasPrefix(arg, r.behind)
		if r.behind != "" {
			return false
		}
	}
	r.args++
	return r.args == r.at
}

// joined returns where in arg the secret begins that follows a flag; -1 if there is none.
func (c *invocation) joined(arg string) int {
	for _, flag := range c.flags {
		name := strings.TrimSuffix(flag, "+")
		if n := len(name); len(arg) > n && hasPrefixFold(arg, name) {
			switch exact := arg[:n] == name; {
			case flag[n-1] == '=' || flag[n-1] == ':':
				return n // key=secret
			case flag[0] == '/' && arg[n] == ':', exact && c.login != "" && arg[n] == '=':
				return n + 1 // /p:secret, --user=bob:secret
			case exact && flag[0] == '-' && (n < len(flag) || n == len("-p")):
				return n
			}
		}
	}
	return -1
}

// isSecret reports whether a value is what the program takes for a secret.
func (c *command) isSecret(value string) bool {
	if c.login != "" {
		_, value, _ = strings.Cut(value, c.login)
	}
	switch {
	case c.weak && !isSecretive(strings.TrimSuffix(value, `\r`)) && !strings.HasSuffix(value, "="),
		isConstant(strings.TrimRight(value, digits)) && c.weak, // AUTH CRAM-MD5 …
		value == "" || isPunctuation(value) || isReference(value) || isNothing(value):
		return false
	}
	return c.login != "" || c.named || !isHarmless(value, valueRule{name: "password", flag: true})
}

// commandLine handles the command line whose program begins at i.
func (s *Finder) commandLine(ed *editor, i int) int {
	if i < ed.commandEnd {
		return 0 // an argument of another
	}
	var a Arguments
	if end := max(s.arguments(ed, &a, ed.bareArgument(i), len(ed.text)), ed.last); end > i {
		return end
	}
	return 0
}

// arguments handles the command line that begins with w and ends before limit. It returns where the last secret ends.
func (s *Finder) arguments(ed *editor, a *Arguments, w argument, limit int) int {
	t, done := ed.text, w.from
	for left := maxArguments; w.end > w.from && w.from < limit && left > 0; left-- {
		secret := a.next(s.names, t[w.from:w.end])
		if a.started == 0 || strings.Contains(t[w.from:w.end], "\n") { // no argument: the quotes of two
			return done
		}
		ed.commandEnd = max(ed.commandEnd, w.end)
		switch at := w.from + secret; {
		case secret >= 0:
			if classes[t[at]]&classQuote != 0 {
				at, w.end = at+1, w.end-1
			}
			s.findSecrets(ed, min(max(done, ed.last), at), at)
			done = ed.replace(at, w.end, Filtered)
		case w.end < w.next && strings.IndexByte(t[w.from:w.end], ' ') > 0: // a command line of its own, perhaps
			inner := *a
			done = max(done, s.arguments(ed, &inner, ed.bareArgument(w.from), w.end))
		}
		w = ed.nextArgument(w.next)
	}
	return done
}

// An argument is a part of a text, without its quotes; next is where it ends with them. There is none if it is empty.
type argument struct{ from, end, next int }

// nextArgument returns the argument that follows k, in a command line or a list.
func (x *scanner) nextArgument(k int) argument {
	if from := x.nextStart(k); from > 0 {
		return x.argument(from)
	}
	return argument{k, k, k}
}

// nextWord is the text of the argument that follows k.
func (x *scanner) nextWord(k int) string {
	a := x.nextArgument(k)
	return x.text[a.from:a.end]
}

// nextStart returns where the argument that follows k begins, with its quote; 0 if there is none. On another line it
// must be of a list, and no name.
func (x *scanner) nextStart(k int) int {
	gap := x.span(k, len(x.text), classQuote|classBackslash) // ["-p", "x"]
	from := x.span(gap, len(x.text), classBlank|classComma|classOpen)
	if from == gap && k > 0 && strings.IndexByte("\\^", x.text[k-1]) >= 0 { // the command goes on in another line
		from = x.span(k, len(x.text), classWhitespace)
	}
	if from == gap || from == len(x.text) {
		return 0
	}
	if x.text[from-1] == ',' {
		from = x.span(from, len(x.text), classWhitespace)
	}
	if strings.HasPrefix(x.text[from-1:], Filtered) {
		from--
	}
	return from
}

// argument returns the one that begins at k, in quotes or not.
func (x *scanner) argument(k int) argument {
	q, quote, escapes := x.opening(k)
	if quote == 0 {
		return x.bareArgument(k)
	}
	if end := x.closing(q, min(len(x.text), q+maxLookBack), quote, escapes); end >= 0 {
		return argument{q, end, x.span(end, len(x.text), classBackslash) + 1}
	}
	return argument{k, k, k}
}

// bareArgument returns the argument at k that isn't in quotes.
func (x *scanner) bareArgument(k int) argument {
	t, end := x.text, k
	limit := min(len(t), k+maxLookBack)
	const stops = classWhitespace | classQuote | classSemicolon | classPipe
	for ; end < limit && classes[t[end]]&stops == 0; end++ {
		if t[end] == '\\' && end+1 < limit && end > k && strings.IndexByte("rn", t[end+1]) >= 0 &&
			(end+2 == len(t) || t[end+2] == '\\' || classes[t[end+2]]&classUpper != 0) { // a line's end, escaped
			break
		}
	}
	for cut := end == limit; cut && k < end && end < len(t) && !utf8.RuneStart(t[end]); {
		end--
	}
	x.steps += end - k
	if end > k && (t[end-1] == '=' || t[end-1] == ':' || t[k] == '-' && end-k <= len("-hp")) {
		if q, quote, _ := x.opening(end); quote != 0 && q == end+1 { // -p"secret"
			if closing := x.closing(q, limit, quote, 0); closing >= 0 {
				return argument{k, closing + 1, closing + 1}
			}
		}
	}
	next := end
	for ; end > k && strings.IndexByte(":,)]}([{", t[end-1]) >= 0; end-- {
		if classes[t[end-1]]&classOpen != 0 {
			next = end - 1
		}
	}
	return argument{k, end, next}
}

// secretReaders read a secret from what is piped to them.
var secretReaders = [...]string{
	"sudo -S", "sudo -k", "sudo -p", "su -", "doas", "runas", "pkexec", "stdin", "--set-password", "-fd 0",
	"--with-token", "--data-file=-", "passwd", "cryptsetup", "luks", "sshpass", "gocryptfs", "kinit", "pdbedit",
	"gnome-keyring", "keyctl", "secret-tool", "ssh-add", "openconnect", "vpnc", "ansible-vault", "net use",
	"ConvertTo-SecureString",
}

// echoes say what is piped.
var echoes = [...]string{"printf ", "echo ", "yes ", "Write-Output "}

// isRead reports whether the line has one of secretReaders behind i.
func (x *scanner) isRead(i int) bool {
	line, _, _ := strings.Cut(x.text[i:min(len(x.text), i+maxLookBack)], "\n")
	x.steps += len(line)
	return slices.ContainsFunc(secretReaders[:], func(part string) bool { return strings.Contains(line, part) })
}

// piped handles the "|" at i behind what says a secret: (echo hunter2; echo hunter2) | smbpasswd.
func (s *Finder) piped(ed *editor, i int) int {
	t := ed.text
	from, done := max(ed.last, i-maxLookBack), 0
	from += strings.LastIndexByte(t[from:i], '\n') + 1
	before := ed.spanBack(i, from, classBlank)
	quoted := before > from && classes[t[before-1]]&classQuote != 0
	if !quoted && !ed.lineHas(i, echoes[:]) || !ed.isRead(i) {
		return s.apart(ed, i)
	}
	for _, program := range echoes {
		for k := ed.index(from, i, program); k >= 0 && k < i; k = ed.index(min(done, i), i, program) {
			k = ed.skipBlanks(k + len(program))
			a := ed.argument(k)
			for a.end > a.from && (t[a.from] == '-' || t[a.from] == '%') { // echo -n, printf '%s\n'
				a = ed.nextArgument(a.next)
			}
			if k = max(k, a.from); classes[t[k-1]]&classQuote == 0 { // all words
				end := ed.until(k, max(i, k), classSemicolon|classPipe|classClose)
				a.end = k + len(strings.TrimRight(t[k:end], " \t"))
			}
			done = max(ed.replace(a.from, a.end, Filtered), k)
		}
	}
	if done > 0 || !quoted {
		return done
	}
	start := from + strings.LastIndexByte(t[from:before-1], t[before-1]) + 1
	return ed.replace(start, before-1, Filtered) // "hunter2" | ConvertTo-SecureString
}
