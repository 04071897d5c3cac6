package main

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// A pty is a terminal with a program at it.
type pty struct {
	cmd    *exec.Cmd
	master *os.File
	read   chan struct{} // closed when the program is gone and all is read

	mu      sync.Mutex
	written bytes.Buffer
	grown   *sync.Cond
}

// atTerminal starts cmd at a terminal of some columns; streams that cmd has already stay as they are.
func atTerminal(t *testing.T, columns uint16, cmd *exec.Cmd) *pty {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Skip("this machine gives out no terminals: ", err)
	}
	p := &pty{cmd: cmd, master: master, read: make(chan struct{})}
	p.grown = sync.NewCond(&p.mu)
	fd := int(master.Fd())
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	p.resize(t, columns)
	slave, err := os.OpenFile("/dev/pts/"+strconv.Itoa(n), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Skip("this machine gives out no terminals: ", err)
	}
	cmd.Stdin, cmd.Stderr = slave, slave
	if cmd.Stdout == nil {
		cmd.Stdout = slave
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	err = cmd.Start()
	slave.Close()
	if err != nil {
		t.Fatal(err)
	}
	go p.collect()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-p.read
		master.Close()
	})
	return p
}

func (p *pty) resize(t *testing.T, columns uint16) {
	t.Helper()
	size := &unix.Winsize{Row: 40, Col: columns}
	if err := unix.IoctlSetWinsize(int(p.master.Fd()), unix.TIOCSWINSZ, size); err != nil {
		t.Fatal(err)
	}
}

func (p *pty) collect() {
	defer close(p.read)
	b := make([]byte, 4096)
	for {
		n, err := p.master.Read(b)
		p.mu.Lock()
		p.written.Write(b[:n])
		p.grown.Broadcast()
		p.mu.Unlock()
		if err != nil { // EIO: nobody is at the terminal any more
			return
		}
	}
}

// wait waits until the program has written text after the first from bytes, and returns how much it has written.
func (p *pty) wait(t *testing.T, from int, text string) int {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	for !strings.Contains(p.written.String()[from:], text) {
		select {
		case <-p.read:
			t.Fatalf("the program has ended without %q: %q", text, p.written.String())
		default:
		}
		p.grown.Wait()
	}
	return p.written.Len()
}

// end waits for the end of the program and returns its exit code and all that it has written.
func (p *pty) end() (int, string) {
	_ = p.cmd.Wait()
	<-p.read
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.cmd.ProcessState.ExitCode(), p.written.String()
}

func terminalCommand(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	cmd := command(t, args...)
	cmd.Env = append(cmd.Env, "TERM=xterm", noColour+"=")
	return cmd
}

// TestAtATerminal runs a list as a person does: a line for each task, a summary, no JSON, no log.
func TestAtATerminal(t *testing.T) {
	t.Parallel()
	list := writeList(t, `[{"type":"system_info","label":"Inventory"},{"type":"command","label":"Exit","command":["sh","-c","exit 100"]},{"type":"nobody"}]`)
	code, written := atTerminal(t, 80, terminalCommand(t, list)).end()
	if code != exitFailed {
		t.Errorf("exit code %d", code)
	}
	screen := &fakeTerminal{width: 80}
	_, _ = io.WriteString(screen, plainColours(written))
	shown := screen.screen()
	for _, want := range []string{
		"✓ Inventory  0.", "\n✗ Exit  exit code 100\n", "\n- nobody  skipped: unknown task type\n",
		"\n3 tasks in ", ": 1 well, 1 failed, 1 skipped (completed with errors)\n", "\n  ✗ Exit  exit code 100\n",
	} {
		if !strings.Contains(shown, want) {
			t.Errorf("the terminal lacks %q", want)
		}
	}
	for _, unwanted := range []string{"overall_status", "TASK_", "PROGRESS_JSON", "level=INFO"} {
		if strings.Contains(written, unwanted) {
			t.Errorf("the terminal has %q", unwanted)
		}
	}
	if t.Failed() {
		t.Log(shown)
	}
}

// plainColours takes the colours out of what a fakeTerminal is to play.
func plainColours(s string) string {
	for _, colour := range []string{"31", "32", "33", "0"} {
		s = strings.ReplaceAll(s, "\x1b["+colour+"m", "")
	}
	return s
}

func TestPlainTerminals(t *testing.T) {
	t.Parallel()
	list := writeList(t, `[{"type":"system_info"}]`)
	for _, variable := range []string{noColour + "=1", "TERM=dumb"} {
		cmd := terminalCommand(t, list)
		cmd.Env = append(cmd.Env, variable)
		if code, written := atTerminal(t, 80, cmd).end(); code != exitWell || strings.Contains(written, "\x1b") ||
			!strings.Contains(written, "✓ system_info  ") {
			t.Errorf("%s: %d, %q", variable, code, written)
		}
	}
	for flag, wants := range map[string][]string{
		"-json": {`"overall_status": "success"`, " system_info  "}, "-markers": {"TASK_START:0:system_info", "level=INFO"}, "-quiet": nil,
	} {
		code, written := atTerminal(t, 80, terminalCommand(t, flag, list)).end()
		for _, want := range wants {
			if !strings.Contains(written, want) {
				t.Errorf("%s lacks %q: %q", flag, want, written)
			}
		}
		if code != exitWell || wants == nil && written != "" {
			t.Errorf("%s: %d, %q", flag, code, written)
		}
	}
	cmd := terminalCommand(t, list)
	var stdout bytes.Buffer
	cmd.Stdout = &stdout
	if _, written := atTerminal(t, 80, cmd).end(); !strings.Contains(stdout.String(), `"overall_status": "success"`) || strings.Contains(written, "overall_status") {
		t.Errorf("stdout is no terminal: %q, %q", stdout.String(), written)
	}
}

// TestResizeAndCtrlC makes the terminal narrower and wider while a task runs, and then types Ctrl-C.
func TestResizeAndCtrlC(t *testing.T) {
	t.Parallel()
	leaves := listen(t)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	label := strings.Repeat("w", 40)
	list := writeList(t, toJSON([]map[string]any{
		{"type": "command", "label": label, "command": []string{self, roleLeaf, leaves.Addr().String()}},
		{"type": "system_info"},
	}))
	p := atTerminal(t, 80, terminalCommand(t, list))
	leaf := accept(t, leaves)
	at := p.wait(t, 0, label+"  ")
	p.resize(t, 20)
	at = p.wait(t, at, "w…  ") // the label gives way to the time
	p.resize(t, 100)
	at = p.wait(t, at, label+"  ")
	if _, err := p.master.Write([]byte{3}); err != nil {
		t.Fatal(err)
	}
	p.wait(t, at, "Stopping: ")
	code, written := p.end()
	ended(t, leaf)
	if code != exitInterrupted || !strings.Contains(written, "(interrupted)") {
		t.Errorf("exit code %d: %q", code, written)
	}
}
