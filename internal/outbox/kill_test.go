package outbox

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"
)

// Tests that need other processes run this binary again: the variable says as what.
const (
	childRole = "SENTRYCONFIG_OUTBOX_CHILD"
	childDir  = "SENTRYCONFIG_OUTBOX_CHILD_DIR"
	childURL  = "SENTRYCONFIG_OUTBOX_CHILD_URL"
	childFrom = "SENTRYCONFIG_OUTBOX_CHILD_FROM" // its events' first number
)

func TestMain(m *testing.M) {
	if role := os.Getenv(childRole); role != "" {
		runChild(role)
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// runChild is a process that captures, and prints the number of each event once the outbox holds it. Role "putter" goes
// on until it is killed, role "calm" ends by itself.
func runChild(role string) {
	if run := otherRoles[role]; run != nil {
		run()
		return
	}
	open := func() (Store, error) { return openTestDisk(os.Getenv(childDir)) }
	from, err := strconv.Atoi(os.Getenv(childFrom))
	if err != nil {
		panic(err)
	}
	go func() { // an orphan ends too
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(4)
	}()
	o := openTest(quiet{}, os.Getenv(childURL), func(c *Config) {
		c.OpenStore = open
		// a busy machine isn't a folder that can't be read
		c.timing.flushRetry, c.timing.flushMax = defaultTiming.flushRetry, defaultTiming.flushMax
	})
	put := func(i int) {
		if o.Put(testRecord(i, 10+i%7*1000)) {
			fmt.Println(i)
		}
	}
	if role == "calm" {
		for i := range calmEvents {
			put(from + i)
		}
		if !o.Close(within(30 * time.Second)) {
			fmt.Fprintln(os.Stderr, "Close: false:", o.Stats())
			os.Exit(5)
		}
		return
	}
	for i := from; ; i++ {
		put(i)
	}
}

// otherRoles are roles of one system's tests.
var otherRoles = map[string]func(){}

// quiet is a testing.TB for a process that isn't a test.
type quiet struct{ testing.TB }

func (quiet) Cleanup(func()) {}

// A childProcess is one of ours that runs.
type childProcess struct {
	*exec.Cmd
	stdin io.Closer
	lines *bufio.Scanner
	held  []int // the numbers it has printed
}

func startChild(t *testing.T, role, dir, url string, from int) *childProcess {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := &childProcess{Cmd: exec.Command(exe)}
	c.Env = append(os.Environ(), childRole+"="+role, childDir+"="+dir, childURL+"="+url,
		childFrom+"="+strconv.Itoa(from))
	c.Stderr = os.Stderr
	if c.stdin, err = c.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	c.lines = bufio.NewScanner(out)
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	return c
}

// read reads up to n numbers, or all until the process has ended.
func (c *childProcess) read(t *testing.T, n int) {
	for len(c.held) < n && c.lines.Scan() {
		i, err := strconv.Atoi(c.lines.Text())
		if err != nil {
			continue // the last line, torn
		}
		c.held = append(c.held, i)
	}
}

// killAfter kills the process without a warning: after it has printed n numbers and the time d is over.
func (c *childProcess) killAfter(t *testing.T, n int, d time.Duration) {
	c.read(t, n)
	timer := time.AfterFunc(d, func() { _ = c.Process.Kill() })
	defer timer.Stop()
	c.read(t, 1<<30)
	_ = c.Wait() // it was killed
	_ = c.stdin.Close()
}

// A killable is a server whose clients die: Close doesn't wait for what they never finish.
type killable struct{ *httptest.Server }

func serve(s *sink) killable { return killable{httptest.NewServer(s)} }

func (k killable) Close() {
	k.CloseClientConnections()
	k.Server.Close()
}

// TestKill kills processes at random moments, some while they send, and has the next one deliver what they held: every
// event that was promised, at least once, and no more again than was in flight. It goes on for
// $SENTRYCONFIG_KILL_SECONDS, else for a second.
func TestKill(t *testing.T) {
	seconds, err := strconv.ParseFloat(os.Getenv("SENTRYCONFIG_KILL_SECONDS"), 64)
	if err != nil {
		seconds = 1
	}
	end := time.Now().Add(time.Duration(seconds * float64(time.Second)))
	events, again, kills := 0, 0, 0
	for round := 0; round == 0 || time.Now().Before(end); round++ {
		n, twice, killed := killRound(t, round)
		events, again, kills = events+n, again+twice, kills+killed
		if t.Failed() {
			return
		}
	}
	t.Logf("%d processes were killed, %d events were promised and arrived, %d of them twice", kills, events, again)
}

func killRound(t *testing.T, round int) (events, again, kills int) {
	dir := t.TempDir()
	s := &sink{}
	server := serve(s)
	defer server.Close()
	const generations, atOnce = 2, 3
	var held []int
	for g := range generations {
		var wg sync.WaitGroup
		var children []*childProcess
		for i := range atOnce {
			url := server.URL
			if (round+i)%2 == 0 {
				url = "http://127.0.0.1:1" // away
			}
			c := startChild(t, "putter", dir, url, (g*atOnce+i+1)*1_000_000)
			children = append(children, c)
			wg.Go(func() { c.killAfter(t, rand.IntN(20), time.Duration(rand.IntN(30))*time.Millisecond) })
		}
		wg.Wait()
		for _, c := range children {
			held = append(held, c.held...)
		}
	}
	kills = generations * atOnce

	var logs logBook
	o := openTest(t, server.URL, func(c *Config) {
		c.OpenStore, c.Logger = func() (Store, error) { return openTestDisk(dir) }, slog.New(&logs)
	})
	if !o.Flush(within(time.Minute)) {
		t.Errorf("Flush: false; %+v %q", o.Stats(), logs.lines)
	}
	if !o.Close(within(time.Minute)) {
		t.Error("Close: false")
	}
	arrived := make(map[string]int)
	for _, id := range s.got() {
		arrived[id]++
	}
	for _, i := range held {
		if arrived[eventIDOf(i)] == 0 {
			t.Errorf("event %d was promised, and is lost; %+v", i, o.Stats())
		}
	}
	for _, n := range arrived {
		again += n - 1
	}
	if again > kills*senders {
		t.Errorf("%d events came again, more than were in flight", again)
	}
	s.check(t)
	left, err := os.ReadDir(dir)
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	return len(held), again, kills
}

const calmEvents = 200

// TestProcessesShareAFolder has eight processes work with one folder at once, and what two dead ones left: nobody waits
// for anybody, nothing is lost, and nothing is sent twice.
func TestProcessesShareAFolder(t *testing.T) {
	dir := t.TempDir()
	s := &sink{}
	server := serve(s)
	defer server.Close()
	want := make(map[string]bool)
	for i := range 2 {
		dead := startChild(t, "putter", dir, "http://127.0.0.1:1", (100+i)*1_000_000)
		dead.killAfter(t, 100, 0)
		if len(dead.held) < 100 {
			t.Fatalf("the dead one held %d", len(dead.held))
		}
		for _, n := range dead.held {
			want[eventIDOf(n)] = true
		}
	}
	var wg sync.WaitGroup
	for i := range 8 {
		c := startChild(t, "calm", dir, server.URL, i*1_000_000)
		wg.Go(func() {
			c.read(t, 1<<30)
			if err := c.Wait(); err != nil {
				t.Errorf("process %d: %v", i, err)
			}
		})
		for n := range calmEvents {
			want[eventIDOf(i*1_000_000+n)] = true
		}
	}
	wg.Wait()
	arrived := make(map[string]int)
	for _, id := range s.got() {
		if arrived[id]++; arrived[id] > 1 {
			t.Errorf("%s arrived twice", id)
		}
	}
	for id := range want {
		if arrived[id] == 0 {
			t.Errorf("%s is lost", id)
		}
	}
	s.check(t)
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		files, _ := filepath.Glob(filepath.Join(dir, "*", "*"))
		t.Errorf("left behind: %v %q, %v", left, files, err)
	}
}

// TestAdoptWhileOthersRun: what a process that dies leaves is taken over by one that lives, at its next look.
func TestAdoptWhileOthersRun(t *testing.T) {
	dir := t.TempDir()
	s := &sink{}
	server := serve(s)
	defer server.Close()
	dying := startChild(t, "putter", dir, "http://127.0.0.1:1", 1_000_000)
	dying.read(t, 50)
	o := openTest(t, server.URL, func(c *Config) {
		c.OpenStore = func() (Store, error) { return openTestDisk(dir) }
		c.timing.adopt = 10 * time.Millisecond
	})
	if !o.Flush(within(time.Minute)) {
		t.Error("Flush: false")
	}
	if n := len(s.got()); n != 0 {
		t.Errorf("%d events of a living process were sent", n)
	}
	dying.killAfter(t, 50, 0)
	eventually(t, "adoption", func() bool { return len(s.got()) > 0 })
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	o.Flush(ctx)
	arrived := make(map[string]bool)
	for _, id := range s.got() {
		arrived[id] = true
	}
	for _, n := range dying.held {
		if !arrived[eventIDOf(n)] {
			t.Fatalf("event %d is lost", n)
		}
	}
}
