module github.com/autoservice/sentryconfig

go 1.25.0

require (
	github.com/getsentry/sentry-go v0.50.0
	github.com/shirou/gopsutil/v3 v3.24.5
	golang.org/x/sys v0.47.0
)
