// Package recipes is the code of docs/engines.md for task engines without an adapter. It is meant to be copied, and
// compiled here so that it stays right.
package recipes
