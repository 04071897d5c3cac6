// Package sentrytest provides a Sentry server for tests and experiments, as net/http/httptest provides an HTTP server.
//
//	server := sentrytest.NewServer(t)
//	err := sentryconfig.Init(sentryconfig.Options{DSN: server.DSN()})
//	…
//	events := server.WaitEvents(1, 5*time.Second)
//
// The server is real and listens on a loopback address. Any Sentry client can report to it. It reads envelopes as
// https://develop.sentry.dev/sdk/data-model/envelopes/ describes them, and rejects what Sentry would reject. A test
// fails if Sentry would have cut or dropped a part of what the server accepted: what passes here passes at Sentry. See
// [NewServer] and [Server.Refused].
//
// [Server.Issues] groups the events as Sentry does. [Server.Respond] makes the server limit, fail, hang or cut the
// connection.
//
// With testing/synctest, make the server outside the bubble and the client inside, where retries cost no time:
//
//	server := sentrytest.NewServer(t)
//	synctest.Test(t, func(t *testing.T) {
//		client, err := sentryconfig.New(sentryconfig.Options{DSN: server.DSN()})
//		…
//		events := server.WaitEvents(1, time.Hour)
//	})
//
// See [Server] for what applies inside the bubble.
package sentrytest
