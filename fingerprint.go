package sentryconfig

import (
	"github.com/autoservice/sentryconfig/internal/ending"
	"github.com/autoservice/sentryconfig/internal/grouping"
)

// From an error's class to tags, title and fingerprint.

// classOf is the class of err, in a context that has ended so: past its deadline, what follows from that has the
// condition timeout.
func (c *Client) classOf(end ending.Ending, err error) grouping.Class {
	rules := rulesFor(end, c.policy.Load().errorClass, c.cleanMessage)
	return rules.Class(err)
}

// rulesFor are the rules for errors in a context that has ended so. user and clean may be nil.
func rulesFor(end ending.Ending, user func(error) string, clean func(string) string) grouping.Rules {
	r := grouping.Rules{Named: user, Clean: clean, Wrapper: isOwnError, Message: messageOf}
	if end.Late() {
		r.Late = end.Caused
	}
	return r
}

// isOwnError reports whether err is of a type of this package, which only carries what went wrong.
func isOwnError(err error) bool {
	switch err.(type) { //nolint:errorlint // the walk asks what err wraps
	case *TaskError, *TaskFailure, *PanicError:
		return true
	}
	return false
}

// fingerprintOf is what an exception is grouped by: the task's type, the class, the condition where there is one, and
// of a panic the function that it was raised in. An error that is known by its text alone, but carries the stack of
// where it was made, has that function in place of the text: words that vary can't scatter it.
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

// titleOf is the exception type that an issue gets its title from.
func titleOf(c grouping.Class) string {
	if c.Text {
		return textTitle
	}
	return c.Name
}

// textTitle is the exception type of errors that are known by their message alone: Sentry shows the message beside it.
const textTitle = "error"

// panicTitle is the exception type of panics that are known by their text alone.
const panicTitle = "panic"

// messageOf is the text by which err is grouped.
func messageOf(err error) string {
	if p, is := err.(*PanicError); is { //nolint:errorlint // what it wraps has been asked
		return grouping.Panic(p.Value)
	}
	return err.Error()
}
