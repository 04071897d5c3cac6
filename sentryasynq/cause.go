package sentryasynq

import (
	"errors"
	"reflect"
	"strings"

	"github.com/hibiken/asynq"
)

// withoutSentinels returns err without asynq.SkipRetry and asynq.RevokeTask, by which a handler tells asynq what to do
// and not what went wrong: the cause that they were wrapped with, else the text around them. It rebuilds errors of fmt
// and errors alone: what else wraps a sentinel says something by its type.
func withoutSentinels(err error) error {
	if err == nil || !isControl(err) {
		return err
	}
	if cause := strip(err); cause != nil {
		return cause
	}
	return err
}

func isControl(err error) bool {
	return errors.Is(err, asynq.SkipRetry) || errors.Is(err, asynq.RevokeTask)
}

// strip returns what is left of err, nil for nothing.
func strip(err error) error {
	if err == asynq.SkipRetry || err == asynq.RevokeTask {
		return nil
	}
	if !isControl(err) {
		return err
	}
	switch pkg := packageOf(err); {
	case pkg != "fmt" && pkg != "errors":
		return err
	}
	switch wrapper := err.(type) {
	case interface{ Unwrap() error }:
		return rebuilt(err, strip(wrapper.Unwrap()))
	case interface{ Unwrap() []error }:
		var rest []error
		for _, child := range wrapper.Unwrap() {
			if child == nil {
				continue
			}
			if child = strip(child); child != nil {
				rest = append(rest, child)
			}
		}
		if packageOf(err) == "errors" { // joined: each is an error by itself
			return errors.Join(rest...)
		}
		return rebuilt(err, rest...)
	}
	return err
}

func packageOf(err error) string {
	t := reflect.TypeOf(err)
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return t.PkgPath()
}

// rebuilt is an error with err's text, the sentinels' taken out, that wraps rest.
func rebuilt(err error, rest ...error) error {
	text := err.Error()
	for _, sentinel := range []error{asynq.SkipRetry, asynq.RevokeTask} {
		s := sentinel.Error()
		for _, around := range []string{": " + s, s + ": ", " (" + s + ")", s} {
			text = strings.ReplaceAll(text, around, "")
		}
	}
	text = strings.TrimSpace(text)
	var causes []error
	for _, cause := range rest {
		if cause != nil {
			causes = append(causes, cause)
		}
	}
	switch {
	case len(causes) == 1 && causes[0].Error() == text:
		return causes[0]
	case len(causes) == 1:
		return &wrapped{text, causes[0]}
	case len(causes) > 1:
		return &wrappedMany{text, causes}
	case text == "":
		return nil
	}
	return errors.New(text)
}

// wrapped and wrappedMany are what fmt.Errorf makes with one %w and with several.
type wrapped struct {
	text  string
	cause error
}

func (e *wrapped) Error() string { return e.text }
func (e *wrapped) Unwrap() error { return e.cause }

type wrappedMany struct {
	text   string
	causes []error
}

func (e *wrappedMany) Error() string   { return e.text }
func (e *wrappedMany) Unwrap() []error { return e.causes }
