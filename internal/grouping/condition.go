package grouping

import (
	"cmp"
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
	"strconv"
	"syscall"

	"github.com/autoservice/sentryconfig/internal/errtree"
)

// Timeout is the condition of what took too long.
const Timeout = "timeout"

// common are the conditions in which errors of any class go wrong, in the order in which one wins over another.
var common = [...]string{"not_exist", "exist", "permission", Timeout, "canceled", "closed", "connection_refused",
	"connection_reset", "unreachable", "no_space"}

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

	best string
	rank int // the lower, the better; those of codes come first
}

// Ranks behind those of codes.
const (
	rankExit = len(codeMethods) + 1 + iota
	rankCommon
	rankErrno = rankCommon + len(common)
)

func (w *conditionWalk) add(condition string, rank int) {
	if condition != "" && (w.best == "" || rank < w.rank) {
		w.best, w.rank = condition, rank
	}
}

// addNamed adds one of the list above, or one that only system errors have.
func (w *conditionWalk) addNamed(condition string) {
	rank := rankErrno
	if i := slices.Index(common[:], condition); i >= 0 {
		rank = rankCommon + i
	}
	w.add(condition, rank)
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
		w.addNamed(Timeout)
	}
	if w.wrapper == nil || !w.wrapper(err) { // its fields are the text's
		w.add(codeOf(err))
	}
	if asker != nil {
		for _, errno := range &askedErrnos {
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
		w.addNamed(nameOfErrno(e))
	case *exec.ExitError: // exit_3, or signal_9 where the platform has signals
		if e == nil || e.ProcessState == nil {
			return
		}
		if signal, ok := Signal(e.ProcessState); ok {
			w.add("signal_"+strconv.Itoa(int(signal)), rankExit)
		} else if code := e.ExitCode(); code >= 0 {
			w.add("exit_"+strconv.Itoa(code), rankExit)
		}
	default:
		w.add(codeOf(err))
	}
}

// sentinels are errors that people compare with, first those that Errno.Is knows.
var sentinels = [...]struct {
	err       error
	condition string
}{
	{fs.ErrNotExist, "not_exist"}, {fs.ErrExist, "exist"}, {fs.ErrPermission, "permission"},
	{exec.ErrNotFound, "not_exist"}, {os.ErrDeadlineExceeded, Timeout}, {context.DeadlineExceeded, Timeout},
	{context.Canceled, "canceled"}, {fs.ErrClosed, "closed"}, {net.ErrClosed, "closed"}, {io.ErrClosedPipe, "closed"},
	{http.ErrServerClosed, "closed"},
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

// nameOfErrno is the condition of a system error, whatever its Timeout method says: EAGAIN, which that calls a timeout,
// is what a fork for want of processes returns.
func nameOfErrno(e syscall.Errno) string {
	if e == 0 {
		return ""
	}
	for _, s := range sentinels[:3] {
		if e.Is(s.err) {
			return s.condition
		}
	}
	if name := cmp.Or(platformNames[e], errnoNames[e]); name != "" {
		return name
	}
	return "errno_" + strconv.FormatUint(uint64(e), 10)
}

// errnoNames are the conditions of system errors. Windows' own are in platformNames, by the same names: for these
// package syscall invents numbers there, which the system never returns, but other errors may.
var errnoNames = map[syscall.Errno]string{
	syscall.ETIMEDOUT: Timeout, syscall.ECANCELED: "canceled", syscall.EPIPE: "closed",
	syscall.ECONNREFUSED: "connection_refused", syscall.ECONNRESET: "connection_reset",
	syscall.ECONNABORTED: "connection_reset", syscall.ENETRESET: "connection_reset", syscall.ENETUNREACH: "unreachable",
	syscall.EHOSTUNREACH: "unreachable", syscall.ENETDOWN: "unreachable", syscall.EHOSTDOWN: "unreachable",
	syscall.ENOSPC: "no_space", syscall.EDQUOT: "no_space",
	syscall.EMFILE: "too_many_open_files", syscall.ENFILE: "too_many_open_files", syscall.EROFS: "read_only",
	syscall.EADDRINUSE: "address_in_use", syscall.EADDRNOTAVAIL: "address_not_available", syscall.EIO: "io_error",
	syscall.EBUSY: "busy", syscall.ETXTBSY: "busy", syscall.EISDIR: "is_directory", syscall.ENOTDIR: "not_directory",
	syscall.EINVAL: "invalid_argument", syscall.ENAMETOOLONG: "name_too_long", syscall.EXDEV: "cross_device",
	syscall.ENOMEM: "no_memory", syscall.ELOOP: "too_many_links", syscall.EMLINK: "too_many_links",
	syscall.EAGAIN: "try_again", syscall.EINTR: "interrupted", syscall.ENOSYS: "not_supported",
	syscall.ENOTSUP: "not_supported", syscall.EAFNOSUPPORT: "not_supported", syscall.EFBIG: "file_too_large",
	syscall.ESTALE: "stale_handle", syscall.ENODEV: "no_device", syscall.ENXIO: "no_device",
	syscall.EMSGSIZE: "message_too_long", syscall.ENOTCONN: "not_connected", syscall.EISCONN: "already_connected",
	syscall.EBADF: "bad_handle", syscall.ENOEXEC: "bad_executable", syscall.EDEADLK: "deadlock",
	syscall.ENOBUFS: "no_buffers", syscall.ESRCH: "no_process", syscall.ECHILD: "no_child",
	syscall.E2BIG: "too_many_arguments", syscall.ERANGE: "out_of_range", syscall.ESPIPE: "not_seekable",
	syscall.ENOTTY: "not_a_terminal", syscall.EPROTO: "protocol_error", syscall.ENOLCK: "no_locks",
	syscall.EFAULT: "bad_address",
}
