package outbox

import (
	"io"
	"io/fs"
	"os"
)

// system is what the disk store asks of the operating system. Tests let its n-th call fail.
type system interface {
	// makeFolder makes path a folder that only its owner may enter; one that exists stays as it is.
	makeFolder(path string) error
	// checkFolder refuses a folder that isn't real, ours, or that others may write to.
	checkFolder(path string) (fs.FileInfo, error)
	// open opens a regular file of ours: never through a link, and never one that others may write to. A file that it
	// creates may be read and written by its owner alone.
	open(path string, flag int) (file, error)
	stat(path string) (fs.FileInfo, error) // doesn't follow links
	readFolder(path string) ([]fs.DirEntry, error)
	rename(from, to string) error
	remove(path string) error
	// syncFolder makes names of new files in path safe from a power cut.
	syncFolder(path string) error
}

// A file is an open file of the store. Its methods may be called at once; Close doesn't wait for the others.
type file interface {
	io.ReaderAt
	io.WriterAt
	io.Closer
	Stat() (fs.FileInfo, error)
	Truncate(size int64) error
	Sync() error
	// tryLock takes the file's lock for as long as it is open, and says false when another open file has it, of this
	// process or another. The lock goes with the process, however that ends.
	tryLock() (bool, error)
	// deleted says that no name leads to the file any more, so that what is written to it dies with the process. It
	// costs less than a microsecond, which a Put can afford.
	deleted() bool
}

// osSystem is the real system.
type osSystem struct{}

// osFile is a real file.
type osFile struct{ *os.File }

func (osSystem) open(path string, flag int) (file, error) {
	f, err := openPrivate(path, flag)
	if err != nil {
		return nil, err
	}
	return osFile{f}, nil
}

func (osSystem) makeFolder(path string) error {
	err := retry(func() error { return makePrivateFolder(path) })
	if os.IsExist(err) {
		return nil
	}
	return err
}

func (osSystem) checkFolder(path string) (fs.FileInfo, error)  { return checkPrivateFolder(path) }
func (osSystem) stat(path string) (fs.FileInfo, error)         { return os.Lstat(path) }
func (osSystem) readFolder(path string) ([]fs.DirEntry, error) { return os.ReadDir(path) }
func (osSystem) syncFolder(path string) error                  { return syncFolder(path) }

func (osSystem) rename(from, to string) error {
	return retry(func() error { return os.Rename(from, to) })
}

func (osSystem) remove(path string) error {
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
