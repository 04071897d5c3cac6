module github.com/autoservice/sentryconfig/internal/compare

go 1.25.0

require (
	github.com/autoservice/sentryconfig v0.0.0
	github.com/bugsnag/bugsnag-go/v2 v2.5.1
	github.com/getsentry/sentry-go v0.50.0
	github.com/honeybadger-io/honeybadger-go v0.9.0
	github.com/rollbar/rollbar-go v1.4.5
)

require (
	github.com/bugsnag/panicwrap v1.3.4 // indirect
	github.com/go-ole/go-ole v1.2.6 // indirect
	github.com/google/uuid v1.6.0 // indirect
	github.com/kardianos/osext v0.0.0-20190222173326-2bc1f35cddc0 // indirect
	github.com/lufia/plan9stats v0.0.0-20211012122336-39d0f177ccd0 // indirect
	github.com/pborman/uuid v1.2.1 // indirect
	github.com/pkg/errors v0.9.1 // indirect
	github.com/power-devops/perfstat v0.0.0-20210106213030-5aafc221ea8c // indirect
	github.com/shirou/gopsutil v3.21.11+incompatible // indirect
	github.com/shirou/gopsutil/v3 v3.24.5 // indirect
	github.com/shoenig/go-m1cpu v0.2.1 // indirect
	github.com/tklauser/go-sysconf v0.3.12 // indirect
	github.com/tklauser/numcpus v0.6.1 // indirect
	github.com/yusufpapurcu/wmi v1.2.4 // indirect
	golang.org/x/sys v0.47.0 // indirect
	golang.org/x/text v0.41.0 // indirect
)

replace github.com/autoservice/sentryconfig => ../..
