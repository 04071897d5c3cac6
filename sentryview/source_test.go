package sentryview

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/autoservice/sentryconfig"
	"github.com/autoservice/sentryconfig/internal/machine"
	"github.com/autoservice/sentryconfig/internal/outbox"
	"github.com/autoservice/sentryconfig/internal/outbox/disk"
	"github.com/autoservice/sentryconfig/internal/outbox/store"
	"github.com/autoservice/sentryconfig/sentrytest"
	"github.com/autoservice/sentryconfig/sentryview/internal/sample"
)

// checksums says what is in a folder, byte by byte.
func checksums(t *testing.T, dir string) map[string]string {
	t.Helper()
	sums := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		info, _ := entry.Info()
		sums[path] = fmt.Sprintf("%x %v %v", sha256.Sum256(b), info.ModTime(), info.Mode())
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return sums
}

// TestOutboxIsOnlyRead: looking at every page changes nothing, and keeps no process from its work.
func TestOutboxIsOnlyRead(t *testing.T) {
	dir := t.TempDir()
	if err := sample.Outbox(dir); err != nil {
		t.Fatal(err)
	}
	before := checksums(t, dir)
	h := Handler(Outbox(dir))
	crawl(t, h, func(string, int, string, http.Header) {})
	page(t, h, "/export.tar")
	after := checksums(t, dir)
	if len(before) != len(after) {
		t.Errorf("%d files, before %d", len(after), len(before))
	}
	for path, sum := range before {
		if after[path] != sum {
			t.Errorf("%s was %s, is %s", path, sum, after[path])
		}
	}
}

// TestOutboxPages: what waits, who died and what runs is told, and each envelope can be read before it leaves.
func TestOutboxPages(t *testing.T) {
	dir := t.TempDir()
	if err := sample.Outbox(dir); err != nil {
		t.Fatal(err)
	}
	client, err := sentryconfig.New(sentryconfig.Options{
		DSN: "http://key@127.0.0.1:1/7", OutboxDir: dir, Release: "other@1.0",
	})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close(0)
	ctx, span := client.CreateTaskSpan(context.Background(), "long_task", 1, 3, map[string]any{"a": "b"})
	defer span.Finish()
	client.CaptureTaskFailure(ctx, "", "it isn't well", nil, nil)

	h := Handler(Outbox(dir))
	body := page(t, h, "/waiting")
	for _, want := range []string{
		"in the middle of a task", "crashed", "backup_photos", "index_files", "index out of range",
		fmt.Sprintf("Process %d is at work", os.Getpid()), "long_task", "2 of 3", "copied 11,904 of 18,231 files",
		"-export waiting.tar", "waiting.tar", sample.Release, "no such host", "not solved", "12 × no room on disk",
		"Interrupted and crashed tasks are not in the file",
	} {
		if !strings.Contains(body, want) {
			t.Errorf("no %q in the page", want)
		}
	}
	link := hrefs.FindStringSubmatch(body[strings.Index(body, `<a class="title`):])[1]
	envelope := page(t, h, "/"+strings.TrimPrefix(link, "./"))
	if !strings.Contains(envelope, "word for word") || !strings.Contains(envelope, "event_id") {
		t.Errorf("%.2000s", envelope)
	}
	report := page(t, h, "/report.txt")
	for _, want := range []string{
		"interrupted: backup_photos", "    data: {\"target\":\"E:", "crashed (panic", "is at work", "fs.PathError", "C:\\Users",
		"  last error, of process ", "no such host\n", "  dropped: 12 cache_overflow (no room on disk, or too old)\n",
	} {
		if !strings.Contains(report, want) {
			t.Errorf("no %q in the report", want)
		}
	}
	if strings.Contains(report, "last step: \n") {
		t.Error("a task without a step has one in the report")
	}
}

// TestHealth: of several processes the last error that isn't over is told, and what all of them have dropped.
func TestHealth(t *testing.T) {
	at := time.Unix(1e9, 0)
	process := func(pid int, h store.Health) outboxLeft {
		return outboxLeft{Dead: disk.Dead{Process: outboxProcess{PID: pid}}, Health: h, Tells: true}
	}
	old := process(1, store.Health{Error: "old", ErrorAt: at, Dropped: map[string]uint64{"send_error": 2, "new": 1}})
	newer := process(2, store.Health{Error: "newer", ErrorAt: at.Add(2), Dropped: map[string]uint64{"send_error": 1}})
	solved := process(3, store.Health{Error: "solved", ErrorAt: at.Add(9), Solved: at.Add(10)})
	ended := process(4, store.Health{})
	ended.Ended = true
	for name, test := range map[string]struct {
		left                    []outboxLeft
		page, text, notInReport string
	}{
		"no process":  {nil, "no process says", "last error, and what was dropped: no process says", "dropped: nothing"},
		"of before":   {[]outboxLeft{{}}, "no process says", "no process says", "dropped: nothing"},
		"has ended":   {[]outboxLeft{ended}, "no process says", "no process says", "last error: none"},
		"all is well": {[]outboxLeft{process(1, store.Health{})}, "<td>none</td>", "last error: none\n  dropped: nothing", "send_error"},
		"two errors":  {[]outboxLeft{newer, old}, "newer", "process 2", "process 1"},
		"one is over": {[]outboxLeft{solved, old}, "not solved", "process 1, since 9 Sep 2001", "works again"},
		"all over":    {[]outboxLeft{solved}, "works again", "works again since 9 Sep 2001", "dropped: 1"},
		"dropped":     {[]outboxLeft{old, newer}, "3 × the server refused it", "dropped: 3 send_error (the server refused it)", "dropped: nothing"},
		"newer words": {[]outboxLeft{old}, "1 × <code class=\"t\">new</code>", "dropped: 1 new (a reason unknown here)", "dropped: nothing"},
	} {
		source := &outboxSource{dir: t.TempDir()}
		projects := []*project{{outboxProject: outboxProject{Left: test.left}}}
		r := &reading{outbox: &waiting{dir: source.dir, projects: projects}}
		h := Handler(fixed{source, r})
		if body := page(t, h, "/waiting"); !strings.Contains(body, test.page) {
			t.Errorf("%s: no %q in %s", name, test.page, body)
		}
		if text := page(t, h, "/report.txt"); !strings.Contains(text, test.text) ||
			strings.Contains(text, test.notInReport) {
			t.Errorf("%s: %q and no %q is not what this says: %s", name, test.text, test.notInReport, text)
		}
	}
}

// A fixed source has been read.
type fixed struct {
	Source
	reading *reading
}

func (f fixed) read() (*reading, error) { return f.reading, nil }

// TestFolderOfAnotherMachine: a process of it isn't taken for one of this machine that has its number.
func TestFolderOfAnotherMachine(t *testing.T) {
	if _, known := machine.Restarted("another"); !known {
		t.Skip("boots can't be told apart here")
	}
	dir := t.TempDir()
	disk, err := outbox.OpenDisk(outbox.DiskConfig{
		Dir: dir, DSN: "http://key@127.0.0.1:1/7", Patience: time.Minute,
		Process: outbox.Process{Boot: "another"},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = disk.Close() }()
	disk.Journal().Begin(outbox.Task{Type: "backup", Started: time.Now()})
	if err := disk.Sync(); err != nil {
		t.Fatal(err)
	}
	if body := page(t, Handler(Outbox(dir)), "/waiting"); !strings.Contains(body, "in the middle of a task") ||
		strings.Contains(body, "is at work") {
		t.Errorf("%.3000s", body)
	}
}

// TestOutboxChanges: a page that is open learns of what is captured and of what is delivered.
func TestOutboxChanges(t *testing.T) {
	dir := t.TempDir()
	source := Outbox(dir)
	empty := source.version()
	body := page(t, Handler(source), "/waiting")
	if !strings.Contains(body, "Nothing waits") {
		t.Errorf("%.2000s", body)
	}
	disk, err := outbox.OpenDisk(outbox.DiskConfig{
		Dir: dir, DSN: "http://key@127.0.0.1:1/7", Patience: time.Minute,
	})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = disk.Close() }()
	entry, err := disk.Put(&outbox.Record{Time: time.Now(), Payload: []byte("{}\n{\"type\":\"check_in\"}\n{}\n")})
	if err != nil {
		t.Fatal(err)
	}
	if !source.wait(t.Context(), empty) {
		t.Error("it has not changed")
	}
	h := Handler(source)
	if body := page(t, h, "/waiting"); !strings.Contains(body, "check_in") {
		t.Errorf("%.3000s", body)
	}
	full := source.version()
	if err := disk.Done(entry); err != nil {
		t.Fatal(err)
	}
	if !source.wait(t.Context(), full) {
		t.Error("a delivery is no change")
	}
	if body := page(t, h, "/waiting"); !strings.Contains(body, "Nothing waits") {
		t.Errorf("%.3000s", body)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if source.wait(ended, source.version()) {
		t.Error("it waits although nobody does")
	}
}

// TestNoOutbox: a folder that isn't there is empty, one that can't be read says so.
func TestNoOutbox(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "missing")
	if body := page(t, Handler(Outbox(missing)), "/waiting"); !strings.Contains(body, "doesn’t exist") {
		t.Errorf("%.2000s", body)
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	status, body, _ := get(t, Handler(Outbox(file)), "/waiting")
	if status != 500 || !strings.Contains(body, "can&#39;t be read") || !strings.Contains(body, file) {
		t.Errorf("status %d: %.2000s", status, body)
	}
}

// TestWhyNothingIsShown: somebody who was given a folder learns that it is the wrong one, or can't be read.
func TestWhyNothingIsShown(t *testing.T) {
	dir := t.TempDir()
	project := filepath.Join(dir, "0123456789abcdef")
	for _, name := range []string{project, filepath.Join(dir, "other")} {
		if err := os.Mkdir(name, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{filepath.Join(project, "x.000001.seg"), filepath.Join(dir, "other", "x.txt")} {
		if err := os.WriteFile(name, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	see := func(dir, want string) {
		t.Helper()
		h := Handler(Outbox(dir))
		for _, path := range []string{"/waiting", "/report.txt"} {
			if body := page(t, h, path); !strings.Contains(body, want) ||
				strings.Contains(body, "-export waiting.tar") {
				t.Errorf("%s: no %q, or a way to take nothing along: %s", path, want, body)
			}
		}
	}
	see(dir, "all that was captured has been delivered")
	see(project, "look at the one around it, "+dir)
	see(filepath.Join(dir, "other"), "This is no outbox")
	if runtime.GOOS != "windows" { // whose folders have lists of who may write
		if err := os.Chmod(project, 0o777); err != nil {
			t.Fatal(err)
		}
		see(dir, "What waits can’t be read")
	}
}

// TestBudget: the newest are kept, without gaps, and no more than there is room for.
func TestBudget(t *testing.T) {
	records := func(n, size int) (list []*record) {
		for i := range n {
			list = append(list, &record{Event: sentrytest.Event{ID: fmt.Sprint(i), Raw: make([]byte, size)}})
		}
		return list
	}
	for _, test := range []struct{ n, size, kept int }{
		{0, 0, 0}, {5, 100, 5}, {maxRecords + 10, 10, maxRecords}, {100, 1 << 20, maxBytes / decodedFactor >> 20},
	} {
		room := budget{maxBytes}
		kept, omitted := room.newest(records(test.n, test.size))
		if len(kept) != test.kept || len(kept)+omitted != test.n {
			t.Errorf("of %d of %d bytes %d are kept and %d left out, want %d",
				test.n, test.size, len(kept), omitted,
				test.kept)
		}
		if len(kept) > 0 && kept[len(kept)-1].ID != fmt.Sprint(test.n-1) {
			t.Error("the newest is left out")
		}
	}
	room := budget{maxBytes}
	if !room.take(100) || room.take(maxBytes) || room.take(1) {
		t.Error("an event that finds no room leaves a gap")
	}
}

// TestManyEvents: with more than the page knows, it says how many it leaves out.
func TestManyEvents(t *testing.T) {
	dir := t.TempDir()
	disk, err := outbox.OpenDisk(outbox.DiskConfig{
		Dir: dir, DSN: "http://key@127.0.0.1:1/7", Patience: time.Minute,
	})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = disk.Close() }()
	const extra = 150
	for i := range maxRecords + extra {
		id := fmt.Sprintf("%032x", i+1)
		envelope := fmt.Sprintf("{\"event_id\":\"%s\"}\n{\"type\":\"event\"}\n"+
			"{\"event_id\":\"%s\",\"message\":\"m\",\"fingerprint\":[\"%d\"]}\n", id, id, i%170)
		record := outbox.Record{Time: time.Unix(0, int64(i)), EventID: id, Payload: []byte(envelope)}
		if _, err := disk.Put(&record); err != nil {
			t.Fatal(err)
		}
	}
	h := Handler(Outbox(dir))
	body := page(t, h, "/")
	for _, want := range []string{
		"150 older ones left out", "2,000 events in 170 issues", "1 to 100 of 170", "?page=2",
	} {
		if !strings.Contains(body, want) {
			t.Errorf("no %q in the page", want)
		}
	}
	if body := page(t, h, "/?page=2"); !strings.Contains(body, "101 to 170 of 170") {
		t.Errorf("%.500s", body)
	}
}

// TestServerVersion: what arrives is another version, what is read twice is not.
func TestServerVersion(t *testing.T) {
	server := newServer(t)
	source := Server(server)
	h := Handler(source)
	first := page(t, h, "/")
	before := source.version()
	page(t, h, "/tasks")
	if source.version() != before {
		t.Error("reading is a change")
	}
	if err := sample.One(server, "out of paper"); err != nil {
		t.Fatal(err)
	}
	if !source.wait(t.Context(), before) {
		t.Error("an arrival is none")
	}
	second := page(t, h, "/")
	if first == second || !strings.Contains(second, "out of paper") {
		t.Error("the page is the old one")
	}
	server.Close()
	if source.wait(t.Context(), source.version()) {
		t.Error("something changes after the end")
	}
	if !bytes.Contains([]byte(page(t, h, "/")), []byte("out of paper")) {
		t.Error("a server that is closed can't be looked at")
	}
}
