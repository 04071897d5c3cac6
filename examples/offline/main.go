// Command offline shows that nothing captured is lost. A worker runs while no server answers, is killed in the middle
// of a task, and is started again when the server is back:
//
//	go run ./examples/offline
//
// It exits with 1 when anything is missing.
package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"time"

	"github.com/autoservice/sentryconfig"
	"github.com/autoservice/sentryconfig/sentrytest"
)

// The program starts itself again as the worker: its arguments are then the role, the DSN and the outbox's folder.
const (
	roleOffline = "worker-offline" // captures, then hangs in a task until it is killed
	roleOnline  = "worker-online"  // captures, then delivers
)

// lostTask is the task in which the worker is killed.
const lostTask = "backup_photos"

func main() {
	var err error
	if len(os.Args) == 4 {
		err = work(os.Args[1], os.Args[2], os.Args[3])
	} else {
		err = show()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "offline:", err)
		os.Exit(1)
	}
}

// show starts the workers and accounts for what they captured.
func show() error {
	server := sentrytest.NewServer(nil)
	defer server.Close()
	var away atomic.Bool
	away.Store(true)
	server.Respond(func(_ int, w http.ResponseWriter, _ *http.Request) bool {
		if !away.Load() {
			return false
		}
		if conn, _, err := w.(http.Hijacker).Hijack(); err == nil {
			_ = conn.Close() // as a cable that is pulled
		}
		return true
	})
	outbox, err := os.MkdirTemp("", "sentryconfig-offline-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(outbox) }()

	fmt.Println("1. The server is unreachable. A worker runs with an outbox.")
	captured, err := runWorker(roleOffline, server.DSN(), outbox)
	if err != nil {
		return err
	}
	fmt.Printf("   It was killed in the middle of %s. The server has got %d events.\n\n",
		lostTask, len(server.Events()))
	if len(server.Events()) > 0 {
		return errors.New("the server was unreachable and got events all the same")
	}

	away.Store(false)
	fmt.Println("2. The server is back. The worker is started again.")
	more, err := runWorker(roleOnline, server.DSN(), outbox)
	if err != nil {
		return err
	}
	return account(server, append(captured, more...))
}

// A capture is what a worker was promised to be delivered.
type capture struct{ id, what string }

// workerTimeout is how long a worker may take; it needs a second.
const workerTimeout = time.Minute

// runWorker runs a worker and returns what it captured. One that hangs in its task is killed without a warning.
func runWorker(role, dsn, outbox string) ([]capture, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), workerTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, self, role, dsn, outbox)
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe() // held open: its end tells the worker that this program is no more
	if err != nil {
		return nil, err
	}
	defer func() { _ = stdin.Close() }()
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	var all []capture
	killed := false
	lines := bufio.NewScanner(stdout)
	for lines.Scan() {
		word, rest, _ := strings.Cut(lines.Text(), " ")
		switch word {
		case "captured":
			id, what, _ := strings.Cut(rest, " ")
			all = append(all, capture{id, what})
			fmt.Printf("   captured %s  %s\n", id, what)
		case "running":
			fmt.Printf("   running  %s\n", rest)
			killed = true
			if err := cmd.Process.Kill(); err != nil {
				return nil, err
			}
		default:
			fmt.Println("   " + lines.Text())
		}
	}
	if err := cmd.Wait(); err != nil && !killed {
		return nil, fmt.Errorf("the worker: %w", err)
	}
	if len(all) == 0 {
		return nil, errors.New("the worker captured nothing")
	}
	return all, nil
}

// account prints for each capture whether it has arrived, and looks for the task that never came back.
func account(server *sentrytest.Server, captured []capture) error {
	const patience = 10 * time.Second
	fmt.Println("\n3. What has arrived:")
	arrived := make(map[string]bool)
	interrupted := ""
	for _, e := range server.WaitEvents(len(captured)+1, patience) {
		arrived[e.ID] = true
		if e.Tags["failure_type"] == "task_interrupted" && e.Message == lostTask+": interrupted" {
			interrupted = e.ID
		}
	}
	missing := 0
	for _, c := range captured {
		state := "arrived"
		if !arrived[c.id] {
			state = "MISSING"
			missing++
		}
		fmt.Printf("   %s  %s  %s\n", state, c.id, c.what)
	}
	if interrupted != "" {
		fmt.Printf("   arrived  %s  %s: interrupted\n", interrupted, lostTask)
	} else {
		fmt.Printf("   MISSING  the report of the interrupted task %s\n", lostTask)
		missing++
	}
	if missing > 0 {
		return fmt.Errorf("%d events are missing", missing)
	}
	fmt.Println("\nNothing is lost.")
	return nil
}

// work is a worker. It tells on stdout what it captured, one line each.
func work(role, dsn, outbox string) error {
	if err := sentryconfig.Init(sentryconfig.Options{DSN: dsn, OutboxDir: outbox}); err != nil {
		return err
	}
	defer sentryconfig.Close(0)
	jobs := []struct {
		task sentryconfig.Task
		run  func(context.Context) error
	}{
		{sentryconfig.Task{Type: "disk_check", Data: map[string]any{"disk": "C:"}}, checkDisk},
		{sentryconfig.Task{Type: "read_config"}, readConfig},
		{sentryconfig.Task{Type: "count_drives"}, countDrives},
	}
	for i, j := range jobs {
		j.task.Index, j.task.Total = i, len(jobs)+1
		err := sentryconfig.RunTask(context.Background(), j.task, j.run)
		var te *sentryconfig.TaskError
		if !errors.As(err, &te) || te.EventID == "" {
			return fmt.Errorf("%s: nothing captured: %w", j.task.Type, err)
		}
		fmt.Printf("captured %s %s\n", te.EventID, strings.ReplaceAll(te.Error(), "\n", " "))
	}
	if role == roleOnline {
		ok := sentryconfig.Flush(10 * time.Second)
		s := sentryconfig.ReadStats()
		fmt.Printf("delivered %d, %d waiting, %d dropped, all delivered: %v\n", s.Delivered, s.Pending, s.Dropped, ok)
		return nil
	}
	last := sentryconfig.Task{Type: lostTask, Index: len(jobs), Total: len(jobs) + 1,
		Data: map[string]any{"from": "DCIM"}}
	return sentryconfig.RunTask(context.Background(), last, func(ctx context.Context) error {
		sentryconfig.AddBreadcrumb(ctx, "copying IMG_0042.JPG", "file", "", nil)
		fmt.Println("running " + lostTask)
		_, err := io.Copy(io.Discard, os.Stdin) // until it is killed
		return err
	})
}

// A failure, an exception and a panic.

func checkDisk(context.Context) error {
	return &sentryconfig.TaskFailure{Reason: "3 reallocated sectors"}
}

func readConfig(context.Context) error {
	_, err := os.ReadFile("no-such-config.json")
	return err
}

func countDrives(context.Context) error {
	var drives map[string]int
	count(drives)
	return nil
}

func count(drives map[string]int) { drives["C:"]++ }
