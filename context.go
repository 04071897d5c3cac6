package sentryconfig

import (
	"time"

	"github.com/getsentry/sentry-go"

	"github.com/autoservice/sentryconfig/internal/machine"
)

// addedProbes are asked beside the platform's: tests add some that hang.
var addedProbes []machine.Probe

// collectorOptions say what is read of the machine: nothing without system information. With an outbox on disk each
// reading, an empty one too, is a sign of life of the running tasks.
func (c *Client) collectorOptions() machine.Options {
	p := c.policy.Load()
	opts := machine.Options{Logger: c.logger}
	if p.systemInfo {
		opts.Probes = append(machine.Probes(p.pii, c.detected), addedProbes...)
	}
	if c.outboxDir != "" {
		opts.Notice = c.noteMachine
	}
	return opts
}

// firstSnapshotWait is how long the first capture waits for the first reading of the machine.
const firstSnapshotWait = 50 * time.Millisecond

// addSystem merges the newest snapshot into e's contexts: what the host's scope set wins, key by key. The snapshot's
// maps are shared between events; private asks for copies, for a hook that may write to them.
func (c *Client) addSystem(e *sentry.Event, p *policy, private bool) {
	if !p.systemInfo {
		return
	}
	snapshot := c.collector.Snapshot(firstSnapshotWait)
	if e.Contexts == nil {
		e.Contexts = make(map[string]sentry.Context, len(snapshot))
	}
	for name, ours := range snapshot {
		theirs := e.Contexts[name]
		if len(theirs) == 0 && !private {
			e.Contexts[name] = ours
			continue
		}
		merged := make(sentry.Context, len(ours)+len(theirs))
		for k, v := range ours {
			merged[k] = v
		}
		for k, v := range theirs {
			merged[k] = v
		}
		e.Contexts[name] = merged
	}
}
