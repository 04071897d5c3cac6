//go:build !race

package sentryconfig_test

const raceDetector = false
