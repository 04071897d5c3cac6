package disk

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// noted reads the journal of a disk that is open as the next process would.
func noted(t *testing.T, d *Store) (Process, []Interrupted) {
	t.Helper()
	b, err := os.ReadFile(d.journal.path)
	if err != nil {
		t.Fatal(err)
	}
	p, tasks, err := readJournal(context.Background(), bytes.NewReader(b), int64(len(b)), d.stem)
	if err != nil {
		t.Fatal(err)
	}
	return p, tasks
}

// TestNotesKeepToTheirSlots: whatever a breadcrumb, a type or task data look like as JSON, they cost no other task.
func TestNotesKeepToTheirSlots(t *testing.T) {
	for name, text := range map[string]string{
		"plain": "a", "markup": "<", "quotes": `"`, "control characters": "\x01", "no UTF-8": "\xff", "two bytes": "ä",
	} {
		t.Run(name, func(t *testing.T) {
			d, err := openTestDisk(t.TempDir())
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = d.Close() }()
			const tasks = 4
			long := strings.Repeat(text, 2000)
			data, _ := json.Marshal(strings.Repeat("x", 8<<10-2)) // a string is no reason to fail
			var slots []Slot
			for i := range tasks {
				slots = append(slots, d.Journal().Begin(Task{
					Type: long, Index: 1 << 40, Total: 1 << 41, Started: time.Unix(int64(i), 999_999_999), PII: true,
					TraceID: strings.Repeat("f", 32), SpanID: strings.Repeat("f", 16), Data: data,
				}))
			}
			for _, slot := range slots {
				slot.Note(Note{Breadcrumb: long, Time: time.Unix(9, 999_999_999), MemoryTotal: 1 << 63,
					MemoryAvailable: 1 << 63, AppMemory: 1 << 63})
			}
			_, got := noted(t, d)
			if len(got) != tasks {
				t.Fatalf("%d tasks of %d", len(got), tasks)
			}
			for i, task := range got {
				if task.Started.Unix() != int64(i) || task.Type == "" || len(task.Data) != len(data) ||
					task.Breadcrumb == "" || task.AppMemory != 1<<63 {
					t.Errorf("task %d: %+v", i, task)
				}
			}
		})
	}
}

// TestLongTaskData: data that find no room are replaced by a word about it, and the rest of the task is kept.
func TestLongTaskData(t *testing.T) {
	d, err := openTestDisk(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = d.Close() }()
	data, _ := json.Marshal(strings.Repeat("x", noteOffset))
	d.Journal().Begin(Task{Type: "first", Started: time.Unix(1, 0), Data: data})
	d.Journal().Begin(Task{Type: "second", Started: time.Unix(2, 0)})
	_, got := noted(t, d)
	if len(got) != 2 || got[0].Type != "first" || !strings.Contains(string(got[0].Data), "too long") ||
		got[1].Type != "second" {
		t.Errorf("%+v", got)
	}
}

// TestJobsAndTags: what a task engine said of a task and its tags are noted, as much as finds room, and cost no task.
func TestJobsAndTags(t *testing.T) {
	d, err := openTestDisk(t.TempDir())
	must(t, err)
	defer func() { _ = d.Close() }()
	long := strings.Repeat("<", 5000)
	d.Journal().Begin(Task{Type: "a", Started: time.Unix(1, 0), Tags: map[string]string{"shop": "x"},
		Job: &Job{System: "asynq", Queue: "mail", ID: "17", Attempt: 2, MaxAttempts: 3, Identity: "ours"}})
	d.Journal().Begin(Task{Type: long, Started: time.Unix(2, 0),
		Tags: map[string]string{"a": "b", "long": long, "z": "z"},
		Job:  &Job{System: long, Queue: long, ID: long}, Data: json.RawMessage(`"` + strings.Repeat("x", 8000) + `"`)})
	d.Journal().Begin(Task{Type: "c", Started: time.Unix(3, 0)})
	_, got := noted(t, d)
	if len(got) != 3 || got[2].Type != "c" || got[1].Tags["a"] != "b" || got[1].Job == nil || got[1].Data == nil {
		t.Fatalf("noted %d: %+v", len(got), got)
	}
	if a := got[0]; a.Tags["shop"] != "x" || a.Job.ID != "17" || a.Job.MaxAttempts != 3 || a.Job.Identity != "ours" {
		t.Errorf("noted %+v", a)
	}
}

// TestLongNamesOfJobs: names that find no room, or that JSON can't hold, can still be told apart, and are the same to
// whoever reads them and to whoever knows the whole name.
func TestLongNamesOfJobs(t *testing.T) {
	d, err := openTestDisk(t.TempDir())
	must(t, err)
	defer func() { _ = d.Close() }()
	long := strings.Repeat("ä", maxName)
	ids := []string{long + "1", long + "2", "x" + long, long[:maxName], "a\xff", "a\xfe", "a?",
		strings.Repeat("\x80", 300)}
	for i, id := range ids {
		d.Journal().Begin(Task{Type: "a", Started: time.Unix(int64(i), 0),
			Job: &Job{System: id, Queue: id, ID: id, Identity: id}})
	}
	_, got := noted(t, d)
	seen := make(map[string]bool)
	for i, task := range got {
		name := task.Job.ID
		seen[name] = true
		if whole := (Job{System: ids[i], Queue: ids[i], ID: ids[i], Identity: ids[i]}); *task.Job != whole.Fit() ||
			*task.Job != task.Job.Fit() {
			t.Errorf("%q is noted as %+v", ids[i], task.Job)
		}
		if len(name) > maxName || !utf8.ValidString(name) || strings.ContainsRune(name, utf8.RuneError) {
			t.Errorf("noted %q, %d bytes", name, len(name))
		}
	}
	if len(seen) != len(ids) || !strings.HasPrefix(got[0].Job.ID, long[:maxName-20]) {
		t.Errorf("%d names of %d: %v", len(seen), len(ids), seen)
	}
}

// FuzzNote: what is noted of a task comes back, whatever its texts are.
func FuzzNote(f *testing.F) {
	f.Add("send", 1, "mail", "17")
	f.Add(`a"b`, 0, `a\b`, "a\tb")
	f.Add("", -1, "a\x00\"\\ä\xff<>&\u2028", "\x7f")
	f.Fuzz(func(t *testing.T, text string, n int, queue, id string) {
		want := Task{Type: text, Index: n, Total: n, Started: time.Unix(int64(n), 1).UTC(), PII: n > 0, TraceID: id,
			SpanID: queue, Outer: text, Tags: map[string]string{queue: id},
			Job: &Job{System: text, Queue: queue, ID: id, Attempt: n, MaxAttempts: -n, Identity: text}}
		*want.Job, want.Tags = want.Job.Fit(), fitting(want.Tags)
		if year := want.Started.Year(); len(text) > maxText || year < 0 || year > 9999 {
			t.Skip()
		}
		encoded, err := json.Marshal(want)
		must(t, err)
		var plain, ours Task
		must(t, json.Unmarshal(encoded, &plain))
		must(t, json.Unmarshal(appendTask(nil, &want), &ours))
		if !reflect.DeepEqual(plain, ours) {
			t.Errorf("%s\nencoding/json writes %s", appendTask(nil, &want), encoded)
		}
	})
}

// An adopting system is the real one, on which two adopters come between the making of a journal and its lock, once:
// one takes it for a dead process's and removes it, the other, whose list is older, makes it again.
type adopting struct {
	System
	done bool
}

func (s *adopting) Open(path string, flag int) (File, error) {
	if _, kind := parseName(filepath.Base(path)); kind == kindJournal && flag&os.O_CREATE == 0 && !s.done {
		s.done = true
		if err := s.System.Remove(path); err != nil {
			return nil, err
		}
		f, err := s.System.Open(path, os.O_RDWR|os.O_CREATE)
		if err != nil {
			return nil, err
		}
		_ = f.Close()
	}
	return s.System.Open(path, flag)
}

// TestAdoptedAtTheBeginning: a process whose journal is taken from it as it begins takes another one. It would take the
// one made again for proof that locks don't work there, and keep its events in memory.
func TestAdoptedAtTheBeginning(t *testing.T) {
	t.Parallel()
	sys := &adopting{System: osSystem{}}
	d, err := Open(Config{Patience: time.Minute, Dir: t.TempDir(), DSN: "http://key@127.0.0.1/1", System: sys})
	if err != nil || !sys.done {
		t.Fatal(err, sys.done)
	}
	must(t, d.Close())
}
