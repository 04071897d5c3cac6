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
	"strconv"
	"syscall"

	"github.com/autoservice/sentryconfig/internal/errtree"
)

// condition is one of the ways in which errors of any class go wrong, in the order in which one wins over another.
type condition uint

const (
	conditionNotExist condition = iota
	conditionExist
	conditionPermission
	conditionTimeout
	conditionCanceled
	conditionClosed
	conditionRefused
	conditionReset
	conditionUnreachable
	conditionNoSpace
	conditionNone
)

var conditionNames = [conditionNone]string{"not_exist", "exist", "permission", Timeout, "canceled", "closed",
	"connection_refused", "connection_reset", "unreachable", "no_space"}

// Timeout is the condition of what took too long.
const Timeout = "timeout"

// condition answers for err and all it wraps what Go programmers ask with errors.Is and errors.As, in one walk: the
// code of an error that has one, else how a process ended, else the first condition of the list above. "" is none.
func (r *Rules) condition(err error) string {
	w := conditionWalk{wrapper: r.Wrapper}
	for n := range errtree.All(err) {
		if w.look(n.Err); w.code != "" && w.rank == 0 { // nothing wins over the best code
			break
		}
	}
	if w.code != "" {
		return w.code
	}
	if w.exit != "" {
		return w.exit
	}
	for c := range conditionNone {
		if w.set&(1<<c) != 0 {
			return conditionNames[c]
		}
	}
	return w.errno
}

type conditionWalk struct {
	wrapper func(error) bool // as in Rules

	code  string // the best, of several the outermost
	rank  int    // of the code
	exit  string // the outermost
	errno string // the name of the outermost system error that has no condition of the list
	set   uint   // a bit for each condition
}

func (w *conditionWalk) add(c condition) {
	if c < conditionNone {
		w.set |= 1 << c
	}
}

func (w *conditionWalk) addErrno(e syscall.Errno) {
	c := errnoCondition(e)
	w.add(c)
	if c != conditionNone || w.errno != "" || e == 0 {
		return
	}
	if w.errno = nameOfErrno(e); w.errno == "" {
		w.errno = "errno_" + strconv.FormatUint(uint64(e), 10)
	}
}

// look asks one error, not what it wraps.
func (w *conditionWalk) look(err error) {
	switch e := err.(type) { //nolint:errorlint // the walk asks what err wraps
	case syscall.Errno:
		w.addErrno(e)
		return
	case *fs.PathError, *os.LinkError, *os.SyscallError, *net.OpError, *url.Error:
		return // their Timeout only asks the error within, which comes next
	case *exec.ExitError:
		if e != nil && w.exit == "" {
			w.exit = exitCondition(e.ProcessState)
		}
		return
	case *net.DNSError:
		if e != nil && e.IsNotFound { // the question behind errors.As(err, &dnsError): this name doesn't exist
			w.add(conditionNotExist)
		}
	}
	w.add(sentinelCondition(err))
	w.askTimeout(err)
	if w.wrapper == nil || !w.wrapper(err) { // its fields are the text's
		w.askCode(err)
	}
	w.askIs(err)
	w.askAs(err)
}

// sentinelCondition is what errors.Is finds by comparing.
func sentinelCondition(err error) condition {
	switch err { //nolint:errorlint // the walk asks what err wraps
	case fs.ErrNotExist, exec.ErrNotFound:
		return conditionNotExist
	case fs.ErrExist:
		return conditionExist
	case fs.ErrPermission:
		return conditionPermission
	case os.ErrDeadlineExceeded, context.DeadlineExceeded:
		return conditionTimeout
	case context.Canceled:
		return conditionCanceled
	case fs.ErrClosed, net.ErrClosed, io.ErrClosedPipe, http.ErrServerClosed:
		return conditionClosed
	}
	return conditionNone
}

// askedTargets are what errors with an Is method are asked for, beside the platform's system errors.
var askedTargets = [...]struct {
	target error
	means  condition
}{
	{fs.ErrNotExist, conditionNotExist},
	{fs.ErrExist, conditionExist},
	{fs.ErrPermission, conditionPermission},
	{os.ErrDeadlineExceeded, conditionTimeout},
	{context.DeadlineExceeded, conditionTimeout},
	{context.Canceled, conditionCanceled},
	{fs.ErrClosed, conditionClosed},
	{net.ErrClosed, conditionClosed},
	{io.ErrClosedPipe, conditionClosed},
}

func (w *conditionWalk) askIs(err error) {
	e, ok := err.(interface{ Is(error) bool })
	if !ok {
		return
	}
	for _, a := range &askedTargets {
		if saysIs(e, a.target) {
			w.add(a.means)
		}
	}
	for _, errno := range &askedErrnos {
		if saysIs(e, errno) {
			w.add(errnoCondition(errno))
		}
	}
}

func saysIs(err interface{ Is(error) bool }, target error) (is bool) {
	defer func() {
		if recover() != nil {
			is = false
		}
	}()
	return err.Is(target)
}

func (w *conditionWalk) askTimeout(err error) {
	defer func() { _ = recover() }()
	if e, ok := err.(interface{ Timeout() bool }); ok && e.Timeout() {
		w.add(conditionTimeout)
	}
}

// askCode asks err for a code. A better one, by where it stands, wins over the one of an outer error.
func (w *conditionWalk) askCode(err any) {
	if code, rank := codeOf(err); code != "" && (w.code == "" || rank < w.rank) {
		w.code, w.rank = code, rank
	}
}

// askAs asks an error with an As method for what it stands for.
func (w *conditionWalk) askAs(err error) {
	e, ok := err.(interface{ As(any) bool })
	if !ok {
		return
	}
	var coded interface{ ErrorCode() string }
	if saysAs(e, &coded) {
		w.askCode(coded)
	}
	var state interface{ SQLState() string }
	if w.code == "" && saysAs(e, &state) {
		w.askCode(state)
	}
	var exit *exec.ExitError
	if w.exit == "" && saysAs(e, &exit) && exit != nil {
		w.exit = exitCondition(exit.ProcessState)
	}
	var errno syscall.Errno
	if saysAs(e, &errno) {
		w.addErrno(errno)
	}
}

func saysAs(err interface{ As(any) bool }, target any) (ok bool) {
	defer func() {
		if recover() != nil {
			ok = false
		}
	}()
	return err.As(target)
}

// exitCondition is how a process ended: exit_3, or signal_9 where the platform has signals.
func exitCondition(p *os.ProcessState) string {
	if p == nil {
		return ""
	}
	if signal, ok := Signal(p); ok {
		return "signal_" + strconv.Itoa(int(signal))
	}
	if code := p.ExitCode(); code >= 0 {
		return "exit_" + strconv.Itoa(code)
	}
	return ""
}

// errnoNames are the conditions of system errors that have none of those above. Windows' own are in platformNames, by the
// same names: for these package syscall invents numbers there.
var errnoNames = map[syscall.Errno]string{
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
	syscall.E2BIG:  "too_many_arguments",
	syscall.ERANGE: "out_of_range", syscall.ESPIPE: "not_seekable", syscall.ENOTTY: "not_a_terminal",
	syscall.EPROTO: "protocol_error", syscall.ENOLCK: "no_locks", syscall.EFAULT: "bad_address",
}

func nameOfErrno(e syscall.Errno) string {
	if name := platformNames[e]; name != "" {
		return name
	}
	return errnoNames[e]
}
