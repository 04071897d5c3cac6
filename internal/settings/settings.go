// Package settings finds and checks what a Client is configured by: names and values from options, the process's
// environment, the build and a settings file. It knows nothing of what they are for.
package settings

import (
	"fmt"
	"math"
)

// CheckRate finds a sample rate that makes no sense; name is what the error calls it.
func CheckRate(name string, rate float64) error {
	if math.IsNaN(rate) || rate < 0 || rate > 1 {
		return fmt.Errorf("sentryconfig: %s is %v, want 0 to 1", name, rate)
	}
	return nil
}
