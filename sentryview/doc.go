// Package sentryview has a page that shows what was reported to Sentry, or waits to be: issues as the library groups
// them, each with what led to it, the tasks with their durations, and what an outbox holds.
//
//	server := sentrytest.NewServer(nil)
//	page, err := sentryview.Open(sentryview.Server(server))
//	…
//	defer page.Close()
//	fmt.Println("look at", page.URL)
//
// [Open] serves it on a loopback address of its own, behind a random token in the first URL. [Handler] is the page
// alone, for a server that exists.
//
// # What it shows
//
// A [Server] is a sentrytest.Server, live. An [Outbox] is the folder of Options.OutboxDir, on a machine that may never
// be online: it is read without a lock, while its processes run, and never changed. Of either the newest 2,000 events
// and 2,000 transactions are shown, and no more than take 64 MiB; the page says what it leaves out.
//
// # What it trusts
//
// Nothing that was received. Texts are escaped, control characters and those that change the direction of text are
// shown as escapes, attachments are downloads. A strict Content-Security-Policy forbids whatever is not the page's own
// style sheet and script; nothing is asked of another host. Requests must be GET or HEAD, must come over a loopback
// address, name one in their Host header, and must not be made by another site. Lines of source are read for frames of
// the event that is shown alone, and only from Go files below the folder of the program's main module.
//
// The page works without script. With it, it is live, and texts can be copied.
package sentryview
