package outbox

import (
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/autoservice/sentryconfig/internal/outbox/disk"
)

func init() { otherRoles["on a device"] = onDevice }

const (
	cuts      = 5                    // of each file system
	cutEvents = 1600                 // that are captured meanwhile, about
	cutPace   = 3 * time.Millisecond // between two: through several of the syncs that come once a second
)

// TestPowerCut cuts the power of a file system in use: it copies the device as it is at one moment, mounts the copies
// and has a new process deliver what is there. What was synced when the power went must arrive, byte for byte, and the
// outbox must work as before. Root alone can do that.
func TestPowerCut(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	if os.Getuid() != 0 {
		t.Skip("power cuts are NOT tested: only root may mount loop devices")
	}
	if out, err := exec.Command("losetup", "-f").CombinedOutput(); err != nil {
		t.Skipf("power cuts are NOT tested: no loop devices: %v %s", err, out)
	}
	for kind, mebibytes := range map[string]int64{"ext4": 64, "xfs": 320, "btrfs": 128} {
		t.Run(kind, func(t *testing.T) {
			if _, err := exec.LookPath("mkfs." + kind); err != nil {
				if kind == "ext4" && os.Getenv("CI") == "true" {
					t.Fatal(err)
				}
				t.Skipf("power cuts are NOT tested on %s: no mkfs.%s", kind, kind)
			}
			cutPower(t, kind, mebibytes<<20)
		})
	}
}

// run runs a command. It ends the test when that fails; without CI=true it may be that this machine allows no mounts.
func run(t *testing.T, name string, args ...string) {
	t.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	switch {
	case err == nil:
	case name == "mount" && os.Getenv("CI") != "true":
		t.Skipf("power cuts are NOT tested: %s %q: %v %s", name, args, err, out)
	default:
		t.Fatalf("%s %q: %v %s", name, args, err, out)
	}
}

// mount mounts an image. unmount is called at the end of the test, if not before. Another process that has got a mount
// namespace of its own meanwhile has what was mounted then mounted there, for as long as it lives: that makes the file
// system below it busy, and XFS refuse a copy with the same ID.
func mount(t *testing.T, kind, image string) (dir string, unmount func()) {
	t.Helper()
	dir = t.TempDir()
	options := "loop"
	if kind == "xfs" {
		options += ",nouuid"
	}
	run(t, "mount", "-o", options, image, dir)
	unmount = sync.OnceFunc(func() { run(t, "umount", "--lazy", dir) })
	t.Cleanup(unmount)
	return dir, unmount
}

// format makes an image of size bytes with an empty file system.
func format(t *testing.T, kind, image string, size int64) {
	t.Helper()
	f, err := os.Create(image) //nolint:gosec // the test's own
	must(t, err)
	must(t, f.Truncate(size))
	must(t, f.Close())
	force := "-f"
	if kind == "ext4" {
		force = "-F"
	}
	run(t, "mkfs."+kind, "-q", force, image)
}

// A cut is what was known when the power went, and the device as it was then.
type cut struct {
	image    string
	held     map[string]time.Time // by event ID: Put had returned
	promised map[string]bool      // synced
	arrived  []string             // at the server
	at       time.Time
}

// cutPower has the image lie in a file system of its own. While that is frozen no write reaches the image, those in the
// middle of a sync included, so that a copy shows one moment.
func cutPower(t *testing.T, kind string, size int64) {
	images := t.TempDir()
	format(t, "ext4", filepath.Join(images, "outer"), size+64<<20)
	outer, _ := mount(t, "ext4", filepath.Join(images, "outer"))
	image := filepath.Join(outer, "inner")
	format(t, kind, image, size)
	dir, unmount := mount(t, kind, image)

	s := &sink{}
	// Errors stay, and everything else leaves: segments are rewritten and removed.
	s.respond(func(id string, w http.ResponseWriter, _ *http.Request) bool {
		if !stays(number(id)) {
			return false
		}
		w.Header().Set("X-Sentry-Rate-Limits", "1:error")
		w.WriteHeader(http.StatusTooManyRequests)
		return true
	})
	server := serve(s)
	t.Cleanup(server.Close)
	child := startChild(t, "on a device", filepath.Join(dir, "outbox"), server.URL, 0)
	kill := sync.OnceFunc(func() {
		_ = child.Process.Kill()
		_ = child.Wait() // it was killed
	})
	t.Cleanup(kill)
	var all []cut
	held, promised := map[string]time.Time{}, map[string]bool{}
	for next := range cuts {
		// Somewhere in this part of the child's life, by what it has said and not by the clock.
		for lines := 1 + rand.IntN(2*cutEvents/cuts); lines > 0 && child.lines.Scan(); lines-- {
			switch what, id, _ := strings.Cut(child.lines.Text(), " "); what {
			case "held":
				held[id] = time.Now()
			case "promised":
				promised[id] = true
			default:
				t.Fatal(child.lines.Text())
			}
		}
		c := cut{image: filepath.Join(images, fmt.Sprint(next)), held: maps.Clone(held), promised: maps.Clone(promised)}
		freeze(t, outer, func() {
			c.at, c.arrived = time.Now(), s.got()
			run(t, "cp", "--sparse=always", image, c.image)
		})
		all = append(all, c)
	}
	if len(promised) == 0 {
		t.Error("nothing was synced")
	}
	kill()
	unmount() // copies have its ID, which nothing else that is mounted may have
	for _, c := range all {
		c.check(t, kind)
	}
}

// freeze calls f while no write reaches a file system.
func freeze(t *testing.T, dir string, f func()) {
	run(t, "fsfreeze", "-f", dir)
	defer run(t, "fsfreeze", "-u", dir)
	f()
}

// check has the next process start after the cut.
func (c *cut) check(t *testing.T, kind string) {
	mounted, unmount := mount(t, kind, c.image)
	defer unmount()
	dir := filepath.Join(mounted, "outbox")
	s := &sink{}
	server := serve(s)
	defer server.Close()
	o := openTest(t, server.URL, func(cfg *Config) {
		cfg.OpenStore = func() (Store, error) { return openTestDisk(dir) }
	})
	flushed := o.Flush(within(time.Minute))
	stats := o.Stats()
	if !flushed && stats.Dropped == 0 {
		t.Errorf("Flush: false, and nothing was damaged: %+v", stats)
	}
	there := map[string]bool{}
	for _, id := range s.got() {
		there[id] = true
		if !isRecord(id, s.bodies[id]) {
			t.Errorf("%s arrived as something else: %.200q", id, s.bodies[id])
		}
	}
	for _, id := range c.arrived {
		there[id] = true
	}
	lost, oldest := 0, time.Duration(0)
	for id, at := range c.held {
		if there[id] {
			continue
		}
		if lost++; c.promised[id] {
			t.Errorf("%s was synced %v before the cut, and is lost", id, c.at.Sub(at))
		}
		oldest = max(oldest, c.at.Sub(at))
	}
	t.Logf("cut: %d IDs returned, %d of them synced, %d at the server; lost %d, the oldest from %v before; damaged %v",
		len(c.held), len(c.promised), len(c.arrived), lost, oldest.Round(time.Millisecond), stats.DroppedBy)

	const next = 1 << 20
	if !o.Put(testRecord(next, 100)) || !o.Flush(within(time.Minute)) || !o.Close(within(time.Minute)) {
		t.Errorf("the next events can't be captured: %+v", o.Stats())
	}
	if !slices.Contains(s.got(), eventIDOf(next)) {
		t.Error("the next event hasn't arrived")
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// cutRecord is the ith that the child captures. Those that stay are errors.
func cutRecord(i int) *Record {
	r := testRecord(i, 10+i%7*500)
	if !stays(i) {
		return ofCategory(r, CategoryTransaction)
	}
	r.Urgent = i%320 == 0
	return r
}

// stays says that the server doesn't take the ith for a while.
func stays(i int) bool { return i%4 == 0 }

// number is the number of the event with this ID, or -1.
func number(id string) int {
	if i, err := strconv.ParseInt("0"+strings.TrimLeft(id, "0"), 16, 32); err == nil {
		return int(i)
	}
	return -1
}

// isRecord says whether a body is that of the record with this ID.
func isRecord(id, body string) bool {
	_, want, _ := strings.Cut(string(cutRecord(number(id)).Payload), "\n")
	return body == want
}

// onDevice captures, and prints which events are held and which are synced.
func onDevice() {
	dir := os.Getenv(childDir)
	go func() { // an orphan ends too
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(4)
	}()
	sys := &promising{System: disk.OS()}
	o := openTest(quiet{}, os.Getenv(childURL), func(c *Config) {
		c.OpenStore = func() (Store, error) {
			return OpenDisk(DiskConfig{Dir: dir, DSN: "http://key@127.0.0.1/1", MaxBytes: 1 << 20, System: sys})
		}
	})
	pace := time.Tick(cutPace)
	for i := 0; ; i++ { // until it is killed
		if o.Put(cutRecord(i)) {
			fmt.Println("held", eventIDOf(i))
		}
		<-pace
	}
}

// A promising system prints the ID of each record that is synced, and whose segment's name is.
type promising struct {
	disk.System
	mu      sync.Mutex
	unnamed []*promisingFile // created since the folder was synced
}

type promisingFile struct {
	disk.File
	s       *promising
	written []string // since the last sync
	synced  []string // whose name isn't yet
	named   bool
}

func (s *promising) Open(path string, flag int) (disk.File, error) {
	f, err := s.System.Open(path, flag)
	if err != nil || !strings.HasSuffix(path, ".seg") {
		return f, err
	}
	p := &promisingFile{File: f, s: s, named: flag&os.O_CREATE == 0}
	if !p.named {
		s.mu.Lock()
		s.unnamed = append(s.unnamed, p)
		s.mu.Unlock()
	}
	return p, nil
}

func (s *promising) SyncFolder(path string) error {
	s.mu.Lock()
	unnamed := s.unnamed
	s.unnamed = nil
	s.mu.Unlock()
	err := s.System.SyncFolder(path)
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		s.unnamed = append(s.unnamed, unnamed...)
		return err
	}
	for _, f := range unnamed {
		f.named = true
		f.promise()
	}
	return nil
}

// promise prints what is safe. mu is held.
func (f *promisingFile) promise() {
	if f.named {
		for _, id := range f.synced {
			fmt.Println("promised", id)
		}
		f.synced = nil
	}
}

func (f *promisingFile) WriteAt(b []byte, at int64) (int, error) {
	n, err := f.File.WriteAt(b, at)
	if err == nil && len(b) > 100 { // a record, as segment.go has it
		if at == 0 {
			b = b[16:]
		}
		f.s.mu.Lock()
		f.written = append(f.written, hex.EncodeToString(b[40:56]))
		f.s.mu.Unlock()
	}
	return n, err
}

func (f *promisingFile) Sync() error {
	f.s.mu.Lock()
	n := len(f.written)
	f.s.mu.Unlock()
	err := f.File.Sync()
	f.s.mu.Lock()
	defer f.s.mu.Unlock()
	if err == nil {
		f.synced = append(f.synced, f.written[:n]...)
		f.written = f.written[n:]
		f.promise()
	}
	return err
}
