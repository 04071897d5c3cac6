//go:build unix

package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
)

// nobody is the user that runs PostgreSQL where this program is root, which PostgreSQL refuses.
const nobody = 65534

// startPostgres starts a PostgreSQL on a unix socket in a temporary folder, and returns the URL of a database.
func startPostgres() (url string, stop func(), err error) {
	initdb, err := program("initdb")
	if err != nil {
		return "", nil, err
	}
	server, err := program("postgres")
	if err != nil {
		return "", nil, err
	}
	dir, err := os.MkdirTemp("", "pg-")
	if err != nil {
		return "", nil, err
	}
	as := &syscall.SysProcAttr{}
	if os.Getuid() == 0 {
		as.Credential = &syscall.Credential{Uid: nobody, Gid: nobody}
		if err := os.Chown(dir, nobody, nobody); err != nil {
			return "", nil, err
		}
	}
	data := filepath.Join(dir, "data")
	cmd := exec.Command(initdb, "-D", data, "-U", "worker", "-A", "trust", "--no-sync")
	cmd.SysProcAttr, cmd.Dir = as, dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", nil, fmt.Errorf("%w: %s", err, out)
	}
	cmd = exec.Command(server, "-D", data, "-k", dir, "-c", "listen_addresses=", "-c", "fsync=off")
	cmd.SysProcAttr, cmd.Dir = as, dir
	log, err := cmd.StderrPipe()
	if err != nil {
		return "", nil, err
	}
	if err := cmd.Start(); err != nil {
		return "", nil, err
	}
	lines, ready := bufio.NewScanner(log), false
	for !ready && lines.Scan() {
		ready = strings.Contains(lines.Text(), "ready to accept connections")
	}
	stop = func() {
		_ = cmd.Process.Signal(syscall.SIGINT) // a fast shutdown
		_, _ = io.Copy(io.Discard, log)
		_ = cmd.Wait()
		_ = os.RemoveAll(dir)
	}
	if !ready {
		stop()
		return "", nil, errors.New("PostgreSQL doesn't start")
	}
	go func() { _, _ = io.Copy(io.Discard, log) }()
	return "postgres://worker@/postgres?host=" + dir, stop, nil
}

// program finds one of PostgreSQL's: Debian keeps them out of $PATH.
func program(name string) (string, error) {
	if path, err := exec.LookPath(name); err == nil {
		return path, nil
	}
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/" + name) // the pattern is right
	if len(found) == 0 {
		return "", fmt.Errorf("%s: %w", name, exec.ErrNotFound)
	}
	return found[len(found)-1], nil
}
