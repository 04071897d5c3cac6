package disk

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"
)

// currentUser returns the SID of the process's user.
var currentUser = sync.OnceValues(func() (*windows.SID, error) {
	user, err := windows.GetCurrentProcessToken().GetTokenUser()
	if err != nil {
		return nil, fmt.Errorf("outbox: user of this process: %w", err)
	}
	return user.User.Sid, nil
})

// privateAttributes make a new file or folder open to SYSTEM, Administrators and the current user alone. The DACL is
// protected: the folders above, where everyone may create files below ProgramData, add nothing to it.
var privateAttributes = sync.OnceValues(func() (*windows.SecurityAttributes, error) {
	user, err := currentUser()
	if err != nil {
		return nil, err
	}
	sd, err := windows.SecurityDescriptorFromString(
		"D:P(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)(A;OICI;FA;;;" + user.String() + ")")
	if err != nil {
		return nil, fmt.Errorf("outbox: security descriptor: %w", err)
	}
	sa := &windows.SecurityAttributes{SecurityDescriptor: sd}
	sa.Length = uint32(unsafe.Sizeof(*sa))
	return sa, nil
})

// openPrivate opens a file of ours. os.OpenFile follows reparse points and shares no deletion, without which nobody
// could remove or rename a file that a reader of ExportOutbox has open.
func openPrivate(path string, flag int) (*os.File, error) {
	sa, err := privateAttributes()
	if err != nil {
		return nil, err
	}
	name, err := windows.UTF16PtrFromString(path)
	if err != nil {
		return nil, fmt.Errorf("outbox: open %s: %w", path, err)
	}
	access := uint32(windows.GENERIC_READ)
	if flag&os.O_RDWR != 0 {
		access |= windows.GENERIC_WRITE
	}
	mode := uint32(windows.OPEN_EXISTING)
	switch {
	case flag&os.O_CREATE != 0 && flag&os.O_EXCL != 0:
		mode = windows.CREATE_NEW
	case flag&os.O_CREATE != 0:
		mode = windows.OPEN_ALWAYS
	}
	var h windows.Handle
	err = retry(func() (err error) {
		h, err = windows.CreateFile(name, access,
			windows.FILE_SHARE_READ|windows.FILE_SHARE_WRITE|windows.FILE_SHARE_DELETE, sa, mode,
			windows.FILE_ATTRIBUTE_NORMAL|windows.FILE_FLAG_OPEN_REPARSE_POINT, 0)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("outbox: %w", &fs.PathError{Op: "open", Path: path, Err: err})
	}
	f := os.NewFile(uintptr(h), path)
	if err := checkHandle(path, h, false); err != nil {
		_ = f.Close()
		return nil, err
	}
	return f, nil
}

func makePrivateFolder(path string) error {
	sa, err := privateAttributes()
	if err != nil {
		return err
	}
	name, err := windows.UTF16PtrFromString(path)
	if err == nil {
		err = windows.CreateDirectory(name, sa)
	}
	if err != nil {
		return &fs.PathError{Op: "mkdir", Path: path, Err: err}
	}
	return nil
}

func checkPrivateFolder(path string) (fs.FileInfo, error) {
	name, err := windows.UTF16PtrFromString(path)
	if err != nil {
		return nil, fmt.Errorf("outbox: open %s: %w", path, err)
	}
	h, err := windows.CreateFile(name, windows.READ_CONTROL|windows.FILE_READ_ATTRIBUTES,
		windows.FILE_SHARE_READ|windows.FILE_SHARE_WRITE|windows.FILE_SHARE_DELETE, nil, windows.OPEN_EXISTING,
		windows.FILE_FLAG_BACKUP_SEMANTICS|windows.FILE_FLAG_OPEN_REPARSE_POINT, 0) // backup semantics open folders
	if err != nil {
		return nil, fmt.Errorf("outbox: %w", &fs.PathError{Op: "open", Path: path, Err: err})
	}
	defer func() { _ = windows.CloseHandle(h) }()
	if err := checkHandle(path, h, true); err != nil {
		return nil, err
	}
	info, err := os.Lstat(path)
	if err != nil {
		return nil, fmt.Errorf("outbox: %w", err)
	}
	return info, nil
}

// checkHandle refuses what is a reparse point, of the wrong kind, or open to other users.
func checkHandle(path string, h windows.Handle, folder bool) error {
	var info windows.ByHandleFileInformation
	if err := windows.GetFileInformationByHandle(h, &info); err != nil {
		return fmt.Errorf("outbox: %w", &fs.PathError{Op: "stat", Path: path, Err: err})
	}
	isFolder := info.FileAttributes&windows.FILE_ATTRIBUTE_DIRECTORY != 0
	switch {
	case info.FileAttributes&windows.FILE_ATTRIBUTE_REPARSE_POINT != 0:
		return &unsafeError{path, "is a link (a reparse point)", "remove it, or choose another OutboxDir"}
	case folder && !isFolder:
		return &unsafeError{path, "is not a folder", "remove it, or choose another OutboxDir"}
	case !folder && isFolder:
		return &unsafeError{path, "is not a regular file", "remove it"}
	}
	sd, err := windows.GetSecurityInfo(h, windows.SE_FILE_OBJECT,
		windows.OWNER_SECURITY_INFORMATION|windows.DACL_SECURITY_INFORMATION)
	if err != nil {
		return fmt.Errorf("outbox: %w", &fs.PathError{Op: "read the permissions of", Path: path, Err: err})
	}
	owner, _, err := sd.Owner()
	if err != nil {
		return fmt.Errorf("outbox: owner of %s: %w", path, err)
	}
	if !trusted(owner) {
		return &unsafeError{path, "belongs to another user (" + owner.String() + ")",
			"choose another OutboxDir, or change its owner"}
	}
	dacl, _, err := sd.DACL()
	if err != nil || dacl == nil { // no DACL lets everyone do everything
		return &unsafeError{path, "has no access control", "choose another OutboxDir, or remove it"}
	}
	for i := range uint32(dacl.AceCount) {
		var ace *windows.ACCESS_ALLOWED_ACE
		if err := windows.GetAce(dacl, i, &ace); err != nil {
			return fmt.Errorf("outbox: access control of %s: %w", path, err)
		}
		if ace.Header.AceType != windows.ACCESS_ALLOWED_ACE_TYPE || ace.Header.AceFlags&windows.INHERIT_ONLY_ACE != 0 ||
			ace.Mask&writeRights == 0 {
			continue
		}
		if sid := (*windows.SID)(unsafe.Pointer(&ace.SidStart)); !trusted(sid) {
			return &unsafeError{path, "may be written by other users (" + sid.String() + ")",
				"take that right away, or remove it"}
		}
	}
	return nil
}

// writeRights are those that let somebody change what we read back.
const writeRights = windows.FILE_WRITE_DATA | windows.FILE_APPEND_DATA | fileDeleteChild | windows.DELETE |
	windows.WRITE_DAC | windows.WRITE_OWNER | windows.GENERIC_WRITE | windows.GENERIC_ALL

// fileDeleteChild is FILE_DELETE_CHILD, which x/sys/windows doesn't have.
const fileDeleteChild = 0x40

// trusted says whether sid is the current user, or one who may do everything anyway.
func trusted(sid *windows.SID) bool {
	user, err := currentUser()
	return err == nil && sid.Equals(user) ||
		sid.IsWellKnown(windows.WinLocalSystemSid) || sid.IsWellKnown(windows.WinBuiltinAdministratorsSid) ||
		sid.IsWellKnown(windows.WinCreatorOwnerSid)
}

// syncFolder has nothing to do: NTFS journals names by itself, and a folder can't be flushed without rights to write
// it.
func syncFolder(string) error { return nil }

func (f osFile) Deleted() bool {
	var info windows.ByHandleFileInformation
	err := windows.GetFileInformationByHandle(windows.Handle(f.Fd()), &info)
	return err == nil && info.NumberOfLinks == 0
}

// retryFor bounds the time for which retry asks again: a virus scanner opens a new file for some milliseconds, and a
// caller's capture must not wait longer than that.
const retryFor = 20 * time.Millisecond

// retry calls op again while it fails since somebody else has the file or folder open: a process that ends tries to
// remove the folder, which nobody can list in that moment.
func retry(op func() error) error {
	for start, delay := time.Now(), time.Millisecond; ; delay *= 2 {
		err := op()
		if !errors.Is(err, windows.ERROR_SHARING_VIOLATION) && !errors.Is(err, windows.ERROR_ACCESS_DENIED) &&
			!errors.Is(err, windows.ERROR_LOCK_VIOLATION) || time.Since(start) > retryFor {
			return err
		}
		time.Sleep(delay)
	}
}
