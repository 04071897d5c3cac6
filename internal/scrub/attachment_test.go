package scrub

import (
	"testing"

	"github.com/getsentry/sentry-go"
)

func TestAttachments(t *testing.T) {
	t.Parallel()
	s := New(plantedConfig(false))
	const text, clean = "open /home/joanna.owner/x: password=Hunter2Secret\n", "open ~/x: password=[Filtered]\n"
	wide := func(order string) string { // UTF-16
		b := []byte("\xff\xfe")
		if order == "big" {
			b = []byte("\xfe\xff")
		}
		for _, c := range []byte(text) {
			if order == "big" {
				b = append(b, 0, c)
			} else {
				b = append(b, c, 0)
			}
		}
		return string(b)
	}
	for _, test := range []struct {
		name, file, contentType, payload string
		want                             string // "" when it stays
	}{
		{"text", "log", "text/plain", text, clean},
		{"text with a character set", "log", "Text/Plain; charset=utf-8", text, clean},
		{"JSON", "x", "application/json", `{"password":"Hunter2Secret"}`, `{"password":"[Filtered]"}`},
		{"a kind of JSON", "x", "application/vnd.x+json", `{"token":"Hunter2Secret"}`, `{"token":"[Filtered]"}`},
		{"XML", "x", "application/xml", "<password>Hunter2Secret</password>", "<password>[Filtered]</password>"},
		{"by its name", "Setup.LOG", "", text, clean},
		{"by its name, of no type", "a.ini", "application/octet-stream", text, clean},
		{"little-endian", "a.reg", "", wide("little"), clean},
		{"big-endian", "a.txt", "", wide("big"), clean},
		{"an image by its type", "a.txt", "image/png", text, ""},
		{"an archive", "a.zip", "", text, ""},
		{"no name and no type", "", "", text, clean},
		{"no extension", "output", "application/octet-stream", text, clean},
		{"a rotated log", "app.log.1", "", "\x1b[1m" + text, "\x1b[1m" + clean},
		{"no extension, binary", "output", "", "\x00" + text, ""},
		{"no extension, no UTF-8", "output", "", "\xff" + text, ""},
		{"clean text", "a.txt", "", "nothing\xff\x00 to hide", ""},
		{"empty", "a.txt", "", "", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			a := &sentry.Attachment{Filename: test.file, ContentType: test.contentType, Payload: []byte(test.payload)}
			want := test.want
			if want == "" {
				want = test.payload
			}
			if got := string(s.Payload(a)); got != want {
				t.Errorf("got %q, want %q", got, want)
			}
			if string(a.Payload) != test.payload {
				t.Error("the host's payload was changed")
			}
		})
	}
}
