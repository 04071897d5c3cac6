package sentrytest

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"math"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// What Sentry's parser is stricter about than encoding/json, why Sentry rejects an event, and what it changes in an
// event that it accepts. The limits are those of Relay, the server that receives events for Sentry.

// isHex reports whether v is a string of n lower-case hexadecimal digits, not all 0.
func isHex(v any, n int) bool {
	s, ok := v.(string)
	if !ok || len(s) != n {
		return false
	}
	zero := true
	for i := range len(s) {
		c := s[i]
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
		zero = zero && c == '0'
	}
	return !zero
}

// maxDepth is how deep objects and lists may nest before Sentry's parser gives up.
const maxDepth = 127

// checkJSON returns an error for what encoding/json accepts but Sentry's parser rejects or partly loses. raw must be
// valid for encoding/json.
func checkJSON(raw []byte) error {
	if !utf8.Valid(raw) {
		return errors.New("broken JSON: not UTF-8")
	}
	if err := checkObjects(raw); err != nil {
		return err
	}
	if bytes.Contains(raw, []byte(`\ud`)) || bytes.Contains(raw, []byte(`\uD`)) {
		return checkSurrogates(raw)
	}
	return nil
}

// checkObjects rejects objects that are nested too deep, and duplicate names in an object, of which a server keeps one.
func checkObjects(raw []byte) error {
	var names []map[string]struct{} // of the objects and lists around i
	for i := 0; i < len(raw); i++ {
		switch raw[i] {
		case '{', '[':
			names = append(names, nil)
			if len(names) > maxDepth {
				return fmt.Errorf("JSON of more than %d levels", maxDepth)
			}
		case '}', ']':
			names = names[:max(0, len(names)-1)]
		case '"':
			text := stringAt(raw[i:])
			i += len(text) - 1
			if len(names) == 0 || !bytes.HasPrefix(bytes.TrimLeft(raw[i+1:], " \t\r\n"), []byte(":")) {
				continue // a value
			}
			top := &names[len(names)-1]
			if *top == nil {
				*top = make(map[string]struct{})
			}
			if _, ok := (*top)[string(text)]; ok {
				return fmt.Errorf("JSON with two values of the name %.100s", text)
			}
			(*top)[string(text)] = struct{}{}
		}
	}
	return nil
}

// stringAt returns the string that b begins with, including its quotes.
func stringAt(b []byte) []byte {
	for i := 1; i < len(b); i++ {
		switch b[i] {
		case '\\':
			i++
		case '"':
			return b[:i+1]
		}
	}
	return b
}

// checkSurrogates rejects halves of surrogate pairs. Only strings contain a backslash.
func checkSurrogates(raw []byte) error {
	for i := 0; i+1 < len(raw); i++ {
		if raw[i] != '\\' {
			continue
		}
		i++
		high, ok := surrogate(raw[i:], 0xd800)
		if !ok {
			if _, lone := surrogate(raw[i:], 0xdc00); lone {
				return fmt.Errorf("broken JSON at byte %d: half a surrogate pair, %.6q", i-1, raw[i-1:])
			}
			continue
		}
		low := raw[i+high:]
		if len(low) == 0 || low[0] != '\\' {
			return fmt.Errorf("broken JSON at byte %d: half a surrogate pair, %.6q", i-1, raw[i-1:])
		}
		if _, ok := surrogate(low[1:], 0xdc00); !ok {
			return fmt.Errorf("broken JSON at byte %d: half a surrogate pair, %.6q", i-1, raw[i-1:])
		}
		i += high // the backslash of the second half
	}
	return nil
}

// surrogate reports whether b begins with the escape, without its backslash, of a surrogate from base on, and its
// length.
func surrogate(b []byte, base rune) (int, bool) {
	const length = len("ud800")
	if len(b) < length || b[0] != 'u' {
		return 0, false
	}
	r, err := strconv.ParseUint(string(b[1:length]), 16, 16)
	return length, err == nil && rune(r) >= base && rune(r) < base+0x400
}

// check returns the reason for which Sentry would reject the event, apart from its age. payloadType is the type in the
// payload itself.
func (e *Event) check(payloadType string) error {
	switch {
	case payloadType == "" || payloadType == e.Type:
	case payloadType == typeTransaction || payloadType == typeFeedback || e.Type == typeTransaction:
		return fmt.Errorf("an item of type %s with a payload of type %.100q", e.Type, payloadType)
	}
	switch e.Type {
	case typeTransaction:
		return e.checkTransaction()
	case typeFeedback:
		return checkFeedback(e.Contexts[typeFeedback])
	}
	return nil
}

func (e *Event) checkTransaction() error {
	if err := checkTimes(e.Start, e.Time); err != nil {
		return err
	}
	trace := e.Contexts["trace"]
	if err := checkIDs(trace["trace_id"], trace["span_id"]); err != nil {
		return fmt.Errorf("contexts.trace: %w", err)
	}
	for i, span := range e.Spans {
		if err := checkIDs(span.TraceID, span.SpanID); err != nil {
			return fmt.Errorf("spans[%d]: %w", i, err)
		}
		if err := checkTimes(span.Start, span.Time); err != nil {
			return fmt.Errorf("spans[%d]: %w", i, err)
		}
	}
	return nil
}

// maxFeedbackChars limits a feedback's message. Sentry drops feedback with a longer one.
const maxFeedbackChars = 4_096

// checkFeedback returns the reason for which Sentry would drop a user's feedback.
func checkFeedback(c map[string]any) error {
	for _, name := range []string{"message", "contact_email", "name", "url", "associated_event_id"} {
		if _, ok := c[name].(string); !ok && c[name] != nil {
			return fmt.Errorf("contexts.feedback: %s is no text", name)
		}
	}
	message, _ := c["message"].(string)
	associated, _ := c["associated_event_id"].(string)
	switch n := chars(message, maxFeedbackChars); {
	case strings.TrimSpace(message) == "":
		return errors.New("contexts.feedback: no message")
	case n > maxFeedbackChars:
		return fmt.Errorf("contexts.feedback: message of %d characters, at most %d", n, maxFeedbackChars)
	case associated != "" && !isHex(associated, 32):
		return fmt.Errorf("contexts.feedback: associated_event_id %.100q isn't an event's ID", associated)
	}
	return nil
}

func checkTimes(start, end time.Time) error {
	switch {
	case start.IsZero():
		return errors.New("no start_timestamp")
	case end.IsZero():
		return errors.New("no timestamp")
	case end.Before(start):
		return fmt.Errorf("ends, %v, before it starts, %v", end, start)
	}
	return nil
}

func checkIDs(trace, span any) error {
	if !isHex(trace, 32) {
		return fmt.Errorf("trace_id %v isn't 32 lower-case hexadecimal digits, not all 0", trace)
	}
	if !isHex(span, 16) {
		return fmt.Errorf("span_id %v isn't 16 lower-case hexadecimal digits, not all 0", span)
	}
	return nil
}

// Limits on an event's age. Sentry drops an older or future transaction; it dates any other event by its arrival.
const (
	maxEventAge       = 30 * 24 * time.Hour
	maxTransactionAge = 5 * 24 * time.Hour
	maxAhead          = time.Minute
)

// maxDrift limits the error of sent_at. Beyond it, Sentry assumes that the client's clock is wrong by that difference,
// and moves the event's times.
const maxDrift = 55 * time.Minute

// bubbleTime reports whether t is in a testing/synctest bubble, whose clock starts at midnight UTC 2000-01-01. No test
// sleeps for ten years.
func bubbleTime(t time.Time) bool {
	year := t.UTC().Year()
	return year >= 2000 && year < 2010
}

// arrival returns the time at which e arrived, by the clock that judges its times. For an event captured in a bubble
// that is the bubble's clock, otherwise the machine's, by which it is received. If a client from outside the bubble
// sent e, its clock is outside, so the time of the capture counts as the arrival.
func (e *Event) arrival(received time.Time) time.Time {
	sent, err := sentAt(e.Header)
	switch {
	case err == nil && bubbleTime(sent):
		return sent
	case bubbleTime(e.Time):
		return e.Time
	}
	return received
}

// ageFault returns what is wrong with the time of e, which arrived at received.
func (e *Event) ageFault(received time.Time) string {
	maxAge := maxEventAge
	if e.Type == typeTransaction {
		maxAge = maxTransactionAge
	}
	age := received.Sub(e.Time)
	switch {
	case e.Time.IsZero(): // Sentry uses the time of arrival
		return ""
	case age > maxAge:
		return fmt.Sprintf("timestamp %v is %v old, Sentry takes it up to %v", e.Time, age, maxAge)
	case age < -maxAhead:
		return fmt.Sprintf("timestamp %v is %v ahead, Sentry takes it up to %v", e.Time, -age, maxAhead)
	}
	return ""
}

// Lengths in characters up to which Sentry leaves a value unchanged. It tolerates a little more of long texts.
const (
	maxTagChars           = 200 // for a tag's key and its value each
	maxTransactionChars   = 200
	maxReleaseChars       = 200 // bytes, in fact
	maxServerNameChars    = 200 // becomes a tag
	maxEnvironmentChars   = 64  // bytes, in fact
	maxDistChars          = 64
	maxLoggerChars        = 64
	maxUserChars          = 128 // for id, username and name each
	maxEmailChars         = 75
	maxTextChars          = 8_192 + 200 // a message, an exception's value or a breadcrumb's message
	maxExceptionTypeChars = 256 + 20
	maxMechanismChars     = 128
	maxFrames             = 250 // a stack trace; a number of frames
)

// A budget says how much of a value Sentry keeps: bytes, counted as in [budget.take], and levels of objects and lists.
// The value itself is level 1, the values in the innermost object or list are the last level.
type budget struct{ bytes, levels int }

var (
	contextBudget    = budget{8_192, 7}
	breadcrumbBudget = budget{2_048, 5}
	extraBudget      = budget{262_144, 7} // all values together
	extraValueBudget = budget{16_384, 6}
)

// An untimely error concerns the times of an event, which are often chosen by the test.
type untimely struct{ error }

// faults returns what Sentry would accept but change or drop.
func (e *Event) faults(received time.Time) []error {
	f := faultFinder{e: e}
	f.times(e.arrival(received))
	for name, value := range e.Tags {
		if what := tagFault(name, value); what != "" {
			f.add("tag %.210q = %.210q: %s", name, value, what)
		}
	}
	f.attributes()
	f.user()
	f.exceptions()
	f.breadcrumbs()
	f.values()
	return f.found
}

// A faultFinder collects the faults of an event.
type faultFinder struct {
	e     *Event
	found []error
}

func (f *faultFinder) describe(format string, args ...any) error {
	return fmt.Errorf("%s %s: %s", f.e.Type, f.e.ID, fmt.Sprintf(format, args...))
}

func (f *faultFinder) add(format string, args ...any) {
	f.found = append(f.found, f.describe(format, args...))
}

func (f *faultFinder) tooLong(name, value string, limit int) {
	if n := chars(value, limit); n > limit {
		f.add("%s of %d characters, Sentry keeps %d", name, n, limit)
	}
}

// times checks the event's times; arrival is when it arrived.
func (f *faultFinder) times(arrival time.Time) {
	if what := f.e.ageFault(arrival); what != "" {
		f.found = append(f.found, untimely{f.describe("%s", what)})
	}
	at, err := sentAt(f.e.Header)
	if bubbleTime(arrival) && !bubbleTime(at) {
		return // from a client outside the bubble, with another clock
	}
	if err == nil && !at.IsZero() && arrival.Sub(at).Abs() > maxDrift {
		f.found = append(f.found, untimely{f.describe("sent_at is %v, and it arrived at %v: "+
			"Sentry takes the clock to be wrong and moves the event's times", at, arrival)})
	}
}

// attributes checks the fields that an event has once.
func (f *faultFinder) attributes() {
	e := f.e
	if e.Type != typeFeedback { // its message has a limit of its own
		f.tooLong("message", e.Message, maxTextChars)
	}
	f.tooLong("transaction name", e.Transaction, maxTransactionChars)
	if n := len(e.Release); n > maxReleaseChars {
		f.add("release of %d bytes, Sentry keeps %d", n, maxReleaseChars)
	}
	if n := len(e.Environment); n > maxEnvironmentChars {
		f.add("environment of %d bytes, Sentry keeps %d", n, maxEnvironmentChars)
	}
	f.tooLong("dist", e.Dist, maxDistChars)
	f.tooLong("logger", e.Logger, maxLoggerChars)
	f.tooLong("server_name", e.ServerName, maxServerNameChars)
	if strings.ContainsAny(e.Release, "/\\\n\t") || e.Release == "." || e.Release == ".." ||
		strings.EqualFold(e.Release, "latest") || e.Release != "" && strings.TrimSpace(e.Release) == "" {
		f.add("release %.210q isn't valid, Sentry drops it", e.Release)
	}
	if strings.ContainsAny(e.Environment, "/\\\n\r\f\t") || strings.EqualFold(e.Environment, "None") {
		f.add("environment %.100q isn't valid, Sentry drops it", e.Environment)
	}
	if strings.ContainsFunc(strings.TrimSpace(e.Dist), func(r rune) bool { return r == ':' || notInTagKey(r) }) {
		f.add("dist %.100q: it is made of letters, digits and _.-; Sentry drops it", e.Dist)
	}
	if strings.Contains(e.ServerName, "\n") || strings.Contains(e.Logger, "\n") {
		f.add("server_name %.210q or logger %.100q with a line break, Sentry drops it", e.ServerName, e.Logger)
	}
	if !knownLevel(e.Level) {
		f.add("level %.100q, Sentry knows debug, info, warning, error and fatal", e.Level)
	}
}

func (f *faultFinder) user() {
	for name, limit := range map[string]int{
		"id": maxUserChars, "username": maxUserChars, "name": maxUserChars, "email": maxEmailChars,
	} {
		value, _ := f.e.User[name].(string)
		f.tooLong("user."+name, value, limit)
	}
	if ip, ok := f.e.User["ip_address"].(string); ok && ip != "{{auto}}" {
		if _, err := netip.ParseAddr(ip); err != nil {
			f.add("user.ip_address %.100q is no IP address, Sentry drops it", ip)
		}
	}
}

// exceptions checks the exceptions and threads.
func (f *faultFinder) exceptions() {
	for i, x := range f.e.Exceptions {
		f.tooLong(fmt.Sprintf("exception %d: type", i), x.Type, maxExceptionTypeChars)
		f.tooLong(fmt.Sprintf("exception %d: value", i), x.Value, maxTextChars)
		if x.Type == "" && x.Value == "" {
			f.add("exception %d with neither type nor value, Sentry drops it", i)
		}
		if x.Mechanism != nil && x.Mechanism.Type == "" {
			f.add("exception %d with a mechanism without a type", i)
		}
		if x.Mechanism != nil {
			f.tooLong(fmt.Sprintf("exception %d: mechanism type", i), x.Mechanism.Type, maxMechanismChars)
		}
		if n := len(x.Frames); n > maxFrames {
			f.add("exception %d with %d frames, Sentry keeps %d", i, n, maxFrames)
		}
	}
	for i, t := range f.e.Threads {
		if n := len(t.Frames); n > maxFrames {
			f.add("thread %d with %d frames, Sentry keeps %d", i, n, maxFrames)
		}
	}
}

func (f *faultFinder) breadcrumbs() {
	for i, b := range f.e.Breadcrumbs {
		f.tooLong(fmt.Sprintf("breadcrumb %d: message", i), b.Message, maxTextChars)
		if !knownLevel(b.Level) {
			f.add("breadcrumb %d with level %.100q", i, b.Level)
		}
		if what := breadcrumbBudget.fault(b.Data); what != "" {
			f.add("breadcrumb %d: data: %s", i, what)
		}
	}
}

// values checks contexts and extra.
func (f *faultFinder) values() {
	for name, c := range f.e.Contexts {
		if name == "trace" { // the trace context has rules of its own
			continue
		}
		if _, ok := c["type"]; !ok && len(c) > 0 { // Sentry adds one
			c = maps.Clone(c)
			c["type"] = name
		}
		if what := contextBudget.fault(c); what != "" {
			f.add("context %.100q: %s", name, what)
		}
	}
	for name, value := range f.e.Extra {
		if what := extraValueBudget.fault(value); what != "" {
			f.add("extra %.100q: %s", name, what)
		}
	}
	if what := extraBudget.fault(f.e.Extra); what != "" && len(f.found) == 0 {
		f.add("extra: %s", what)
	}
}

func knownLevel(level string) bool {
	switch level {
	case "", "debug", "info", "warning", "error", "fatal", "critical", "log":
		return true
	}
	return false
}

// tagFault returns what is wrong with a tag.
func tagFault(name, value string) string {
	switch {
	case name == "" || strings.ContainsFunc(name, notInTagKey):
		return "a key is made of letters, digits and _.:-; Sentry drops or renames it"
	case len(name) > maxTagChars:
		return fmt.Sprintf("a key has at most %d characters, Sentry drops it", maxTagChars)
	case name == "release" || name == "dist" || name == "environment" || name == "user":
		return "a key that Sentry keeps for itself and drops"
	case strings.TrimSpace(value) == "":
		return "no value, Sentry drops it"
	case chars(value, maxTagChars) > maxTagChars:
		return fmt.Sprintf("a value has at most %d characters, Sentry drops or cuts it", maxTagChars)
	case strings.Contains(value, "\n"):
		return "a value has no line break, Sentry drops it"
	}
	return ""
}

func notInTagKey(r rune) bool {
	return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("_.:-", r)
}

// chars counts the characters of s, or its bytes if those don't exceed limit.
func chars(s string, limit int) int {
	if len(s) <= limit {
		return len(s)
	}
	return utf8.RuneCountInString(s)
}

// fault returns which part of v Sentry would drop, "" for none.
func (b budget) fault(v any) string {
	left := b
	if !left.take(v) {
		return fmt.Sprintf("more than the %d bytes that Sentry keeps, names apart", b.bytes)
	}
	if n := levels(v); n > b.levels {
		return fmt.Sprintf("%d levels, Sentry keeps %d", n, b.levels)
	}
	return ""
}

// take subtracts the cost of v and reports whether there was enough. As in Sentry, object names cost nothing and are
// visited in order, and a value that isn't a string may cost more than what is left.
func (b *budget) take(v any) bool {
	if b.bytes <= 0 {
		return false
	}
	cost := 1
	switch v := v.(type) {
	case bool:
		cost += len(strconv.FormatBool(v))
	case float64:
		cost += len(strconv.FormatFloat(v, 'f', -1, 64))
	case string:
		if chars(v, b.bytes) > b.bytes {
			return false
		}
		cost += len(v) + len(`""`)
	case []any:
		for _, value := range v {
			if !b.take(value) {
				return false
			}
		}
		cost += len("[]")
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(v)) {
			if !b.take(v[name]) {
				return false
			}
		}
		cost += len("{}")
	}
	b.bytes -= cost
	return true
}

// levels returns the depth of objects and lists in v, including the values in the innermost.
func levels(v any) int {
	deepest := 0
	switch v := v.(type) {
	case []any:
		for _, value := range v {
			deepest = max(deepest, levels(value))
		}
	case map[string]any:
		for _, value := range v {
			deepest = max(deepest, levels(value))
		}
	}
	return deepest + 1
}

// unixTime converts seconds since 1970 to a time, rounded to the microsecond.
func unixTime(seconds float64) (time.Time, error) {
	if math.Abs(seconds) > 1e11 {
		return time.Time{}, fmt.Errorf("%v isn't a time in seconds since 1970", seconds)
	}
	return time.UnixMicro(int64(math.Round(seconds * 1e6))).UTC(), nil
}
