//go:build !race

package find

const raceEnabled = false
