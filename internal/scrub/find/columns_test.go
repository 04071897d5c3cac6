package find

import (
	"strings"
	"testing"
)

func TestColumns(t *testing.T) {
	t.Parallel()
	f := New(Config{PII: true})
	for name, text := range map[string]string{
		"CSV":            "url,username,password\nhttps://x,bob,S3cr3t\nhttps://y,ann,S3cr3t\n",
		"CSV of Windows": "name;password;note\r\nbob;S3cr3t;x\r\n",
		"in quotes": "\"name\",\"password\",\"x\"\n\"bob\",\"S3cr3t, \"\",S3cr3t\"\"\",\"y\"\n" +
			"\"\",\"\"\"S3cr3t\",\"\"",
		"a plain word":     "user,password\nbob,swordfishS3cr3t",
		"the first column": "password,name\nS3cr3t-1!,bob",
		"two secrets":      "api_key,user,token\nS3cr3t-1!,bob,S3cr3t",
		"tabs":             "name\tpassword\thost\nbob\tS3cr3t\th1",
		"Markdown":         "| name | password | host |\n|:---|---|---|\n| bob | S3cr3t | x |",
		"psql":             " name | password | host\n------+----------+-----\n bob  | S3cr3t   | x",
		"PowerShell": "Name     Password  Host\n----     --------  ----\n" +
			"bob      S3cr3t    h1\nann b              h2\nmüller   S3cr3t    h3",
		"with an umlaut": "Büro     Kennwort  Host\n----     --------  ----\n" +
			"bob      S3cr3t    h1\nmüllerö  S3cr3t    h3",
		"capitals":      "NAME   TOKEN    AGE\nbob    S3cr3t   5d\nann    S3cr3t   6d",
		"behind words":  "import: line 7: name,password\nbob,S3cr3t",
		"behind a text": "accounts:\n\nname,password\nbob,S3cr3t",
	} {
		got := f.Text(text)
		if strings.Contains(got, "S3cr3t") {
			t.Errorf("%s: %q", name, got)
		}
		if again := f.Text(got); again != got {
			t.Errorf("%s: %q became %q", name, got, again)
		}
		if strings.Count(got, "\n") != strings.Count(text, "\n") {
			t.Errorf("%s: lines are missing: %q", name, got)
		}
	}
	for _, text := range []string{
		"user,password\nbob,\nann,none\n",                                   // no value, a state
		"missing user, password\nfirst the one, then the other",             // a sentence
		"name,password\n\nfirst,second",                                     // the table has ended
		"name,password\none,two,three",                                      // no row of it
		"token    the token to send\nsecret   the secret to sign with",      // what a program prints about its flags
		"Name   Token\nfoo    bar",                                          // no rule
		"token\tstring\nsecret\tstring\nhost\tstring",                       // names and types
		"FILE   PASSWORD   SIZE\nx      yes        12\ny      no         7", // states
		"name,size\nbob,S3cr3t",
		"apt|adduser|3.1\napt|base-passwd|3.6\napt|bash|5.2", // a row among others
		"100,adduser,3.1\napt,passwd,v\napt,bash,v5.2-15",    // and behind one that can't be a heading
		"a|b\nc|d", "|", "\n", ",\n,", "password,\n,", "  \n  ", "\"\n\"", "\"password\",\"\n\"",
	} {
		if got := f.Text(text); got != text {
			t.Errorf("%q became %q", text, got)
		}
	}
}

func TestColumnsAreLinear(t *testing.T) {
	t.Parallel()
	f := New(Config{PII: true})
	for _, part := range []string{
		"password,", "password\n", "password,name\n", "a,password\nb,c\n", "\"", "\"\"",
		"|", "--\n", "  ", "NAME  TOKEN\n", "\t",
		"name,password\n\"",
	} {
		steps := func(size int) int {
			ed := editor{scanner: scanner{text: strings.Repeat(part, size/len(part))}}
			f.findColumns(&ed)
			return ed.steps + len(ed.text)
		}
		if short, long := steps(linearBytes), steps(2*linearBytes); float64(long) > maxGrowth*float64(short)+maxSlack {
			t.Errorf("%q: %d steps, %d for twice the size", part, short, long)
		}
	}
}
