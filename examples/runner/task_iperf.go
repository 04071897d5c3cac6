package main

import (
	"context"
	"fmt"
	"log/slog"
	"strconv"
	"time"
)

// iperfReport is what of iperf3 -J is read. Rates are in bits a second.
type iperfReport struct {
	Error     string `json:"error"`
	Intervals []struct {
		Sum iperfSum `json:"sum"`
	} `json:"intervals"`
	End struct {
		Sent     *iperfSum `json:"sum_sent"`
		Received *iperfSum `json:"sum_received"`
		UDP      *iperfSum `json:"sum"`
	} `json:"end"`
}

type iperfSum struct {
	Rate        float64  `json:"bits_per_second"`
	Retransmits *int     `json:"retransmits"`
	Jitter      *float64 `json:"jitter_ms"`
	Lost        *float64 `json:"lost_percent"`
}

// iperfSlack is how much longer than the measurement iperf3 may take to connect and to exchange results.
const iperfSlack = time.Minute

// newIperf measures the throughput to an iperf3 server: {server, port, duration_minutes or duration_seconds, protocol,
// reverse, parallel_streams, omit_seconds, interval_seconds, bandwidth, min_mbps, extra_args, executable_path}. Less
// than min_mbps, or no measurement, is a failure.
func newIperf(p *params) runFunc {
	prog := p.tool("iperf3")
	prog.whole = true
	length := 10.0
	if p.has("duration_minutes") {
		length = 60 * p.number("duration_minutes")
	} else if p.has("duration_seconds") {
		length = p.number("duration_seconds")
	}
	whole := max(1, int(length+0.5)) // iperf3 takes whole seconds
	prog.args = []string{"-J", "-c", p.text("server"), "-p", strconv.Itoa(p.integer("port")), "-t", strconv.Itoa(whole)}
	flags := []struct {
		given bool
		args  []string
	}{
		{p.word("protocol") == "udp", []string{"-u"}},
		{p.bool("reverse"), []string{"-R"}},
		{p.integer("parallel_streams") > 1, []string{"-P", strconv.Itoa(p.integer("parallel_streams"))}},
		{p.integer("omit_seconds") > 0, []string{"-O", strconv.Itoa(p.integer("omit_seconds"))}},
		{p.number("interval_seconds") > 0, []string{"-i", fmt.Sprint(p.number("interval_seconds"))}},
		{p.text("bandwidth") != "", []string{"-b", p.text("bandwidth")}},
	}
	for _, f := range flags {
		if f.given {
			prog.args = append(prog.args, f.args...)
		}
	}
	prog.args = append(prog.args, p.texts("extra_args")...)
	p.limit = time.Duration(whole+p.integer("omit_seconds"))*time.Second + iperfSlack
	least := p.number("min_mbps")
	p.will("%s", prog.plan())
	return func(ctx context.Context) (summary, error) {
		e, err := prog.run(ctx)
		if err != nil {
			return e.summary(), err
		}
		return readIperf(ctx, e, least)
	}
}

func readIperf(ctx context.Context, e *execution, least float64) (summary, error) {
	sum := e.summary()
	var report iperfReport
	if err := jsonIn(e.all.Bytes(), &report); err != nil {
		return sum, e.unreadable(err)
	}
	sum["stdout"] = ""      // it is what is read below
	if report.Error != "" { // which some versions say with exit code 0
		return sum, fail(iperfCode(report.Error), errorOf(e), "%s", cut(report.Error, maxMarked))
	}
	if err := e.judge("", nil); err != nil {
		return sum, err
	}
	sent, received := report.End.Sent, report.End.Received
	if report.End.UDP != nil && received == nil { // UDP, before version 3.7
		sent, received = report.End.UDP, report.End.UDP
	}
	if sent == nil || received == nil {
		return sum, fail("no_result", nil, "iperf3 reports no throughput")
	}
	sum["sent_mbps"], sum["received_mbps"] = megabits(sent.Rate), megabits(received.Rate)
	if sent.Retransmits != nil {
		sum["retransmits"] = *sent.Retransmits
	}
	for _, s := range []*iperfSum{report.End.UDP, received} {
		if s != nil && s.Jitter != nil && s.Lost != nil {
			sum["jitter_ms"], sum["lost_percent"] = round(*s.Jitter), round(*s.Lost)
		}
	}
	slowest := 0.0
	for i, interval := range report.Intervals {
		if i == 0 || interval.Sum.Rate < slowest {
			slowest = interval.Sum.Rate
		}
	}
	sum["slowest_interval_mbps"] = megabits(slowest)
	slog.InfoContext(ctx, "measured", "category", "net",
		"sent_mbps", sum["sent_mbps"], "received_mbps", sum["received_mbps"])
	if got := megabits(received.Rate); got < least {
		return sum, fail(belowLimit, nil, "%v Mbit/s, want %v", got, least)
	}
	return sum, nil
}

// iperfCode names the troubles that iperf3 has words for.
func iperfCode(message string) string {
	switch {
	case saysAny(message, "busy"):
		return "server_busy"
	case saysAny(message, "unable to connect", "connection refused", "unable to send"):
		return "no_connection"
	case saysAny(message, "parameter", "option"):
		return "bad_parameter"
	}
	return "iperf_error"
}

func megabits(bits float64) float64 { return round(bits / 1e6) }
