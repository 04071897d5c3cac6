package disk

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// lookAtOne looks at a folder with one project.
func lookAtOne(t *testing.T, dir string) Project {
	t.Helper()
	projects, err := Look(dir)
	must(t, err)
	if len(projects) != 1 {
		t.Fatalf("%d projects", len(projects))
	}
	return projects[0]
}

// TestLook: a look sees what a living process has stored and what it runs, and leaves both as they are.
func TestLook(t *testing.T) {
	dir := t.TempDir()
	d, err := openTestDisk(dir)
	must(t, err)
	for i := range 3 {
		_, err := d.Put(testRecord(i, 3000))
		must(t, err)
	}
	slot := d.Journal().Begin(Task{Type: "backup", Total: 3, Started: time.Unix(1, 0), Data: []byte(`{"a":1}`)})
	slot.Note(Note{Breadcrumb: "half-way"})

	p := lookAtOne(t, dir)
	if len(p.Waiting) != 3 || p.Damaged != 0 || p.Newer != 0 || p.Unread != nil {
		t.Errorf("%+v", p)
	}
	for i, w := range p.Waiting {
		b, err := w.Envelope(1 << 20)
		must(t, err)
		if !bytes.Equal(b, testRecord(i, 3000).Payload) || w.Captured().IsZero() {
			t.Errorf("envelope %d: %.80q", i, b)
		}
		if _, err := w.Envelope(100); err == nil {
			t.Error("a limit is no limit")
		}
	}
	if len(p.Left) != 1 || p.Left[0].Process.PID != os.Getpid() || len(p.Left[0].Tasks) != 1 ||
		p.Left[0].Tasks[0].Breadcrumb != "half-way" || string(p.Left[0].Tasks[0].Data) != `{"a":1}` {
		t.Errorf("%+v", p.Left)
	}

	must(t, d.Close())
	if p := lookAtOne(t, dir); len(p.Waiting) != 3 || len(p.Left) != 1 || !p.Left[0].Ended || p.Left[0].Envelopes != 3 {
		t.Errorf("after Close: %+v", p)
	}
	again, err := openTestDisk(dir)
	must(t, err)
	defer func() { _ = again.Close() }()
	if found, err := adopted(again); len(found) != 3 || err != nil {
		t.Errorf("adopted %d, %v: looking has changed something", len(found), err)
	}
	if p := lookAtOne(t, dir); len(p.Waiting) != 3 {
		t.Errorf("after adoption: %+v", p)
	}
	if _, err := p.Waiting[0].Envelope(1 << 20); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("of a segment that was renamed: %v", err)
	}
}

// TestLookAtDamage: torn ends, damage, segments of newer programs and files that aren't ours cost themselves alone.
func TestLookAtDamage(t *testing.T) {
	dir := t.TempDir()
	folder := filepath.Join(dir, strings.Repeat("a", 16))
	must(t, os.Mkdir(folder, 0o700))
	write := func(name string, b []byte) { must(t, os.WriteFile(filepath.Join(folder, name), b, 0o600)) }
	const stem = "20260102T030405Z-4242-0000000"
	whole, ends := makeSegment(3, 200)
	torn := whole[:ends[2]-10]
	damaged := bytes.Clone(whole)
	copy(damaged[ends[0]:], "nothing")
	future := appendHeader(nil)
	binary.LittleEndian.PutUint32(future[8:], segmentVersion+1)
	binary.LittleEndian.PutUint32(future[12:], crc32.Checksum(future[:12], castagnoli))
	write(stem+"1.1.seg", torn)
	write(stem+"2.1.seg", damaged)
	write(stem+"3.1.seg", future)
	write(stem+"3.crash", []byte("panic: boom\n\ngoroutine 1 [running]:\n"))
	write(stem+"4.journal", nil)
	write("notes.txt", []byte("not ours"))

	p := lookAtOne(t, dir)
	if p.Damaged != 1 || p.Newer != 1 || p.Unread != nil {
		t.Errorf("%d damaged, %d newer, %v", p.Damaged, p.Newer, p.Unread)
	}
	if len(p.Left) != 2 || p.Left[0].Process.PID != 4242 || !strings.Contains(string(p.Left[0].Crash), "boom") {
		t.Errorf("%+v", p.Left)
	}
	if p.Left[0].Ended || !p.Left[1].Ended {
		t.Errorf("ended: %v, %v", p.Left[0].Ended, p.Left[1].Ended)
	}
	if projects, err := Look(filepath.Join(dir, "missing")); len(projects) != 0 || err != nil {
		t.Errorf("a missing folder: %+v, %v", projects, err)
	}
}

func FuzzLook(f *testing.F) {
	whole, _ := makeSegment(2, 100)
	f.Add(whole, []byte("panic: x"))
	f.Fuzz(func(t *testing.T, segment, other []byte) {
		dir := t.TempDir()
		folder := filepath.Join(dir, strings.Repeat("b", 16))
		must(t, os.Mkdir(folder, 0o700))
		for name, b := range map[string][]byte{"1.seg": segment, "crash": other, "journal": other} {
			must(t, os.WriteFile(filepath.Join(folder, "20260102T030405Z-1-00000000."+name), b, 0o600))
		}
		for _, w := range lookAtOne(t, dir).Waiting {
			_, _ = w.Envelope(1 << 20)
		}
	})
}
