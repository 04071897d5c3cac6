package find

import (
	"fmt"
	"strings"
	"testing"
)

// rowFound returns a check that secret is found in text, by a row of the tables.
func rowFound(t *testing.T) func(row, text, secret string) {
	f := New(Config{PII: true})
	return func(row, text, secret string) {
		t.Helper()
		if got := f.Text(text); strings.Contains(got, secret) || !strings.Contains(got, Filtered) {
			t.Errorf("%s: %q is left in %q", row, secret, got)
		}
	}
}

// Each row of the tables finds what it is for, by itself: a row that never can, does no harm and no good.
func TestEveryRow(t *testing.T) {
	t.Parallel()
	found := rowFound(t)
	const value = "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8s9T0u1V2w3X4y5Z6" +
		"a7B8c9D0e1F2g3H4i5J6k7L8m9N0o1P2q3R4s5T6u7V8w9X0y1Z2"
	for i, format := range tokenFormats {
		token := format.prefix + value[:max(format.min, 24)]
		if format.example != "" {
			token = format.example
		}
		if !strings.HasPrefix(token, format.prefix) {
			t.Errorf("%s has the example of another: %s", format.prefix, token)
		}
		found(format.prefix, "x "+token+" y", token)
		for _, other := range tokenFormats[:i] {
			if strings.HasPrefix(format.prefix, other.prefix) && other.min <= format.min && !other.random {
				t.Errorf("%s is found as %s", format.prefix, other.prefix)
			}
		}
	}
	for _, c := range cards {
		if !strings.HasPrefix(c.example, c.prefix) {
			t.Errorf("%s has the example of another: %s", c.prefix, c.example)
		}
		found(c.prefix, "x "+c.example+" y", c.example)
	}
	for _, hook := range webhooks {
		found(hook.host, "POST https://"+hook.host+"/x"+hook.path+"T0/S3cr3t: EOF", "S3cr3t")
	}
	for _, scheme := range lineSchemes {
		found(scheme, "Authorization: "+scheme+" x=1, y=S3cr3tWord", "S3cr3tWord")
	}
	for _, scheme := range wordSchemes {
		found(scheme, "X-Token: "+scheme+" S3cr3tWord", "S3cr3tWord")
	}
	for _, sigil := range sigils {
		found(sigil, "password="+sigil+`"S3cr3t Word"`, "Word")
	}
	for _, part := range secretReaders {
		found(part, "echo S3cr3tWord | x "+part+" y", "S3cr3tWord")
	}
	for _, dashes := range [...][2]string{{"-----", "-----"}, {"---- ", " ----"}} { // PEM, SSH2
		label := "END RSA " + pemKey + dashes[1]
		found(label, dashes[0]+"BEGIN RSA "+pemKey+dashes[1]+"\nS3cr3tWord\n"+dashes[0]+label, "S3cr3tWord")
	}
	for bit := range onWord {
		some := false
		for c := range 256 {
			some = some || triggersAt[c]>>bit&1 != 0
		}
		if !some {
			t.Errorf("the trigger %d has no byte", bit)
		}
	}
}

func TestEveryCommand(t *testing.T) {
	t.Parallel()
	found := rowFound(t)
	for _, c := range commands {
		secret := "S3cr3tWord"
		if c.login != "" {
			secret = "bob" + c.login + secret + "@db"
		}
		for program := range strings.FieldsSeq(c.programs) {
			words := strings.ReplaceAll(program, "+", " ")
			for flag := range strings.FieldsSeq(c.flags) {
				flag, attached := strings.CutSuffix(flag, "+")
				if !attached {
					flag += " "
				}
				found(words+" "+flag, words+" -x "+flag+secret+" y", "S3cr3tWord")
			}
			if c.at > 0 {
				behind := ""
				if c.behind != "" {
					behind = c.behind + "x "
				}
				found(words, words+" "+behind+strings.Repeat("arg ", c.at-1)+secret, "S3cr3tWord")
			}
			if c.named {
				found(words, words+" set my_token "+secret, "S3cr3tWord")
			}
			if len(words) > maxWord {
				t.Errorf("%s is never looked up", words)
			}
		}
	}
}

// Each name that is in the tables is one of a secret, in any spelling.
func TestEveryName(t *testing.T) {
	t.Parallel()
	f := New(Config{PII: true})
	for _, name := range secretWords {
		for _, form := range []string{"%s", "my_%s", "%s_2"} {
			if n := fmt.Sprintf(form, name); !f.SecretName(n) {
				t.Errorf("%s is no secret", n)
			}
		}
		if text := name + "=S3cr3tWord:a@b"; strings.Contains(f.Text(text), "S3cr3tWord") {
			t.Errorf("%q stays", text)
		}
	}
	for _, word := range append(aspectWords, amountWords...) {
		if word != strings.ToLower(word) || len(word) > maxWordBytes {
			t.Errorf("%q is never looked up", word)
		}
	}
}
