package main

import (
	"context"
	"log/slog"
)

// A battery is what a machine tells of one. 0 and "" are unknown. Capacities are in the unit of the machine, mWh or
// mAh, and only compared with each other.
type battery struct {
	name, maker, model, chemistry string
	state                         string // charging, discharging, full, not charging
	percent                       float64
	hasPercent                    bool
	full, design                  float64
	cycles                        int
}

// newBatteryReport tells how worn the batteries are: {index}. A machine without one, or without that one, is a failure.
func newBatteryReport(p *params) runFunc {
	index, one := p.integer("index"), p.has("index")
	p.will("read the state of the batteries")
	return func(ctx context.Context) (summary, error) {
		slog.InfoContext(ctx, "reading batteries", "category", "power")
		found, err := within(ctx, func() ([]battery, error) { return readBatteries(ctx) })
		if err != nil {
			return nil, err
		}
		if one && len(found) > 0 {
			found = found[min(index, len(found)):min(index+1, len(found))]
		}
		all := []any{}
		for _, b := range found {
			all = append(all, b.summary())
		}
		sum := summary{"batteries": all}
		if len(all) == 0 {
			return sum, fail("no_battery", nil, "No batteries found")
		}
		return sum, nil
	}
}

func (b *battery) summary() map[string]any {
	sum := make(map[string]any)
	for name, text := range map[string]string{
		"name": b.name, "manufacturer": b.maker, "model": b.model, "technology": b.chemistry, "state": b.state,
	} {
		if text != "" {
			sum[name] = text
		}
	}
	if b.hasPercent {
		sum["percent"] = round(min(max(b.percent, 0), 100))
	}
	if b.full > 0 && b.design > 0 { // new ones hold more than they were designed for
		health := min(100*b.full/b.design, 100)
		sum["health_percent"], sum["wear_percent"] = round(health), round(100-health)
		sum["full_capacity"], sum["design_capacity"] = b.full, b.design
	}
	if b.cycles > 0 {
		sum["cycles"] = b.cycles
	}
	return sum
}
