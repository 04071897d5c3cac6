// Package protocol holds Sentry's names and limits: the contexts and keys with a meaning (names.go), how much Sentry
// keeps of each part of an event (sizes.go), and a row for each kind of envelope item (items.go). All code that writes,
// cuts or sends events takes them from here.
//
// Everything is a constant, or a table that nobody writes to. It is safe for concurrent use.
package protocol
