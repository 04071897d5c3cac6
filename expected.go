package sentryconfig

import (
	"context"
	"errors"

	"github.com/getsentry/sentry-go"

	"github.com/autoservice/sentryconfig/internal/errtree"
	"github.com/autoservice/sentryconfig/internal/exception"
)

// unexpected returns the part of err that Options.Expected doesn't accept, nil if there is none, and makes a breadcrumb
// of each accepted error. Joined errors are checked one by one, so that an expected error doesn't hide the others.
func (t *TaskSpan) unexpected(ctx context.Context, err error) error {
	c := t.client
	expected := c.policy.Load().expected
	if expected == nil || !t.finishing() {
		return err
	}
	parts := partsOf(err)
	var rest []error
	for _, part := range parts {
		if c.expects(expected, part, maxTaskLevels) {
			c.recordBreadcrumb(ctx, exception.Text(part), "task", sentry.LevelInfo, nil)
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

// maxTaskLevels limits the depth of nested task errors: an error may contain itself.
const maxTaskLevels = 32

// expects asks Options.Expected about err as a whole. A panic is never expected, wherever in the tree it is. The error
// of an inner task is expected only if that task expected all of it.
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

// partsOf returns the errors that err joins. A *TaskError counts as one: its own task has checked its parts.
func partsOf(err error) []error {
	return errtree.Parts(err, func(e error) bool { _, ok := e.(*TaskError); return ok })
}
