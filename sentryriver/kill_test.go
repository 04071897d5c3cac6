//go:build unix

package sentryriver_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"
	"testing"

	"github.com/getsentry/sentry-go"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivertype"

	"github.com/autoservice/sentryconfig"
	"github.com/autoservice/sentryconfig/sentryriver"
)

// A workerProcess is this test binary at work, to be killed.
type workerProcess struct {
	t     testing.TB
	cmd   *exec.Cmd
	stdin io.WriteCloser
	lines *bufio.Scanner
}

// startWorker starts a process that works the database, with an outbox in dir. It returns when that is ready.
func startWorker(t testing.TB, role, dsn, dir, url string) *workerProcess {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "SENTRYRIVER_ROLE="+role, "SENTRYRIVER_DSN="+dsn, "SENTRYRIVER_DIR="+dir,
		"SENTRYRIVER_URL="+url+"&application_name=worker")
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	w := &workerProcess{t, cmd, stdin, bufio.NewScanner(stdout)}
	w.expect("ready")
	return w
}

// expect reads lines up to the one given.
func (w *workerProcess) expect(line string) {
	w.t.Helper()
	for w.lines.Scan() {
		if w.lines.Text() == line {
			return
		}
	}
	w.t.Fatalf("the worker ended before it said %q", line)
}

func (w *workerProcess) kill() {
	_ = w.cmd.Process.Kill()
	for w.lines.Scan() {
	}
	_ = w.cmd.Wait()
}

// stop has the worker shut down, and waits for it.
func (w *workerProcess) stop() {
	_ = w.stdin.Close()
	for w.lines.Scan() {
	}
	_ = w.cmd.Wait()
}

// runWorkerProcess is main of a worker. It works until its stdin is closed.
func runWorkerProcess(role string) {
	ctx := context.Background()
	client, err := sentryconfig.New(sentryconfig.Options{DSN: os.Getenv("SENTRYRIVER_DSN"),
		OutboxDir: os.Getenv("SENTRYRIVER_DIR"), SendSystemInfo: sentry.Set(false), TracesSampleRate: sentry.Set(0.0)})
	if err != nil {
		panic(err)
	}
	pool, err := pgxpool.New(ctx, os.Getenv("SENTRYRIVER_URL"))
	if err != nil {
		panic(err)
	}
	config := quickConfig(&worker{work: func(ctx context.Context, job *river.Job[sendArgs]) error {
		if role == "load" {
			return workLoad(ctx, job)
		}
		fmt.Println("working")
		<-ctx.Done()
		return ctx.Err()
	}})
	if role == "idle" {
		config.Queues = map[string]river.QueueConfig{"elsewhere": {MaxWorkers: 1}}
	}
	config = sentryriver.New(sentryriver.Options{Client: client}).Config(config)
	worker, err := river.NewClient(riverpgxv5.New(pool), &config)
	if err != nil {
		panic(err)
	}
	if err := worker.Start(ctx); err != nil {
		panic(err)
	}
	fmt.Println("ready")
	_, _ = io.Copy(io.Discard, os.Stdin)
	if err := worker.StopAndCancel(ctx); err != nil {
		panic(err)
	}
	if !client.Close(patience) {
		panic("not delivered")
	}
	pool.Close()
}

// rescue does what River's JobRescuer does to a job whose worker never came back, an hour later: by then the database
// knows that the worker is dead, which may have asked for a job just before.
func (b *bench) rescue(id int64) {
	b.t.Helper()
	waitFor(b.t, "the dead worker's sessions to end", func() bool {
		var n int
		err := b.pool.QueryRow(context.Background(), `SELECT count(*) FROM pg_stat_activity
			WHERE datname = current_database() AND application_name = 'worker'`).Scan(&n)
		if err != nil {
			b.t.Fatal(err)
		}
		return n == 0
	})
	_, err := b.pool.Exec(context.Background(), `UPDATE river_job SET
		errors = array_append(errors, jsonb_build_object('at', now(), 'attempt', attempt, 'trace', '',
			'error', 'Stuck job rescued by JobRescuer')),
		finalized_at = CASE WHEN attempt >= max_attempts THEN now() END, scheduled_at = now(),
		state = CASE WHEN attempt >= max_attempts THEN 'discarded'::river_job_state ELSE 'available' END
		WHERE id = $1 AND state = 'running'`, id)
	if err != nil {
		b.t.Fatal(err)
	}
}

// TestKilled: the outbox of the killed worker and the next attempt report the lost one under one ID, as a warning. Of a
// last attempt the outbox alone knows.
func TestKilled(t *testing.T) {
	for _, attempts := range []int{2, 1} {
		t.Run(fmt.Sprint(attempts, " attempts"), func(t *testing.T) {
			b := newBench(t, sentryconfig.Options{})
			dir := t.TempDir()
			inserter, err := river.NewClient(riverpgxv5.New(b.pool), &river.Config{})
			if err != nil {
				t.Fatal(err)
			}
			result, err := inserter.Insert(context.Background(), sendArgs{N: 1},
				&river.InsertOpts{MaxAttempts: attempts})
			if err != nil {
				t.Fatal(err)
			}
			id := result.Job.ID
			killed := startWorker(t, "send", b.sentry.DSN(), dir, b.url)
			killed.expect("working")
			killed.kill()
			b.rescue(id)
			b.start(quickConfig(&worker{work: func(context.Context, *river.Job[sendArgs]) error { return nil }}),
				sentryriver.Options{})
			states := map[int]rivertype.JobState{2: rivertype.JobStateCompleted, 1: rivertype.JobStateDiscarded}
			b.ended(id, states[attempts])
			b.stop()
			b.flush()
			if n := len(b.sentry.Events()); n != attempts-1 {
				t.Errorf("the engine told of %d attempts", n)
			}
			startWorker(t, "idle", b.sentry.DSN(), dir, b.url).stop()
			events := b.sentry.Events()
			if len(events) != 1 || b.sentry.Duplicates() != attempts-1 {
				t.Fatalf("%d events, %d of an ID that was there", len(events), b.sentry.Duplicates())
			}
			e, level := events[0], map[int]string{2: "warning", 1: "fatal"}[attempts]
			if task := e.Contexts["task"]; e.Message != "send: interrupted" || e.Level != level ||
				task["id"] != fmt.Sprint(id) || task["attempt"] != 1.0 || task["queue"] != "default" {
				t.Errorf("event %s %s %v", e.Message, e.Level, task)
			}
		})
	}
}

// TestStoppedAndSuspended: a worker that is suspended for a while, and one that is stopped in the middle, report
// nothing: River runs the job again, without counting the attempt.
func TestStoppedAndSuspended(t *testing.T) {
	b := newBench(t, sentryconfig.Options{})
	inserter, err := river.NewClient(riverpgxv5.New(b.pool), &river.Config{})
	if err != nil {
		t.Fatal(err)
	}
	result, err := inserter.Insert(context.Background(), sendArgs{N: 1}, &river.InsertOpts{MaxAttempts: 1})
	if err != nil {
		t.Fatal(err)
	}
	w := startWorker(t, "send", b.sentry.DSN(), t.TempDir(), b.url)
	w.expect("working")
	for _, signal := range []syscall.Signal{syscall.SIGSTOP, syscall.SIGCONT} {
		if err := w.cmd.Process.Signal(signal); err != nil {
			t.Fatal(err)
		}
	}
	w.stop()
	b.start(quickConfig(&worker{work: func(context.Context, *river.Job[sendArgs]) error { return nil }}),
		sentryriver.Options{})
	b.ended(result.Job.ID, rivertype.JobStateCompleted)
	b.stop()
	b.flush()
	b.sentry.RequireNoEvents()
}
