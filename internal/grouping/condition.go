package grouping

import (
	"context"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"reflect"
	"slices"
	"syscall"

	"github.com/autoservice/sentryconfig/internal/errtree"
	"github.com/autoservice/sentryconfig/internal/syserr"
)

// common are the conditions in which errors of any class go wrong. One wins over those before it.
var common = [...]string{"no_space", "unreachable", "connection_reset", "connection_refused",
	"closed", "canceled", syserr.Timeout, "permission", "exist", "not_exist"}

// condition answers for err and all it wraps what Go programmers ask with errors.Is and errors.As, in one walk: the
// code of an error that has one, else how a process ended, else the first condition of the list above, else the name of
// a system error. Of several the outermost counts. "" is none.
func (r *Rules) condition(err error) string {
	w := conditionWalk{wrapper: r.Wrapper}
	for n := range errtree.All(err) {
		w.look(n.Err)
	}
	return w.best
}

type conditionWalk struct {
	wrapper func(error) bool // as in Rules
	best    string
	rank    int // the lower, the better; those of codes come first
}

const rankExit, rankCommon = len(codeMethods) + 1, rankExit + len(common) // behind the ranks of codes

func (w *conditionWalk) add(condition string, rank int) {
	if condition != "" && (w.best == "" || rank < w.rank) {
		w.best, w.rank = condition, rank
	}
}

// addNamed adds one of the list above, or one that only system errors have.
func (w *conditionWalk) addNamed(condition string) {
	w.add(condition, rankCommon-slices.Index(common[:], condition)) // -1, and so the last, for the others
}

// look asks one error, not what it wraps.
func (w *conditionWalk) look(err error) {
	switch e := err.(type) { //nolint:errorlint // the walk asks what err wraps
	case syscall.Errno, *exec.ExitError:
		w.addSystem(e)
		return
	case *fs.PathError, *os.LinkError, *os.SyscallError, *net.OpError, *url.Error:
		return // their Timeout only asks the error within, which comes next
	case *net.DNSError:
		if e != nil && e.IsNotFound { // the question behind errors.As(err, &dnsError): this name doesn't exist
			w.addNamed("not_exist")
		}
	}
	asker, _ := err.(interface{ Is(error) bool })
	for i := range sentinels {
		s := &sentinels[i]
		if err == s.err || asker != nil && safely(func() bool { return asker.Is(s.err) }) { //nolint:errorlint
			w.addNamed(s.condition)
		}
	}
	if e, ok := err.(interface{ Timeout() bool }); ok && safely(e.Timeout) {
		w.addNamed(syserr.Timeout)
	}
	if w.wrapper == nil || !w.wrapper(err) { // its fields are the text's
		w.add(codeOf(err))
	}
	if asker != nil {
		for _, errno := range &syserr.Asked {
			if safely(func() bool { return asker.Is(errno) }) {
				w.addSystem(errno)
			}
		}
	}
	if e, ok := err.(interface{ As(any) bool }); ok {
		w.lookAs(e.As)
	}
}

// lookAs asks an error by its As method for what it stands for.
func (w *conditionWalk) lookAs(as func(any) bool) {
	for _, target := range [...]any{new(interface{ ErrorCode() string }), new(interface{ SQLState() string }),
		new(*exec.ExitError), new(syscall.Errno)} {
		if found := reflect.ValueOf(target).Elem(); safely(func() bool { return as(target) }) && !found.IsZero() {
			w.addSystem(found.Interface())
		}
	}
}

// addSystem adds what an error of the system says, or the code of another.
func (w *conditionWalk) addSystem(err any) {
	switch e := err.(type) {
	case syscall.Errno:
		w.addNamed(syserr.Name(e))
	case *exec.ExitError:
		if e != nil {
			w.add(syserr.Exit(e.ProcessState), rankExit)
		}
	default:
		w.add(codeOf(err))
	}
}

// sentinels are errors that people compare with.
var sentinels = [...]struct {
	err       error
	condition string
}{
	{fs.ErrNotExist, "not_exist"}, {exec.ErrNotFound, "not_exist"}, {fs.ErrExist, "exist"},
	{fs.ErrPermission, "permission"}, {os.ErrDeadlineExceeded, syserr.Timeout},
	{context.DeadlineExceeded, syserr.Timeout}, {context.Canceled, "canceled"}, {fs.ErrClosed, "closed"},
	{net.ErrClosed, "closed"}, {io.ErrClosedPipe, "closed"}, {http.ErrServerClosed, "closed"},
}

// safely returns what ask returns, and the zero value if it panics: a method of the error's on a nil pointer, or a
// function of the user's that met an error it didn't expect.
func safely[T any](ask func() T) (answer T) {
	defer func() {
		if recover() != nil {
			answer = *new(T)
		}
	}()
	return ask()
}
