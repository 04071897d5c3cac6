package main

import (
	"context"
	"log/slog"
	"net"
	"strconv"
	"time"

	"github.com/getsentry/sentry-go"

	"github.com/autoservice/sentryconfig"
)

const (
	pingTimeout = 3 * time.Second        // one connection; a packet that is lost is sent again after 1 s and 3 s
	pingPause   = 100 * time.Millisecond // between connections, so that one hiccup isn't measured twice
)

// newPing measures how long TCP connections to host take, which needs no rights: {host, port, count}. It is a failure when
// none comes about.
func newPing(p *params) runFunc {
	host := p.needText("host", "example.com")
	port := p.integer("port", 443, 1, 65535)
	count := p.integer("count", 3, 1, 100)
	return func(ctx context.Context) (summary, error) {
		address := net.JoinHostPort(host, strconv.Itoa(port))
		slog.InfoContext(ctx, "connecting", "category", "net", "address", address, "count", count)
		dialer := net.Dialer{Timeout: pingTimeout}
		var times []float64
		var last error
		for i := range count {
			if i > 0 {
				if err := pause(ctx, pingPause); err != nil {
					return nil, err
				}
			}
			start := time.Now()
			conn, err := dialer.DialContext(ctx, "tcp", address)
			if err != nil {
				if ctx.Err() != nil {
					return nil, err
				}
				last = err
				sentryconfig.AddBreadcrumb(ctx, "no connection", "net", sentry.LevelWarning, map[string]any{"attempt": i + 1, "error": err})
				continue
			}
			times = append(times, milliseconds(time.Since(start)))
			_ = conn.Close()
		}
		sum := summary{"address": address, "sent": count, "connected": len(times)}
		if len(times) == 0 {
			return sum, fail(last, "none of %d connections to %s came about: %v", count, address, last)
		}
		shortest, longest, all := times[0], times[0], 0.0
		for _, t := range times {
			shortest, longest, all = min(shortest, t), max(longest, t), all+t
		}
		sum["min_ms"], sum["avg_ms"], sum["max_ms"] = shortest, round(all/float64(len(times))), longest
		return sum, nil
	}
}

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
