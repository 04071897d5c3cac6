package sentryasynq_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"testing"
	"time"

	"github.com/getsentry/sentry-go"
	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"github.com/autoservice/sentryconfig"
	"github.com/autoservice/sentryconfig/sentryasynq"
	"github.com/autoservice/sentryconfig/sentrytest"
)

// A workerProcess is this test binary at work, to be killed.
type workerProcess struct {
	t     testing.TB
	cmd   *exec.Cmd
	stdin io.WriteCloser
	lines *bufio.Scanner
	ended chan struct{} // closed by count
}

// startWorker starts a process that plays a role, with an outbox in dir. It runs when it has said so.
func startWorker(t testing.TB, role, dsn, dir string, opt asynq.RedisClientOpt, env ...string) *workerProcess {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), append(env, "SENTRYASYNQ_ROLE="+role, "SENTRYASYNQ_DSN="+dsn, "SENTRYASYNQ_DIR="+dir,
		"SENTRYASYNQ_SOCKET="+opt.Addr, "SENTRYASYNQ_DB="+strconv.Itoa(opt.DB))...)
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
	w := &workerProcess{t, cmd, stdin, bufio.NewScanner(stdout), make(chan struct{})}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
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
	db, _ := strconv.Atoi(os.Getenv("SENTRYASYNQ_DB"))
	opt := asynq.RedisClientOpt{Network: "unix", Addr: os.Getenv("SENTRYASYNQ_SOCKET"), DB: db}
	client, err := sentryconfig.New(sentryconfig.Options{DSN: os.Getenv("SENTRYASYNQ_DSN"),
		OutboxDir: os.Getenv("SENTRYASYNQ_DIR"), SendSystemInfo: sentry.Set(false), TracesSampleRate: sentry.Set(0.0)})
	if err != nil {
		panic(err)
	}
	reporter := sentryasynq.New(sentryasynq.Options{Client: client})
	cfg := quickConfig()
	if role == "load" {
		cfg.Concurrency = loadWorkers
	}
	if queue := os.Getenv("SENTRYASYNQ_QUEUE"); queue != "" {
		cfg.Queues = map[string]int{queue: 1, "other": 1}
	}
	server := asynq.NewServer(opt, reporter.Config(cfg))
	mux := asynq.NewServeMux()
	mux.Use(reporter.Middleware)
	mux.HandleFunc("send", func(context.Context, *asynq.Task) error {
		fmt.Println("working")
		select {}
	})
	mux.HandleFunc("load", handleLoad)
	if err := server.Start(mux); err != nil {
		panic(err)
	}
	fmt.Println("ready")
	_, _ = io.Copy(io.Discard, os.Stdin)
	server.Shutdown()
	if !client.Close(patience) {
		panic("not delivered")
	}
}

// expireLeases puts the leases of a queue into the past, as the time would.
func expireLeases(t testing.TB, opt asynq.RedisClientOpt, queue string) {
	t.Helper()
	c := redisClient(opt)
	defer c.Close()
	key := "asynq:{" + queue + "}:lease"
	ids, err := c.ZRange(context.Background(), key, 0, -1).Result()
	if err != nil {
		t.Fatal(err)
	}
	past := float64(time.Now().Add(-time.Hour).Unix())
	for _, id := range ids {
		if err := c.ZAdd(context.Background(), key, redis.Z{Score: past, Member: id}).Err(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestKilled: the outbox of the killed worker and the server that finds the lost lease report the attempt under one ID:
// a warning while there are attempts left. Of the last attempt the outbox alone knows.
func TestKilled(t *testing.T) {
	for _, retries := range []int{1, 0} {
		for _, queue := range []string{"default", "mail"} {
			t.Run(fmt.Sprint(retries, " retries, ", queue), func(t *testing.T) { testKilled(t, retries, queue) })
		}
	}
}

func testKilled(t *testing.T, retries int, queue string) {
	b := newBench(t, sentryconfig.Options{})
	dir := t.TempDir()
	info := b.enqueue(asynq.MaxRetry(retries), asynq.Queue(queue))
	env := "SENTRYASYNQ_QUEUE=" + queue
	killed := startWorker(t, "send", b.sentry.DSN(), dir, b.redis, env)
	killed.expect("working")
	killed.kill()
	expireLeases(t, b.redis, queue)

	// The next server tells by its engine, for it has another outbox.
	cfg := quickConfig()
	cfg.Queues = map[string]int{queue: 1, "other": 1}
	b.start(cfg, sentryasynq.Options{}, func(context.Context, *asynq.Task) error { return nil })
	if retries > 0 {
		b.ended(info)
	} else {
		b.ended(info, asynq.TaskStateArchived)
	}
	b.flush()
	if n := len(b.sentry.Events()); n != retries {
		t.Errorf("the engine told of %d attempts, want %d", n, retries)
	}
	// And the next process on the killed one's machine by its outbox.
	startWorker(t, "send", b.sentry.DSN(), dir, b.redis, "SENTRYASYNQ_QUEUE=elsewhere").stop()
	checkKilled(t, b.sentry, retries > 0, info)
}

func checkKilled(t *testing.T, server *sentrytest.Server, willRetry bool, info *asynq.TaskInfo) {
	t.Helper()
	level, twice := "fatal", 0
	if willRetry {
		level, twice = "warning", 1
	}
	events := server.Events()
	if len(events) != 1 || server.Duplicates() != twice {
		t.Fatalf("%d events, and %d of an ID that was there, want %d", len(events), server.Duplicates(), twice)
	}
	e := events[0]
	task := e.Contexts["task"]
	if e.Message != "send: interrupted" || e.Level != level || task["attempt"] != 1.0 {
		t.Errorf("event %s %s %v", e.Message, e.Level, task)
	}
	if byOutbox := !willRetry; byOutbox && (task["id"] != info.ID || task["queue"] != info.Queue) {
		t.Errorf("by the outbox: %v", task)
	}
}

// TestStoppedInTheMiddle: a worker that is shut down hands its task back, and reports nothing.
func TestStoppedInTheMiddle(t *testing.T) {
	b := newBench(t, sentryconfig.Options{})
	info := b.enqueue(asynq.MaxRetry(0))
	w := startWorker(t, "send", b.sentry.DSN(), t.TempDir(), b.redis)
	w.expect("working")
	w.stop()
	b.start(quickConfig(), sentryasynq.Options{}, func(context.Context, *asynq.Task) error { return nil })
	b.ended(info)
	b.flush()
	b.sentry.RequireNoEvents()
}

// TestThreeWorkers side by side tell of each attempt once.
func TestThreeWorkers(t *testing.T) {
	b := newBench(t, sentryconfig.Options{})
	fails := func(context.Context, *asynq.Task) error { return errors.New("no luck") }
	var tasks []*asynq.TaskInfo
	for range 30 {
		tasks = append(tasks, b.enqueue(asynq.MaxRetry(2)))
	}
	var servers []*asynq.Server
	for range 3 {
		b.start(quickConfig(), sentryasynq.Options{}, fails)
		servers = append(servers, b.server)
	}
	for _, info := range tasks {
		b.ended(info, asynq.TaskStateArchived)
	}
	for _, s := range servers {
		s.Shutdown()
	}
	b.server = nil
	b.flush()
	levels := make(map[string]map[any]int)
	for _, e := range b.sentry.Events() {
		if levels[e.Level] == nil {
			levels[e.Level] = make(map[any]int)
		}
		levels[e.Level][e.Contexts["task"]["id"]]++
	}
	for _, level := range []string{"warning", "error"} {
		if len(levels[level]) != len(tasks) {
			t.Errorf("%d tasks of level %s", len(levels[level]), level)
		}
		for id, n := range levels[level] {
			if n != 1 {
				t.Errorf("task %v: %d events of level %s", id, n, level)
			}
		}
	}
}
