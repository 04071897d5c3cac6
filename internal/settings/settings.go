// Package settings finds and checks a Client's settings: names and values from options, the process's environment, the
// build and a settings file. It doesn't know how they are used.
package settings

import (
	"fmt"
	"math"
)

// CheckRate returns an error for a rate outside 0 to 1; name is the rate's name in it.
func CheckRate(name string, rate float64) error {
	if math.IsNaN(rate) || rate < 0 || rate > 1 {
		return fmt.Errorf("%s is %v, want 0 to 1", name, rate)
	}
	return nil
}
