//go:build unix

package sentryriver_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"

	"github.com/autoservice/sentryconfig"
	"github.com/autoservice/sentryconfig/sentrytest"
)

const loadWorkers = 4 // in each of two processes

// What a job of the load does is told by its number.
const (
	loadSucceeds = iota
	loadFailsOnce
	loadFails
	loadPanics
	loadCancels
	loadPanicsOnce
	loadHangs // until its worker is killed, in its first attempt
	loadKinds
)

func loadKind(n int) int {
	if n%500 == 499 {
		return loadHangs
	}
	return []int{loadSucceeds, loadSucceeds, loadSucceeds, loadFailsOnce, loadFails, loadPanics, loadCancels,
		loadPanicsOnce}[n%8]
}

func workLoad(_ context.Context, job *river.Job[sendArgs]) error {
	switch kind := loadKind(job.Args.N); {
	case kind == loadFails, kind == loadFailsOnce && job.Attempt == 1:
		return errors.New("no luck")
	case kind == loadPanics, kind == loadPanicsOnce && job.Attempt == 1:
		panic("boom")
	case kind == loadCancels:
		return river.JobCancel(errors.New("hopeless"))
	case kind == loadHangs && job.Attempt == 1:
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
	kinds := insertLoad(t, b, jobs)
	dirs := []string{t.TempDir(), t.TempDir()}
	kills := 0
	for done := false; !done; {
		var hanging atomic.Int32
		workers := []*workerProcess{startWorker(t, "load", b.sentry.DSN(), dirs[0], b.url),
			startWorker(t, "load", b.sentry.DSN(), dirs[1], b.url)}
		ended := make(chan struct{}, len(workers))
		for _, w := range workers {
			go func() {
				for w.lines.Scan() {
					if w.lines.Text() == "hanging" {
						hanging.Add(1)
					}
				}
				ended <- struct{}{}
			}()
		}
		done = b.waitForRest(&hanging)
		for _, w := range workers {
			if done {
				_ = w.stdin.Close()
			} else {
				_ = w.cmd.Process.Kill()
				kills++
			}
		}
		for _, w := range workers {
			<-ended
			_ = w.cmd.Wait()
		}
		b.rescueAll()
	}
	account(t, b.sentry, kinds, kills)
}

func insertLoad(t *testing.T, b *bench, jobs int) map[int64]int {
	inserter, err := river.NewClient(riverpgxv5.New(b.pool), &river.Config{})
	if err != nil {
		t.Fatal(err)
	}
	kinds := make(map[int64]int, jobs)
	for first := 0; first < jobs; first += 500 {
		var batch []river.InsertManyParams
		for n := first; n < first+500; n++ {
			batch = append(batch, river.InsertManyParams{Args: sendArgs{n},
				InsertOpts: &river.InsertOpts{MaxAttempts: 3}})
		}
		results, err := inserter.InsertMany(context.Background(), batch)
		if err != nil {
			t.Fatal(err)
		}
		for i, result := range results {
			kinds[result.Job.ID] = loadKind(first + i)
		}
	}
	return kinds
}

// waitForRest waits until the workers have nothing left but jobs that hang, and reports whether they have none at all.
func (b *bench) waitForRest(hanging *atomic.Int32) (done bool) {
	for over, before := false, -1; !over; {
		waitFor(b.t, "the load to go on", func() bool { // all of it may take a slow machine minutes
			var waiting, active int
			err := b.pool.QueryRow(context.Background(), `SELECT count(*) FILTER (WHERE state IN
				('available', 'retryable', 'scheduled')), count(*) FILTER (WHERE state = 'running') FROM river_job`).
				Scan(&waiting, &active)
			if err != nil {
				b.t.Fatal(err)
			}
			done = waiting+active == 0
			over = done || active == int(hanging.Load()) && (waiting == 0 || active == 2*loadWorkers)
			goesOn := waiting != before
			before = waiting
			return over || goesOn
		})
	}
	return done
}

func (b *bench) rescueAll() {
	rows, err := b.pool.Query(context.Background(), `SELECT id FROM river_job WHERE state = 'running'`)
	if err != nil {
		b.t.Fatal(err)
	}
	var ids []int64
	for rows.Next() {
		var id int64
		if err := rows.Scan(&id); err != nil {
			b.t.Fatal(err)
		}
		ids = append(ids, id)
	}
	rows.Close()
	for _, id := range ids {
		b.rescue(id)
	}
}

// account checks what was reported of each job, and prints it.
func account(t *testing.T, server *sentrytest.Server, kinds map[int64]int, kills int) {
	t.Helper()
	want := map[int]string{loadSucceeds: "", loadFailsOnce: "warning", loadFails: "error warning",
		loadPanics: "fatal warning", loadCancels: "error", loadPanicsOnce: "warning", loadHangs: "warning"}
	got, levels, interrupted := make(map[string][]string), make(map[string]int), 0
	for _, e := range server.Events() {
		levels[e.Level]++
		if e.Message == "send: interrupted" {
			interrupted++
		}
		id := fmt.Sprint(e.Contexts["task"]["id"])
		got[id] = append(got[id], e.Level)
	}
	jobs, wrong := make([]int, loadKinds), 0
	for id, kind := range kinds {
		jobs[kind]++
		told := got[fmt.Sprint(id)]
		slices.Sort(told)
		if strings.Join(told, " ") != want[kind] {
			if wrong++; wrong < 10 {
				t.Errorf("job %d of kind %d: %q, want %q", id, kind, told, want[kind])
			}
		}
	}
	if interrupted != jobs[loadHangs] {
		t.Errorf("%d interrupted attempts, want %d", interrupted, jobs[loadHangs])
	}
	t.Logf("%d jobs (%d succeed, %d fail once, %d fail, %d panic, %d cancel, %d panic once, %d killed), %d kills",
		len(kinds), jobs[loadSucceeds], jobs[loadFailsOnce], jobs[loadFails], jobs[loadPanics], jobs[loadCancels],
		jobs[loadPanicsOnce], jobs[loadHangs], kills)
	t.Logf("events by level: %v, %d of them interrupted; %d that Sentry has already; %d jobs told wrongly", levels,
		interrupted, server.Duplicates(), wrong)
}
