package sentryasynq_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"
	"go.uber.org/goleak"

	"github.com/autoservice/sentryconfig"
	"github.com/autoservice/sentryconfig/sentryasynq"
	"github.com/autoservice/sentryconfig/sentrytest"
)

// patience is how long a test waits for what must happen.
const patience = time.Minute

var (
	redisSocket string       // of the redis-server that the tests share; "" without one
	databases   atomic.Int32 // how many of its databases are taken
)

const maxDatabases = 128

func TestMain(m *testing.M) {
	if role := os.Getenv("SENTRYASYNQ_ROLE"); role != "" {
		runWorkerProcess(role)
		return
	}
	stop, err := startRedis()
	if err != nil && os.Getenv("CI") == "true" {
		fmt.Fprintln(os.Stderr, "CI needs a redis-server:", err)
		os.Exit(1)
	}
	code := m.Run()
	stop()
	if code == 0 {
		if err := goleak.Find(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

// startRedis starts a redis-server on a unix socket in a temporary folder.
func startRedis() (stop func(), err error) {
	nothing := func() {}
	program, err := exec.LookPath("redis-server")
	if err != nil {
		return nothing, err
	}
	dir, err := os.MkdirTemp("", "redis-")
	if err != nil {
		return nothing, err
	}
	socket := filepath.Join(dir, "s")
	cmd := exec.Command(program, "--port", "0", "--unixsocket", socket, "--dir", dir,
		"--save", "", "--appendonly", "no", "--databases", fmt.Sprint(maxDatabases))
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nothing, err
	}
	if err := cmd.Start(); err != nil {
		return nothing, err
	}
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if strings.Contains(lines.Text(), "ready to accept connections") ||
			strings.Contains(lines.Text(), "Ready to accept") {
			redisSocket = socket
			break
		}
	}
	return func() {
		_ = cmd.Process.Kill()
		for lines.Scan() { // until it is gone
		}
		_ = cmd.Wait()
		_ = os.RemoveAll(dir)
	}, nil
}

// database returns an empty database of the tests' own.
func database(t testing.TB) asynq.RedisClientOpt {
	if redisSocket == "" {
		t.Skip("SKIPPED: no redis-server on this machine")
	}
	n := int(databases.Add(1))
	if n >= maxDatabases {
		t.Fatalf("more than %d databases", maxDatabases)
	}
	opt := asynq.RedisClientOpt{Network: "unix", Addr: redisSocket, DB: n}
	c := redisClient(opt)
	defer c.Close()
	if err := c.FlushDB(context.Background()).Err(); err != nil {
		t.Fatal(err)
	}
	return opt
}

func redisClient(opt asynq.RedisClientOpt) *redis.Client {
	return redis.NewClient(&redis.Options{Network: opt.Network, Addr: opt.Addr, DB: opt.DB})
}

// A bench is an asynq server with a Client that reports to a Sentry of its own.
type bench struct {
	t      testing.TB
	redis  asynq.RedisClientOpt
	sentry *sentrytest.Server
	client *sentryconfig.Client
	queue  *asynq.Client
	server *asynq.Server
}

// quickConfig retries at once.
func quickConfig() asynq.Config {
	return asynq.Config{
		Concurrency: 4, LogLevel: asynq.FatalLevel, TaskCheckInterval: time.Millisecond,
		DelayedTaskCheckInterval: time.Millisecond, ShutdownTimeout: 10 * time.Millisecond,
		RetryDelayFunc: func(int, error, *asynq.Task) time.Duration { return 0 },
	}
}

func newBench(t testing.TB, opts sentryconfig.Options) *bench {
	b := &bench{t: t, redis: database(t), sentry: sentrytest.NewServer(t)}
	opts.DSN = b.sentry.DSN()
	client, err := sentryconfig.New(opts)
	if err != nil {
		t.Fatal(err)
	}
	b.client, b.queue = client, asynq.NewClient(b.redis)
	t.Cleanup(func() {
		b.shutdown()
		b.client.Close(patience)
		_ = b.queue.Close()
	})
	return b
}

// start starts a server whose tasks of every type are done by handle.
func (b *bench) start(cfg asynq.Config, opts sentryasynq.Options, handle asynq.HandlerFunc) {
	b.t.Helper()
	opts.Client = b.client
	reporter := sentryasynq.New(opts)
	b.server = asynq.NewServer(b.redis, reporter.Config(cfg))
	mux := asynq.NewServeMux()
	mux.Use(reporter.Middleware)
	if handle != nil {
		mux.Handle("send", handle)
	}
	if err := b.server.Start(mux); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) shutdown() {
	if b.server != nil {
		b.server.Shutdown()
		b.server = nil
	}
}

func (b *bench) enqueue(opts ...asynq.Option) *asynq.TaskInfo {
	b.t.Helper()
	info, err := b.queue.Enqueue(sentryasynq.NewTask(context.Background(), "send", []byte(`{"to":"x"}`), opts...))
	if err != nil {
		b.t.Fatal(err)
	}
	return info
}

// wait waits until ok.
func (b *bench) wait(what string, ok func() bool) {
	b.t.Helper()
	waitFor(b.t, what, ok)
}

func waitFor(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !ok(); {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain for %s", what)
		}
		time.Sleep(time.Millisecond)
	}
}

// ended waits until the task is in one of the states, "" for gone.
func (b *bench) ended(info *asynq.TaskInfo, states ...asynq.TaskState) {
	b.t.Helper()
	inspector := asynq.NewInspector(b.redis)
	defer inspector.Close()
	b.wait(fmt.Sprint("the task to be ", states), func() bool {
		now, err := inspector.GetTaskInfo(info.Queue, info.ID)
		if errors.Is(err, asynq.ErrTaskNotFound) || errors.Is(err, asynq.ErrQueueNotFound) {
			return len(states) == 0
		}
		for _, state := range states {
			if err == nil && now.State == state {
				return true
			}
		}
		return false
	})
}

func (b *bench) flush() {
	b.t.Helper()
	if !b.client.Flush(patience) {
		b.t.Fatal("not delivered")
	}
}
