package main

import (
	"context"
	"log/slog"
)

// newDemoPanic is for the sample list: a task with a programming error. {"type": "demo_panic", "index": 3} reads one
// past the end of a list of three.
func newDemoPanic(p *params) runFunc {
	index := p.integer("index")
	p.will("read element %d of a list of 3", index)
	return func(ctx context.Context) (summary, error) {
		drives := []string{"C:", "D:", "E:"}
		slog.InfoContext(ctx, "looking at a drive", "drive", index)
		return summary{"drive": drives[index]}, nil
	}
}
