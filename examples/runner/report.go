package main

import (
	"bytes"
	"encoding/json"
	"time"
)

// How a task ended, as the report says it.
const (
	statusSuccess   = "success"
	statusFailure   = "failure"   // the check came out bad
	statusError     = "error"     // it could not start, timed out or panicked
	statusSkipped   = "skipped"   // not run
	statusCancelled = "cancelled" // interrupted while it ran

	// Of the whole run, beside success, failure and skipped, which is a run in which nothing ran.
	statusSomeBad     = "completed_with_errors"
	statusInterrupted = "interrupted"
)

// A report is what stdout gets.
type report struct {
	// success, completed_with_errors, failure, skipped or interrupted
	OverallStatus string         `json:"overall_status"`
	Start         time.Time      `json:"start"`
	Duration      float64        `json:"duration_seconds"`
	List          string         `json:"list"`
	Interrupted   bool           `json:"interrupted"`
	Counts        map[string]int `json:"counts"` // tasks by status
	Results       []result       `json:"results"`
}

// A result is one task of a report.
type result struct {
	Index    int     `json:"index"` // from 0, as in the markers
	Type     string  `json:"type"`
	Label    string  `json:"label"`
	Status   string  `json:"status"`
	Duration float64 `json:"duration_seconds"`
	Summary  summary `json:"summary"`
	Reason   string  `json:"reason"`
	Code     string  `json:"code"` // of a failure: a short constant for what is bad
	EventID  string  `json:"event_id"`
}

func (r *result) well() bool { return r.Status == statusSuccess || r.Status == statusSkipped }

// newReport judges results, which are in the order of the list.
func newReport(source string, start time.Time, results []result, interrupted bool) *report {
	r := &report{
		Start:       start.UTC(),
		Duration:    seconds(time.Since(start)),
		List:        source,
		Interrupted: interrupted,
		Counts:      make(map[string]int),
		Results:     results,
	}
	for i := range results {
		r.Counts[results[i].Status]++
	}
	well, skipped := r.Counts[statusSuccess], r.Counts[statusSkipped]
	switch {
	case interrupted:
		r.OverallStatus = statusInterrupted
	case skipped == len(results): // nobody must take it for a run in which all went well
		r.OverallStatus = statusSkipped
	case well+skipped == len(results):
		r.OverallStatus = statusSuccess
	case well == 0:
		r.OverallStatus = statusFailure
	default:
		r.OverallStatus = statusSomeBad
	}
	return r
}

// exitCode is what the program ends with.
func (r *report) exitCode() int {
	switch r.OverallStatus {
	case statusSuccess:
		return exitWell
	case statusInterrupted:
		return exitInterrupted
	}
	return exitFailed
}

func (r *report) encode() ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	err := enc.Encode(r)
	return b.Bytes(), err
}

// seconds keeps microseconds: the fastest tasks take less than a millisecond.
func seconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1e6 }
