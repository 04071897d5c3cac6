package sentryasynq_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/hibiken/asynq"

	"github.com/autoservice/sentryconfig"
	"github.com/autoservice/sentryconfig/sentryasynq"
	"github.com/autoservice/sentryconfig/sentrytest"
)

const loadWorkers = 4 // in each of two processes

// What a job of the load does is told by its number.
const (
	loadSucceeds = iota
	loadFailsOnce
	loadFails
	loadPanics
	loadSkips
	loadPanicsOnce
	loadHangs // until its worker is killed, in its first attempt
	loadKinds
)

func loadKind(n int) int {
	if n%500 == 499 {
		return loadHangs
	}
	return []int{loadSucceeds, loadSucceeds, loadSucceeds, loadFailsOnce, loadFails, loadPanics, loadSkips,
		loadPanicsOnce}[n%8]
}

func handleLoad(ctx context.Context, task *asynq.Task) error {
	n, err := strconv.Atoi(string(task.Payload()))
	if err != nil {
		panic(err)
	}
	retried, _ := asynq.GetRetryCount(ctx)
	switch loadKind(n) {
	case loadFails:
		return errors.New("no luck")
	case loadPanics:
		panic("boom")
	case loadSkips:
		return fmt.Errorf("hopeless: %w", asynq.SkipRetry)
	}
	if retried > 0 {
		return nil
	}
	switch loadKind(n) {
	case loadFailsOnce:
		return errors.New("no luck")
	case loadPanicsOnce:
		panic("boom")
	case loadHangs:
		fmt.Println("hanging")
		select {}
	}
	return nil
}

// TestLoad: 10,000 jobs with failures, panics, retries and kills through 8 workers on two processes. It prints the
// account.
func TestLoad(t *testing.T) {
	jobs := 10_000
	if testing.Short() {
		jobs = 1_000
	}
	b := newBench(t, sentryconfig.Options{})
	kinds := enqueueLoad(t, b, jobs)
	dirs := []string{t.TempDir(), t.TempDir()}
	kills := 0
	for {
		var hanging atomic.Int32
		workers := []*workerProcess{startWorker(t, "load", b.sentry.DSN(), dirs[0], b.redis),
			startWorker(t, "load", b.sentry.DSN(), dirs[1], b.redis)}
		for _, w := range workers {
			go w.count("hanging", &hanging)
		}
		done := b.waitForRest(&hanging)
		for _, w := range workers {
			if done {
				_ = w.stdin.Close()
			} else {
				_ = w.cmd.Process.Kill()
				kills++
			}
			<-w.ended
			_ = w.cmd.Wait()
		}
		if done {
			break
		}
		expireLeases(t, b.redis, "default")
	}
	account(t, b.sentry, kinds, kills)
}

// waitForRest waits until the workers have nothing left but jobs that hang, and reports whether they have none at all.
func (b *bench) waitForRest(hanging *atomic.Int32) (done bool) {
	inspector := asynq.NewInspector(b.redis)
	defer inspector.Close()
	for over, before := false, -1; !over; {
		b.wait("the load to go on", func() bool { // all of it may take a slow machine minutes
			info, err := inspector.GetQueueInfo("default")
			if err != nil {
				b.t.Fatal(err)
			}
			waiting, active := info.Pending+info.Retry+info.Scheduled, info.Active
			done = waiting+active == 0
			over = done || active == int(hanging.Load()) && (waiting == 0 || active == 2*loadWorkers)
			goesOn := waiting != before
			before = waiting
			return over || goesOn
		})
	}
	return done
}

// count counts how often the worker says line, until it ends.
func (w *workerProcess) count(line string, n *atomic.Int32) {
	defer close(w.ended)
	for w.lines.Scan() {
		if w.lines.Text() == line {
			n.Add(1)
		}
	}
}

// account checks what was reported of each job, and prints it.
func account(t *testing.T, server *sentrytest.Server, kinds map[string]int, kills int) {
	t.Helper()
	want := map[int]string{loadSucceeds: "", loadFailsOnce: "warning", loadFails: "warning error",
		loadPanics: "warning fatal", loadSkips: "error", loadPanicsOnce: "warning", loadHangs: ""}
	got := make(map[string]string)
	interrupted, levels := 0, make(map[string]int)
	for _, e := range server.Events() {
		levels[e.Level]++
		if e.Message == "load: interrupted" { // asynq doesn't tell of which task
			interrupted++
			continue
		}
		id := fmt.Sprint(e.Contexts["task"]["id"])
		got[id] = strings.TrimSpace(got[id] + " " + e.Level)
	}
	jobs, wrong := make([]int, loadKinds), 0
	for id, kind := range kinds {
		jobs[kind]++
		if sorted(got[id]) != sorted(want[kind]) {
			if wrong++; wrong < 10 {
				t.Errorf("a job of kind %d: %q, want %q", kind, got[id], want[kind])
			}
		}
	}
	if interrupted != jobs[loadHangs] {
		t.Errorf("%d interrupted attempts, want %d", interrupted, jobs[loadHangs])
	}
	t.Logf("%d jobs (%d succeed, %d fail once, %d fail, %d panic, %d skip, %d panic once, %d killed), %d kills",
		len(kinds), jobs[loadSucceeds], jobs[loadFailsOnce], jobs[loadFails], jobs[loadPanics], jobs[loadSkips],
		jobs[loadPanicsOnce], jobs[loadHangs], kills)
	t.Logf("events by level: %v, %d of them interrupted; %d that Sentry has already; %d jobs told wrongly", levels,
		interrupted, server.Duplicates(), wrong)
}

func sorted(words string) string {
	list := strings.Fields(words)
	slices.Sort(list)
	return strings.Join(list, " ")
}

func enqueueLoad(t *testing.T, b *bench, jobs int) map[string]int {
	kinds := make(map[string]int, jobs)
	for n := range jobs {
		task := sentryasynq.NewTask(context.Background(), "load", []byte(strconv.Itoa(n)))
		info, err := b.queue.Enqueue(task, asynq.MaxRetry(3))
		if err != nil {
			t.Fatal(err)
		}
		kinds[info.ID] = loadKind(n)
	}
	return kinds
}
