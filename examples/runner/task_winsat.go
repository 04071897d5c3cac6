package main

import (
	"context"
	"regexp"
	"strconv"
	"strings"
)

// winsatValue is a line such as "> Disk  Sequential 64.0 Read   1660.40 MB/s   8.9"; some languages write a comma.
var winsatValue = regexp.MustCompile(
	`(?m)^>?\s*(\S.*?)\s{2,}([0-9]+(?:[.,][0-9]+)?)\s*(MB/s|ms)(?:\s+([0-9]+(?:[.,][0-9]+)?))?\s*$`)

// newWinsat measures how fast a disk is: {drive, test_mode, executable_path}.
func newWinsat(p *params) runFunc {
	prog := p.tool("winsat")
	args := map[string][]string{
		"random_read":      {"disk", "-ran", "-read"},
		"sequential_read":  {"disk", "-seq", "-read"},
		"sequential_write": {"disk", "-seq", "-write"},
		"flush":            {"disk", "-flush"},
	}[p.word("test_mode")]
	if args == nil {
		args = []string{"disk"}
	}
	prog.args = append(args, "-drive", strings.ToLower(strings.TrimSuffix(driveOf(p), ":")))
	p.will("%s", prog.plan())
	return func(ctx context.Context) (summary, error) {
		e, err := prog.run(ctx)
		if err != nil {
			return e.summary(), err
		}
		sum := e.summary()
		results := readWinsat(e.messages())
		sum["drive"], sum["results"] = driveOf(p), results
		if sum, err = e.conclude(sum, nil, 0); err == nil && len(results) == 0 {
			err = fail("no_result", nil, "winsat reports no measurement")
		}
		return sum, err
	}
}

func readWinsat(messages string) map[string]any {
	results := make(map[string]any)
	for _, m := range winsatValue.FindAllStringSubmatch(messages, -1) {
		name := strings.Join(strings.Fields(m[1]), " ")
		n, err := strconv.ParseFloat(strings.ReplaceAll(m[2], ",", "."), 64)
		if err != nil {
			continue
		}
		unit := "mb_per_second"
		if m[3] == "ms" {
			unit = "ms"
		}
		result := map[string]any{unit: n}
		if score, err := strconv.ParseFloat(strings.ReplaceAll(m[4], ",", "."), 64); err == nil {
			result["score"] = score
		}
		results[name] = result
	}
	return results
}
