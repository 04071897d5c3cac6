package main

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// TestSecrets runs tasks that hold secrets and lets a program tell them: they are in no event, and neither in the
// report nor in the log unless -raw asks for them. What came from the environment is nowhere.
func TestSecrets(t *testing.T) {
	t.Parallel()
	const inList, printed, fromEnv = "hunter2-in-list", "hunter2-printed", "hunter2-from-env"
	program := standIn(t, "backup", answer{Args: true, Exit: 1,
		Stdout: []byte("connecting to https://bob:" + printed + "@nas/share\r\nafter\r\n")})
	list := toJSON([]map[string]any{
		{"type": "backup", "executable_path": program, "label": "nas, password=" + inList,
			"args": []string{"--password", inList, "--token=env:RUNNER_TEST_SECRET", "/password:env:RUNNER_TEST_SECRET", "env:RUNNER_TEST_SECRET"}},
		{"type": "command", "command": []string{"no-such-program", "--password", inList}},
		{"type": "backup", "executable_path": program, "args": []string{"--password", "env:NOT_SET_ANYWHERE"}},
	})
	for _, flags := range [][]string{{}, {"-raw"}} {
		server := newServer(t)
		cmd := command(t, append(flags, "-dsn", server.DSN(), writeList(t, list))...)
		cmd.Env = append(cmd.Env, "RUNNER_TEST_SECRET="+fromEnv)
		var stdout, stderr bytes.Buffer
		cmd.Stdout, cmd.Stderr = &stdout, &stderr
		_ = cmd.Run()
		o := &outcome{code: cmd.ProcessState.ExitCode(), stdout: stdout.String(), stderr: stderr.String()}
		o.check(t, exitFailed)
		if got := o.statuses(); got != "failure error error" {
			t.Fatalf("%s: %s", got, o.stdout)
		}
		said := o.stdout + o.stderr
		raw := len(flags) > 0
		for _, secret := range []string{inList, printed} {
			if strings.Contains(said, secret) != raw {
				t.Errorf("flags %q: %s is told: %v\n%s", flags, secret, !raw, said)
			}
		}
		if strings.Contains(said, fromEnv) {
			t.Errorf("flags %q: a secret of the environment is told: %s", flags, said)
		}
		// It was given to the program, which told it: after three flags, but not by itself.
		if out := o.report.Results[0].Summary["stdout"].(string); !strings.Contains(out, "after") ||
			!strings.Contains(out, "\nenv:RUNNER_TEST_SECRET\n") ||
			strings.Count(out, "env:RUNNER_TEST_SECRET") != 1 {
			t.Errorf("%q", out)
		}
		if reason := o.report.Results[2].Reason; !strings.Contains(reason, "environment has no NOT_SET_ANYWHERE") &&
			!strings.Contains(reason, "the environment has no") {
			t.Errorf("reason %q", reason)
		}
		for _, e := range append(server.WaitEvents(3, sureWait), server.WaitTransactions(3, sureWait)...) {
			if bytes.Contains(e.Raw, []byte("hunter2")) {
				t.Errorf("a secret left the machine: %.3000s", e.Raw)
			}
		}
	}
}

func TestAuthorizationFromTheEnvironment(t *testing.T) {
	t.Setenv("RUNNER_TEST_TOKEN", "Bearer hunter2")
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer hunter2" {
			w.WriteHeader(http.StatusUnauthorized)
		}
	}))
	defer server.Close()
	check := map[string]any{"type": "http_check", "url": server.URL, "authorization": "env:RUNNER_TEST_TOKEN"}
	if sum, err := do(t, t.Context(), check); err != nil || strings.Contains(toJSON(sum), "hunter2") {
		t.Errorf("%v, %v", sum, err)
	}
	check["authorization"] = "env:RUNNER_TEST_NO_TOKEN"
	_, err := do(t, t.Context(), check)
	wantException(t, err, nil)
	if !strings.Contains(err.Error(), "RUNNER_TEST_NO_TOKEN") {
		t.Errorf("%v", err)
	}
}
