package sentryconfig

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/getsentry/sentry-go"

	"github.com/autoservice/sentryconfig/internal/envelope"
	"github.com/autoservice/sentryconfig/internal/machine"
	"github.com/autoservice/sentryconfig/internal/outbox"
)

func (c *Client) openOutbox(co *sentry.ClientOptions) error {
	dsn, err := sentry.NewDsn(co.Dsn)
	if err != nil {
		return fmt.Errorf("sentryconfig: %w", err)
	}
	client, closeIdle := httpClient(co)
	agent := "sentry.go/" + sentry.SDKVersion
	auth := "Sentry sentry_version=7, sentry_client=" + agent + ", sentry_key=" + dsn.GetPublicKey()
	if secret := dsn.GetSecretKey(); secret != "" {
		auth += ", sentry_secret=" + secret
	}
	c.dsn = co.Dsn
	config := outbox.Config{
		URL:       dsn.GetAPIURL().String(),
		Auth:      auth,
		UserAgent: agent,
		SDK:       envelope.SDKHeader(),
		NoReports: co.DisableClientReports,
		Client:    client,
		CloseIdle: closeIdle,
		MaxBytes:  c.outboxBytes,
		Logger:    c.logger,
		PII:       c.policy.Load().pii,
		Active:    c.active,
	}
	if c.outboxDir != "" {
		config.Dir, config.OpenStore = c.outboxDir, c.openDisk
	}
	c.transport = newTransport(c)
	c.box = outbox.Open(config)
	return nil
}

// httpClient returns the user's client, or a new one with sentry-go's settings for proxies and certificates. closeIdle
// closes the idle connections of the new one; those of the user's client belong to the user.
func httpClient(co *sentry.ClientOptions) (client *http.Client, closeIdle func()) {
	if co.HTTPClient != nil {
		return co.HTTPClient, func() {}
	}
	if co.HTTPTransport != nil {
		return &http.Client{Transport: co.HTTPTransport}, func() {}
	}
	t := outbox.NewTransport(cmp.Or(co.HTTPSProxy, co.HTTPProxy), co.CaCerts) // HTTPSProxy wins, as in sentry-go
	return &http.Client{Transport: t}, t.CloseIdleConnections
}

// On disk, the outbox records running tasks in a journal, and the runtime's crash output in a file beside it. The next
// process reports from them what this one couldn't.

// openDisk opens the store on disk. The outbox calls it, again after a failure.
func (c *Client) openDisk() (outbox.Store, error) {
	process := outbox.Process{Started: machine.ProcessStart, Release: c.release, Environment: c.environment}
	process.Boot, _ = machine.BootID()
	disk, err := outbox.OpenDisk(outbox.DiskConfig{
		Dir: c.outboxDir, DSN: c.dsn, MaxBytes: c.outboxBytes, Logger: c.logger, Process: process, OnDead: c.reportDead,
	})
	if err != nil {
		return nil, err
	}
	c.disk.Store(disk)
	if c.crashReports {
		c.watchCrashes(disk)
	}
	return disk, nil
}

// watchCrashes makes the runtime write its crash output, with all goroutines, into a file of the outbox. A program that
// has set a crash output of its own keeps it.
func (c *Client) watchCrashes(disk *outbox.Disk) {
	taken, err := c.crashes.Begin(disk.CrashFile)
	switch {
	case taken:
		c.logger.Warn("sentryconfig: crashes of the process are not reported: the program has a crash output of its " +
			"own (debug.SetCrashOutput), which it keeps; leave Options.CrashReports off")
	case err != nil:
		c.logger.Warn("sentryconfig: crashes of the process can't be reported", "error", err)
	}
}

// ExportOutbox writes the unsent events in the outbox folder dir to w, as a tar stream: for machines that are never
// online. The stream has a folder for each project and in it a file for each envelope, which `sentry-cli send-envelope
// --raw` sends from another machine. Interrupted tasks and crashes are missing until a process that uses dir has
// reported them. Nothing in dir changes; processes may go on using it. A dir that doesn't exist is an empty one.
func ExportOutbox(dir string, w io.Writer) error {
	if w == nil {
		return errors.New("sentryconfig: ExportOutbox: the writer is nil")
	}
	return outbox.Export(dir, w)
}
