package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/signal"
	"regexp"
	"slices"
	"syscall"

	"github.com/autoservice/sentryconfig/sentryview"
)

// views are the pages of -view.
type views struct {
	pages []*sentryview.Page
	text  string // says where they are, a line for each
}

// open serves a page of what title names.
func (v *views) open(title string, source sentryview.Source) error {
	page, err := sentryview.Open(source)
	if err != nil {
		return fmt.Errorf("-view: %w; remedy: leave it out", err)
	}
	v.pages = append(v.pages, page)
	v.text += "  " + title + ": " + page.URL + "\n"
	return nil
}

func (v *views) close() {
	for _, page := range v.pages {
		page.Close()
	}
}

// view serves what there is to look at of a run, with -view: the server inside, and the outbox.
func (w *work) view(told io.Writer) (*views, error) {
	v := new(views)
	if !w.flags.view {
		return v, nil
	}
	if w.local != nil {
		if err := v.open("What arrives", sentryview.Server(w.local)); err != nil {
			return v, err
		}
	}
	if dir := w.opts.OutboxDir; dir != "" {
		if err := v.open("What waits in "+oneLine(dir), sentryview.Outbox(dir)); err != nil {
			return v, err
		}
	}
	if len(v.pages) == 0 {
		return v, errors.New("-view has nothing to show, what arrives is to be seen in Sentry; " +
			"remedy: leave the DSN out for a server inside, or add -outbox DIR")
	}
	_, _ = io.WriteString(told, "To look at while tasks run:\n"+v.text)
	return v, nil
}

// stay keeps the pages until ctx ends. A signal after that, which restore gives back its meaning, ends the program.
func (v *views) stay(ctx context.Context, restore func(), told io.Writer) {
	if ctx.Err() != nil || len(v.pages) == 0 {
		return
	}
	_, _ = io.WriteString(told, "\nThe page stays until Ctrl-C:\n"+v.text)
	<-ctx.Done()
	restore()
}

// viewOutbox runs nothing and shows an outbox until Ctrl-C.
func viewOutbox(dir string, stderr io.Writer) error {
	if err := checkOutbox("-view", dir); err != nil {
		return err
	}
	ctx, restore := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer restore()
	var v views
	defer v.close()
	if err := v.open("What waits in "+oneLine(dir), sentryview.Outbox(dir)); err != nil {
		return err
	}
	v.stay(ctx, restore, stderr)
	return nil
}

// isProject recognises the name of a project's folder in an outbox.
var isProject = regexp.MustCompile("^[0-9a-f]{16}$").MatchString

// checkOutbox finds a folder that isn't there, or is no outbox: either would look like one in which nothing waits.
func checkOutbox(flag, dir string) error {
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return fmt.Errorf("%s: there is no outbox %s; remedy: name the folder of a runner's -outbox", flag, dir)
	}
	project := func(e fs.DirEntry) bool { return isProject(e.Name()) }
	if entries, err := os.ReadDir(dir); err == nil && len(entries) > 0 && !slices.ContainsFunc(entries, project) {
		return fmt.Errorf("%s: %s is no outbox, which has a folder of 16 hexadecimal digits for each project; "+
			"remedy: name the folder of a runner's -outbox", flag, dir)
	}
	return nil // who can't read it is told so by what does read it
}

// checkView finds flags that leave -view nothing to show.
func (f *runnerFlags) checkView() error {
	if f.view && (f.check || f.dryRun || f.export != "") {
		return errors.New("-view shows a run, and -check, -dry-run and -export run nothing; " +
			"remedy: leave one of them out")
	}
	return nil
}
