package find

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

const (
	// linearBytes is about the size of the shorter text. A look-ahead of 4 KiB in vain is as dear as one without end.
	linearBytes = 2 << 10
	// maxGrowth is what a text of twice the size may cost at most, maxSlack what it may cost beyond that.
	maxGrowth = 2.2
	maxSlack  = 1024
	// maxStepsPerByte is what the dearest text may cost: look-backs and look-aheads that may be in vain again and
	// again.
	maxStepsPerByte = 200
)

// linearOwner has folders and names that begin, and nearly go on, like what the tests repeat.
var linearOwner = Config{
	Homes: []string{"/home/anyone"}, Users: []string{"anyone"}, Hosts: []string{"box-1.corp.example"},
	Dirs: []string{"/a/a/a"},
}

// textSteps returns the bytes that Text reads in t, some of them again and again, and what becomes of t.
func textSteps(s *Finder, t string) (steps int, out string) {
	secret := editor{scanner: scanner{text: t}}
	s.findSecrets(&secret, 0, len(t))
	private := editor{scanner: scanner{text: secret.done()}}
	s.personal.find(&private)
	return secret.steps + private.steps + len(t) + len(private.text), private.done()
}

// checkLinear compares what text(1) costs with text(2), which is twice as long.
func checkLinear(t *testing.T, s *Finder, text func(times int) string) {
	t.Helper()
	once, twice := text(1), text(2)
	short, _ := textSteps(s, once)
	long, out := textSteps(s, twice)
	if float64(long) > maxGrowth*float64(short)+maxSlack {
		t.Errorf("%.60q…: %d steps for %d bytes, %d for %d", once, short, len(once), long, len(twice))
	}
	if long > maxStepsPerByte*len(twice) {
		t.Errorf("%.60q…: %d steps a byte", once, long/len(twice))
	}
	if utf8.ValidString(twice) && !utf8.ValidString(out) {
		t.Errorf("%.60q…: invalid UTF-8", once)
	}
}

// repeated makes texts of linearBytes, and of a multiple of them. Quotes come in pairs.
func repeated(part string) func(int) string {
	return func(times int) string { return strings.Repeat(part, times*max(linearBytes/len(part)&^7, 8)) }
}

// followers are what typically stands behind, and so before, the parts of a secret's pattern.
var followers = []string{
	"", "a", "A", "7", "-", "_", ".", "/", `\`, "%", "@", ":", "=", ": ", "= ", " ", "\t", "\n", "\r\n", ",", ";", "&", "#", "'",
	`"`, "`", `\"`,
	`":"`, "<", ">", "(", "[", "{", ")", "]", "}", "a1", "a.", " a ", ":\n ", "-a", "a:b@c", "%3D", "%20", "://",
	"é", "\x80", ":a", "|", "!",
}

// patternParts are what secrets and personal data are recognised by: all rows of the package's tables.
func patternParts(s *Finder) (parts []string) {
	for c := range triggersAt {
		if triggersAt[c] != 0 || s.personal.triggers[c] {
			parts = append(parts, string([]byte{byte(c)}))
		}
	}
	for _, f := range tokenFormats {
		parts = append(parts, f.prefix)
	}
	for _, c := range commands {
		for program := range strings.FieldsSeq(c.programs) {
			words := strings.ReplaceAll(program, "+", " ")
			parts = append(parts, words, words+" a ")
			if c.behind != "" || c.named {
				parts = append(parts, words+" token ", words+" "+c.behind+"a ")
			}
		}
		parts = append(parts, strings.Fields(strings.ReplaceAll(c.flags, "+", ""))...)
	}
	parts = append(parts, "eyJ", "bearer", "Bearer", "basic", "Basic", "PW", "pw ")
	for country := range ibans {
		parts = append(parts, country+"12")
	}
	for _, c := range cards {
		parts = append(parts, c.prefix, c.example[:minCard-1]+" ")
	}
	for _, code := range urlEscapes {
		parts = append(parts, "%"+code, "a%"+code+"a ")
	}
	for _, d := range disguises {
		parts = append(parts, d.hidden, "a"+d.hidden+":a ", d.hidden+"[0;")
	}
	for _, f := range homeNames {
		parts = append(parts, "/"+f.name+"/", `\`+f.name+`\`, "/"+f.unix+"/a ")
	}
	for _, words := range []map[string]bool{
		copulas, registryWords, harmlessCookies, operations, homeParents, windowsRoots,
	} {
		for word := range words {
			parts = append(parts, word, "password "+word+" ", word+": ")
		}
	}
	for _, hook := range webhooks {
		parts = append(parts, "https://"+hook.host+hook.path, hook.host, hook.path)
	}
	for _, list := range [][]string{
		lineSchemes[:], wordSchemes[:], secretReaders[:], userFlags[:], sigils[:], driverNetworks[:],
		diskParents[:], fileSchemes[:], strings.Fields(saidNames), keyShapes[:], accounts[:],
		escapedSeparators[:], marks[:], networkWords[:], echoes[:],
		{"-----BEGIN ", "-----END ", "-----", "-----BEGIN PRIVATE KEY-----", "-----END PRIVATE KEY-----",
			"-----BEGIN PRIVATE KEY", "---- BEGIN PRIVATE KEY ----", "---- END PRIVATE KEY ----", "Private-Lines: 1\nAAAA"},
		{Filtered, Dir, Host, userMark, homeMark, CutMark, "map[", "[]string{", "&{", "value", "nil", "<nil>"},
		{"/home/", "/Users/", `C:\Users\`, `C:\Documents and Settings\`, "/a/a", "anyone", "box-1", "C:"},
		{"%2f", "%5c", `\u00e9`},
		{"'", `"`, "`", `\'`, `\"`, "\\`", `\\"`, `\\\"`, "''", `""`},
	} {
		parts = append(parts, list...)
	}
	slices.Sort(parts) // tables that are maps have no order
	return parts
}

// nameForms are how a name stands before a value.
var nameForms = []string{
	"%s=", "%s: ", "%s:", `"%s":"`, `"%s": `, "'%s' => ", `\"%s\":\"`, "--%s ", "-%s ", "/%s ", " /%s '",
	"<%s>", "<%s ", "<%s/>", "%s%%3D",
	";%s= ", ";%s=a ", "?%s=", "&%s=a", "\n%s: a", "\n%s:\n - a", "\n%s: |\n a", "%s a", `name="%s"` + "\n\n",
	`"name":"%s","value":`, "%s[", "%s={",
	"%s=/a/b", "%s=${a", "[%s]=", "%s          ", "%s = a:b,", "--%s\n\"", "%s:\n\"a", "%s:basic a", "%s: is a",
}

// some is the whole list, but with the race detector a part: it makes counting seven times as dear, and finds nothing.
func some[T any](list []T) []T {
	if !raceEnabled {
		return list
	}
	var part []T
	for i := 0; i < len(list); i += 7 {
		part = append(part, list[i])
	}
	return part
}

// TestListedArgumentsAreLinear: the programs before a flag are read once for a list, and no long argument whole.
func TestListedArgumentsAreLinear(t *testing.T) {
	t.Parallel()
	var list []string
	for range 5000 {
		list = append(list, "-p", "-pw", "x", "/rp")
	}
	f := New(Config{PII: true})
	for _, first := range []string{"", "ssh", "7z", strings.Repeat("ssh ", 1<<18)} {
		var a Arguments
		for _, arg := range append([]string{first}, list...) {
			f.Argument(&a, arg)
		}
		if a.steps > 2*maxCommand {
			t.Errorf("%.10q: %d bytes read", first, a.steps)
		}
	}
}

// TestTextIsLinear gives Text what makes it look ahead and back as often as possible, and counts what it reads.
func TestTextIsLinear(t *testing.T) {
	t.Parallel()
	s := New(linearOwner)
	t.Run("parts", func(t *testing.T) {
		t.Parallel()
		for _, part := range some(patternParts(s)) {
			for _, f := range followers {
				checkLinear(t, s, repeated(part+f))
			}
		}
	})
	t.Run("names", func(t *testing.T) {
		t.Parallel()
		others := []string{"pass", "tokens", "session", "key", "name", "user_authorization", "x.value"}
		for _, name := range some(slices.Concat(secretWords, others)) {
			for _, form := range nameForms {
				checkLinear(t, s, repeated(fmt.Sprintf(form, name)))
			}
		}
	})
	t.Run("programs", func(t *testing.T) {
		t.Parallel()
		for _, c := range some(commands[:]) {
			for program := range strings.FieldsSeq(c.programs) {
				words := strings.ReplaceAll(program, "+", " ")
				for flag := range strings.FieldsSeq(strings.ReplaceAll(c.flags, "+", "")) {
					for _, after := range []string{
						"", " ", "a ", " a ", " a:b ", ` "`, "\n\"", "=", "(", "a:", "'a", "… ", "A B ",
					} {
						checkLinear(t, s, repeated(words+" "+flag+after))
						checkLinear(t, s, repeated(words+" `"+flag+after))
						checkLinear(t, s, repeated(flag+after))
					}
				}
			}
		}
	})
}

// TestMixedTextIsLinear puts parts of patterns together by chance.
func TestMixedTextIsLinear(t *testing.T) {
	t.Parallel()
	s := New(linearOwner)
	parts := slices.Concat(patternParts(s), followers[1:], nameForms, secretWords)
	r := rand.New(rand.NewPCG(1, 2))
	for range 1500 {
		unit := ""
		for range 2 + r.IntN(4) {
			unit += parts[r.IntN(len(parts))]
		}
		first := parts[r.IntN(len(parts))]
		checkLinear(t, s, repeated(unit))
		// One kind of text and then another: what is begun in the first may be looked for in the second.
		checkLinear(t, s, func(times int) string { return repeated(first)(times) + repeated(unit)(times) })
	}
}

// TestLongTextIsLinear has all parts of patterns in one text of some 512 KiB.
func TestLongTextIsLinear(t *testing.T) {
	t.Parallel()
	s := New(linearOwner)
	parts := patternParts(s)
	checkLinear(t, s, func(times int) string {
		var b strings.Builder
		for _, part := range parts {
			b.WriteString(repeated(part + " ")(times))
		}
		return b.String()
	})
}

// TestLongWebhook: the secret of a webhook goes on to the end of the URL, and no character is cut in two.
func TestLongWebhook(t *testing.T) {
	t.Parallel()
	const hook = "https://hooks.slack.com/services/"
	got := New(Config{PII: true}).Text("x" + hook + strings.Repeat("é", maxLookAhead) + " y")
	if want := "x" + hook + Filtered + " y"; got != want {
		t.Errorf("got %d bytes: %.100q", len(got), got)
	}
}

// TestNestedTextIsLinear has quotes and URLs within each other, behind more and more escapes.
func TestNestedTextIsLinear(t *testing.T) {
	t.Parallel()
	s := New(linearOwner)
	for _, form := range []string{"-p\n%s\"", "token:\n%s\"", "\"%s\"password:", "%%%s3A%%%[1]s2F%%%[1]s2F"} {
		checkLinear(t, s, func(times int) string {
			bytes := times * 4 * maxLookAhead
			var b strings.Builder
			for n := 1; b.Len() < bytes; n++ {
				escape := strings.Repeat(`\`, n)
				if strings.HasPrefix(form, "%%") {
					escape = strings.Repeat("25", n)
				}
				fmt.Fprintf(&b, form, escape)
			}
			return b.String()[:bytes]
		})
	}
}

// TestMegabytes grows each prefix, flag, quote and name of the tables to half a MiB, and to one.
func TestMegabytes(t *testing.T) {
	t.Parallel()
	if testing.Short() || raceEnabled {
		t.Skip("it reads hundreds of MiB")
	}
	s := New(linearOwner)
	parts := append(patternParts(s), "SG.", "-eyJ", "token: ", `\"secret\":\"`, "password ", "Kennwort für ", "key <x ")
	for _, name := range secretWords {
		parts = append(parts, name+"=")
	}
	seen := make(map[string]bool)
	for _, part := range parts {
		if seen[part] || part == "" || strings.HasSuffix(part, " a ") || strings.HasPrefix(part, "password ") {
			continue // those have texts of some KiB
		}
		seen[part] = true
		checkLinear(t, s, func(times int) string { return strings.Repeat(part, times<<19/len(part)) })
	}
}
