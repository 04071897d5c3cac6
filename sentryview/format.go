package sentryview

import (
	"encoding/json"
	"fmt"
	"html/template"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

var functions = template.FuncMap{
	"size":   sizeOf,
	"spell":  spell,
	"ago":    ago,
	"when":   newMoment,
	"plural": plural,
	"lines":  foldText,
	"short":  short,
	"percent": func(part, whole float64) string {
		return coordinate(100 * part / max(whole, math.SmallestNonzeroFloat64))
	},
	"level":  newLevel,
	"add":    func(a, b int) int { return a + b },
	"float":  func(n int) float64 { return float64(n) },
	"int64":  func(n uint64) int64 { return int64(min(n, math.MaxInt64)) },
	"status": newStatus,
	"title":  func(e *record) string { title, _ := titleOf(e); return title },
	"choice": newChoice,
}

// A choice is what a filter offers.
type choice struct {
	Label, Name, All, Now string
	Values                []string
	Words                 bool // the values are statuses, which have words for people
}

func newChoice(label, name, all, now string, values []string, words bool) choice {
	return choice{label, name, all, now, values, words}
}

// coordinate is a number for an SVG.
func coordinate(f float64) string {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		f = 0
	}
	return strconv.FormatFloat(min(100, max(0, f)), 'f', 2, 64)
}

// A moment is a time for people: theirs, with UTC beside.
type moment struct {
	Machine string // RFC 3339
	Local   string
	Day     string // of Local
	Today   bool   // pages leave the day out
	UTC     string // "" where local time is UTC; Local says so then
	Zero    bool
}

func newMoment(t time.Time) moment { return momentIn(t, time.Local) }

func momentIn(t time.Time, zone *time.Location) moment {
	if t.IsZero() {
		return moment{Zero: true}
	}
	local, utc, now := t.In(zone), t.UTC(), time.Now().In(zone)
	m := moment{Machine: utc.Format(time.RFC3339Nano), Day: local.Format("2 Jan 2006"), Local: local.Format("15:04:05")}
	m.Today = now.Format(time.DateOnly) == local.Format(time.DateOnly)
	switch _, offset := local.Zone(); {
	case offset == 0:
		m.Local += " UTC"
	case local.YearDay() != utc.YearDay():
		m.UTC = utc.Format("2 Jan 15:04:05") + " UTC"
	default:
		m.UTC = utc.Format("15:04:05") + " UTC"
	}
	return m
}

// text is the moment in a line of a text.
func (m moment) text() string {
	switch {
	case m.Zero:
		return "unknown"
	case m.UTC == "":
		return m.Day + " " + m.Local
	}
	return m.Day + " " + m.Local + " (" + m.UTC + ")"
}

// ago says how long before now t was.
func ago(t, now time.Time) string {
	if t.IsZero() {
		return "at an unknown time"
	}
	d := now.Sub(t)
	switch {
	case d < -2*time.Second:
		return "in " + about(-d)
	case d < 2*time.Second:
		return "just now"
	}
	return about(d) + " ago"
}

// about is a duration to one figure of two.
func about(d time.Duration) string {
	switch {
	case d < 2*time.Minute:
		return plural(int(d.Seconds()), "second")
	case d < 2*time.Hour:
		return plural(int(d.Minutes()), "minute")
	case d < 48*time.Hour:
		return plural(int(d.Hours()), "hour")
	}
	return plural(int(d.Hours()/24), "day")
}

// spell is a duration with its unit.
func spell(d time.Duration) string {
	switch {
	case d < 0:
		return "−" + spell(-d)
	case d == 0:
		return "0 s"
	case d < time.Millisecond:
		return strconv.FormatFloat(float64(d)/float64(time.Millisecond), 'f', 2, 64) + " ms"
	case d < time.Second:
		return strconv.FormatInt(d.Milliseconds(), 10) + " ms"
	case d < 10*time.Second:
		return strconv.FormatFloat(d.Seconds(), 'f', 2, 64) + " s"
	case d < time.Minute:
		return strconv.FormatFloat(d.Seconds(), 'f', 1, 64) + " s"
	case d < time.Hour:
		return fmt.Sprintf("%d min %d s", int(d.Minutes()), int(d.Seconds())%60)
	}
	return fmt.Sprintf("%d h %d min", int(d.Hours()), int(d.Minutes())%60)
}

// sizeOf is size for templates, which have numbers of both types.
func sizeOf(n any) string {
	if n, ok := n.(int64); ok {
		return size(float64(n))
	}
	return size(float64(n.(int)))
}

// size is a number of bytes with its unit.
func size(f float64) string {
	for _, unit := range []string{"B", "KiB", "MiB", "GiB", "TiB"} {
		switch {
		case f < 1000 && (unit == "B" || f >= 100):
			return strconv.FormatFloat(f, 'f', 0, 64) + " " + unit
		case f < 1000:
			return strconv.FormatFloat(f, 'f', 1, 64) + " " + unit
		}
		f /= 1024
	}
	return strconv.FormatFloat(f, 'f', 1, 64) + " PiB"
}

func plural(n int, word string) string {
	text := grouped(strconv.Itoa(n)) + " " + word
	if n == 1 {
		return text
	}
	if strings.HasSuffix(word, "ch") {
		return grouped(strconv.Itoa(n)) + " " + word + "es"
	}
	if stem, ok := strings.CutSuffix(word, "y"); ok && !strings.HasSuffix(word, "ay") {
		return grouped(strconv.Itoa(n)) + " " + stem + "ies"
	}
	return text + "s"
}

// grouped puts a comma before each three digits.
func grouped(digits string) string {
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

// listed joins words as a sentence does.
func listed(words []string) string {
	switch n := len(words); n {
	case 0:
		return ""
	case 1:
		return words[0]
	default:
		return strings.Join(words[:n-1], ", ") + " and " + words[n-1]
	}
}

// A folded text shows its beginning.
type folded struct {
	Beginning string
	All       string // "" if that was all
	Length    int    // in characters
}

// foldFrom is how many characters of a text are shown before it is folded.
const foldFrom = 1200

func foldText(text string) folded {
	n := utf8.RuneCountInString(text)
	if n <= foldFrom {
		return folded{Beginning: text, Length: n}
	}
	return folded{string([]rune(text)[:foldFrom]) + "…", text, n}
}

// maxShort is how many characters of a name or a title are shown. Raw JSON has all of it.
const maxShort = 400

func short(text string) string {
	n := 0
	for i := range text {
		if n++; n > maxShort {
			return text[:i] + "…"
		}
	}
	return text
}

// A pair is a name and its value, both as received.
type pair struct{ Name, Value string }

// pairs are the values of a map, by name, each as a line.
func pairs(values map[string]any) []pair {
	list := make([]pair, 0, len(values))
	for _, name := range slices.Sorted(maps.Keys(values)) {
		list = append(list, pair{name, unit(name, values[name])})
	}
	return list
}

// unit is a value as text, with the unit that its name promises; a time as all times of the page.
func unit(name string, v any) string {
	n, ok := v.(float64)
	if !ok {
		text := plain(v)
		if t, err := time.Parse(time.RFC3339, text); err == nil && isTime(name) {
			return newMoment(t).text()
		}
		return text
	}
	switch {
	case strings.HasSuffix(name, "memory_size"), strings.HasSuffix(name, "_memory"),
		strings.HasSuffix(name, "_storage"),
		name == "storage_size", strings.HasSuffix(name, "_bytes"), name == "bytes":
		return size(n)
	case strings.HasSuffix(name, "_gb"):
		return plain(v) + " GiB"
	case strings.HasSuffix(name, "_mb"):
		return plain(v) + " MiB"
	case strings.HasSuffix(name, "_mhz"), name == "processor_frequency":
		return plain(v) + " MHz"
	case strings.HasSuffix(name, "_percent"), strings.HasPrefix(name, "percent_"):
		return plain(v) + " %"
	}
	return plain(v)
}

// isTime says whether the library calls a time so.
func isTime(name string) bool {
	return strings.HasSuffix(name, "_time") || strings.HasSuffix(name, "_at") || strings.HasSuffix(name, "_started") ||
		name == "began" || name == "last_alive"
}

// plain is a value as text: one of JSON's as people write it.
func plain(v any) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case string:
		return v
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	case bool:
		return strconv.FormatBool(v)
	}
	var b strings.Builder
	out := json.NewEncoder(&b)
	out.SetEscapeHTML(false) // the template does
	if err := out.Encode(v); err != nil {
		return fmt.Sprint(v)
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// A level is one of Sentry's, or other: what was received is never more than one of them.
type level string

func newLevel(received string) level {
	switch received {
	case "fatal", "error", "warning", "info", "debug":
		return level(received)
	case "": // as Sentry takes it
		return "error"
	}
	return "other"
}

// rank orders levels.
func (l level) rank() int {
	return slices.Index([]string{"debug", "info", "warning", "error", "fatal"}, string(l))
}

func categoryWord(category string) string {
	switch category {
	case "monitor":
		return "check-in"
	case "log_item":
		return "log"
	case "trace_metric":
		return "metric"
	case "default":
		return "other"
	}
	return category
}
