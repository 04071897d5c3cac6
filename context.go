package sentryconfig

import (
	"reflect"
	"time"

	"github.com/autoservice/sentryconfig/internal/envelope"
	"github.com/autoservice/sentryconfig/internal/machine"
	"github.com/autoservice/sentryconfig/internal/scrub"
)

// addedProbes run beside the platform's own; tests add probes that hang.
var addedProbes []machine.Probe

// collectorOptions selects the probes to run: none without system information. With an outbox on disk, each reading,
// even an empty one, is recorded as a sign of life of the running tasks.
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

// firstSnapshotWait limits how long the first capture waits for the first reading of the machine.
const firstSnapshotWait = 50 * time.Millisecond

// systemContexts holds one snapshot of the machine, scrubbed by one policy.
type systemContexts struct {
	snapshot map[string]machine.Values // the source
	scrubber *scrub.Scrubber           // the scrubber that was used
	shared   *envelope.Shared
}

// systemContexts returns the contexts of the newest snapshot, scrubbed by p. It returns nil without system information.
func (c *Client) systemContexts(p *policy) *envelope.Shared {
	if !p.systemInfo {
		return nil
	}
	snapshot := c.collector.Snapshot(firstSnapshotWait)
	if len(snapshot) == 0 {
		return nil
	}
	s := c.system.Load()
	if s == nil || s.scrubber != p.scrubber || !sameMap(s.snapshot, snapshot) {
		s = &systemContexts{snapshot, p.scrubber, envelope.NewShared(p.scrubber.Contexts(snapshot))}
		c.system.Store(s)
	}
	return s.shared
}

func sameMap[A, B ~map[string]E, E any](a A, b B) bool {
	return reflect.ValueOf(a).UnsafePointer() == reflect.ValueOf(b).UnsafePointer()
}
