package outbox

import (
	"crypto/x509"
	"io"
	"net/http"

	"github.com/autoservice/sentryconfig/internal/outbox/disk"
	"github.com/autoservice/sentryconfig/internal/outbox/store"
	"github.com/autoservice/sentryconfig/internal/outbox/wire"
	"github.com/autoservice/sentryconfig/internal/protocol"
)

// What users of an outbox need of the rooms below it.
type (
	Record   = store.Record
	Entry    = store.Entry
	Store    = store.Store
	Category = store.Category
	TaskNote = store.TaskNote

	Disk        = disk.Store
	DiskConfig  = disk.Config
	Process     = disk.Process
	Journal     = disk.Journal
	Slot        = disk.Slot
	Task        = disk.Task
	Job         = disk.Job
	Note        = disk.Note
	Dead        = disk.Dead
	Interrupted = disk.Interrupted
)

// The categories that sentry-go v0.50.0 sends.
const (
	CategoryError       = protocol.CategoryError
	CategoryTransaction = protocol.CategoryTransaction
	CategoryMonitor     = protocol.CategoryMonitor
	CategoryLog         = protocol.CategoryLog
	CategoryMetric      = protocol.CategoryMetric
	CategoryOther       = protocol.CategoryOther
)

// OpenDisk is [disk.Open].
func OpenDisk(cfg DiskConfig) (*Disk, error) { return disk.Open(cfg) }

// Export is [disk.Export].
func Export(dir string, w io.Writer) error { return disk.Export(dir, w) }

// Purge is [disk.Purge].
func Purge(dir string) error { return disk.Purge(dir) }

// NewTransport is [wire.NewTransport] with a connection for each sender.
func NewTransport(proxy string, roots *x509.CertPool) *http.Transport {
	return wire.NewTransport(proxy, roots, senders)
}
