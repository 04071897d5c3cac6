package disk

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/autoservice/sentryconfig/internal/outbox/store"
	"github.com/autoservice/sentryconfig/internal/protocol"
)

// makeSegment is a segment of n records, with the offsets of their ends.
func makeSegment(n, size int) (b []byte, ends []int) {
	b = appendHeader(nil)
	for i := range n {
		r := testRecord(i, size)
		var id [16]byte
		id[15] = byte(i)
		b, _ = appendRecord(b, r, id)
		ends = append(ends, len(b))
	}
	return b, ends
}

// readAll returns the numbers of the records that a reader gets whole.
func readAll(t testing.TB, b []byte) (numbers []int, damage int) {
	t.Helper()
	r := bytes.NewReader(b)
	var found []*store.Entry
	stretches, err := scan(r, int64(len(b)), func(e *store.Entry) { found = append(found, e) })
	if err != nil {
		t.Fatal(err)
	}
	damage = len(stretches)
	for _, e := range found {
		p, err := readPayload(r, e.Where.Offset, e, nil)
		if err != nil {
			if !errors.Is(err, store.ErrDamaged) {
				t.Fatal(err)
			}
			damage++
			continue
		}
		if want := testRecord(int(e.EventID[15]), len(p)); !bytes.HasPrefix(p, want.Payload[:40]) {
			t.Fatalf("record %d has the payload %.60q", e.EventID[15], p)
		}
		numbers = append(numbers, int(e.EventID[15]))
	}
	return numbers, damage
}

// TestTornTail cuts a segment at every byte: all records before are read, and the torn one is counted.
func TestTornTail(t *testing.T) {
	t.Parallel()
	b, ends := makeSegment(4, 60)
	for n := range len(b) + 1 {
		whole := 0
		for _, end := range ends {
			if n >= end {
				whole++
			}
		}
		got, damage := readAll(t, b[:n])
		if len(got) != whole {
			t.Fatalf("cut at %d: %d records, want %d", n, len(got), whole)
		}
		clean := n == 0 || n == segmentHeader || slices.Contains(ends, n)
		if (damage == 0) != clean {
			t.Fatalf("cut at %d: damage %d", n, damage)
		}
	}
}

// TestFlippedBits flips every bit of a segment: it costs the record it is in, and no other.
func TestFlippedBits(t *testing.T) {
	t.Parallel()
	b, ends := makeSegment(3, 60)
	for at := range b {
		hit := -1
		if at >= segmentHeader {
			for hit = 0; at >= ends[hit]; hit++ {
			}
		}
		for bit := range 8 {
			flipped := bytes.Clone(b)
			flipped[at] ^= 1 << bit
			if version, ok := parseHeader(flipped); ok && version != segmentVersion {
				t.Fatal("a flipped bit makes a future version")
			}
			got, _ := readAll(t, flipped)
			want := slices.DeleteFunc([]int{0, 1, 2}, func(i int) bool { return i == hit })
			if len(got) == 3 { // a bit that means nothing, or of the state
				want = []int{0, 1, 2}
			}
			if !slices.Equal(got, want) {
				t.Fatalf("bit %d of byte %d: got %v, want %v", bit, at, got, want)
			}
		}
	}
}

// TestDamagedBlocks overwrites parts of a segment, as disks do.
func TestDamagedBlocks(t *testing.T) {
	t.Parallel()
	const n, size = 60, 900
	b, ends := makeSegment(n, size)
	starts := append([]int{segmentHeader}, ends[:n-1]...)
	for _, block := range []int{512, 4096, 10000} {
		for name, fill := range map[string]byte{"zeros": 0, "ones": 0xff} {
			for at := 0; at < len(b); at += block {
				damaged := bytes.Clone(b)
				to := min(at+block, len(b))
				for i := at; i < to; i++ {
					damaged[i] = fill
				}
				var want []int
				for i := range n {
					if ends[i] <= at || starts[i] >= to {
						want = append(want, i)
					}
				}
				if got, _ := readAll(t, damaged); !slices.Equal(got, want) {
					t.Fatalf("%s at %d to %d: got %v, want %v", name, at, to, got, want)
				}
			}
		}
	}
}

// TestDeceivingRecords: a payload may hold what looks like a record, and a head may lie about its length.
func TestDeceivingRecords(t *testing.T) {
	t.Parallel()
	inner, _ := makeSegment(1, 30)
	r := testRecord(1, 10)
	r.Payload = append(r.Payload, inner...)
	b, _ := appendRecord(appendHeader(nil), r, [16]byte{15: 1})
	b, _ = appendRecord(b, testRecord(2, 10), [16]byte{15: 2})
	if got, damage := readAll(t, b); !slices.Equal(got, []int{1, 2}) || damage != 0 {
		t.Errorf("a record within a payload: got %v, damage %d", got, damage)
	}

	long := bytes.Clone(b)
	binary.LittleEndian.PutUint32(long[segmentHeader+16:], 1<<30)
	binary.LittleEndian.PutUint32(long[segmentHeader+8:],
		crc32.Checksum(long[segmentHeader+12:segmentHeader+recordHead], castagnoli))
	if got, damage := readAll(t, long); !slices.Contains(got, 2) || damage == 0 {
		t.Errorf("a length beyond the end: got %v, damage %d", got, damage)
	}
}

// TestDamageIsCountedOnce has process after process adopt a damaged segment and deliver nothing: the first one counts
// the damage, and all find the records around it.
func TestDamageIsCountedOnce(t *testing.T) {
	intact, ends := makeSegment(6, 300)
	overwritten := func(from, to int) []byte {
		b := bytes.Clone(intact)
		clear(b[from:to])
		return b
	}
	for _, c := range []struct {
		name    string
		content []byte
		damage  int
		arrive  []int
	}{
		{"intact", intact, 0, []int{0, 1, 2, 3, 4, 5}},
		{"a record's head", overwritten(ends[1], ends[1]+10), 1, []int{0, 1, 3, 4, 5}},
		{"two records", overwritten(ends[1]+5, ends[3]-5), 1, []int{0, 1, 4, 5}},
		{"two stretches", append(overwritten(ends[0], ends[0]+20)[:ends[3]], overwritten(ends[3], ends[3]+20)[ends[3]:]...), 2, []int{0, 2, 3, 5}},
		{"the header", overwritten(0, segmentHeader), 0, []int{0, 1, 2, 3, 4, 5}},
		{"the header and a record", overwritten(0, ends[0]-1), 1, []int{1, 2, 3, 4, 5}},
		{"the end", intact[:len(intact)-1], 1, []int{0, 1, 2, 3, 4}},
		{"the beginning is lost", intact[ends[0]+7:], 1, []int{2, 3, 4, 5}},
		{"no record yet", nil, 0, nil}, // its process was killed as it began the segment
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			const dsn = "http://key@127.0.0.1/1"
			dir := t.TempDir()
			folder := filepath.Join(dir, FolderName(dsn))
			if err := os.MkdirAll(folder, 0o700); err != nil {
				t.Fatal(err)
			}
			name := filepath.Join(folder, "20260102T030405Z-1-01234567.000001.seg")
			if err := os.WriteFile(name, c.content, 0o600); err != nil {
				t.Fatal(err)
			}
			for process := range 3 {
				var logged bytes.Buffer
				d, err := Open(Config{
					Patience: time.Minute, Dir: dir, DSN: dsn, MaxBytes: 1 << 20,
					Logger: slog.New(slog.NewTextHandler(&logged, nil)),
				})
				if err != nil {
					t.Fatal(err)
				}
				var entries []*store.Entry
				met, err := d.Adopt(context.Background(),
					func(found []*store.Entry) { entries = append(entries, found...) })
				if err != nil {
					t.Fatal(err)
				}
				var got []int
				for _, e := range entries {
					if _, err := d.Payload(e, nil); err != nil {
						t.Error(err)
					}
					got = append(got, int(e.EventID[15]))
				}
				want := c.damage
				if process > 0 {
					want = 0
				}
				if !slices.Equal(got, c.arrive) || met.Damaged != want {
					t.Errorf("process %d: records %v, damage %d; want %v, %d",
						process, got, met.Damaged, c.arrive, want)
				}
				if d.Log(); strings.Contains(logged.String(), "damaged") != (want > 0) {
					t.Errorf("process %d: damage %d, logged: %s", process, want, &logged)
				}
				if err := d.Close(); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

func FuzzScan(f *testing.F) {
	b, ends := makeSegment(3, 40)
	f.Add(b)
	f.Add(b[:ends[1]-3])
	f.Add(append(bytes.Clone(b[:ends[0]]), b...))
	f.Add([]byte(segmentMagic))
	f.Add(appendDone(nil, 118)) // a head alone, which claims what comes behind it
	intact, _ := appendRecord(nil, testRecord(7, 40), [16]byte{15: 7})
	// claims says whether a head in b, with a sum that is right, reaches beyond its end.
	claims := func(b []byte) bool {
		for i := 0; i+recordHead <= len(b); i++ {
			e := &store.Entry{}
			if _, ok := parseHead(b[i:i+recordHead], e); ok && int64(i)+recordHead+e.Size > int64(len(b)) {
				return true
			}
		}
		return false
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		// Whatever is before it, an intact record is found, unless something claims its bytes with a sum that is right.
		before := 0
		if _, err := scan(bytes.NewReader(b), int64(len(b)), func(*store.Entry) { before++ }); err != nil {
			return // of a newer version
		}
		all := append(bytes.Clone(b), intact...)
		after := 0
		_, err := scan(bytes.NewReader(all), int64(len(all)), func(e *store.Entry) {
			after++
			if e.Where.Offset+recordHead+e.Size > int64(len(all)) {
				t.Error("a record beyond the end")
			}
			if _, err := readPayload(bytes.NewReader(all), e.Where.Offset, e, nil); err != nil &&
				!errors.Is(err, store.ErrDamaged) {
				t.Error(err)
			}
		})
		if err == nil && after <= before && !claims(b) {
			t.Errorf("%d records, with an intact one more %d", before, after)
		}
	})
}

// A patient is a file in memory, to be healed.
type patient []byte

func (p *patient) WriteAt(b []byte, at int64) (int, error) { return copy((*p)[at:], b), nil }
func (p *patient) Truncate(size int64) error               { *p = (*p)[:size]; return nil }

// FuzzHeal heals segments with any damage: the same records are found as before, and nothing is damaged any more but
// stretches that have no room for a record.
func FuzzHeal(f *testing.F) {
	intact, ends := makeSegment(6, 40)
	f.Add(intact, uint16(ends[0]), uint16(30), uint16(ends[2]+3), uint16(400))
	f.Add(intact, uint16(0), uint16(20), uint16(ends[5]-1), uint16(1))
	f.Fuzz(func(t *testing.T, b []byte, at, length, at2, length2 uint16) {
		p := patient(bytes.Clone(b))
		for _, hit := range [][2]int{{int(at), int(length)}, {int(at2), int(length2)}} {
			clear(p[min(hit[0], len(p)):min(hit[0]+hit[1], len(p))])
		}
		look := func() (places []int64, damage []stretch) {
			damage, err := scan(bytes.NewReader(p), int64(len(p)),
				func(e *store.Entry) { places = append(places, e.Where.Offset) })
			if err != nil {
				return nil, nil // of a newer version
			}
			return places, damage
		}
		before, damage := look()
		narrow := 0
		size := int64(len(p))
		for _, s := range damage {
			if s.to < size && s.to-s.from < recordHead+segmentHeader {
				narrow++
			}
			heal(&p, size, s)
		}
		after, left := look()
		if !slices.Equal(before, after) || len(left) > narrow {
			t.Errorf("records at %v, healed %v; damage %v, healed %v", before, after, damage, left)
		}
	})
}

func FuzzReadJournal(f *testing.F) {
	f.Add(appendPart(nil, 1, []byte(`{"type":"backup"}`), []byte(`{"a":1}`)), appendPart(nil, 1, []byte(`{"breadcrumb":"x"}`), nil))
	f.Fuzz(func(t *testing.T, task, note []byte) {
		b := make([]byte, 2*slotSize)
		copy(b[slotSize:slotSize+noteOffset], task)
		copy(b[slotSize+noteOffset:], note)
		_, tasks, _ := readJournal(context.Background(), bytes.NewReader(b), int64(len(b)), "stem")
		if len(tasks) > 1 {
			t.Errorf("%d tasks in one slot", len(tasks))
		}
	})
}

// A killer is the real system, and calls killed once, after a process has taken over a segment of a dead one.
type killer struct {
	System
	killed func()
}

func (k *killer) Rename(from, to string) error {
	err := k.System.Rename(from, to)
	if strings.HasSuffix(to, ".seg") && k.killed != nil {
		k.killed()
		k.killed = nil
	}
	return err
}

// copyFolder copies a folder of ours: the copy is that of processes that were killed, for it has no locks.
func copyFolder(t *testing.T, dir string) (left string) {
	t.Helper()
	left = t.TempDir()
	must(t, os.CopyFS(left, os.DirFS(dir)))
	must(t, filepath.Walk(left, func(path string, info os.FileInfo, err error) error {
		if err == nil && info.IsDir() {
			return os.Chmod(path, 0o700) //nolint:gosec // a folder
		}
		return errors.Join(err, os.Chmod(path, 0o600))
	}))
	return left
}

// TestKilledWhileItAdopts: what the dead adopter of a dead process has taken over isn't missing there. It would be
// counted as lost beside a torn end, which a kill leaves and costs nothing.
func TestKilledWhileItAdopts(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first, err := openTestDisk(dir)
	must(t, err)
	for i := range 10 {
		r := testRecord(i, 100)
		if i%2 > 0 {
			r = ofCategory(r, protocol.CategoryTransaction) // in another segment
		}
		_, err := first.Put(r)
		must(t, err)
	}
	must(t, first.Sync()) // which tells how much waits
	dir = copyFolder(t, dir)
	must(t, first.Close())
	segments, err := filepath.Glob(filepath.Join(dir, "*", "*.seg"))
	if must(t, err); len(segments) != 2 {
		t.Fatalf("segments: %q", segments)
	}
	for _, path := range segments {
		b, err := os.ReadFile(path)
		must(t, err)
		must(t, os.WriteFile(path, append(b, b[segmentHeader:segmentHeader+recordHead/2]...), 0o600))
	}
	k := &killer{System: osSystem{}}
	k.killed = func() { dir = copyFolder(t, dir) }
	second, err := Open(Config{Patience: time.Minute, Dir: dir, DSN: "http://key@127.0.0.1/1", System: k})
	must(t, err)
	_, err = adopted(second)
	must(t, err)
	must(t, second.Close())
	third, err := openTestDisk(dir)
	must(t, err)
	defer func() { _ = third.Close() }()
	found := 0
	met, err := third.Adopt(context.Background(), func(entries []*store.Entry) { found += len(entries) })
	if err != nil || found != 10 || met.Damaged > 0 {
		t.Errorf("%d of 10 found, %d damaged, %v", found, met.Damaged, err)
	}
}

// A lister is the real system, and calls listed once, after a folder was listed.
type lister struct {
	System
	listed func()
}

func (l *lister) ReadFolder(path string) ([]os.DirEntry, error) {
	entries, err := l.System.ReadFolder(path)
	if l.listed != nil {
		l.listed()
		l.listed = nil
	}
	return entries, err
}

// killedOnceListed returns a folder with the outbox of a process that was killed in the middle of a write, and a system
// that shows its segment, of three records, only after the folder was listed: as if it had begun it just then.
func killedOnceListed(t *testing.T) (dir string, sys *lister) {
	t.Helper()
	dir = t.TempDir()
	first, err := openTestDisk(dir)
	must(t, err)
	for i := range 3 {
		_, err := first.Put(testRecord(i, 100))
		must(t, err)
	}
	must(t, first.Sync())
	dir = copyFolder(t, dir)
	must(t, first.Close())
	segments, err := filepath.Glob(filepath.Join(dir, "*", "*.seg"))
	if must(t, err); len(segments) != 1 {
		t.Fatalf("segments: %q", segments)
	}
	b, err := os.ReadFile(segments[0])
	must(t, err)
	must(t, os.Remove(segments[0]))
	return dir, &lister{System: osSystem{}, listed: func() {
		must(t, os.WriteFile(segments[0], append(b, b[segmentHeader:segmentHeader+recordHead/2]...), 0o600))
	}}
}

// TestKilledOnceListed: what a process has written since the folder was listed is adopted with the rest of it. It would
// be left without a journal, and its torn end be counted as lost.
func TestKilledOnceListed(t *testing.T) {
	t.Parallel()
	dir, sys := killedOnceListed(t)
	second, err := Open(Config{Patience: time.Minute, Dir: dir, DSN: "http://key@127.0.0.1/1", System: sys})
	must(t, err)
	defer func() { _ = second.Close() }()
	found := 0
	for range 2 {
		met, err := second.Adopt(context.Background(), func(entries []*store.Entry) { found += len(entries) })
		if err != nil || found != 3 || met.Damaged > 0 {
			t.Errorf("%d of 3 found, %d damaged, %v", found, met.Damaged, err)
		}
	}
}

// TestPurgeOfOneKilledOnceListed: a process that dies meanwhile leaves nothing behind.
func TestPurgeOfOneKilledOnceListed(t *testing.T) {
	t.Parallel()
	dir, sys := killedOnceListed(t)
	folders, err := dsnFolders(osSystem{}, dir)
	must(t, err)
	must(t, purgeFolder(sys, folders[0]))
	if left := tree(t, dir); len(left) > 0 {
		t.Errorf("left: %q", left)
	}
}
