package main

import (
	"context"
	"fmt"
)

func readBatteries(ctx context.Context) ([]battery, error) {
	prog := &invocation{path: "/usr/sbin/ioreg", whole: true,
		args: []string{"-r", "-w", "0", "-c", "AppleSmartBattery"}}
	e, err := prog.run(ctx)
	if err != nil {
		return nil, err
	}
	if e.exit != 0 {
		return nil, fmt.Errorf("ioreg: exit code %d", e.exit)
	}
	return batteriesOf(e.all.String()), nil
}
