package envelope

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"strings"

	"github.com/getsentry/sentry-go"
)

// NewID returns an ID for an event or a check-in.
func NewID() sentry.EventID {
	var id [16]byte
	_, _ = rand.Read(id[:]) // never fails
	return sentry.EventID(hex.EncodeToString(id[:]))
}

// FitID returns the ID of an event or a check-in as Sentry takes it: it drops what has another. The same text becomes
// the same ID, so that the check-ins of one run stay together.
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

// PlainID returns id as Sentry writes it, in 32 small hexadecimal digits; "" for what is no ID.
func PlainID(id sentry.EventID) sentry.EventID {
	if isID(id) { // as nearly all are
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
