package crumb

import (
	"fmt"
	"log/slog"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/getsentry/sentry-go"

	"github.com/autoservice/sentryconfig/internal/protocol"
)

// secret hides its value from logs.
type secret string

func (secret) LogValue() slog.Value { return slog.StringValue("[hidden]") }

type panics struct{}

func (panics) LogValue() slog.Value { panic("no value") }

type loops struct{}

func (loops) LogValue() slog.Value { return slog.AnyValue(loops{}) }

func TestBreadcrumb(t *testing.T) {
	var none *Scope
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for _, test := range []struct {
		name  string
		scope *Scope
		attrs []slog.Attr
		want  map[string]any
	}{
		{"nothing", none, nil, nil},
		{"kinds", none, []slog.Attr{
			slog.String("text", "a"), slog.Int("int", -1), slog.Uint64("uint", 1), slog.Bool("bool", true),
			slog.Duration("duration", time.Second), slog.Float64("float", 0.5), slog.Any("list", []int{1}),
		}, map[string]any{
			"text": "a", "int": int64(-1), "uint": uint64(1), "bool": true,
			"duration": "1s", "float": 0.5, "list": []any{int64(1)},
		}},
		{"scopes, the innermost last", none.WithAttrs([]slog.Attr{slog.Int("a", 1)}).WithGroup("g").
			WithAttrs([]slog.Attr{slog.Int("b", 2)}), []slog.Attr{slog.Int("c", 3)},
			map[string]any{"a": int64(1), "g": map[string]any{"b": int64(2), "c": int64(3)}}},
		{"an empty group is left out", none.WithGroup("g"), []slog.Attr{slog.Group("h")}, nil},
		{"a group without a name is no group", none, []slog.Attr{slog.Group("", slog.Int("a", 1))},
			map[string]any{"a": int64(1)}},
		{"the empty attribute is left out", none, []slog.Attr{{}, slog.Int("a", 1)}, map[string]any{"a": int64(1)}},
		{"LogValuers", none,
			[]slog.Attr{slog.Any("a", secret("word")), slog.Any("b", panics{}), slog.Any("c", loops{})},
			map[string]any{
				"a": "[hidden]", "b": "<panic in crumb.panics.LogValue: no value>",
				"c": "<crumb.loops.LogValue leads to itself>",
			}},
		{"the last one with a key counts", none.WithAttrs([]slog.Attr{slog.Int("a", 1)}),
			[]slog.Attr{slog.Int("b", 1), slog.Group("b", slog.Int("c", 1)), slog.Int("a", 2)},
			map[string]any{"a": int64(2), "b": map[string]any{"c": int64(1)}}},
		{"more than a list holds", none.WithAttrs([]slog.Attr{slog.Int("a", 1), slog.Int("b", 2), slog.Int("c", 3)}),
			[]slog.Attr{slog.Int("d", 4), slog.Int("e", 5), slog.Int("f", 6), slog.Int("g", 7), slog.Int("h", 8),
				slog.Int("a", 9)},
			map[string]any{"a": int64(9), "b": int64(2), "c": int64(3), "d": int64(4), "e": int64(5), "f": int64(6),
				"g": int64(7), "h": int64(8)}},
		{"category in a group is data", none, []slog.Attr{slog.Group("g", slog.String("category", "disk"))},
			map[string]any{"g": map[string]any{"category": "disk"}}},
	} {
		rec := slog.NewRecord(at, slog.LevelInfo, "message", 0)
		rec.AddAttrs(test.attrs...)
		b := read(t, test.scope, &rec)
		if !reflect.DeepEqual(b.Data, test.want) {
			t.Errorf("%s: %v, want %v", test.name, b.Data, test.want)
		}
		if b.Category != "log" || b.Message != "message" || b.Type != "default" || b.Timestamp != at {
			t.Errorf("%s: %+v", test.name, b)
		}
	}
}

func TestBreadcrumbCategory(t *testing.T) {
	rec := slog.NewRecord(time.Time{}, slog.LevelInfo, "message", 0)
	rec.AddAttrs(slog.String("category", "disk"))
	b := read(t, nil, &rec)
	if b.Category != "disk" || b.Data != nil || !b.Timestamp.IsZero() {
		t.Errorf("%+v", b)
	}
}

func TestBreadcrumbLevel(t *testing.T) {
	for level, want := range map[slog.Level]sentry.Level{
		slog.LevelDebug: sentry.LevelDebug, slog.LevelInfo - 1: sentry.LevelDebug, slog.LevelInfo: sentry.LevelInfo,
		slog.LevelWarn - 1: sentry.LevelInfo, slog.LevelWarn: sentry.LevelWarning,
		slog.LevelError: sentry.LevelError, slog.LevelError + 4: sentry.LevelError,
	} {
		rec := slog.NewRecord(time.Time{}, level, "", 0)
		if got := read(t, nil, &rec).Level; got != want {
			t.Errorf("%v: %s, want %s", level, got, want)
		}
	}
}

// Messages and data are cut to what a breadcrumb may hold, and say so.
func TestBreadcrumbLimits(t *testing.T) {
	rec := slog.NewRecord(time.Time{}, slog.LevelInfo, strings.Repeat("m", 2*protocol.MaxMessageChars), 0)
	for i := range 10 {
		rec.AddAttrs(slog.String(fmt.Sprint(i), strings.Repeat("x", protocol.MaxCrumbBytes/4)))
	}
	b := read(t, nil, &rec)
	if len(b.Message) > protocol.MaxMessageChars+100 || !strings.Contains(b.Message, "…") {
		t.Errorf("a message of %d bytes", len(b.Message))
	}
	size := 0
	for _, value := range b.Data {
		size += len(value.(string))
	}
	if size > protocol.MaxCrumbBytes+100 || b.Data["0"] == nil || b.Data["9"] != nil || b.Data["…"] == nil {
		t.Errorf("%d bytes of data: %v", size, b.Data)
	}
}

// read returns the breadcrumb of a record, which says the same as a draft of it.
func read(t *testing.T, s *Scope, rec *slog.Record) *sentry.Breadcrumb {
	t.Helper()
	var d Draft
	s.Draft(rec, &d)
	b := s.Breadcrumb(rec)
	if other := d.Made(); !reflect.DeepEqual(b, other) {
		t.Errorf("breadcrumb %+v, of a draft %+v", b, other)
	}
	return b
}
