package sentryconfig

import (
	"context"
	"errors"

	"github.com/getsentry/sentry-go"

	"github.com/autoservice/sentryconfig/internal/errtree"
	"github.com/autoservice/sentryconfig/internal/exception"
)

// unexpected returns what Options.Expected leaves of err, nil if nothing, and makes a breadcrumb of each error that it
// accepts. Joined errors count one by one, so that an expected one doesn't hide the others.
func (c *Client) unexpected(ctx context.Context, err error) error {
	expected := c.policy.Load().expected
	if expected == nil || !c.reporting() {
		return err
	}
	parts := partsOf(err)
	var rest []error
	for _, part := range parts {
		if c.expects(expected, part, maxTaskLevels) {
			c.addBreadcrumb(ctx, &sentry.Breadcrumb{Type: "default", Category: "task", Message: exception.Text(part),
				Level: sentry.LevelInfo})
		} else {
			rest = append(rest, part)
		}
	}
	switch {
	case len(rest) == len(parts):
		return err
	case len(rest) == 0:
		return nil
	case len(rest) == 1:
		return rest[0]
	}
	return errors.Join(rest...)
}

// maxTaskLevels bounds how deep tasks within tasks are looked at: an error may be made to hold itself.
const maxTaskLevels = 32

// expects asks about err as a whole. A panic, in whatever it was returned, is never expected, and the error of a task
// within this one only if no part of it was trouble there.
func (c *Client) expects(expected func(error) bool, err error, levels int) bool {
	if _, ok := errtree.As[*PanicError](err); ok || levels == 0 {
		return false
	}
	if inner, ok := errtree.As[*TaskError](err); ok && inner != nil && inner.client == c {
		if inner.expected {
			return true
		}
		parts := partsOf(inner.Err)
		accepted := 0
		for _, part := range parts {
			if len(parts) > 1 && c.expects(expected, part, levels-1) {
				accepted++
			}
		}
		if accepted > 0 || len(parts) == 0 {
			return accepted > 0 && accepted == len(parts)
		}
	}
	yes := false
	c.call("Options.Expected", func() { yes = expected(err) })
	return yes
}

// partsOf returns the errors that err joins. The error of a task is one error: its own task has looked at the parts.
func partsOf(err error) []error {
	return errtree.Parts(err, func(e error) bool { _, ok := e.(*TaskError); return ok })
}
