package sample

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"strings"
	"syscall"
	"time"

	"github.com/getsentry/sentry-go"

	"github.com/autoservice/sentryconfig"
)

const (
	userTemp = `C:\Users\Max Müller\AppData\Local\Temp`
	pictures = `C:\Users\Max Müller\Pictures`

	tasksADay = 14
	workday   = 41 * time.Minute
)

// day runs the tasks of a day, in the order in which a technician would.
func (w *workshop) day() {
	w.run("system_info", nil, systemInfo)
	w.run("temp_cleanup", map[string]any{"paths": []string{`C:\Windows\Temp`, userTemp}}, cleanUp)
	w.run("disk_check", map[string]any{"drive": "C:", "serial": "S5GXNF0R912345"}, checkDisk)
	w.run("windows_update", map[string]any{"kb": []string{"KB5044284", "KB5044285"}}, update)
	for n := range 7 {
		w.run("upload_report", map[string]any{"attempt": n + 1, "bytes": 1_482_331}, upload(n))
		w.pass(95)
	}
	w.run("backup_photos", map[string]any{"source": pictures, "target": `E:\Backup\2026-11`}, backUp)
	w.run("malware_scan", map[string]any{"profile": "deep", "drive": "C:"}, scan)
	w.run("network_test", map[string]any{"hosts": []string{"licence.workshop.example", "10.0.0.1"}}, testNetwork)
	w.run("registry_scan", map[string]any{"hives": []string{"HKLM", "HKCU"}}, scanRegistry)
	ctx, cancel := context.WithCancel(context.Background())
	w.runIn(ctx, "printer_setup", map[string]any{"printer": "Brother HL-L2350DW"}, func(ctx context.Context) error {
		w.say(ctx, 4, "printer", "waiting for the user to switch it on", sentry.LevelInfo, nil)
		w.pass(31)
		cancel()
		return ctx.Err()
	})
	w.run("driver_update", map[string]any{"device": "Realtek PCIe GbE Family Controller"}, updateDriver)
	w.run("upload_report", map[string]any{"attempt": 8, "bytes": 1_482_331}, report)
	for range 3 {
		w.run("disk_check", map[string]any{"drive": "D:"}, checkDisk)
		w.pass(140)
	}
	w.run("disk_check", map[string]any{"drive": "E:"}, systemInfo)
	w.run("defrag", map[string]any{"drive": "D:"}, defragment)
	w.run("final_report", nil, report)
}

func systemInfo(ctx context.Context) error {
	w := shop(ctx)
	w.say(ctx, .2, "probe", "reading SMBIOS", sentry.LevelInfo,
		map[string]any{"vendor": "LENOVO", "model": "20XW005PGE"})
	w.pass(.9)
	return nil
}

func cleanUp(ctx context.Context) error {
	w := shop(ctx)
	for i, path := range []string{`C:\Windows\Temp`, userTemp, `C:\Windows\SoftwareDistribution`} {
		_ = w.span(ctx, "file.delete", path, 2.4+3.1*float64(i), func(ctx context.Context) error {
			w.say(ctx, .3, "cleanup", fmt.Sprintf("deleted %d files", 212*(i+1)), sentry.LevelInfo,
				map[string]any{"freed_mb": 418 * (i + 1)})
			return nil
		})
	}
	return nil
}

// checkDisk finds a drive that will fail soon: the task ran to its end, so it is a failure and no error.
func checkDisk(ctx context.Context) error {
	w := shop(ctx)
	w.say(ctx, .4, "smart", "smartctl -a C:", sentry.LevelInfo, map[string]any{"exit_code": 4})
	w.say(ctx, 1.6, "smart", "attribute 5 is above its threshold", sentry.LevelWarning,
		map[string]any{"raw": 3, "threshold": 1})
	_ = w.span(ctx, "exec", "chkdsk C: /scan", 38.2, nil)
	return &sentryconfig.TaskFailure{
		Reason: "3 reallocated sectors, replace the drive", Code: "smart_reallocated",
		Extra: map[string]any{
			"smart": map[string]any{"reallocated": 3, "power_on_hours": 31877, "temperature_celsius": 41},
		},
	}
}

func update(ctx context.Context) error {
	w := shop(ctx)
	_ = w.span(ctx, "wua.search", "search for updates", 11.3, nil)
	_ = w.span(ctx, "wua.download", "download 2 updates", 4, func(ctx context.Context) error {
		_ = w.span(ctx, "http.client", "GET KB5044284.msu", 48, nil)
		return w.span(ctx, "http.client", "GET KB5044285.msu", 21, nil)
	})
	var failed error
	began := w.began
	w.runIn(ctx, "install_update", map[string]any{"kb": "KB5044284"}, func(ctx context.Context) error {
		span := sentry.SpanFromContext(ctx)
		span.StartTime = w.now
		defer func() { span.EndTime = w.now }()
		w.say(ctx, 1, "wusa", "wusa.exe KB5044284.msu /quiet /norestart", sentry.LevelInfo, nil)
		w.say(ctx, 24, "wusa", "the installer has ended", sentry.LevelError, map[string]any{"exit_code": 2359302})
		failed = &updateError{Code: "0x80073712", Package: "KB5044284", Log: strings.Repeat(cbsLine, 40)}
		return failed
	})
	w.began = began
	_ = w.span(ctx, "wua.rollback", "undo KB5044284", 9.5, nil)
	return fmt.Errorf("install 1 of 2: %w", failed)
}

// cbsLine is one of thousands in the log of Windows' component store.
const cbsLine = "2026-11-26 00:41:07, Info  CBS  Appl: Evaluating package applicability for package " +
	"Package_for_RollupFix~31bf3856ad364e35~amd64~~26100.2033.1.6, applicable state: Installed\n"

// An updateError is what the installer says.
type updateError struct{ Code, Package, Log string }

func (e *updateError) Error() string {
	return e.Package + ": the component store is damaged (" + e.Code + ")\n" + e.Log
}

// upload fails in the way that networks do: each time after another time, and it is one issue all the same.
func upload(n int) func(context.Context) error {
	return func(ctx context.Context) error {
		w := shop(ctx)
		w.say(ctx, .1, "http", "PUT https://reports.workshop.example/v2/reports/8812", sentry.LevelInfo, nil)
		w.pass(float64(8 + 3*n))
		return fmt.Errorf("upload report %d: %w", 8812+n, context.DeadlineExceeded)
	}
}

func backUp(ctx context.Context) error {
	w := shop(ctx)
	for _, year := range []string{"2022", "2023"} {
		_ = w.span(ctx, "file.copy", pictures+`\`+year, 12.7, nil)
		w.say(ctx, .1, "copy", "copied "+year, sentry.LevelInfo, map[string]any{"files": 2114, "bytes": 8_113_204_112})
	}
	return w.span(ctx, "file.copy", pictures+`\2024`, .8, func(ctx context.Context) error {
		w.say(ctx, 2.1, "copy", "the source changes while it is read", sentry.LevelWarning,
			map[string]any{"path": `2024\Sommer\IMG_0042.JPG`})
		return copyPhoto(pictures + `\2024\Sommer\IMG_0042.JPG`)
	})
}

func copyPhoto(path string) error {
	_, err := openPhoto(path)
	if err != nil {
		return fmt.Errorf("back up album Sommer: %w", fmt.Errorf("copy: %w", err))
	}
	return nil
}

func openPhoto(path string) (fs.File, error) {
	return nil, &fs.PathError{Op: "open", Path: path, Err: syscall.ENOENT}
}

// A Scanner looks for what shouldn't be there.
type Scanner struct{ signatures map[string]int }

func scan(ctx context.Context) error {
	w := shop(ctx)
	w.say(ctx, .8, "scan", "signatures loaded", sentry.LevelInfo, map[string]any{"count": 88_412, "age_hours": 31})
	_ = w.span(ctx, "scan", `C:\ProgramData`, 17.4, nil)
	w.say(ctx, 6.2, "scan", `C:\Users\Max Müller\Downloads\invoice.pdf.exe`, sentry.LevelWarning,
		map[string]any{"verdict": "suspicious", "score": .87})
	w.file = &sentry.Attachment{
		Filename: "scan.log", ContentType: "text/plain",
		Payload: []byte("00:00 start\n00:24 suspicious: invoice.pdf.exe\n"),
	}
	var s Scanner
	return s.parse("invoice.pdf.exe")
}

// parse has a mistake: nobody has made the map.
func (s *Scanner) parse(name string) error {
	header := []byte(name)
	for i := range header {
		s.count(string(header[i:]))
	}
	return nil
}

func (s *Scanner) count(signature string) { s.signatures[signature]++ }

func testNetwork(ctx context.Context) error {
	w := shop(ctx)
	w.say(ctx, .1, "net", "ping 10.0.0.1", sentry.LevelInfo, map[string]any{"rtt_ms": 2.1})
	w.say(ctx, 1.2, "net", "connect to licence.workshop.example:443", sentry.LevelInfo, nil)
	w.pass(.3)
	return fmt.Errorf("licence server: %w", &net.OpError{
		Op: "dial", Net: "tcp", Addr: &net.TCPAddr{IP: net.IPv4(10, 0, 0, 17), Port: 443}, Err: syscall.ECONNREFUSED,
	})
}

func scanRegistry(ctx context.Context) error {
	w := shop(ctx)
	w.say(ctx, 3.4, "registry", "HKLM read", sentry.LevelInfo, map[string]any{"keys": 412_003})
	w.pass(2)
	return fmt.Errorf("scan: %w", errors.Join(
		fmt.Errorf(`HKLM\SYSTEM\CurrentControlSet: %w`, fs.ErrPermission),
		errors.New("HKCU: 2 values of an unknown type")))
}

func updateDriver(ctx context.Context) error {
	w := shop(ctx)
	_ = w.span(ctx, "http.client", "GET https://drivers.workshop.example/rtl8168.cab", 7.7, nil)
	w.say(ctx, .4, "driver", "signature checked", sentry.LevelInfo, nil)
	return w.span(ctx, "exec", "pnputil /add-driver rtl8168.inf /install", 2.6, func(context.Context) error {
		return fmt.Errorf("pnputil: %w", &exitError{"exit status 100"})
	})
}

// An exitError stands for an exec.ExitError, which takes a process to make.
type exitError struct{ text string }

func (e *exitError) Error() string { return e.text }
func (e *exitError) Code() int     { return 100 }

func defragment(ctx context.Context) error {
	w := shop(ctx)
	for pass := range 4 {
		_ = w.span(ctx, "defrag.pass", fmt.Sprintf("pass %d", pass+1), 31-5.5*float64(pass), nil)
	}
	return nil
}

func report(ctx context.Context) error {
	w := shop(ctx)
	w.pass(1.4)
	return nil
}
