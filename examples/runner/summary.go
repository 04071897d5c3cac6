package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/autoservice/sentryconfig"
	"github.com/autoservice/sentryconfig/sentrytest"
)

// maxShown is how many issues and transactions are shown; a list may have thousands of tasks.
const maxShown = 25

// showLocal shows people what the server inside got, and writes all of it to the file of -events.
func showLocal(w io.Writer, server *sentrytest.Server, flags *runnerFlags) {
	details := flags.events
	var b strings.Builder
	issues, transactions := server.Issues(), server.Transactions()
	fmt.Fprintf(&b, "\nSentry would show, had there been a DSN (a server inside stood in):\n\n  %s\n",
		count(len(issues), "issue"))
	for i, issue := range issues {
		if i == maxShown {
			fmt.Fprintf(&b, "    … and %d more\n", len(issues)-maxShown)
			break
		}
		fmt.Fprintf(&b, "    %3d x  %s\n           grouped by [%s]\n", len(issue.Events),
			cut(oneLine(issue.Title), 100), cut(oneLine(strings.Join(issue.Fingerprint, ", ")), 150))
	}
	fmt.Fprintf(&b, "\n  %s\n", count(len(transactions), "transaction"))
	for i, t := range transactions {
		if i == maxShown {
			fmt.Fprintf(&b, "    … and %d more\n", len(transactions)-maxShown)
			break
		}
		status, _ := t.Contexts["trace"]["status"].(string)
		fmt.Fprintf(&b, "    %8.3f s  %-20s %s\n",
			t.Time.Sub(t.Start).Seconds(), status, cut(oneLine(t.Transaction), 60))
	}
	if details == "" {
		b.WriteString("\n  Every detail, as Sentry gets it: add -events FILE\n")
	} else if err := keepEvents(details, append(server.Events(), transactions...)); err != nil {
		fmt.Fprintf(&b, "\n  The details can't be kept: %v\n", err)
	} else {
		fmt.Fprintf(&b, "\n  Every detail, as Sentry gets it: %s\n", details)
	}
	if !flags.view {
		b.WriteString("  As a page in a browser: add -view\n")
	}
	b.WriteString("  In your own project: add -dsn 'https://<key>@<host>/<project>'\n")
	_, _ = io.WriteString(w, b.String())
}

func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// keepEvents writes events as JSON.
func keepEvents(path string, events []sentrytest.Event) error {
	raw := make([]json.RawMessage, len(events))
	for i, e := range events {
		raw[i] = e.Raw
	}
	text, err := json.MarshalIndent(raw, "", "  ")
	if err != nil {
		return err
	}
	return writeFile(path, func(w io.Writer) error {
		_, err := w.Write(append(text, '\n'))
		return err
	})
}

// showDelivery tells what has arrived and what waits. s is of the end of the run.
func showDelivery(w io.Writer, s sentryconfig.Stats, outbox string) {
	var b strings.Builder
	fmt.Fprintf(&b, "\nSentry: %d captured, %d delivered, %d waiting, %d dropped",
		s.Captured, s.Delivered, s.Pending, s.Dropped)
	for _, reason := range slices.Sorted(maps.Keys(s.DroppedBy)) {
		fmt.Fprintf(&b, "; %s: %d", reason, s.DroppedBy[reason])
	}
	if s.LastError != nil {
		fmt.Fprintf(&b, "; the last error was: %s", oneLine(s.LastError.Error()))
	}
	b.WriteString("\n")
	if outbox != "" {
		fmt.Fprintf(&b, "Outbox %s: %s\n", outbox, outboxState(s))
	} else if s.Pending > 0 {
		b.WriteString("What was waiting is lost: add -outbox DIR to keep it for the next run.\n")
	}
	_, _ = io.WriteString(w, b.String())
}

// unusable is what Stats.LastError says of an outbox that can't be used. Stats don't tell what waits in memory from
// what waits on disk.
const unusable = "can't be used, events wait in memory"

// outboxState says what waits in the outbox and what has arrived from earlier runs. The package counts envelopes of all
// runs together; those that weren't captured by this one were found in the outbox.
func outboxState(s sentryconfig.Stats) string {
	state := "nothing waits"
	if s.Pending > 0 && s.LastError != nil && strings.Contains(s.LastError.Error(), unusable) {
		return fmt.Sprintf("can't be used; the %d that waited in memory are lost, "+
			"and what earlier runs left was not read", s.Pending)
	}
	if s.Pending > 0 {
		state = fmt.Sprintf("%d wait (%.1f KiB), the oldest since %s",
			s.Pending, float64(s.PendingBytes)/1024, s.OldestPending.Local().Format(time.DateTime))
	}
	seen := s.Delivered + s.Dropped + s.Pending
	if seen <= s.Captured {
		return state + "; earlier runs had left nothing"
	}
	found, open := seen-s.Captured, s.Dropped+s.Pending
	switch {
	case open == 0:
		return fmt.Sprintf("%s; all %d that earlier runs had left have arrived", state, found)
	case open < found:
		return fmt.Sprintf("%s; of %d that earlier runs had left at least %d have arrived", state, found, found-open)
	}
	return fmt.Sprintf("%s; earlier runs had left %d", state, found)
}
