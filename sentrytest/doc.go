// Package sentrytest has a Sentry server for tests and for trying things out, as net/http/httptest has an HTTP server.
//
//	server := sentrytest.NewServer(t)
//	err := sentryconfig.Init(sentryconfig.Options{DSN: server.DSN()})
//	…
//	events := server.WaitEvents(1, 5*time.Second)
//
// The server is a real one, on a loopback address; any Sentry client may report to it. It reads envelopes as
// https://develop.sentry.dev/sdk/data-model/envelopes/ describes them and refuses what Sentry would refuse. A test
// fails where Sentry would have cut or dropped a part of what the server took, so that a test that passes here passes
// at Sentry; see [NewServer] and [Server.Refused].
//
// [Server.Issues] groups the events as Sentry would. [Server.Respond] makes the server limit, fail, hang or cut the
// connection.
//
// With testing/synctest the client is made inside the bubble, so that its retries cost no time, and the server outside:
//
//	server := sentrytest.NewServer(t)
//	synctest.Test(t, func(t *testing.T) {
//		client, err := sentryconfig.New(sentryconfig.Options{DSN: server.DSN()})
//		…
//		events := server.WaitEvents(1, time.Hour)
//	})
//
// See [Server] for what holds inside the bubble.
package sentrytest
