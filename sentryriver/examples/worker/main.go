// Command worker shows what sentryconfig reports of River's jobs: it inserts one that succeeds, one that fails, one
// that panics and one whose worker is killed, works them, and shows what Sentry would.
//
//	go run ./examples/worker                          # starts PostgreSQL, if the programs are there
//	go run ./examples/worker -postgres postgres://user@host/database -dsn 'https://<key>@<host>/<project>'
package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"
	"github.com/riverqueue/river/rivertype"

	"github.com/autoservice/sentryconfig"
	"github.com/autoservice/sentryconfig/sentryriver"
	"github.com/autoservice/sentryconfig/sentrytest"
)

// patience is how long anything may take that should take a second.
const patience = time.Minute

type settings struct {
	postgres, dsn, outbox string
	victim                bool // be the worker that is killed
}

func main() {
	var s settings
	flag.StringVar(&s.postgres, "postgres", "", "URL of a database; default: start PostgreSQL")
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
	if s.postgres == "" {
		url, stop, err := startPostgres()
		if err != nil {
			return fmt.Errorf("%w: install PostgreSQL, or give -postgres the URL of a database", err)
		}
		defer stop()
		s.postgres = url
	}
	pool, err := pgxpool.New(context.Background(), s.postgres)
	if err != nil {
		return err
	}
	defer pool.Close()
	migrator, err := rivermigrate.New(riverpgxv5.New(pool), nil)
	if err != nil {
		return err
	}
	if _, err := migrator.Migrate(context.Background(), rivermigrate.DirectionUp, nil); err != nil {
		return err
	}
	if err := killOne(s, pool); err != nil {
		return err
	}
	if err := work(s, pool); err != nil {
		return err
	}
	if server != nil {
		show(os.Stdout, server)
	}
	return nil
}

// work is a client that inserts and works, as your program would be.
func work(s settings, pool *pgxpool.Pool) error {
	ctx := context.Background()
	err := sentryconfig.Init(sentryconfig.Options{DSN: s.dsn, OutboxDir: s.outbox})
	if err != nil {
		return err
	}
	defer sentryconfig.Close(patience) // after the river client has stopped
	client, err := newClient(pool)
	if err != nil {
		return err
	}
	if err := client.Start(ctx); err != nil {
		return err
	}
	defer func() { _ = client.Stop(ctx) }() // ctx doesn't end
	if err := insert(client, "greet", "fail", "panic"); err != nil {
		return err
	}
	return waitUntilDone(pool)
}

// order is the arguments of a job. What tells the demonstration's jobs apart is what they do.
type order struct {
	Does string `json:"does"`
}

// Kind implements river.JobArgs.
func (order) Kind() string { return "order" }

type worker struct {
	river.WorkerDefaults[order]
}

// NextRetry has a job retried at once.
func (worker) NextRetry(*river.Job[order]) time.Time { return time.Now() }

// Work implements river.Worker.
func (worker) Work(ctx context.Context, job *river.Job[order]) error {
	switch job.Args.Does {
	case "fail":
		return errors.New("mailbox full")
	case "panic":
		var orders map[string]int
		orders["17"]++ //nolint:staticcheck // the panic that is shown
	case "hang":
		if job.Attempt > 1 {
			return nil
		}
		fmt.Println("hanging")
		<-ctx.Done()
		return ctx.Err()
	}
	return nil
}

func newClient(pool *pgxpool.Pool) (*river.Client[pgx.Tx], error) {
	workers := river.NewWorkers()
	river.AddWorker(workers, &worker{})
	reporter := sentryriver.New(sentryriver.Options{Args: true})
	config := reporter.Config(river.Config{Workers: workers, Logger: slog.New(slog.DiscardHandler),
		Queues: map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: 4}}})
	return river.NewClient(riverpgxv5.New(pool), &config)
}

// insert inserts jobs within a transaction of Sentry's, whose trace the worker continues.
func insert(client *river.Client[pgx.Tx], does ...string) error {
	ctx, span := sentryconfig.CreateTaskSpan(context.Background(), "shop_order", 0, 0, nil)
	defer span.Finish()
	for _, what := range does {
		if _, err := client.Insert(ctx, order{what}, &river.InsertOpts{MaxAttempts: 2}); err != nil {
			return err
		}
	}
	return nil
}

// killOne has a worker of its own killed at work. River's rescuer would find the job after an hour; here it is played.
func killOne(s settings, pool *pgxpool.Pool) error {
	ctx := context.Background()
	client, err := river.NewClient(riverpgxv5.New(pool), &river.Config{})
	if err != nil {
		return err
	}
	result, err := client.Insert(ctx, order{"hang"}, &river.InsertOpts{MaxAttempts: 2})
	if err != nil {
		return err
	}
	victim := exec.Command(os.Args[0], "-victim", "-postgres", s.postgres, "-dsn", s.dsn, "-outbox", s.outbox)
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
	_, err = pool.Exec(ctx, `UPDATE river_job SET state = 'available', errors = array_append(errors, jsonb_build_object(
		'at', now(), 'attempt', attempt, 'trace', '', 'error', 'Stuck job rescued by JobRescuer')) WHERE id = $1`,
		result.Job.ID)
	return err
}

func beVictim(s settings) error {
	if err := sentryconfig.Init(sentryconfig.Options{DSN: s.dsn, OutboxDir: s.outbox}); err != nil {
		return err
	}
	pool, err := pgxpool.New(context.Background(), s.postgres)
	if err != nil {
		return err
	}
	client, err := newClient(pool)
	if err != nil {
		return err
	}
	if err := client.Start(context.Background()); err != nil {
		return err
	}
	select {}
}

func waitUntilDone(pool *pgxpool.Pool) error {
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		open := 0
		err := pool.QueryRow(context.Background(), `SELECT count(*) FROM river_job WHERE state NOT IN ($1, $2, $3)`,
			rivertype.JobStateCompleted, rivertype.JobStateDiscarded, rivertype.JobStateCancelled).Scan(&open)
		if err != nil {
			return err
		}
		if open == 0 {
			return nil
		}
	}
	return errors.New("the jobs are not done")
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
