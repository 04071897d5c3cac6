package sample

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/getsentry/sentry-go"

	"github.com/autoservice/sentryconfig/internal/outbox"
	"github.com/autoservice/sentryconfig/internal/outbox/store"
	"github.com/autoservice/sentryconfig/sentrytest"
)

// texts are what nobody should be able to send to a page.
var texts = []string{
	`<script>alert(1)</script>`,
	`"><img src=x onerror=alert(1)>`,
	`'><svg onload=alert(1)>`,
	`javascript:alert(1)`,
	`</title></style></textarea></script><script>alert(1)</script>`,
	`{{.}} {{template "main" .}} ${alert(1)}`,
	"\u202egpj.exe\u202c \u2066left\u2069 \u200bzero\ufeff \u061c",
	"bell \a escape \x1b[31mred\x1b[0m backspace \b delete \x7f next \u0085 line \u2028 end",
	"carriage\rreturn and\r\nboth",
	strings.Repeat("W", 5000),
	strings.Repeat("ﷺ", 300),
	"Zalgo " + strings.Repeat("e\u0301\u0489\u0300", 200),
	"<a href=\"//example.com/\">go</a> <base href=//example.com/> " +
		"<meta http-equiv=refresh content=0;url=//example.com/>",
	`<form action=//example.com/><button>Log in</button></form><iframe src=//example.com/></iframe>`,
	`--><!-- ]]> <![CDATA[ &lt;script&gt; &#x0;`,
	"",
}

// secretFiles are names that frames give to files which no page may show.
func secretFiles() []string {
	_, file, _, _ := runtime.Caller(0)
	return []string{
		"/etc/passwd", "/etc/passwd.go", "../../../../etc/hosts.go", file + "/../../../../go.mod",
		filepath.Join(filepath.Dir(file), "../../../../..", "outside.go"),
		"github.com/autoservice/sentryconfig/../../outside.go",
	}
}

// hostileEnvelopes makes envelopes whose every text is hostile. IDs can only be IDs, else no server takes them.
func hostileEnvelopes() [][]byte {
	var envelopes [][]byte
	secrets := secretFiles()
	for i, text := range texts {
		trace, span := fmt.Sprintf("%032x", i+1), fmt.Sprintf("%016x", i+1)
		values := map[string]any{text: text, "list": []any{text, map[string]any{text: nil}}, "n": 1e300, "bytes": -1}
		frames := []map[string]any{{"function": text, "module": text, "filename": text, "abs_path": text, "lineno": 3,
			"in_app": true, "context_line": text, "vars": values}}
		for _, name := range secrets {
			frames = append(frames, map[string]any{"function": "read", "abs_path": name, "lineno": 1, "in_app": true})
		}
		contexts := map[string]any{
			"trace": map[string]any{"trace_id": trace, "span_id": span, "op": text, "status": text},
			"task": map[string]any{"task_type": text, "index": -7, "total": 1e12, "data": values, "parent": text,
				"earlier_errors": []any{text}},
			"os": values, "error": values, "k" + text: values, "disks": map[string]any{text: values},
		}
		common := map[string]any{
			"contexts": contexts, "level": text, "transaction": text, "release": text, "environment": text,
			"server_name": text, "platform": text, "user": values, "extra": values, "sdk": map[string]any{"name": text},
			"tags": map[string]string{"task_type": text, "error_condition": text, "t" + text: text},
			"breadcrumbs": []any{map[string]any{
				"message": text, "category": text, "level": text, "type": text, "data": values,
			}},
		}
		event := merge(common, map[string]any{
			"fingerprint": []string{text, text, fmt.Sprint(i)}, "message": text,
			"timestamp": float64(time.Now().Unix()),
			"exception": map[string]any{"values": []any{
				map[string]any{"type": text, "value": text,
					"mechanism": map[string]any{"type": text, "exception_id": 1, "parent_id": 1, "source": text}},
				map[string]any{"type": text, "value": text, "stacktrace": map[string]any{"frames": frames},
					"mechanism": map[string]any{"type": text, "handled": i%2 == 0, "exception_id": 0, "parent_id": 1}},
			}},
			"threads": map[string]any{"values": []any{
				map[string]any{"id": text, "name": text, "stacktrace": map[string]any{"frames": frames}}}},
		})
		id := fmt.Sprintf("%032x", 0x1000+i)
		attachment := []byte("<!doctype html><script>alert(1)</script>")
		envelopes = append(envelopes, seal(id, "event", event, attachment, `..\../`+text+".html"))
		envelopes = append(envelopes, seal(fmt.Sprintf("%032x", 0x2000+i), "transaction", merge(common, map[string]any{
			"type": "transaction", "start_timestamp": float64(time.Now().Unix() - 5),
			"timestamp": float64(time.Now().Unix()),
			"spans": []any{ // a circle, one from before time, one that never ends
				map[string]any{"trace_id": trace, "span_id": "aaaaaaaaaaaaaaa1", "parent_span_id": "aaaaaaaaaaaaaaa2",
					"op": text, "description": text, "status": text, "start_timestamp": 1, "timestamp": 2,
					"data": values},
				map[string]any{"trace_id": trace, "span_id": "aaaaaaaaaaaaaaa2", "parent_span_id": "aaaaaaaaaaaaaaa1",
					"op": text, "description": text, "start_timestamp": 4e9, "timestamp": 3, "data": values},
				map[string]any{"trace_id": trace, "span_id": span, "parent_span_id": span,
					"start_timestamp": 1e9, "timestamp": 9e9},
			},
		}), nil, ""))
		envelopes = append(envelopes, seal(fmt.Sprintf("%032x", 0x3000+i), "feedback", merge(common, map[string]any{
			"type": "feedback", "timestamp": float64(time.Now().Unix()),
			"contexts": merge(contexts, map[string]any{"feedback": map[string]any{
				"message": text, "name": text, "contact_email": text, "url": text, "associated_event_id": id,
			}}),
		}), nil, ""))
	}
	return envelopes
}

func merge(a, b map[string]any) map[string]any {
	out := map[string]any{}
	for _, m := range []map[string]any{a, b} {
		for k, v := range m {
			out[k] = v
		}
	}
	return out
}

// seal makes an envelope of an event, and of an attachment if there is one.
func seal(id, itemType string, event map[string]any, attachment []byte, name string) []byte {
	event["event_id"] = id
	var b bytes.Buffer
	line := func(v any) {
		out := json.NewEncoder(&b)
		out.SetEscapeHTML(false) // what is hostile stays so
		if err := out.Encode(v); err != nil {
			panic(err) // maps of texts and numbers
		}
	}
	line(map[string]any{"event_id": id})
	line(map[string]any{"type": itemType})
	line(event)
	if attachment != nil {
		line(map[string]any{
			"type": "attachment", "length": len(attachment), "filename": name, "content_type": "text/html",
		})
		b.Write(attachment)
		b.WriteByte('\n')
	}
	return b.Bytes()
}

// Hostile sends to server what an attacker would, and returns how much of it the server took.
func Hostile(server *sentrytest.Server) (taken int, err error) {
	dsn, err := sentry.NewDsn(server.DSN())
	if err != nil {
		return 0, err
	}
	for _, envelope := range hostileEnvelopes() {
		url := dsn.GetAPIURL().String() + "?sentry_key=" + dsn.GetPublicKey()
		resp, err := http.Post(url, "application/x-sentry-envelope", bytes.NewReader(envelope))
		if err != nil {
			return taken, err
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		_ = resp.Body.Close()
		if resp.StatusCode == http.StatusOK {
			taken++
		}
	}
	return taken, nil
}

// LargeOutbox leaves in dir n events of as many kinds, and a newer one with texts of a megabyte, without a space to
// break them at.
func LargeOutbox(dir string, n int) error {
	disk, err := outbox.OpenDisk(outbox.DiskConfig{Dir: dir, DSN: unreachable, Patience: patience})
	if err != nil {
		return err
	}
	for i := range n + 1 {
		text := fmt.Sprintf("trouble %d", i)
		if i == n {
			text = strings.Repeat("W", 1<<20)
		}
		id := fmt.Sprintf("%032x", i+1)
		record := outbox.Record{Time: time.Now(), EventID: id, Payload: seal(id, "event", map[string]any{
			"message": text, "fingerprint": []string{text}, "tags": map[string]string{"task_type": text},
			"contexts": map[string]any{"task": map[string]any{
				"task_type": text, "data": map[string]any{text: text},
			}},
			"breadcrumbs": map[string]any{"values": []any{map[string]any{"message": text, "timestamp": 1}}},
		}, nil, "")}
		if _, err := disk.Put(&record); err != nil {
			return errors.Join(err, disk.Close())
		}
	}
	return disk.Close()
}

// HostileOutbox leaves in dir what an attacker would. Here everything is taken: nobody looks at it before it is sent.
// The tasks are there until close is called, as those of a process that lives.
func HostileOutbox(dir string) (close func() error, err error) {
	disk, err := outbox.OpenDisk(outbox.DiskConfig{Dir: dir, DSN: unreachable, Patience: patience})
	if err != nil {
		return nil, err
	}
	envelopes := hostileEnvelopes()
	envelopes = append(envelopes, []byte("no envelope"), []byte("{}\n{\"type\":\"event\"}\n{broken"), []byte{},
		[]byte("{}\n{\"type\":\"<script>alert(1)</script>\"}\n<script>alert(1)</script>"),
		[]byte("{\"event_id\":\"<script>\"}\n{\"type\":\"log\"}\n{}"))
	for i, envelope := range envelopes {
		id := hex.EncodeToString(fmt.Appendf(nil, "%016d", i+1))
		record := outbox.Record{
			Time: time.Now().Add(time.Duration(i)), EventID: id, Category: outbox.Category(i % 9), Payload: envelope,
		}
		if _, err := disk.Put(&record); err != nil {
			return disk.Close, err
		}
	}
	for _, text := range texts {
		data, err := json.Marshal(map[string]string{"text": text})
		if err != nil {
			return disk.Close, err
		}
		slot := disk.Journal().Begin(outbox.Task{Type: text, Index: -1, Total: 3, Data: data})
		slot.Note(outbox.Note{Breadcrumb: text, MemoryAvailable: 1 << 63})
	}
	dropped := map[string]uint64{}
	for _, text := range texts[:9] {
		dropped[text] = math.MaxUint64
	}
	disk.Tell(store.Health{Dropped: dropped, Error: strings.Join(texts[:10], " "), ErrorAt: time.Unix(-1<<40, 0)})
	if err := disk.Sync(); err != nil {
		return disk.Close, err
	}
	crash := "panic: " + strings.Join(texts, "\n") + "\n\ngoroutine 1 [running]:\n" +
		"main.<script>alert(1)</script>()\n\t/x.go:1\n"
	f, err := disk.CrashFile()
	if err == nil {
		_, _ = f.WriteString(crash)
		err = f.Close()
	}
	return disk.Close, err
}
