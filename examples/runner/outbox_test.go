package main

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// TestOutbox runs while the server drops every connection, exports what waits, and runs again when the server is back.
func TestOutbox(t *testing.T) {
	t.Parallel()
	server := newServer(t)
	var away atomic.Bool
	away.Store(true)
	server.Respond(func(_ int, w http.ResponseWriter, _ *http.Request) bool {
		if !away.Load() {
			return false
		}
		if conn, _, err := w.(http.Hijacker).Hijack(); err == nil {
			_ = conn.Close()
		}
		return true
	})
	outbox := filepath.Join(t.TempDir(), "outbox")
	first := execute(t, exitFailed, `{"type":"demo_panic"}`, "-dsn", server.DSN(), "-outbox", outbox, "-")
	if !strings.Contains(first.stderr, "Outbox "+outbox+": 2 wait (") {
		t.Errorf("stderr doesn't say what waits: %s", first.stderr)
	}
	id := first.report.Results[0].EventID

	archive := filepath.Join(t.TempDir(), "waiting.tar")
	exported := command(t, "-outbox", outbox, "-export", archive)
	if out, err := exported.CombinedOutput(); err != nil ||
		!strings.Contains(string(out), "send-envelope --raw '<its folder>/*.envelope'") {
		t.Fatalf("-export: %v: %s", err, out)
	}
	streamed, err := command(t, "-outbox", outbox, "-export", "-").Output()
	if err != nil {
		t.Fatalf("-export -: %v", err)
	}
	filed, err := os.ReadFile(archive)
	if err != nil {
		t.Fatal(err)
	}
	for name, stream := range map[string][]byte{"file": filed, "stdout": streamed} {
		if files := unpack(t, stream); len(files) != 2 || !strings.Contains(strings.Join(files, ""), id) {
			t.Errorf("-export to %s: %d files, want the event %s and its transaction", name, len(files), id)
		}
	}

	away.Store(false)
	second := execute(t, exitWell, `{"type":"system_info"}`, "-dsn", server.DSN(), "-outbox", outbox, "-")
	if !strings.Contains(second.stderr, ": nothing waits; all 2 that earlier runs had left have arrived") {
		t.Errorf("stderr doesn't say what has arrived: %s", second.stderr)
	}
	if events := server.WaitEvents(1, time.Minute); events[0].ID != id {
		t.Errorf("arrived %s, want %s", events[0].ID, id)
	}
	server.WaitTransactions(2, time.Minute)
	if out, err := command(t, "-outbox", outbox, "-export", archive).CombinedOutput(); err != nil ||
		!strings.Contains(string(out), "Nothing waits") {
		t.Errorf("-export of nothing: %v: %s", err, out)
	}
}

// TestOutboxUnusable: what waited in memory for a folder that can't be used is said to be lost. Nothing is claimed of
// earlier runs: what they left can't be read.
func TestOutboxUnusable(t *testing.T) {
	t.Parallel()
	server := newServer(t)
	server.Respond(func(_ int, w http.ResponseWriter, _ *http.Request) bool {
		w.WriteHeader(http.StatusServiceUnavailable)
		return true
	})
	outbox := filepath.Join(t.TempDir(), "outbox")
	if err := os.WriteFile(outbox, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	run := execute(t, exitWell, `{"type":"system_info"}`, "-dsn", server.DSN(), "-outbox", outbox, "-")
	want := "Outbox " + outbox + ": can't be used; the 1 that waited in memory are lost"
	if !strings.Contains(run.stderr, want) {
		t.Errorf("stderr doesn't say %q: %s", want, run.stderr)
	}
	if strings.Contains(run.stderr, "earlier runs had left") {
		t.Errorf("stderr tells of earlier runs: %s", run.stderr)
	}
}

// TestNoOutbox: a wrong folder, such as the one around an outbox, doesn't pass for an outbox in which nothing waits.
func TestNoOutbox(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "outbox"), 0o700); err != nil {
		t.Fatal(err)
	}
	out, err := command(t, "-outbox", dir, "-export", filepath.Join(t.TempDir(), "x.tar")).CombinedOutput()
	if err == nil || !strings.Contains(string(out), dir+" is no outbox") {
		t.Errorf("-export of a folder that is none: %v: %s", err, out)
	}
}

// TestExportWithoutTheInterrupted: a task that was interrupted is no envelope until a later process has reported it.
func TestExportWithoutTheInterrupted(t *testing.T) {
	t.Parallel()
	outbox, archive := filepath.Join(t.TempDir(), "outbox"), filepath.Join(t.TempDir(), "waiting.tar")
	if err := os.Mkdir(outbox, 0o700); err != nil {
		t.Fatal(err)
	}
	out, err := command(t, "-outbox", outbox, "-export", archive).CombinedOutput()
	if want := "Interrupted tasks are not in it"; err != nil || !strings.Contains(string(out), want) {
		t.Errorf("-export: %v: %s, want %q", err, out, want)
	}
}

func unpack(t *testing.T, stream []byte) (files []string) {
	t.Helper()
	for r := tar.NewReader(bytes.NewReader(stream)); ; {
		_, err := r.Next()
		if errors.Is(err, io.EOF) {
			return files
		}
		if err != nil {
			t.Fatalf("the archive is broken: %v", err)
		}
		text, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, string(text))
	}
}
