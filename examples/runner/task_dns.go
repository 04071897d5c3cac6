package main

import (
	"context"
	"log/slog"
	"net"
	"slices"
	"time"
)

// newDNSLookup looks up the addresses of a host: {host}. A host that has none is a failure.
func newDNSLookup(p *params) runFunc {
	host := p.text("host")
	p.will("look up %s", host)
	return func(ctx context.Context) (summary, error) {
		slog.InfoContext(ctx, "looking up", "category", "dns", "host", host)
		start := time.Now()
		addresses, err := net.DefaultResolver.LookupHost(ctx, host)
		sum := summary{"host": host, "duration_ms": milliseconds(time.Since(start))}
		if err != nil {
			return sum, fail("no_address", err, "%v", err)
		}
		slices.Sort(addresses)
		sum["addresses"] = slices.Compact(addresses)
		return sum, nil
	}
}
