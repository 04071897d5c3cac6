package sentrytest

import (
	"testing"
	"time"
)

// TestArrivals: each channel is closed by the next envelope that is taken, or by Close, and by nothing else.
func TestArrivals(t *testing.T) {
	t.Parallel()
	s := NewServer(nil)
	defer s.Close()
	first := s.Arrivals()
	if status, _ := post(t, s, "no envelope"); status == 200 {
		t.Fatal("it was taken")
	}
	select {
	case <-first:
		t.Error("what was refused has arrived")
	default:
	}
	if status, answer := post(t, s, "{}\n{\"type\":\"x\"}\n{}\n"); status != 200 {
		t.Fatal(answer)
	}
	<-first
	second := s.Arrivals()
	select {
	case <-second:
		t.Error("nothing has arrived since")
	default:
	}
	s.Close()
	<-second
	<-s.Arrivals()
}

func TestParseEnvelope(t *testing.T) {
	t.Parallel()
	const id = "9ec79c33ec9942ab8353589fcb2e04dc"
	const trace = `{"trace_id":"` + id + `","span_id":"9ec79c33ec9942ab","op":"task"}`
	for _, test := range []struct {
		name, raw string
		items     int
		event     bool
		ok        bool
	}{
		{"an old transaction", `{"event_id":"` + id + `"}
{"type":"transaction"}
{"type":"transaction","start_timestamp":1,"timestamp":2,"contexts":{"trace":` + trace + `}}
`, 1, true, true},
		{"no event", "{}\n{\"type\":\"check_in\"}\n{}\n", 1, false, true},
		{"broken JSON", "{}\n{\"type\":\"event\"}\n{\"message\":\n{\"type\":\"x\"}\n{}", 2, false, false},
		{"torn", `{"event_id":"` + id + `"}` + "\n{\"type\":\"event\",\"length\":100}\n{}", 0, false, false},
		{"nothing", "", 0, false, false},
	} {
		e, event, err := ParseEnvelope([]byte(test.raw))
		if len(e.Items) != test.items || (event != nil) != test.event || (err == nil) != test.ok {
			t.Errorf("%s: %d items, event %v, %v", test.name, len(e.Items), event, err)
		}
		if event != nil && (event.ID != id || event.Header == nil || event.Duration() != time.Second) {
			t.Errorf("%s: %+v", test.name, event)
		}
	}
}
