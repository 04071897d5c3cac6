//go:build race

package sentryconfig_test

// The race detector keeps some bytes for each byte allocated.
const raceDetector = true
