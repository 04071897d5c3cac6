package main

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"strconv"
	"strings"
)

func readBatteries(context.Context) ([]battery, error) {
	return batteriesIn(os.DirFS("/sys/class/power_supply"))
}

// batteriesIn reads the folder in which Linux has one for each power supply.
func batteriesIn(dir fs.FS) ([]battery, error) {
	supplies, err := fs.ReadDir(dir, ".")
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil // a kernel without power supplies
	}
	if err != nil {
		return nil, err
	}
	var all []battery
	for _, supply := range supplies {
		read := func(name string) string {
			text, err := fs.ReadFile(dir, supply.Name()+"/"+name)
			if err != nil {
				return ""
			}
			return strings.TrimSpace(string(text))
		}
		// scope Device is the battery of a mouse or a headset, present 0 an empty bay.
		if read("type") != "Battery" || read("scope") == "Device" || read("present") == "0" {
			continue
		}
		number := func(name string) float64 {
			n, _ := strconv.ParseFloat(read(name), 64)
			return n
		}
		b := battery{
			name: supply.Name(), maker: read("manufacturer"), model: read("model_name"), chemistry: read("technology"),
			state: strings.ToLower(read("status")), full: number("energy_full"), design: number("energy_full_design"),
			cycles: int(number("cycle_count")),
		}
		if b.full == 0 || b.design == 0 { // in Ah instead of Wh
			b.full, b.design = number("charge_full"), number("charge_full_design")
		}
		if capacity := read("capacity"); capacity != "" {
			b.percent, b.hasPercent = number("capacity"), true
		}
		all = append(all, b)
	}
	return all, nil
}
