// Package find finds secrets and personal data in texts.
//
// A secret is known by the name beside it (names.go says which names, assignment.go, apart.go, element.go and extent.go
// where its value is) or above it (columns.go), by the program that takes it (command.go), or by its own form
// (token.go, url.go, number.go), and becomes [Filtered]. trigger.go and word.go say at which bytes a pattern may be,
// layer.go reads what is encoded once more. Personal data (personal.go, identity.go) becomes ~, [dir], [host], [user]
// and the like.
package find

import "strings"

// Filtered stands where a secret was.
const Filtered = "[Filtered]"

// Dir stands where the working folder or the program's was.
const Dir = "[dir]"

// Host stands where the machine's name was.
const Host = "[host]"

// CutMark ends a text whose rest was cut off.
const CutMark = "…"

// Config says what is secret and what is personal, beside what always is.
type Config struct {
	SecretKeys []string // names of values to filter, in any notation
	PII        bool     // personal data may be sent: the fields below are not used
	Homes      []string // this user's home folders
	Hosts      []string // this machine's names
	Users      []string // this user's names; DOMAIN\name is split
	Dirs       []string // working folder, executable's folder
}

// A Finder finds secrets and, unless Config.PII was set, personal data. It is immutable and safe for concurrent use.
type Finder struct {
	names    *names
	personal *personal // nil: personal data stays
}

// New returns a Finder for c, of which it keeps nothing. It costs some 50 µs.
func New(c Config) *Finder {
	f := &Finder{names: newNames(c.SecretKeys)}
	if !c.PII {
		f.personal = newPersonal(c)
		f.names.words.add(kindAddress, addressNames...)
	}
	return f
}

// Text returns t without what is secret or personal in it, t itself when there is nothing. Valid UTF-8 stays valid, and
// scrubbing twice is scrubbing once.
func (f *Finder) Text(t string) string {
	if len(t) < minTextBytes {
		return t
	}
	t = f.secrets(t)
	if f.personal != nil {
		t = f.personal.text(t)
	}
	return t
}

// minTextBytes is the length of the shortest text that can hold anything to remove: "~" for /root.
const minTextBytes = 4

// SecretName reports whether values under name are secrets. It allocates nothing.
func (f *Finder) SecretName(name string) bool { return f.names.secret(name) }

// SecretFlag reports whether an argument is a flag whose value, a secret, is the next argument.
func (f *Finder) SecretFlag(arg string) bool {
	if len(arg) < 2 || arg[0] != '-' && arg[0] != '/' || strings.ContainsAny(arg[1:], "=:/ ") {
		return false
	}
	return f.names.secret(strings.TrimLeft(arg, "-/"))
}

// Personal reports whether personal data is removed.
func (f *Finder) Personal() bool { return f.personal != nil }

// OwnName reports whether name, in any case, is one of this machine or its user that is replaced.
func (f *Finder) OwnName(name string) bool { return f.personal != nil && f.personal.names(name) }
