//go:build !race

package safe

const raceEnabled = false
