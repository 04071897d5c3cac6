package outbox

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/autoservice/sentryconfig/internal/outbox/disk"
)

// What the tests know of the files' format.
const (
	segmentHeader = 16
	slotSize      = 16 << 10
	sector        = 4 << 10
)

// segmentOfEvents returns a segment with n events of about size bytes.
func segmentOfEvents(t *testing.T, n, size int) []byte {
	t.Helper()
	dir := t.TempDir()
	leaveBacklog(t, dir, n, size)
	names, _ := segmentFiles(t, dir)
	b, err := os.ReadFile(names[0])
	must(t, err)
	return b
}

// TestDamagedFiles has whole files be damaged: all other records arrive, the damage is counted and logged once, and
// files that nobody can read don't stay for ever.
func TestDamagedFiles(t *testing.T) {
	const year = 365 * 24 * time.Hour
	intact := segmentOfEvents(t, 3, 100)
	future := append([]byte("SENTRYOB"), 9, 0, 0, 0)
	future = binary.LittleEndian.AppendUint32(future, crc32.Checksum(future, crc32.MakeTable(crc32.Castagnoli)))
	name := func(i int) string { return fmt.Sprintf("20260102T030405Z-%d-0123456%d.000001.seg", 100+i, i) }
	for _, c := range []struct {
		name    string
		file    string
		content []byte
		arrive  int
		damage  int
		stays   bool // until it is old
	}{
		{"intact", name(0), intact, 3, 0, false},
		{"empty", name(1), nil, 0, 0, false},
		{"header alone", name(2), intact[:segmentHeader], 0, 0, false},
		{"torn", name(3), intact[:len(intact)-1], 2, 1, false},
		{"zeros", name(4), make([]byte, 100_000), 0, 1, false},
		{"another program's", name(5), bytes.Repeat([]byte("no record at all\n"), 1000), 0, 1, false},
		{"of the future", name(6), append(future, intact...), 0, 0, true},
		{"foreign", "notes.txt", []byte("hello"), 0, 0, true},
		{"foreign, nearly ours", "20260102T030405Z-1-01234567.000001.seg.tmp", intact, 0, 0, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			folder := filepath.Join(dir, disk.FolderName("http://key@127.0.0.1/1"))
			if err := os.MkdirAll(folder, 0o700); err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(folder, c.file)
			if err := os.WriteFile(path, c.content, 0o600); err != nil {
				t.Fatal(err)
			}
			s := &sink{}
			var logs logBook
			damage := 0
			deliver := func() {
				o := openTest(t, "http://127.0.0.1/", func(cfg *Config) {
					cfg.OpenStore = func() (Store, error) {
						return OpenDisk(DiskConfig{Patience: time.Minute, Dir: dir, DSN: "http://key@127.0.0.1/1",
							MaxBytes: 1 << 20, Logger: slog.New(&logs)})
					}
					cfg.Client = &http.Client{Transport: memoryTransport(s)}
				})
				ok, st := o.Flush(within(time.Minute)), o.Stats()
				if lost := st.DroppedBy[reasonDamaged]; ok != (lost == 0) { // once: it tells of what was lost
					t.Errorf("Flush: %v; %+v", ok, st)
				}
				if !o.Flush(within(time.Minute)) {
					t.Errorf("the second Flush: false; %+v", st)
				}
				damage += int(st.DroppedBy[reasonDamaged])
				o.Close(ended())
			}
			deliver()
			if len(s.got()) != c.arrive || damage != c.damage {
				t.Errorf("%d arrived, damage %d; want %d, %d", len(s.got()), damage, c.arrive, c.damage)
			}
			if n := logs.count("damaged"); c.damage > 0 && n != 1 || c.arrive == 3 && n != 0 {
				t.Errorf("log: %q", logs.lines)
			}
			_, err := os.Stat(path)
			if stays := err == nil; stays != c.stays {
				t.Errorf("the file stays: %v, want %v", stays, c.stays)
			}
			if !c.stays {
				return
			}
			if strings.HasSuffix(c.file, ".seg") {
				for _, jump := range []time.Duration{2 * year, -2 * year} {
					wrong := time.Now().Add(-jump)
					if err := os.Chtimes(path, wrong, wrong); err != nil {
						t.Fatal(err)
					}
					deliver()
					if info, err := os.Stat(path); err != nil || time.Since(info.ModTime()).Abs() > time.Hour {
						t.Errorf("with a clock that jumped by %v: %v, %v", jump, info, err)
					}
				}
			}
			old := time.Now().Add(-30*24*time.Hour - time.Hour)
			if err := os.Chtimes(path, old, old); err != nil {
				t.Fatal(err)
			}
			deliver()
			if _, err := os.Stat(path); err == nil {
				t.Error("an old file that nobody can use stays")
			}
		})
	}
}
