package disk

import (
	"os"
	"testing"
	"time"

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
