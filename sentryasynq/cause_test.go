package sentryasynq

import (
	"errors"
	"fmt"
	"io/fs"
	"testing"

	"github.com/hibiken/asynq"
)

type permanent struct{ Code int }

func (permanent) Error() string { return "permanent" }
func (permanent) Unwrap() error { return asynq.SkipRetry }

func TestWithoutSentinels(t *testing.T) {
	cause := &fs.PathError{Op: "open", Path: "x", Err: fs.ErrNotExist}
	for _, test := range []struct {
		name string
		err  error
		text string
		is   error // "nil": nothing
	}{
		{"nothing", nil, "", nil},
		{"other", cause, cause.Error(), cause},
		{"alone", asynq.SkipRetry, asynq.SkipRetry.Error(), asynq.SkipRetry},
		{"text", fmt.Errorf("bad payload: %w", asynq.SkipRetry), "bad payload", nil},
		{"cause first", fmt.Errorf("load: %w: %w", cause, asynq.SkipRetry), "load: " + cause.Error(), cause},
		{"cause last", fmt.Errorf("%w: %w", asynq.SkipRetry, cause), cause.Error(), cause},
		{"joined", errors.Join(asynq.SkipRetry, cause), cause.Error(), cause},
		{"deep", fmt.Errorf("a: %w", fmt.Errorf("b: %w: %w", cause, asynq.RevokeTask)), "a: b: " + cause.Error(), cause},
		{"several", fmt.Errorf("%w and %w: %w", cause, fs.ErrExist, asynq.SkipRetry),
			cause.Error() + " and " + fs.ErrExist.Error(), fs.ErrExist},
		{"type", permanent{3}, "permanent", permanent{3}},
		{"typed inside", fmt.Errorf("x: %w", permanent{3}), "x: permanent", permanent{3}},
	} {
		got := withoutSentinels(test.err)
		text := ""
		if got != nil {
			text = got.Error()
		}
		if text != test.text || test.is != nil && !errors.Is(got, test.is) {
			t.Errorf("%s: %q (%T), want %q", test.name, text, got, test.text)
		}
	}
}
