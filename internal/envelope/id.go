package envelope

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"strings"

	"github.com/getsentry/sentry-go"
)

// NewID returns a random ID for an event or a check-in.
func NewID() sentry.EventID {
	var id [16]byte
	_, _ = rand.Read(id[:]) // never fails
	return sentry.EventID(hex.EncodeToString(id[:]))
}

// FitID returns id in the form that Sentry accepts; Sentry drops an event or a check-in with another. The same text
// always gives the same ID, so that the check-ins of one run stay together. For "" it returns a new ID.
func FitID(id sentry.EventID) sentry.EventID {
	if id == "" {
		return NewID()
	}
	if plain := PlainID(id); plain != "" {
		return plain
	}
	sum := sha256.Sum256([]byte(id))
	return sentry.EventID(hex.EncodeToString(sum[:16]))
}

// PlainID returns id in Sentry's form, 32 lower-case hexadecimal digits, or "" if id is no ID.
func PlainID(id sentry.EventID) sentry.EventID {
	if isID(id) { // the usual case
		return id
	}
	if id = sentry.EventID(strings.ToLower(strings.ReplaceAll(string(id), "-", ""))); isID(id) {
		return id
	}
	return ""
}

func isID(id sentry.EventID) bool {
	return len(id) == 32 && strings.Trim(string(id), "0123456789abcdef") == ""
}
