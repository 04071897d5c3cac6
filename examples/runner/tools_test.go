package main

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/autoservice/sentryconfig"
)

// tool runs a task of a type with a program that stands in for its own.
func tool(t *testing.T, kind, program string, more map[string]any, answers ...answer) (summary, error) {
	t.Helper()
	p := map[string]any{"type": kind, "executable_path": standIn(t, program, answers...)}
	for name, v := range more {
		p[name] = v
	}
	return do(t, t.Context(), p)
}

func wantCode(t *testing.T, err error, code, part string) {
	t.Helper()
	wantFailure(t, err, part)
	var failure *sentryconfig.TaskFailure
	if errors.As(err, &failure) && failure.Code != code {
		t.Errorf("code %q, want %q: %v", failure.Code, code, err)
	}
}

func crlf(lines ...string) []byte { return []byte(strings.Join(lines, "\r\n") + "\r\n") }

func TestProgramByItsOwnName(t *testing.T) {
	t.Parallel()
	program := standIn(t, "scanner",
		answer{When: "--quick", Args: true},
		answer{When: "--slow", Exit: 2, Stderr: crlf("the scan is not over")},
		answer{When: "--huge", Exit: -1978335189})
	list := func(name string, args ...string) map[string]any {
		return map[string]any{"type": "virus_scan", "executable_path": name, "args": args}
	}
	sum, err := do(t, t.Context(), list(program, "--quick", "two words"))
	if err != nil || sum["stdout"] != "--quick\ntwo words\n" || sum["exit_code"] != 0 {
		t.Errorf("%v, %v", sum, err)
	}
	_, err = do(t, t.Context(), list(program, "--slow"))
	wantCode(t, err, "exit_2", "exit code 2")
	accepted := list(program, "--slow")
	accepted["success_codes"] = []int{0, 2}
	if sum, err := do(t, t.Context(), accepted); err != nil || sum["stderr"] != "the scan is not over\n" {
		t.Errorf("an accepted code: %v, %v", sum, err)
	}
	other := list(program, "--quick")
	other["success_codes"] = []int{1}
	_, err = do(t, t.Context(), other)
	wantCode(t, err, "exit_0", "exit code 0")
	if runtime.GOOS == "windows" {
		_, err = do(t, t.Context(), list(program, "--huge"))
		wantCode(t, err, "exit_2316632107", "0x8A15002B")
		huge := list(program, "--huge")
		huge["success_codes"] = []int{-1978335189}
		if sum, err := do(t, t.Context(), huge); err != nil {
			t.Errorf("the same code in another form: %v, %v", sum, err)
		}
	}
	if runtime.GOOS != "windows" {
		_, err = do(t, t.Context(), map[string]any{"type": "command", "command": []string{"sh", "-c", "kill -9 $$"}})
		wantCode(t, err, "sh_signal_9", "ended by signal: killed")
	}
	_, err = do(t, t.Context(), list(filepath.Join(t.TempDir(), "missing")))
	wantException(t, err, fs.ErrNotExist)
	elsewhere := list(program, "--quick")
	elsewhere["working_path"] = filepath.Join(t.TempDir(), "missing")
	_, err = do(t, t.Context(), elsewhere)
	wantException(t, err, fs.ErrNotExist)
}

// TestPathsOfAList has a list in one folder, a program and a working folder in others beside it, named with
// backslashes.
func TestPathsOfAList(t *testing.T) {
	t.Parallel()
	program := standIn(t, "tool", answer{Args: true})
	root := filepath.Dir(program)
	for _, folder := range []string{"lists", "work"} {
		if err := os.Mkdir(filepath.Join(root, folder), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(root, "lists", "list.json")
	text := `[{"type":"a","executable_path":"..\\tool.exe","working_path":"..\\work","args":["x"]},
		{"type":"b","executable_path":"../tool.exe"},
		{"type":"c","executable_path":` + toJSON(program) + `}]`
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	o := execute(t, exitWell, "", path)
	if got := o.statuses(); got != "success success success" {
		t.Errorf("%s: %s", got, o.stdout)
	}
}

// TestIssuesOfPrograms sends each kind of trouble to a server: none of them is the same as another.
func TestIssuesOfPrograms(t *testing.T) {
	t.Parallel()
	server := newServer(t)
	one := standIn(t, "one", answer{When: "a", Exit: 2}, answer{When: "b", Exit: 3})
	two := standIn(t, "two", answer{Exit: 2})
	list := toJSON([]map[string]any{
		{"type": "virus_scan", "executable_path": one, "args": []string{"a"}},
		{"type": "virus_scan", "executable_path": one, "args": []string{"b"}},
		{"type": "cleaner", "executable_path": one, "args": []string{"a"}},
		{"type": "command", "command": []string{one, "a"}},
		{"type": "command", "command": []string{two}},
		{"type": "virus_scan", "executable_path": "no/such/scanner"},
	})
	o := execute(t, exitFailed, list, "-dsn", server.DSN(), "-")
	var codes []string
	for _, r := range o.report.Results {
		codes = append(codes, r.Code)
	}
	if want := []string{"exit_2", "exit_3", "exit_2", "one_exit_2", "two_exit_2", ""}; !slices.Equal(codes, want) {
		t.Errorf("codes %q, want %q", codes, want)
	}
	for _, e := range server.WaitEvents(len(codes), sureWait) {
		if e.ID == o.report.Results[0].EventID && e.Message != "virus_scan: exit code 2" {
			t.Errorf("message %q", e.Message)
		}
		if e.ID == o.report.Results[5].EventID &&
			!slices.Equal(e.Fingerprint, []string{"virus_scan", "exec.Error", "not_exist"}) {
			t.Errorf("fingerprint of a missing program: %q", e.Fingerprint)
		}
	}
	for _, tr := range server.WaitTransactions(len(codes), sureWait) {
		if !slices.Contains([]string{"task.virus_scan", "task.cleaner", "task.command"}, tr.Transaction) {
			t.Errorf("transaction %q", tr.Transaction)
		}
	}
}

func TestIperf(t *testing.T) {
	t.Parallel()
	tcp := `{"start":{},"intervals":[{"sum":{"bits_per_second":9.0e8}},{"sum":{"bits_per_second":8.0e8}}],"end":{
		"sum_sent":{"bits_per_second":941234567.9,"retransmits":7},"sum_received":{"bits_per_second":938e6}}}`
	udp := `warning: UDP block size
		{"end":{"sum":{"bits_per_second":10e6,"jitter_ms":0.123,"lost_percent":1.5}}}`
	answers := []answer{
		{When: "-c busy", Stdout: []byte(`{"error":"the server is busy running a test. try again later"}`), Exit: 1},
		{When: "-c away", Stdout: []byte(`{"error":"unable to connect to server: Connection refused"}`)},
		{When: "-c old", Stderr: []byte("iperf3: bad option\n"), Exit: 1},
		{When: "-c mute", Stdout: []byte("nothing\n")},
		{When: "-u", Stdout: []byte(udp)},
		{When: "-J -c h -p 5201 -t 60 -R -P 4 -i 1 -4", Stdout: []byte(tcp)},
	}
	more := map[string]any{"server": "h", "duration_minutes": 1, "reverse": true, "parallel_streams": 4,
		"extra_args": []string{"-4"}}
	sum, err := tool(t, "iperf_test", "iperf3", more, answers...)
	if err != nil || sum["sent_mbps"] != 941.23 || sum["received_mbps"] != 938.0 || sum["retransmits"] != 7 ||
		sum["slowest_interval_mbps"] != 800.0 {
		t.Errorf("%v, %v", sum, err)
	}
	more["min_mbps"] = 1000
	_, err = tool(t, "iperf_test", "iperf3", more, answers...)
	wantCode(t, err, "below_limit", "938 Mbit/s, want 1000")
	sum, err = tool(t, "iperf_test", "iperf3", map[string]any{"server": "h", "protocol": "UDP"}, answers...)
	if err != nil || sum["jitter_ms"] != 0.12 || sum["lost_percent"] != 1.5 || sum["received_mbps"] != 10.0 {
		t.Errorf("UDP: %v, %v", sum, err)
	}
	for server, code := range map[string]string{"busy": "server_busy", "away": "no_connection", "old": "exit_1"} {
		_, err = tool(t, "iperf_test", "iperf3", map[string]any{"server": server}, answers...)
		wantCode(t, err, code, "")
	}
	_, err = tool(t, "iperf_test", "iperf3", map[string]any{"server": "mute"}, answers...)
	wantException(t, err, nil)
}

// TestRealIperf measures the loopback with the real program, where it is installed.
func TestRealIperf(t *testing.T) {
	t.Parallel()
	path, err := exec.LookPath("iperf3")
	if err != nil {
		t.Skip("iperf3 is not installed: its output is only known from a program that stands in for it")
	}
	l := listen(t)
	port := l.Addr().(*net.TCPAddr).Port
	l.Close()
	server := exec.CommandContext(t.Context(), path, "-s", "-1", "-p", strconv.Itoa(port), "--forceflush")
	said, err := server.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Wait() }) // the end of the test's context ends it
	for text := ""; !strings.Contains(text, "listening"); {
		b := make([]byte, 1024)
		n, err := said.Read(b)
		if text += string(b[:n]); err != nil {
			t.Fatalf("iperf3 -s: %v: %s", err, text)
		}
	}
	task := map[string]any{"type": "iperf_test", "server": "127.0.0.1", "port": port, "duration_seconds": 1}
	sum, err := do(t, t.Context(), task)
	if err != nil || sum["received_mbps"].(float64) <= 0 || sum["sent_mbps"].(float64) <= 0 {
		t.Fatalf("%v, %v", sum, err)
	}
	_ = server.Wait() // it is there for one measurement
	_, err = do(t, t.Context(), task)
	wantCode(t, err, "no_connection", "unable to connect")
}

func TestSpeedtest(t *testing.T) {
	t.Parallel()
	cli := []answer{
		{When: "--version", Stdout: []byte("speedtest-cli 2.1.3\n")},
		{When: "--json --single --secure --server 5", Stdout: []byte(`{"download":93456789.1,"upload":41e6,"ping":12.345,
			"client":{"ip":"203.0.113.7","isp":"ISP"},"server":{"sponsor":"S","name":"Town","country":"DE"}}`)},
		{When: "--json", Stderr: []byte("ERROR: Unable to connect to servers to test latency.\n"), Exit: 1},
	}
	sum, err := tool(t, "speedtest", "speedtest",
		map[string]any{"threads": 1, "share": false, "secure": true, "server": 5}, cli...)
	if err != nil || sum["download_mbps"] != 93.46 || sum["upload_mbps"] != 41.0 || sum["ping_ms"] != 12.35 ||
		sum["isp"] != "ISP" || sum["server"] != "S Town DE" {
		t.Errorf("%v, %v", sum, err)
	}
	if strings.Contains(toJSON(sum), "203.0.113.7") {
		t.Errorf("the user's address: %v", sum)
	}
	_, err = tool(t, "speedtest", "speedtest", nil, cli...)
	wantCode(t, err, "exit_1", "Unable to connect")
	ookla := []answer{
		{When: "--version", Stdout: []byte("Speedtest by Ookla 1.2.0.84 (ea6b6773cf) Linux/x86_64-linux-musl\n")},
		{When: "--format=json --accept-license --accept-gdpr", Stdout: []byte(`{"type":"result","ping":{"jitter":0.5,"latency":9.1},
			"download":{"bandwidth":11682098},"upload":{"bandwidth":5125000},"packetLoss":0,"isp":"ISP","server":{"name":"S","location":"Town"}}`)},
	}
	sum, err = tool(t, "speedtest", "speedtest", nil, ookla...)
	if err != nil || sum["download_mbps"] != 93.46 || sum["upload_mbps"] != 41.0 || sum["jitter_ms"] != 0.5 ||
		sum["lost_percent"] != 0.0 {
		t.Errorf("%v, %v", sum, err)
	}
	_, err = tool(t, "speedtest", "speedtest", map[string]any{"min_download_mbps": 100}, ookla...)
	wantCode(t, err, "below_limit", "download_mbps is 93.46, want 100")
	_, err = tool(t, "speedtest", "speedtest", nil, ookla[0], answer{Stdout: []byte(`{"error":"No servers"}`)})
	wantCode(t, err, "speedtest_error", "No servers")
}

func TestSmartctl(t *testing.T) {
	t.Parallel()
	scan := answer{When: "--scan -j", Stdout: []byte(`{"devices":[{"name":"/dev/sda","type":"sat"},{"name":"/dev/nvme0","type":"nvme"}]}`)}
	good := answer{When: "-j -a -d sat /dev/sda", Stdout: []byte(`{"smartctl":{"exit_status":0},"model_name":"M","serial_number":"SN1",
		"smart_status":{"passed":true},"temperature":{"current":31},"power_on_time":{"hours":9000},"power_cycle_count":12}`)}
	nvme := answer{When: "-j -a -d nvme /dev/nvme0", Stdout: []byte(`{"smart_status":{"passed":true},
		"nvme_smart_health_information_log":{"percentage_used":3,"available_spare":100,"media_errors":0,"unsafe_shutdowns":4}}`)}
	with := func(a answer, stdout string, exit int) answer {
		a.Exit = exit
		if stdout != "" {
			a.Stdout = []byte(stdout)
		}
		return a
	}
	sum, err := tool(t, "smartctl_report", "smartctl", map[string]any{"detail_level": "basic"}, scan, good, nvme)
	disks, _ := sum["disks"].([]any)
	if err != nil || len(disks) != 2 || disks[0].(map[string]any)["power_on_hours"] != 9000 ||
		disks[1].(map[string]any)["used_percent"] != 3 {
		t.Errorf("%v, %v", sum, err)
	}
	for name, c := range map[string]struct {
		sda, nvme answer
		code      string
		says      string
	}{
		"failing":          {with(good, "", 8), nvme, "disk_failing", "failing: /dev/sda"},
		"not passed":       {with(good, `{"smart_status":{"passed":false}}`, 0), nvme, "disk_failing", "failing: /dev/sda"},
		"will fail":        {with(good, "", 16|64), nvme, "disk_will_fail", "will fail soon: /dev/sda"},
		"can't be read":    {with(good, `{"smartctl":{"messages":[{"string":"Unknown USB bridge"}]}}`, 1), nvme, "disk_unreadable", "can't be read: /dev/sda"},
		"two troubles":     {with(good, `{"smartctl":{}}`, 2), with(nvme, "", 8|16), "disk_failing", "failing: /dev/nvme0; can't be read: /dev/sda"},
		"another language": {with(good, "", 0), with(nvme, "Speicherzugriffsfehler\n", 5), "exit_5", "Speicherzugriffsfehler"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := tool(t, "smartctl_report", "smartctl", nil, scan, c.sda, c.nvme)
			wantCode(t, err, c.code, c.says)
		})
	}
	sum, err = tool(t, "smartctl_report", "smartctl", nil, scan, with(good, "", 64|128), nvme)
	if err != nil || !strings.Contains(toJSON(sum), "its error log has errors") {
		t.Errorf("old errors are no failure: %v, %v", sum, err)
	}
	_, err = tool(t, "smartctl_report", "smartctl", map[string]any{"devices": []string{"/dev/sda"}},
		answer{Stdout: []byte(`{"smartctl":{"messages":[{"string":"Unable to detect device type"}]}}`), Exit: 1})
	wantCode(t, err, "disk_unreadable", "can't be read: /dev/sda")
	_, err = tool(t, "smartctl_report", "smartctl", nil, answer{Stdout: []byte(`{"devices":[]}`)})
	wantCode(t, err, "no_disk", "No disks found")
	_, err = tool(t, "smartctl_report", "smartctl", map[string]any{"devices": []string{"/dev/sda"}},
		answer{When: "-j -a /dev/sda", Stdout: []byte(`{"smartctl":{"messages":[{"string":"Smartctl open device: /dev/sda failed: Permission denied"}]}}`), Exit: 2})
	wantException(t, err, fs.ErrPermission)
}

func TestSfc(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		says    string
		exit    int
		verdict string
		code    string // "": well, "denied": an exception
	}{
		"healthy":       {sfcText, 0, "healthy", ""},
		"in German":     {"\r\nDer Windows-Ressourcenschutz hat keine Integritätsverletzungen gefunden.\r\n", 0, "healthy", ""},
		"repaired":      {"Windows Resource Protection found corrupt files and successfully repaired them.\r\n", 0, "repaired", ""},
		"broken lines":  {"Windows Resource Protection found corrupt files but was unable\r\nto fix some of them.\r\n", 1, "not repaired", "not_repaired"},
		"not repaired":  {"Windows Resource Protection found corrupt files but was unable to fix some of them.\r\n", 0, "not repaired", "not_repaired"},
		"restart":       {"There is a system repair pending which requires reboot to complete.\r\n", 1, "restart pending", "restart_pending"},
		"not an admin":  {"You must be an administrator running a console session in order to\r\nuse the sfc utility.\r\n", 1, "", "denied"},
		"unknown":       {"Etwas anderes.\r\n", 3, "", "exit_3"},
		"unknown, well": {"Mitään ei löytynyt.\r\n", 0, notRecognised, ""},
		"silent":        {"", 0, notRecognised, "no result"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sum, err := tool(t, "sfc_scan", "sfc", nil, answer{When: "/scannow", Stdout: utf16LE(c.says), Exit: c.exit})
			judgeTool(t, sum, err, c.verdict, c.code)
		})
	}
}

func judgeTool(t *testing.T, sum summary, err error, verdict, code string) {
	t.Helper()
	if got, _ := sum["verdict"].(string); got != verdict {
		t.Errorf("verdict %q, want %q: %v", got, verdict, sum)
	}
	switch code {
	case "":
		if err != nil {
			t.Errorf("%v, %v", sum, err)
		}
	case "denied":
		wantException(t, err, fs.ErrPermission)
	case "no result":
		wantException(t, err, nil)
	default:
		wantCode(t, err, code, "")
	}
}

func TestDism(t *testing.T) {
	t.Parallel()
	done := "The operation completed successfully."
	bar := "\r[==                         3.8%                           ] " +
		"\r[===========================100.0%==========================] "
	healthy := answer{Stdout: crlf("Deployment Image Servicing and Management tool", bar,
		"No component store corruption detected.", done)}
	repairable := answer{When: "/ScanHealth", Stdout: crlf("The component store is repairable.", done)}
	repaired := answer{When: "/RestoreHealth", Stdout: crlf(bar, "The restore operation completed successfully.", done)}
	missing := answer{When: "/RestoreHealth", Stdout: crlf("Error: 0x800f081f", "The source files could not be found."),
		Exit: -2146498529}
	all := map[string]any{"actions": []string{"checkhealth", "ScanHealth", "restorehealth"}}
	for name, c := range map[string]struct {
		more    map[string]any
		answers []answer
		steps   int
		code    string
	}{
		"healthy":        {nil, []answer{healthy}, 1, ""},
		"repaired":       {all, []answer{repairable, repaired, healthy}, 3, ""},
		"repairable":     {map[string]any{"actions": []string{"scanhealth"}}, []answer{repairable}, 1, "repairable"},
		"source missing": {all, []answer{repairable, missing, healthy}, 3, "source_missing"},
		"denied": {all, []answer{{When: "/English /Online /Cleanup-Image", Exit: 740,
			Stdout: crlf("Error: 740", "Elevated permissions are required to run DISM.")}}, 1, "denied"},
		"silent":   {nil, []answer{{}}, 1, "no result"},
		"babbling": {nil, []answer{{Stdout: crlf("Hello.")}}, 1, "no result"},
		"restart":  {nil, []answer{{Exit: 3010, Stdout: crlf("The component store corruption was repaired.")}}, 1, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if runtime.GOOS != "windows" {
				for i := range c.answers {
					c.answers[i].Exit &= 255 // no more fits into an exit code
				}
				if name == "restart" {
					t.Skip("3010 is no exit code here")
				}
			}
			sum, err := tool(t, "dism_health_check", "dism", c.more, c.answers...)
			judgeTool(t, sum, err, "", c.code)
			if steps, _ := sum["steps"].([]any); len(steps) != c.steps || strings.Contains(toJSON(sum), "3.8%") {
				t.Errorf("%d steps, want %d: %v", len(steps), c.steps, sum)
			}
		})
	}
}

func TestChkdsk(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		more    map[string]any
		answer  answer
		verdict string
		code    string
	}{
		"healthy": {map[string]any{"drive": "c", "mode": "read_only"}, answer{When: "C:",
			Stdout: crlf("The type of the file system is NTFS.",
				"Windows has scanned the file system and found no problems.", "No further action is required.")}, "healthy", ""},
		"healthy, with garbage":         {nil, answer{Exit: 2, Stdout: crlf("Windows has scanned the file system and found no problems.")}, "healthy", ""},
		"errors":                        {nil, answer{Exit: 3, Stdout: crlf("Errors found. CHKDSK cannot continue in read-only mode.")}, "errors", "errors_found"},
		"errors in an unknown language": {nil, answer{Exit: 3, Stdout: crlf("Virheitä.")}, "", "errors_found"},
		"repaired":                      {map[string]any{"mode": "fix_errors"}, answer{When: "C: /f", Exit: 1, Stdout: crlf("Windows has made corrections to the file system.")}, "repaired", ""},
		"denied": {nil, answer{Exit: 3, Stdout: crlf("Access Denied as you do not have sufficient privileges or",
			"the disk may be locked by another process.")}, "", "denied"},
		"in use": {map[string]any{"mode": "fix_errors"}, answer{Exit: 3, Stdin: true, Stdout: crlf("Chkdsk cannot run because the volume is in use by another process.")}, "in use", "drive_in_use"},
		"scheduled": {map[string]any{"mode": "comprehensive", "schedule_if_busy": true}, answer{When: "C: /f /r", Stdin: true, Exit: 3,
			Stdout: crlf("Chkdsk cannot run because the volume is in use by another process.",
				"This volume will be checked the next time the system restarts.")}, "scheduled", ""},
		"in German": {nil, answer{Stdout: []byte("Das Dateisystem wurde \x81berpr\x81ft.\r\nEs wurden keine Probleme festgestellt.\r\n")}, "healthy", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sum, err := tool(t, "chkdsk_scan", "chkdsk", c.more, c.answer)
			judgeTool(t, sum, err, c.verdict, c.code)
			want := "N"
			if c.more["schedule_if_busy"] == true {
				want = "Y"
			}
			if c.answer.Stdin && !strings.HasPrefix(sum["stdout"].(string), want+"\n") {
				t.Errorf("it is told %.20q, want %s", sum["stdout"], want)
			}
		})
	}
}

func TestWinsat(t *testing.T) {
	t.Parallel()
	says := crlf("Windows System Assessment Tool", "> Running: Feature Enumeration ''", "> Run Time 00:00:00.00",
		"> Disk  Random 16.0 Read                       737.13 MB/s          8.5",
		"> Latency: 95th Percentile                     0.210 ms             8.9",
		"> Disk  Sequenziell 64.0 Read                  1660,40 MB/s         8,9", "> Total Run Time 00:00:11.67")
	sum, err := tool(t, "winsat_disk", "winsat", map[string]any{"drive": "D:", "test_mode": "full"},
		answer{When: "disk -drive d", Stdout: says})
	results, _ := sum["results"].(map[string]any)
	if err != nil || len(results) != 3 || toJSON(results["Disk Random 16.0 Read"]) != `{"mb_per_second":737.13,"score":8.5}` {
		t.Errorf("%v, %v", sum, err)
	}
	_, err = tool(t, "winsat_disk", "winsat", map[string]any{"test_mode": "flush"},
		answer{When: "disk -flush -drive c", Exit: 1, Stderr: crlf("Error: no disk")})
	wantCode(t, err, "exit_1", "Error: no disk")
	_, err = tool(t, "winsat_disk", "winsat", nil, answer{})
	wantCode(t, err, "no_result", "")
}

func TestWindowsUpdate(t *testing.T) {
	t.Parallel()
	all := map[string]any{"microsoft_update": true, "accept_all": true, "ignore_reboot": true}
	for name, c := range map[string]struct {
		more   map[string]any
		answer answer
		code   string
	}{
		"nothing to do": {nil, answer{Stdout: []byte("\xef\xbb\xbf" + `{"found":[],"installed":[],"failed":[],"restart_required":false,"error":"","code":""}`)}, ""},
		"installed":     {all, answer{Stdout: []byte(`{"found":["KB1"],"installed":["KB1"],"failed":[],"restart_required":true}`)}, ""},
		"restart":       {nil, answer{Stdout: []byte(`{"found":[],"restart_required":true}`)}, "restart_required"},
		"failed":        {all, answer{Stdout: []byte(`{"found":["KB1","KB2"],"installed":["KB1"],"failed":["KB2"]}`)}, "not_installed"},
		"no service":    {nil, answer{Stdout: []byte(`{"error":"Exception from HRESULT: 0x8024402C","code":"0x8024402C"}`)}, "update_0x8024402c"},
		"denied":        {all, answer{Stdout: []byte(`{"error":"Zugriff verweigert","code":"0x80070005"}`)}, "denied"},
		"no PowerShell": {nil, answer{Exit: 1, Stderr: []byte("no such command\r\n")}, "exit_1"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sum, err := tool(t, "windows_update", "powershell", c.more, c.answer)
			judgeTool(t, sum, err, "", c.code)
			if strings.Contains(toJSON(sum["command"]), "Microsoft.Update.Session") {
				t.Errorf("the script is reported: %v", sum["command"])
			}
		})
	}
	_, err := tool(t, "windows_update", "powershell", nil, answer{}) // as Wine's, which does nothing
	wantException(t, err, nil)
}

func TestDiskReport(t *testing.T) {
	t.Parallel()
	sum, err := do(t, t.Context(), map[string]any{"type": "disk_space_report", "min_free_percent": 0})
	if disks, _ := sum["disks"].([]any); err != nil || len(disks) == 0 {
		t.Errorf("%v, %v", sum, err)
	}
	_, err = do(t, t.Context(), map[string]any{"type": "disk_space_report", "min_free_percent": 100})
	wantCode(t, err, "below_limit", "free: ")
}

func TestBatteryReport(t *testing.T) {
	t.Parallel()
	sum, err := do(t, t.Context(), map[string]any{"type": "battery_health_report"})
	if all, _ := sum["batteries"].([]any); len(all) > 0 && err == nil {
		return // a machine with a battery
	}
	wantCode(t, err, "no_battery", "No batteries found")
}

func TestBatteriesOfMacOS(t *testing.T) {
	t.Parallel()
	all := batteriesOf(`+-o AppleSmartBattery  <class AppleSmartBattery, id 0x1000002a8, registered>
    {
      "DesignCapacity" = 5103
      "CycleCount" = 214
      "IsCharging" = Yes
      "ExternalConnected" = Yes
      "AppleRawMaxCapacity" = 4592
      "MaxCapacity" = 100
      "CurrentCapacity" = 81
      "DeviceName" = "bq20z451"
      "BatteryInstalled" = Yes
      "BatteryData" = {"StateOfCharge"=81,"CycleCount"=1}
    }
`)
	if len(all) != 1 {
		t.Fatalf("%+v", all)
	}
	want := `{"cycles":214,"design_capacity":5103,"full_capacity":4592,"health_percent":89.99,"name":"bq20z451","percent":81,"state":"charging","wear_percent":10.01}`
	if got := toJSON(all[0].summary()); got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
	if none := batteriesOf(""); len(none) != 0 {
		t.Errorf("%+v", none)
	}
}

func TestPingTestTakesTheNextPort(t *testing.T) {
	t.Parallel()
	l := listen(t)
	open := l.Addr().(*net.TCPAddr).Port
	conn, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	closed := conn.LocalAddr().(*net.TCPAddr).Port // so that nobody else listens there meanwhile
	p := &params{fields: map[string]value{"host": {raw: []byte(`"127.0.0.1"`)}, "count": {raw: []byte("2")}}}
	if sum, err := p.ping(closed, open)(t.Context()); err != nil || sum["connected"] != 2 {
		t.Errorf("%v, %v", sum, err)
	}
	_, err = p.ping(closed, closed)(t.Context())
	wantCode(t, err, "no_connection", "")
	sum, err := do(t, t.Context(), map[string]any{"type": "ping_test", "host": "127.0.0.1", "port": open, "count": 1})
	if err != nil || sum["connected"] != 1 {
		t.Errorf("%v, %v", sum, err)
	}
}
