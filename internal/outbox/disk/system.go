package disk

import (
	"io"
	"io/fs"
	"os"
)

// A System is what the store asks of the operating system. Tests let its calls fail or hang.
type System interface {
	// MakeFolder makes path a folder that only its owner may enter; one that exists stays as it is.
	MakeFolder(path string) error
	// CheckFolder refuses a folder that isn't real, ours, or that others may write to.
	CheckFolder(path string) (fs.FileInfo, error)
	// Open opens a regular file of ours: never through a link, and never one that others may write to. A file that it
	// creates may be read and written by its owner alone.
	Open(path string, flag int) (File, error)
	Stat(path string) (fs.FileInfo, error) // doesn't follow links
	ReadFolder(path string) ([]fs.DirEntry, error)
	Rename(from, to string) error
	Remove(path string) error
	// SyncFolder makes names of new files in path safe from a power cut.
	SyncFolder(path string) error
	// MayHang reports whether any thread of the process waits for the disk, syncs apart. False: what takes so long
	// waits for a processor, as on a busy machine. It says true where it can't tell, and never waits for the disk
	// itself.
	MayHang() bool
}

// A file is an open file of the store. Its methods may be called at once; Close doesn't wait for the others.
type File interface {
	io.ReaderAt
	io.WriterAt
	io.Closer
	Stat() (fs.FileInfo, error)
	Truncate(size int64) error
	Sync() error
	// TryLock takes the file's lock for as long as it is open, and says false when another open file has it, of this
	// process or another. The lock goes with the process, however that ends.
	TryLock() (bool, error)
	// Deleted says that no name leads to the file any more, so that what is written to it dies with the process. It
	// costs less than a microsecond, which a Put can afford.
	Deleted() bool
}

// OS is the real system.
func OS() System { return osSystem{} }

type osSystem struct{}

// osFile is a real file.
type osFile struct{ *os.File }

func (osSystem) Open(path string, flag int) (File, error) {
	f, err := openPrivate(path, flag)
	if err != nil {
		return nil, err
	}
	return osFile{f}, nil
}

func (osSystem) MakeFolder(path string) error {
	err := retry(func() error { return makePrivateFolder(path) })
	if os.IsExist(err) {
		return nil
	}
	return err
}

func (osSystem) CheckFolder(path string) (info fs.FileInfo, err error) {
	err = retry(func() error {
		info, err = checkPrivateFolder(path)
		return err
	})
	return info, err
}

func (osSystem) ReadFolder(path string) (entries []fs.DirEntry, err error) {
	err = retry(func() error {
		entries, err = os.ReadDir(path)
		return err
	})
	return entries, err
}

func (osSystem) Stat(path string) (fs.FileInfo, error) { return os.Lstat(path) }
func (osSystem) SyncFolder(path string) error          { return syncFolder(path) }

func (osSystem) Rename(from, to string) error {
	return retry(func() error { return os.Rename(from, to) })
}

func (osSystem) Remove(path string) error {
	err := retry(func() error { return os.Remove(path) })
	if os.IsNotExist(err) {
		return nil
	}
	return err
}

// An unsafeError says why a file or folder is not used.
type unsafeError struct {
	path, reason, remedy string
}

func (e *unsafeError) Error() string { return "outbox: " + e.path + " " + e.reason + ": " + e.remedy }

// Is makes errors.Is(err, fs.ErrPermission) true: it is the operator's to mend.
func (e *unsafeError) Is(target error) bool { return target == fs.ErrPermission }
