package scrub

import (
	"bytes"
	"encoding/binary"
	"path"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/getsentry/sentry-go"
)

// Payload returns the payload of an attachment as it may leave: that of a text without what is secret or personal,
// another as it is. a.Payload isn't written to.
func (s *Scrubber) Payload(a *sentry.Attachment) (payload []byte) {
	if !isText(a) {
		return a.Payload
	}
	defer func() {
		if recover() != nil {
			payload = []byte(failed)
		}
	}()
	before := decoded(a.Payload)
	after := s.Text(before)
	if after == before {
		return a.Payload
	}
	return []byte(after)
}

// textTypes are the content types of texts beside text/…; textFiles the names' extensions where the type says nothing.
var (
	textTypes = [...]string{
		"json", "xml", "yaml", "x-yaml", "toml", "javascript", "sql", "csv", "x-sh", "x-www-form-urlencoded",
		"x-ndjson",
	}
	textFiles = map[string]bool{
		".txt": true, ".log": true, ".out": true, ".err": true, ".md": true, ".csv": true, ".tsv": true, ".html": true,
		".htm": true, ".json": true, ".jsonl": true, ".ndjson": true, ".xml": true, ".yaml": true, ".yml": true,
		".toml": true, ".sql": true, ".ini": true, ".cfg": true, ".conf": true, ".config": true, ".properties": true,
		".env": true, ".reg": true, ".inf": true, ".bat": true, ".cmd": true, ".ps1": true, ".sh": true, ".vbs": true,
		".trace": true, ".dump": true, ".har": true, ".eml": true,
	}
)

// isText reports whether an attachment says that it is a text. Where neither its type nor its name does, as with
// "output" and "app.log.1", its content decides.
func isText(a *sentry.Attachment) bool {
	kind, _, _ := strings.Cut(strings.ToLower(a.ContentType), ";")
	kind = strings.TrimSpace(kind)
	switch {
	case strings.HasPrefix(kind, "text/"):
		return true
	case kind == "" || kind == "application/octet-stream":
		ext := strings.ToLower(path.Ext(strings.ReplaceAll(a.Filename, `\`, "/")))
		return textFiles[ext] || strings.Trim(ext, ".0123456789") == "" && looksLikeText(a.Payload)
	}
	_, sub, _ := strings.Cut(kind, "/")
	if plus := strings.LastIndexByte(sub, '+'); plus >= 0 {
		sub = sub[plus+1:]
	}
	for _, text := range textTypes {
		if sub == text {
			return true
		}
	}
	return false
}

// looksLikeText reports whether payload is text in UTF-8, perhaps with the colours of a terminal.
func looksLikeText(payload []byte) bool {
	return utf8.Valid(payload) && !bytes.ContainsFunc(payload, func(r rune) bool {
		return r < ' ' && !strings.ContainsRune("\t\n\f\r\x1b", r)
	})
}

// decoded returns the text in payload, which may be in UTF-16 with its mark.
func decoded(payload []byte) string {
	var order binary.ByteOrder
	switch {
	case bytes.HasPrefix(payload, []byte("\xff\xfe")):
		order = binary.LittleEndian
	case bytes.HasPrefix(payload, []byte("\xfe\xff")):
		order = binary.BigEndian
	default:
		return string(payload)
	}
	units := make([]uint16, 0, len(payload)/2)
	for i := 2; i+1 < len(payload); i += 2 {
		units = append(units, order.Uint16(payload[i:]))
	}
	return string(utf16.Decode(units))
}
