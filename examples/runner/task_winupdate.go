package main

import (
	"context"
	_ "embed"
	"fmt"
	"slices"
	"strings"
)

// updateScript asks the update service of Windows, which needs no module from elsewhere, and writes one JSON object.
//
//go:embed windows_update.ps1
var updateScript string

// updateReport is what the script writes.
type updateReport struct {
	Found     []string `json:"found"`
	Installed []string `json:"installed"`
	Failed    []string `json:"failed"`
	Restart   bool     `json:"restart_required"`
	Error     string   `json:"error"`
	Code      string   `json:"code"` // the HRESULT of Error, as 0x8024402C
}

// newWindowsUpdate looks for updates, and installs them when it is asked to: {accept_all, microsoft_update,
// ignore_reboot, executable_path}. It never restarts the machine; without ignore_reboot, one that waits for a restart
// is a failure.
func newWindowsUpdate(p *params) runFunc {
	prog := p.tool("powershell")
	install := p.bool("accept_all")
	script := strings.NewReplacer(
		"$(INSTALL)", psBool(install), "$(MICROSOFT)", psBool(p.bool("microsoft_update"))).Replace(updateScript)
	flags := []string{"-NoProfile", "-NonInteractive", "-ExecutionPolicy", "Bypass", "-Command"}
	prog.args, prog.shown = append(slices.Clip(flags), script), append(slices.Clip(flags), "(windows_update.ps1)")
	prog.whole = true
	ignoreRestart := p.bool("ignore_reboot")
	p.will("%s, install what it finds: %v", prog.plan(), install)
	return func(ctx context.Context) (summary, error) {
		e, err := prog.run(ctx)
		if err != nil {
			return e.summary(), err
		}
		sum := e.summary()
		var report updateReport
		if err := jsonIn(e.all.Bytes(), &report); err != nil {
			return sum, e.unreadable(err)
		}
		sum["stdout"] = "" // it is what is read here
		sum["found"], sum["installed"], sum["failed"] = report.Found, report.Installed, report.Failed
		sum["restart_required"] = report.Restart
		switch {
		case report.Error != "":
			if strings.EqualFold(report.Code, "0x80070005") { // E_ACCESSDENIED
				return sum, fmt.Errorf("%s: %w", report.Error, errNeedsAdministrator)
			}
			code := "update_" + cut(strings.ToLower(report.Code), maxQuoted)
			return sum, fail(code, nil, "%s %s", oneLine(report.Error), report.Code)
		case len(report.Failed) > 0:
			return sum, fail("not_installed", nil, "%d of %d updates failed",
				len(report.Failed), len(report.Failed)+len(report.Installed))
		case report.Restart && !ignoreRestart:
			return sum, fail("restart_required", nil, "updates wait for a restart")
		}
		return sum, e.judge("", nil)
	}
}

func psBool(b bool) string {
	if b {
		return "$true"
	}
	return "$false"
}
