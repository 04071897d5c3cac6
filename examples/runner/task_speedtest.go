package main

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"strconv"
	"strings"
)

// speedtestReport is what of either program's JSON is read: Ookla's speedtest has objects, with bytes a second, where
// speedtest-cli has numbers, of bits a second.
type speedtestReport struct {
	Download json.RawMessage `json:"download"`
	Upload   json.RawMessage `json:"upload"`
	Ping     json.RawMessage `json:"ping"`
	Error    string          `json:"error"`
	ISP      string          `json:"isp"`
	Loss     *float64        `json:"packetLoss"`
	Client   struct {
		ISP string `json:"isp"`
	} `json:"client"`
	Server struct {
		Name, Location, Sponsor, Country string
	} `json:"server"`
	Share  string `json:"share"`
	Result struct {
		URL string `json:"url"`
	} `json:"result"`
}

// newSpeedtest measures the connection to the internet with Ookla's speedtest or with speedtest-cli, whichever is
// installed: {threads, share, secure, skip_download, skip_upload, server or servers, min_download_mbps,
// min_upload_mbps, executable_path}.
func newSpeedtest(p *params) runFunc {
	prog := p.tool("speedtest", "speedtest-cli")
	servers := p.integers("servers")
	if p.has("server") {
		servers = append(servers, p.integer("server"))
	}
	cli, ookla := []string{"--json"}, []string{"--format=json", "--accept-license", "--accept-gdpr"}
	for _, f := range []struct {
		given bool
		flag  string
	}{
		{p.integer("threads") == 1, "--single"}, {p.bool("share"), "--share"}, {p.bool("secure"), "--secure"},
		{p.bool("skip_download"), "--no-download"}, {p.bool("skip_upload"), "--no-upload"},
	} {
		if f.given {
			cli = append(cli, f.flag)
		}
	}
	for _, id := range servers {
		cli = append(cli, "--server", strconv.Itoa(id))
		ookla = append(ookla, "--server-id="+strconv.Itoa(id))
	}
	down, up := p.number("min_download_mbps"), p.number("min_upload_mbps")
	wantsDown, wantsUp := !p.bool("skip_download"), !p.bool("skip_upload")
	p.will("%s, and read its JSON", prog.plan())
	return func(ctx context.Context) (summary, error) {
		version := *prog
		version.args = []string{"--version"}
		e, err := version.run(ctx)
		if err != nil {
			return e.summary(), err
		}
		measure := *prog // both programs are called speedtest
		measure.args, measure.whole = cli, true
		if strings.Contains(e.messages(), "Ookla") {
			measure.args = ookla
		}
		if e, err = measure.run(ctx); err != nil {
			return e.summary(), err
		}
		sum, err := readSpeedtest(ctx, e)
		if err != nil {
			return sum, err
		}
		for _, r := range []struct {
			name  string
			least float64
			want  bool
		}{{"download_mbps", down, wantsDown}, {"upload_mbps", up, wantsUp}} {
			got, measured := sum[r.name].(float64)
			switch {
			case r.want && !measured:
				return sum, fail("no_result", nil, "%s reports no %s", measure.name(), r.name)
			case r.want && got < r.least:
				return sum, fail(belowLimit, nil, "%s is %v, want %v", r.name, got, r.least)
			}
		}
		return sum, nil
	}
}

func readSpeedtest(ctx context.Context, e *execution) (summary, error) {
	sum := e.summary()
	var report speedtestReport
	if err := jsonIn(e.all.Bytes(), &report); err != nil {
		return sum, e.unreadable(err)
	}
	if err := e.judge("", nil); err != nil {
		return sum, e.say(err)
	}
	if report.Error != "" {
		return sum, fail("speedtest_error", nil, "%s", cut(report.Error, maxMarked))
	}
	sum["stdout"] = "" // it is what is read here, with the user's address
	for name, raw := range map[string]json.RawMessage{"download_mbps": report.Download, "upload_mbps": report.Upload} {
		if rate, err := bitRate(raw); err == nil {
			sum[name] = megabits(rate)
		}
	}
	var ping struct{ Latency, Jitter float64 }
	if json.Unmarshal(report.Ping, &ping.Latency) == nil {
		sum["ping_ms"] = round(ping.Latency)
	} else if json.Unmarshal(report.Ping, &ping) == nil {
		sum["ping_ms"], sum["jitter_ms"] = round(ping.Latency), round(ping.Jitter)
	}
	if report.Loss != nil {
		sum["lost_percent"] = round(*report.Loss)
	}
	for name, text := range map[string]string{
		"isp": report.ISP + report.Client.ISP,
		"server": strings.Join([]string{
			report.Server.Sponsor, report.Server.Name, report.Server.Location, report.Server.Country}, " "),
		"share": report.Share + report.Result.URL,
	} {
		if text = strings.Join(strings.Fields(text), " "); text != "" {
			sum[name] = text
		}
	}
	slog.InfoContext(ctx, "measured", "category", "net",
		"download_mbps", sum["download_mbps"], "upload_mbps", sum["upload_mbps"])
	return sum, nil
}

// bitRate reads bits a second as a number, or an object with bytes a second.
func bitRate(raw json.RawMessage) (float64, error) {
	var rate float64
	if json.Unmarshal(raw, &rate) == nil && len(raw) > 0 && raw[0] != 'n' {
		return rate, nil
	}
	var object struct {
		Bandwidth *float64 `json:"bandwidth"`
	}
	if err := json.Unmarshal(raw, &object); err != nil || object.Bandwidth == nil {
		return 0, errors.New("no rate")
	}
	return 8 * *object.Bandwidth, nil
}
