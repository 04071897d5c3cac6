package sentryconfig

import (
	"github.com/autoservice/sentryconfig/internal/ending"
	"github.com/autoservice/sentryconfig/internal/grouping"
)

// From an error's class to tags, title and fingerprint.

// classOf returns the class of err in a context with the given end. Past a deadline, errors that follow from it have
// the condition timeout.
func (c *Client) classOf(end ending.Ending, err error) grouping.Class {
	rules := rulesFor(end, c.errorClass(), c.cleanMessage)
	return rules.Class(err)
}

// errorClass returns Options.ErrorClass, with panics logged, or nil.
func (c *Client) errorClass() func(error) string {
	user := c.policy.Load().errorClass
	if user == nil {
		return nil
	}
	return func(err error) (class string) {
		c.call("Options.ErrorClass", func() { class = user(err) })
		return class
	}
}

// rulesFor returns the classification rules for a context with the given end. user and clean may be nil.
func rulesFor(end ending.Ending, user func(error) string, clean func(string) string) grouping.Rules {
	r := grouping.Rules{Named: user, Clean: clean, Wrapper: isOwnError, Message: messageOf}
	if end.Late() {
		r.Late = end.Caused
	}
	return r
}

// isOwnError reports whether err is a type of this package, which only wraps the actual error.
func isOwnError(err error) bool {
	switch err.(type) { //nolint:errorlint // the walk asks what err wraps
	case *TaskError, *TaskFailure, *PanicError:
		return true
	}
	return false
}

// fingerprintOf returns the fingerprint of an exception: task type, class, the condition if there is one, and for a
// panic the function that raised it. An error known only by its text may carry the stack of where it was made. Then
// that function replaces the text, so that varying words don't scatter the issue.
func fingerprintOf(taskType string, c grouping.Class, made, raised string) []string {
	name := c.Name
	if c.Text && made != "" && raised == "" {
		name = made
	}
	fingerprint := []string{taskType, name}
	if c.Condition != "" {
		fingerprint = append(fingerprint, c.Condition)
	}
	if raised != "" {
		fingerprint = append(fingerprint, raised)
	}
	return fingerprint
}

// titleOf returns the exception type, which Sentry shows as the title.
func titleOf(c grouping.Class) string {
	if c.Text {
		return textTitle
	}
	return c.Name
}

// textTitle is the exception type of errors known only by their message, which Sentry shows beside it.
const textTitle = "error"

// panicTitle is the exception type of panics known only by their text.
const panicTitle = "panic"

// messageOf returns the text that err is grouped by.
func messageOf(err error) string {
	if p, is := err.(*PanicError); is { //nolint:errorlint // what it wraps has been asked
		return grouping.Panic(p.Value)
	}
	return err.Error()
}
