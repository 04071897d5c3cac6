package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
)

// The tools of Windows are asked for English where they can be; where they can't, German and French are read as well.
// What isn't recognised is judged by the exit code alone.

// exitElevation is ERROR_ELEVATION_REQUIRED: the program needs an administrator.
const exitElevation = 740

var deniedMessages = []string{
	"access is denied", "access denied", "must be an administrator", "requires elevation",
	"elevated permissions are required", "insufficient privileges", "not have sufficient privileges",
	"zugriff verweigert", "administrator sein", "erhöhte rechte", "unzureichende berechtigung", "keine ausreichenden",
	"accès refusé", "être administrateur", "privilèges insuffisants",
}

var errNeedsAdministrator = fmt.Errorf("needs an administrator: %w", fs.ErrPermission)

// denied is the error of a tool that needs more rights than the runner has; nil when it had enough.
func (e *execution) denied(messages string) error {
	if e.exit != exitElevation && !saysAny(messages, deniedMessages...) {
		return nil
	}
	return fmt.Errorf("%s: %w", e.program.name(), errNeedsAdministrator)
}

// saysAny looks for phrases, in any case and however the tool breaks its lines.
func saysAny(messages string, phrases ...string) bool {
	messages = strings.Join(strings.Fields(strings.ToLower(messages)), " ")
	for _, phrase := range phrases {
		if strings.Contains(messages, phrase) {
			return true
		}
	}
	return false
}

// A verdict is what a message of a tool means.
type verdict struct {
	name    string // for the summary
	code    string // of the failure; "": it is none
	reason  string
	phrases []string
	well    []int // exit codes that are well with this verdict, beside those that always are
}

// verdictOf returns the first verdict of which the tool says a phrase.
func verdictOf(messages string, all []verdict) *verdict {
	for i := range all {
		if saysAny(messages, all[i].phrases...) {
			return &all[i]
		}
	}
	return nil
}

// conclude judges a tool by what it says, and by its exit code where that says nothing. A failing exit code counts
// whatever it says, unless the verdict is a failure by itself.
func (e *execution) conclude(sum summary, verdicts []verdict, success ...int) (summary, error) {
	messages := e.messages()
	if err := e.denied(messages); err != nil {
		return sum, err
	}
	v := verdictOf(messages, verdicts)
	if v != nil {
		sum["verdict"] = v.name
		success = append(slices.Clip(success), v.well...)
	}
	if v != nil && v.code != "" {
		return sum, fail(v.code, errorOf(e), "%s", v.reason)
	}
	if err := e.judge("", success); err != nil {
		return sum, e.say(err)
	}
	if v == nil && verdicts != nil {
		if sum["verdict"] = notRecognised; strings.TrimSpace(messages) == "" { // a stub, as Wine has some
			return sum, fmt.Errorf("%s said nothing: its exit code alone is no result", e.program.name())
		}
	}
	return sum, nil
}

// notRecognised is the verdict of a tool that speaks a language of which no message is known.
const notRecognised = "not recognised, judged by the exit code"

var sfcVerdicts = []verdict{
	{name: "not repaired", code: "not_repaired",
		reason: "corrupt system files were found, and some could not be repaired",
		phrases: []string{
			"but was unable to fix some", "konnte einige der dateien nicht", "konnte einige dateien nicht",
			"einige davon konnten nicht repariert", "n'a pas pu réparer certains",
		}},
	{name: "restart pending", code: "restart_pending",
		reason: "a repair is pending that needs a restart first",
		phrases: []string{
			"system repair pending", "systemreparatur steht aus", "réparation du système en attente",
		}},
	{name: "not performed", code: "not_performed",
		reason: "sfc could not perform the scan",
		phrases: []string{
			"could not perform the requested operation", "could not start the repair service",
			"angeforderten vorgang nicht ausführen", "n'a pas pu effectuer l'opération",
		}},
	{name: "repaired",
		phrases: []string{
			"successfully repaired them", "erfolgreich repariert", "les a réparés", "réparés correctement",
		}},
	{name: "healthy",
		phrases: []string{
			"did not find any integrity violations", "keine integritätsverletzungen", "n'a trouvé aucune violation",
		}},
}

// newSfcScan lets Windows check its own files and repair them: {executable_path}. Files that can't be repaired are a
// failure.
func newSfcScan(p *params) runFunc {
	prog := p.tool("sfc")
	prog.args = []string{"/scannow"}
	p.will("%s", prog.plan())
	return func(ctx context.Context) (summary, error) {
		e, err := prog.run(ctx)
		if err != nil {
			return e.summary(), err
		}
		return e.conclude(e.summary(), sfcVerdicts, 0)
	}
}

var dismVerdicts = []verdict{
	{name: "repaired",
		phrases: []string{
			"corruption was repaired", "restore operation completed successfully",
		}},
	{name: "healthy",
		phrases: []string{
			"no component store corruption detected",
		}},
	{name: "not repairable", code: "not_repairable",
		reason: "the component store is corrupt and can't be repaired",
		phrases: []string{
			"component store is not repairable", "component store cannot be repaired",
		}},
	{name: "repairable", code: "repairable",
		reason: "the component store is corrupt and can be repaired: add the action restorehealth",
		phrases: []string{
			"component store is repairable",
		}},
	{name: "source missing", code: "source_missing",
		reason: "the files to repair the component store with can't be found",
		phrases: []string{
			"source files could not be", "0x800f081f", "0x800f0906", "0x800f0907",
		}},
}

// exitRestart is ERROR_SUCCESS_REBOOT_REQUIRED.
const exitRestart = 3010

// newDismCheck checks the component store of Windows: {actions, executable_path}. Of several actions the last decides,
// since a repair mends what a scan before it has found; one that fails ends the task.
func newDismCheck(p *params) runFunc {
	prog := p.tool("dism")
	actions := p.texts("actions")
	if len(actions) == 0 {
		actions = []string{"checkhealth"}
	}
	flags := map[string]string{
		"checkhealth": "/CheckHealth", "scanhealth": "/ScanHealth", "restorehealth": "/RestoreHealth",
	}
	prog.args = []string{"/English", "/Online", "/Cleanup-Image", flags[strings.ToLower(actions[0])]}
	p.will("%s, actions: %s", prog.plan(), strings.Join(actions, ", "))
	return func(ctx context.Context) (summary, error) {
		var steps []any
		for i, action := range actions {
			step := *prog
			step.args = []string{"/English", "/Online", "/Cleanup-Image", flags[strings.ToLower(action)]}
			e, err := step.run(ctx)
			sum := e.summary()
			if err == nil {
				sum, err = e.conclude(sum, dismVerdicts, 0, exitRestart)
				sum["restart_required"] = e.exit == exitRestart
				if err == nil && sum["verdict"] == notRecognised { // it was asked for English
					err = fmt.Errorf("read what %s said: %s", step.name(), e.lastLine())
				}
			}
			if sum != nil {
				steps = append(steps, sum)
			}
			// A scan that has found something to repair is what a repair that follows is for.
			repairs := i+1 < len(actions) && sum["verdict"] == "repairable"
			if err != nil && !repairs {
				return summary{"actions": actions, "steps": steps}, err
			}
		}
		return summary{"actions": actions, "steps": steps}, nil
	}
}

var chkdskVerdicts = []verdict{
	{name: "no such drive", code: "no_drive",
		reason: "chkdsk can't open the drive",
		phrases: []string{
			"cannot open volume for direct access", "invalid drive", "the system cannot find the drive",
			"volume kann nicht für direkten zugriff", "ungültige laufwerk", "impossible d'ouvrir le volume",
		}},
	{name: "scheduled",
		phrases: []string{
			"will be checked the next time the system restarts", "beim nächsten systemstart überprüft",
			"sera vérifié au prochain",
		},
		well: []int{2, 3}},
	{name: "healthy",
		phrases: []string{
			"found no problems", "keine probleme gefunden", "keine probleme festgestellt", "n'a trouvé aucun problème",
			"aucun problème",
		},
		well: []int{2}}, // garbage that only /f would collect,
	{name: "repaired",
		phrases: []string{
			"made corrections to the file system", "korrekturen am dateisystem", "a apporté des corrections",
		}},
	{name: "errors", code: "errors_found",
		reason: "the file system has errors",
		phrases: []string{
			"errors found. chkdsk cannot continue in read-only mode", "found problems", "problems with the file system",
			"errors detected", "run chkdsk with the /f", "probleme festgestellt", "fehler gefunden",
			"des problèmes ont été",
		}},
	{name: "in use", code: "drive_in_use",
		reason: "the drive is in use: add schedule_if_busy, or restart the machine from another one",
		phrases: []string{
			"volume is in use by another process", "von einem anderen prozess verwendet",
			"utilisé par un autre processus",
		}},
}

// newChkdsk checks a file system: {drive, mode, schedule_if_busy, executable_path}. Only the modes fix_errors and
// comprehensive write to it. Errors that it leaves are a failure.
func newChkdsk(p *params) runFunc {
	prog := p.tool("chkdsk")
	prog.args = []string{driveOf(p)}
	mode := p.word("mode")
	switch mode {
	case "fix_errors":
		prog.args = append(prog.args, "/f")
	case "comprehensive":
		prog.args = append(prog.args, "/f", "/r")
	}
	if prog.stdin = "N\r\n"; p.bool("schedule_if_busy") { // it asks whether to check a drive in use at the next start
		prog.stdin = "Y\r\n"
	}
	readOnly := mode == "" || mode == "read_only"
	p.will("%s", prog.plan())
	return func(ctx context.Context) (summary, error) {
		e, err := prog.run(ctx)
		if err != nil {
			return e.summary(), err
		}
		sum := e.summary()
		sum["drive"], sum["read_only"] = driveOf(p), readOnly
		sum, err = e.conclude(sum, chkdskVerdicts, 0, 1)
		left := e.exit == 2 || e.exit == 3 // errors that were left, or it could not be checked
		if left && err != nil && sum["verdict"] == nil && !errors.Is(err, errNeedsAdministrator) {
			err = fail("errors_found", errorOf(e), "the file system has errors, or could not be checked: %s",
				e.lastLine())
		}
		return sum, err
	}
}

// driveOf is the drive of a task as C:, the first one unless it is given.
func driveOf(p *params) string {
	drive := strings.TrimRight(strings.TrimSpace(p.text("drive")), `\/`)
	switch {
	case drive == "":
		return "C:"
	case len(drive) == 1:
		return strings.ToUpper(drive) + ":"
	}
	return drive
}
