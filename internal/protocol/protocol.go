// Package protocol holds Sentry's names and limits: the contexts and keys that have a meaning (names.go), how much
// Sentry keeps of each part of an event (sizes.go), and a row for each kind of envelope item (items.go). Whatever
// writes, cuts or sends an event reads them here.
//
// Everything in it is a constant, or a table that nobody writes to; it is safe for concurrent use.
package protocol
