package main

import (
	"strconv"
	"strings"
)

// batteriesOf reads what ioreg of macOS says of batteries: lines such as `"DesignCapacity" = 5103`, one block a
// battery.
func batteriesOf(text string) []battery {
	var all []battery
	for _, block := range strings.Split(text, "+-o ")[1:] {
		fields := make(map[string]string)
		for line := range strings.Lines(block) {
			name, value, ok := strings.Cut(strings.Trim(line, " |\r\n"), " = ")
			if name, err := strconv.Unquote(name); ok && err == nil {
				fields[name] = strings.Trim(value, `"`)
			}
		}
		number := func(names ...string) float64 { // the first that is there
			for _, name := range names {
				if n, err := strconv.ParseFloat(fields[name], 64); err == nil {
					return n
				}
			}
			return 0
		}
		if fields["BatteryInstalled"] == "No" || number("DesignCapacity") == 0 {
			continue
		}
		b := battery{
			name: fields["DeviceName"], maker: fields["Manufacturer"], cycles: int(number("CycleCount")),
			// MaxCapacity is in percent on Apple's own chips.
			full:   number("AppleRawMaxCapacity", "NominalChargeCapacity", "MaxCapacity"),
			design: number("DesignCapacity"),
		}
		switch {
		case fields["FullyCharged"] == "Yes":
			b.state = "full"
		case fields["IsCharging"] == "Yes":
			b.state = "charging"
		case fields["ExternalConnected"] == "Yes":
			b.state = "not charging"
		default:
			b.state = "discharging"
		}
		if most := number("MaxCapacity"); most > 0 {
			b.percent, b.hasPercent = 100*number("CurrentCapacity")/most, true
		}
		all = append(all, b)
	}
	return all
}
