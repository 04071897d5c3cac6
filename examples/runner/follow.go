package main

import (
	"errors"
	"io/fs"
	"os"
	"reflect"
	"strings"
	"sync"
	"time"

	"github.com/autoservice/sentryconfig"
)

// A follower makes changes of the settings file effective while tasks run. What can't be read or used leaves the last
// good settings in force. It is for concurrent use.
type follower struct {
	path   string // "": there is nothing to follow
	flags  *runnerFlags
	list   *list
	filter *filter
	load   func(path string) (sentryconfig.Options, error)
	first  sentryconfig.Options // what settings, list and flags came to at the start
	begun  sentryconfig.Options // what Init got

	mu      sync.Mutex
	good    sentryconfig.Options // what they came to when they could last be used
	seen    os.FileInfo          // the file as it was read last; nil: it must be read, whatever it looks like
	trouble string               // why it can't be used, as said
	stays   string               // which options can't be changed, as said
}

// newFollower takes over from Init, which got begun: first is what settings, list and flags came to. Only a regular
// file is followed: a pipe has been emptied.
func newFollower(w *work, first, begun sentryconfig.Options) *follower {
	f := &follower{
		flags: w.flags, list: w.list, filter: w.filter, load: sentryconfig.LoadOptions,
		first: first, begun: begun, good: first,
	}
	path := w.flags.settings
	if info, err := os.Stat(path); path != "" && (err != nil || info.Mode().IsRegular()) {
		f.path = path
	}
	return f
}

// enabled reports whether the settings in force have reporting on.
func (f *follower) enabled() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.good.Enabled.Or(true)
}

// settled is how old a change must be for the file's time to tell it from a later one: FAT dates to two seconds.
const settled = 2 * time.Second

// look reads the settings if their file isn't the one read last, and makes them effective. It costs a stat otherwise.
func (f *follower) look() {
	if f.path == "" {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	start := time.Now()
	info, err := os.Stat(f.path) // before it is read: what is written meanwhile is seen at the next look
	switch {
	case err != nil:
	case sameFile(f.seen, info):
		return
	case info.IsDir():
		err = errors.New("it is a folder")
	case !info.Mode().IsRegular(): // a pipe could keep the task waiting for ever
		err = errors.New("it is no regular file")
	default:
		err = f.apply()
	}
	f.seen = nil
	var unread *fs.PathError // of a file that another program keeps to itself: it can be read later, and is the same
	if !errors.As(err, &unread) && start.Sub(info.ModTime()) > settled {
		f.seen = info
	}
	f.tell(err)
}

// tell says what is wrong with the settings when it begins, changes and ends.
func (f *follower) tell(err error) {
	text := ""
	if errors.Is(err, fs.ErrNotExist) {
		text = "the file is gone"
	} else if err != nil {
		text = err.Error()
	}
	if text == f.trouble {
		return
	}
	f.trouble = text
	if text == "" {
		f.begun.Logger.Info("the settings can be read again", "file", f.path)
		return
	}
	f.begun.Logger.Warn("the settings can't be followed; the last good ones stay in force",
		"file", f.path, "error", text)
}

// sameFile reports whether a file looks as it did before.
func sameFile(before, now os.FileInfo) bool {
	// Windows looks for a file's identity when it is first asked for it, by then perhaps that of another file.
	known := os.SameFile(now, now)
	return before != nil && known && os.SameFile(before, now) &&
		before.Size() == now.Size() && before.ModTime().Equal(now.ModTime())
}

// apply reads the settings and makes them effective. With an error nothing has changed.
func (f *follower) apply() error {
	opts, err := f.load(f.path)
	if err != nil {
		return err // with options that are off, which nobody has asked for
	}
	if err := f.flags.override(f.list, &opts); err != nil {
		return err
	}
	if reflect.DeepEqual(opts, f.good) {
		return nil
	}
	next := opts
	b := f.begun
	next.DSN, next.Environment, next.Release = b.DSN, b.Environment, b.Release
	next.OutboxDir, next.OutboxBytes, next.CrashReports = b.OutboxDir, b.OutboxBytes, b.CrashReports
	next.Expected, next.ErrorClass = b.Expected, b.ErrorClass
	next.Logger, next.ClientOptions = b.Logger, b.ClientOptions
	if err := sentryconfig.Reconfigure(next); err != nil {
		return err
	}
	f.good = opts
	f.filter.use(opts.SecretKeys)
	f.begun.Logger.Info("the settings have changed", "file", f.path, "enabled", opts.Enabled.Or(true))
	if stays := strings.Join(fixed(&opts, &f.first), ", "); stays != "" && stays != f.stays {
		f.stays = stays
		f.begun.Logger.Warn("these settings can't be changed while tasks run; the next run has them", "settings", stays)
	}
	return nil
}

// fixed names the options that a and b differ in and that Reconfigure can't change.
func fixed(a, b *sentryconfig.Options) (names []string) {
	for _, o := range []struct {
		name string
		same bool
	}{
		{"crash_reports", a.CrashReports == b.CrashReports},
		{"dsn", a.DSN == b.DSN},
		{"environment", a.Environment == b.Environment},
		{"outbox_bytes", a.OutboxBytes == b.OutboxBytes},
		{"outbox_dir", a.OutboxDir == b.OutboxDir},
		{"release", a.Release == b.Release},
	} {
		if !o.same {
			names = append(names, o.name)
		}
	}
	return names
}
