//go:build unix

package sentryriver_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"
	"github.com/riverqueue/river/rivertype"
	"go.uber.org/goleak"

	"github.com/autoservice/sentryconfig"
	"github.com/autoservice/sentryconfig/sentryriver"
	"github.com/autoservice/sentryconfig/sentrytest"
)

// patience is how long a test waits for what must happen.
const patience = time.Minute

var (
	postgres  string       // how to reach the server that the tests share; "" without one
	databases atomic.Int32 // that were made
)

// nobody is the user that runs the server when the tests run as root, which PostgreSQL refuses.
const nobody = 65534

func TestMain(m *testing.M) {
	if role := os.Getenv("SENTRYRIVER_ROLE"); role != "" {
		runWorkerProcess(role)
		return
	}
	stop, err := startPostgres()
	if err != nil {
		fmt.Fprintln(os.Stderr, "no PostgreSQL:", err)
		if os.Getenv("CI") == "true" {
			os.Exit(1)
		}
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

// program finds one of PostgreSQL's: Debian keeps them out of $PATH.
func program(name string) (string, error) {
	if path, err := exec.LookPath(name); err == nil {
		return path, nil
	}
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/" + name)
	if len(found) == 0 {
		return "", fmt.Errorf("%s: %w", name, exec.ErrNotFound)
	}
	return found[len(found)-1], nil
}

// startPostgres starts a server on a unix socket in a temporary folder, and gives it a database of River's.
func startPostgres() (stop func(), err error) {
	nothing := func() {}
	initdb, err := program("initdb")
	if err != nil {
		return nothing, err
	}
	server, err := program("postgres")
	if err != nil {
		return nothing, err
	}
	dir, err := os.MkdirTemp("", "pg-")
	if err != nil {
		return nothing, err
	}
	stop = func() { _ = os.RemoveAll(dir) }
	as := &syscall.SysProcAttr{}
	if os.Getuid() == 0 {
		as.Credential = &syscall.Credential{Uid: nobody, Gid: nobody}
		if err := os.Chown(dir, nobody, nobody); err != nil {
			return stop, err
		}
	}
	data := filepath.Join(dir, "data")
	cmd := exec.Command(initdb, "-D", data, "-U", "test", "-A", "trust", "--no-sync", "--locale=C", "-E", "UTF8")
	cmd.SysProcAttr, cmd.Dir = as, dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return stop, fmt.Errorf("%w: %s", err, out)
	}
	cmd = exec.Command(server, "-D", data, "-k", dir, "-c", "listen_addresses=", "-c", "fsync=off",
		"-c", "synchronous_commit=off", "-c", "full_page_writes=off", "-c", "max_connections=300")
	cmd.SysProcAttr, cmd.Dir = as, dir
	stderr, err := cmd.StderrPipe()
	if err != nil {
		return stop, err
	}
	if err := cmd.Start(); err != nil {
		return stop, err
	}
	lines := bufio.NewScanner(stderr)
	for lines.Scan() && !strings.Contains(lines.Text(), "ready to accept connections") {
	}
	drained := make(chan struct{})
	go func() {
		defer close(drained)
		for lines.Scan() {
		}
	}()
	stop = func() {
		_ = cmd.Process.Signal(syscall.SIGINT) // fast shutdown
		<-drained
		_ = cmd.Wait()
		_ = os.RemoveAll(dir)
	}
	postgres = "postgres://test@/%s?host=" + dir
	return stop, makeTemplate()
}

func makeTemplate() error {
	ctx := context.Background()
	pool, err := pgxpool.New(ctx, fmt.Sprintf(postgres, "postgres"))
	if err != nil {
		return err
	}
	_, err = pool.Exec(ctx, "CREATE DATABASE river")
	pool.Close()
	if err != nil {
		return err
	}
	pool, err = pgxpool.New(ctx, fmt.Sprintf(postgres, "river"))
	if err != nil {
		return err
	}
	defer pool.Close()
	migrator, err := rivermigrate.New(riverpgxv5.New(pool), nil)
	if err != nil {
		return err
	}
	_, err = migrator.Migrate(ctx, rivermigrate.DirectionUp, nil)
	return err
}

// database makes a database of River's for one test, and returns how to reach it.
func database(t testing.TB) string {
	t.Helper()
	if postgres == "" {
		t.Skip("SKIPPED: no PostgreSQL on this machine")
	}
	pool, err := pgxpool.New(t.Context(), fmt.Sprintf(postgres, "postgres"))
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	name := fmt.Sprint("t", databases.Add(1))
	if _, err := pool.Exec(t.Context(), "CREATE DATABASE "+name+" TEMPLATE river"); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf(postgres, name)
}

// sendArgs are those of the job that the tests work.
type sendArgs struct {
	N int `json:"n"`
}

func (sendArgs) Kind() string { return "send" }

type worker struct {
	river.WorkerDefaults[sendArgs]
	work    func(context.Context, *river.Job[sendArgs]) error
	timeout time.Duration
}

func (w *worker) Work(ctx context.Context, job *river.Job[sendArgs]) error { return w.work(ctx, job) }
func (w *worker) NextRetry(*river.Job[sendArgs]) time.Time                 { return time.Now() }
func (w *worker) Timeout(*river.Job[sendArgs]) time.Duration               { return w.timeout }

// A bench is a River client with a Client that reports to a Sentry of its own.
type bench struct {
	t      testing.TB
	url    string
	pool   *pgxpool.Pool
	sentry *sentrytest.Server
	client *sentryconfig.Client
	river  *river.Client[pgxTx]
}

func newBench(t testing.TB, opts sentryconfig.Options) *bench {
	b := &bench{t: t, url: database(t), sentry: sentrytest.NewServer(t)}
	var err error
	if b.pool, err = pgxpool.New(t.Context(), b.url); err != nil {
		t.Fatal(err)
	}
	opts.DSN = b.sentry.DSN()
	if b.client, err = sentryconfig.New(opts); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		b.stop()
		b.client.Close(patience)
		b.pool.Close()
	})
	return b
}

// quickConfig works a job as soon as it is there.
func quickConfig(w *worker) river.Config {
	config := river.Config{FetchCooldown: time.Millisecond, FetchPollInterval: 2 * time.Millisecond,
		Logger: slog.New(slog.DiscardHandler), RetryPolicy: atOnce{},
		Queues: map[string]river.QueueConfig{"default": {MaxWorkers: 4}}, Workers: river.NewWorkers(), TestOnly: true}
	if w != nil {
		river.AddWorker(config.Workers, w)
	}
	return config
}

// atOnce is the retry policy of jobs whose worker isn't asked.
type atOnce struct{}

func (atOnce) NextRetry(*rivertype.JobRow) time.Time { return time.Now() }

func (b *bench) start(config river.Config, opts sentryriver.Options) {
	b.t.Helper()
	opts.Client = b.client
	config = sentryriver.New(opts).Config(config)
	client, err := river.NewClient(riverpgxv5.New(b.pool), &config)
	if err != nil {
		b.t.Fatal(err)
	}
	b.river = client
	if err := client.Start(context.Background()); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) stop() {
	if b.river != nil {
		if err := b.river.StopAndCancel(context.Background()); err != nil {
			b.t.Error(err)
		}
		b.river = nil
	}
}

func (b *bench) insert(attempts int) int64 {
	b.t.Helper()
	result, err := b.river.Insert(context.Background(), sendArgs{N: 1}, &river.InsertOpts{MaxAttempts: attempts})
	if err != nil {
		b.t.Fatal(err)
	}
	return result.Job.ID
}

// ended waits until the job is in the state.
func (b *bench) ended(id int64, state rivertype.JobState) {
	b.t.Helper()
	waitFor(b.t, fmt.Sprint("job ", id, " to be ", state), func() bool {
		var now string
		err := b.pool.QueryRow(context.Background(), "SELECT state FROM river_job WHERE id = $1", id).Scan(&now)
		if err != nil && !errors.Is(err, context.Canceled) {
			b.t.Fatal(err)
		}
		return now == string(state)
	})
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

func (b *bench) flush() {
	b.t.Helper()
	if !b.client.Flush(patience) {
		b.t.Fatal("not delivered")
	}
}
