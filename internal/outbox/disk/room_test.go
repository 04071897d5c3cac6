package disk

import (
	"bytes"
	"encoding/hex"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/autoservice/sentryconfig/internal/outbox/store"
	"github.com/autoservice/sentryconfig/internal/protocol"
)

// TestDoneRecordsLeaveTheDisk: while a server limits errors and takes all else, the folder holds little more than the
// errors.
func TestDoneRecordsLeaveTheDisk(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	disk, err := Open(Config{Patience: time.Minute, Dir: dir, DSN: "http://key@127.0.0.1/1", MaxBytes: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = disk.Close() }()
	for i := range 2000 {
		r := testRecord(i, 1000)
		if i%40 > 0 {
			r = ofCategory(r, protocol.CategoryTransaction)
		}
		e, err := disk.Put(r)
		if err == nil && r.Category == protocol.CategoryTransaction {
			err = disk.Done(e)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	var used int64
	entries, err := os.ReadDir(disk.dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		if info, err := entry.Info(); err == nil {
			used += info.Size()
		}
	}
	if most := disk.Bytes() + 2*disk.segmentSize + slotSize; used > most {
		t.Errorf("%d bytes on disk for %d that wait, want at most %d", used, disk.Bytes(), most)
	}
}

// TestRewriting: when most of a segment is delivered its file gives the room back, and what waits is read, marked done
// and adopted as before.
func TestRewriting(t *testing.T) {
	t.Parallel()
	const size, n, keep = 4000, 400, 20
	dir := t.TempDir()
	d, err := Open(Config{Patience: time.Minute, Dir: dir, DSN: "http://key@127.0.0.1/1", MaxBytes: 2 << 20})
	must(t, err)
	var waiting []*store.Entry
	var others []*store.Entry
	for i := range n {
		e, err := d.Put(testRecord(i, size))
		must(t, err)
		if i%keep == 0 {
			waiting = append(waiting, e)
		} else {
			others = append(others, e)
		}
	}
	for _, e := range others {
		must(t, d.Done(e))
	}
	used := func() (sum int64) {
		entries, err := os.ReadDir(d.dir)
		must(t, err)
		for _, entry := range entries {
			if info, err := entry.Info(); err == nil && !strings.HasSuffix(entry.Name(), ".journal") {
				sum += info.Size()
			}
		}
		return sum
	}
	most := 2*d.Bytes() + 2*d.segmentSize
	for deadline := time.Now().Add(time.Minute); used() > most; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d bytes on disk for %d that wait, want at most %d", used(), d.Bytes(), most)
		}
	}
	check := func(d *Store, waiting []*store.Entry) {
		t.Helper()
		for _, e := range waiting {
			payload, err := d.Payload(e, nil)
			must(t, err)
			i, err := strconv.ParseInt(hex.EncodeToString(e.EventID[8:]), 16, 64)
			must(t, err)
			if !bytes.Equal(payload, testRecord(int(i), size).Payload) {
				t.Errorf("event %d has changed", i)
			}
		}
	}
	check(d, waiting)
	for _, e := range waiting[:5] {
		must(t, d.Done(e))
	}
	check(d, waiting[5:])
	must(t, d.Close())
	next, err := openTestDisk(dir)
	must(t, err)
	defer func() { _ = next.Close() }()
	found, err := adopted(next)
	must(t, err)
	if len(found) != len(waiting)-5 {
		t.Errorf("%d were adopted, want %d", len(found), len(waiting)-5)
	}
	check(next, found)
	names, err := filepath.Glob(filepath.Join(dir, "*", "*.new"))
	must(t, err)
	if len(names) > 0 {
		t.Errorf("left: %v", names)
	}
}

// TestRewritingIsInterrupted: a copy that a dead process was making is removed, and its segment adopted.
func TestRewritingIsInterrupted(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	folder := filepath.Join(dir, FolderName("http://key@127.0.0.1/1"))
	must(t, os.MkdirAll(folder, 0o700))
	b, _ := makeSegment(5, 100)
	const stem = "20260102T030405Z-1-01234567."
	must(t, os.WriteFile(filepath.Join(folder, stem+"000001.seg"), b, 0o600))
	must(t, os.WriteFile(filepath.Join(folder, stem+"000002.new"), b[:200], 0o600))
	d, err := openTestDisk(dir)
	must(t, err)
	defer func() { _ = d.Close() }()
	if found, err := adopted(d); len(found) != 5 || err != nil {
		t.Errorf("%d were adopted, %v", len(found), err)
	}
	if names, _ := filepath.Glob(filepath.Join(folder, stem+"*")); len(names) > 0 {
		t.Errorf("left: %v", names)
	}
}
