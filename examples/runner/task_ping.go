package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/getsentry/sentry-go"

	"github.com/autoservice/sentryconfig"
)

const (
	pingTimeout = 3 * time.Second        // one connection; a packet that is lost is sent again after 1 s and 3 s
	pingPause   = 100 * time.Millisecond // between connections, so that one hiccup isn't measured twice
)

// newPing measures how long TCP connections to host take, which needs no rights: {host, port, count}. It is a failure
// when none comes about.
func newPing(p *params) runFunc { return p.ping(p.integer("port")) }

// newPingTest is newPing for the ports that most hosts answer on: those of https and http, unless port is given.
func newPingTest(p *params) runFunc {
	if p.has("port") {
		return newPing(p)
	}
	return p.ping(443, 80)
}

// ping tries ports in turn until one answers.
func (p *params) ping(ports ...int) runFunc {
	host, count := p.text("host"), p.integer("count")
	listed := strings.Trim(strings.ReplaceAll(fmt.Sprint(ports), " ", " or "), "[]")
	p.will("connect %d times to %s, port %s", count, host, listed)
	return func(ctx context.Context) (sum summary, err error) {
		for _, port := range ports {
			sum, err = connect(ctx, net.JoinHostPort(host, strconv.Itoa(port)), count)
			var failure *sentryconfig.TaskFailure
			if err == nil || !errors.As(err, &failure) {
				break
			}
		}
		return sum, err
	}
}

func connect(ctx context.Context, address string, count int) (summary, error) {
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
			sentryconfig.AddBreadcrumb(ctx, "no connection", "net", sentry.LevelWarning,
				map[string]any{"attempt": i + 1, "error": err})
			continue
		}
		times = append(times, milliseconds(time.Since(start)))
		_ = conn.Close()
	}
	sum := summary{"address": address, "sent": count, "connected": len(times)}
	if len(times) == 0 {
		return sum, fail("no_connection", last, "none of %d connections to %s came about: %v", count, address, last)
	}
	all := 0.0
	for _, t := range times {
		all += t
	}
	sum["min_ms"], sum["avg_ms"], sum["max_ms"] = slices.Min(times), round(all/float64(len(times))), slices.Max(times)
	return sum, nil
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
