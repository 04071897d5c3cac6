// Command worker shows what sentryconfig reports of asynq's tasks: it enqueues one that succeeds, one that fails, one
// that panics and one whose worker is killed, works them, and shows what Sentry would.
//
//	go run ./examples/worker                          # starts redis-server, if the program is there
//	go run ./examples/worker -redis redis://host:6379/0 -dsn 'https://<key>@<host>/<project>'
package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"github.com/autoservice/sentryconfig"
	"github.com/autoservice/sentryconfig/sentryasynq"
	"github.com/autoservice/sentryconfig/sentrytest"
)

// patience is how long anything may take that should take a second.
const patience = time.Minute

type settings struct {
	redis, dsn, outbox string
	victim             bool // be the worker that is killed
}

func main() {
	var s settings
	flag.StringVar(&s.redis, "redis", "", "URL of a Redis; default: start redis-server")
	flag.StringVar(&s.dsn, "dsn", "", "DSN of a Sentry project; default: a server inside")
	flag.StringVar(&s.outbox, "outbox", "", "folder for what is not delivered; default: a temporary one")
	flag.BoolVar(&s.victim, "victim", false, "for its own use: work until killed")
	flag.Parse()
	run := demonstrate
	if s.victim {
		run = beVictim
	}
	if err := run(s); err != nil {
		fmt.Fprintln(os.Stderr, "worker:", err)
		os.Exit(1)
	}
}

func demonstrate(s settings) (err error) {
	var server *sentrytest.Server
	if s.dsn == "" {
		server = sentrytest.NewServer(nil)
		defer server.Close()
		s.dsn = server.DSN()
	}
	dir, err := os.MkdirTemp("", "worker-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if s.outbox == "" {
		s.outbox = dir + "/outbox"
	}
	if s.redis == "" {
		stop, err := startRedis(dir)
		if err != nil {
			return fmt.Errorf("%w: install redis-server, or give -redis the URL of one", err)
		}
		defer stop()
		s.redis = "redis-socket://" + dir + "/redis"
	}
	if err := killOne(s); err != nil {
		return err
	}
	if err := work(s); err != nil {
		return err
	}
	if server != nil {
		show(os.Stdout, server)
	}
	return nil
}

// work is a producer and a worker, as your program would be.
func work(s settings) error {
	err := sentryconfig.Init(sentryconfig.Options{DSN: s.dsn, OutboxDir: s.outbox})
	if err != nil {
		return err
	}
	defer sentryconfig.Close(patience) // after the server has shut down
	opt, err := asynq.ParseRedisURI(s.redis)
	if err != nil {
		return err
	}
	if err := produce(opt, "greet", "fail", "panic"); err != nil {
		return err
	}
	worker, err := startWorker(opt)
	if err != nil {
		return err
	}
	defer worker.Shutdown()
	return waitUntilDone(opt)
}

// produce enqueues tasks within a transaction, whose trace the worker continues.
func produce(opt asynq.RedisConnOpt, types ...string) error {
	client := asynq.NewClient(opt)
	defer func() { _ = client.Close() }()
	ctx, span := sentryconfig.CreateTaskSpan(context.Background(), "shop_order", 0, 0, nil)
	defer span.Finish()
	for _, name := range types {
		task := sentryasynq.NewTask(ctx, name, []byte(`{"customer": 17}`), asynq.MaxRetry(1))
		if _, err := sentryasynq.Enqueue(ctx, client, task); err != nil {
			return err
		}
	}
	return nil
}

func startWorker(opt asynq.RedisConnOpt) (*asynq.Server, error) {
	reporter := sentryasynq.New(sentryasynq.Options{Payload: true})
	worker := asynq.NewServer(opt, reporter.Config(asynq.Config{
		Concurrency: 4, LogLevel: asynq.FatalLevel, TaskCheckInterval: 50 * time.Millisecond,
		DelayedTaskCheckInterval: 50 * time.Millisecond,
		RetryDelayFunc:           func(int, error, *asynq.Task) time.Duration { return 0 },
	}))
	mux := asynq.NewServeMux()
	mux.Use(reporter.Middleware)
	mux.HandleFunc("greet", func(context.Context, *asynq.Task) error { return nil })
	mux.HandleFunc("fail", func(context.Context, *asynq.Task) error { return errors.New("mailbox full") })
	mux.HandleFunc("panic", func(context.Context, *asynq.Task) error {
		var orders map[string]int
		orders["17"]++ //nolint:staticcheck // the panic that is shown
		return nil
	})
	mux.HandleFunc("hang", func(ctx context.Context, _ *asynq.Task) error {
		if retried, _ := asynq.GetRetryCount(ctx); retried > 0 {
			return nil
		}
		fmt.Println("hanging")
		<-ctx.Done()
		return ctx.Err()
	})
	return worker, worker.Start(mux)
}

// killOne has a worker of its own killed at work. Its task comes back by its lease, which is put into the past here.
func killOne(s settings) error {
	opt, err := asynq.ParseRedisURI(s.redis)
	if err != nil {
		return err
	}
	client := asynq.NewClient(opt)
	defer func() { _ = client.Close() }()
	info, err := client.Enqueue(sentryasynq.NewTask(context.Background(), "hang", nil, asynq.MaxRetry(1)))
	if err != nil {
		return err
	}
	victim := exec.Command(os.Args[0], "-victim", "-redis", s.redis, "-dsn", s.dsn, "-outbox", s.outbox)
	victim.Stderr = os.Stderr
	out, err := victim.StdoutPipe()
	if err != nil {
		return err
	}
	if err := victim.Start(); err != nil {
		return err
	}
	_, err = bufio.NewReader(out).ReadString('\n')
	_ = victim.Process.Kill()
	_ = victim.Wait() // it was killed
	if err != nil {
		return fmt.Errorf("the worker to be killed: %w", err)
	}
	c := opt.MakeRedisClient().(redis.UniversalClient)
	defer func() { _ = c.Close() }()
	past := float64(time.Now().Add(-time.Hour).Unix())
	return c.ZAdd(context.Background(), "asynq:{default}:lease", redis.Z{Score: past, Member: info.ID}).Err()
}

func beVictim(s settings) error {
	if err := sentryconfig.Init(sentryconfig.Options{DSN: s.dsn, OutboxDir: s.outbox}); err != nil {
		return err
	}
	opt, err := asynq.ParseRedisURI(s.redis)
	if err != nil {
		return err
	}
	if _, err := startWorker(opt); err != nil {
		return err
	}
	select {}
}

func waitUntilDone(opt asynq.RedisConnOpt) error {
	inspector := asynq.NewInspector(opt)
	defer func() { _ = inspector.Close() }()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		info, err := inspector.GetQueueInfo("default")
		if err != nil {
			return err
		}
		if info.Pending+info.Active+info.Scheduled+info.Retry == 0 {
			return nil
		}
	}
	return errors.New("the tasks are not done")
}

// startRedis starts a redis-server on a unix socket in dir.
func startRedis(dir string) (stop func(), err error) {
	cmd := exec.Command("redis-server", "--port", "0", "--unixsocket", dir+"/redis", "--dir", dir, "--save", "")
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	lines := bufio.NewScanner(out)
	for lines.Scan() && !strings.Contains(strings.ToLower(lines.Text()), "ready to accept connections") {
	}
	go func() { _, _ = io.Copy(io.Discard, out) }()
	return func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait() // it was killed
	}, nil
}

// show shows people what the server inside got.
func show(w io.Writer, server *sentrytest.Server) {
	var b strings.Builder
	issues, transactions := server.Issues(), server.Transactions()
	fmt.Fprintf(&b, "\nSentry would show, had there been a DSN (a server inside stood in):\n\n  %d issues\n",
		len(issues))
	for _, issue := range issues {
		var levels []string
		for _, e := range issue.Events {
			levels = append(levels, e.Level)
		}
		fmt.Fprintf(&b, "    %3d x  %s (%s)\n           grouped by [%s]\n", len(issue.Events), issue.Title,
			strings.Join(levels, ", "), strings.Join(issue.Fingerprint, ", "))
	}
	fmt.Fprintf(&b, "\n  %d transactions\n", len(transactions))
	for _, t := range transactions {
		data, _ := t.Contexts["trace"]["data"].(map[string]any)
		fmt.Fprintf(&b, "    %8.3f s  %-20v %-24s %v\n", t.Time.Sub(t.Start).Seconds(), t.Contexts["trace"]["status"],
			t.Transaction, orNothing(data["task.outcome"]))
	}
	b.WriteString("\n  In your own project: add -dsn 'https://<key>@<host>/<project>'\n")
	_, _ = io.WriteString(w, b.String())
}

func orNothing(v any) any {
	if v == nil {
		return ""
	}
	return v
}
