package sentryconfig

import (
	"reflect"
	"time"

	"github.com/autoservice/sentryconfig/internal/envelope"
	"github.com/autoservice/sentryconfig/internal/machine"
	"github.com/autoservice/sentryconfig/internal/scrub"
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

// systemContexts are one snapshot of the machine as events have it by one policy.
type systemContexts struct {
	snapshot map[string]machine.Values // what they were made of
	scrubber *scrub.Scrubber           // and by
	shared   *envelope.Shared
}

// systemContexts returns those of the newest snapshot and of p; nil without system information.
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
