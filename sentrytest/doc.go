// Package sentrytest has a Sentry server for tests and for trying things out, as net/http/httptest has an HTTP server:
//
//	server := sentrytest.NewServer(t)
//	err := sentryconfig.Init(sentryconfig.Options{DSN: server.DSN()})
//	…
//	events := server.WaitEvents(1, 5*time.Second)
//
// It parses envelopes strictly, as https://develop.sentry.dev/sdk/data-model/envelopes/ says, and refuses what a real
// server would refuse: a test that passes here passes at Sentry.
package sentrytest
