package sentryview

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/fnv"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/autoservice/sentryconfig/sentrytest"
)

// Outbox shows what waits in dir, a folder of Options.OutboxDir, and the tasks that its processes run or have left. It
// reads, takes no lock and changes nothing; the processes that use dir go on. A dir that doesn't exist is empty.
func Outbox(dir string) Source { return &outboxSource{dir: dir} }

type outboxSource struct {
	dir string

	mu    sync.Mutex
	known map[string]*parsed // of the last reading, by key
}

// waiting is what an outbox holds.
type waiting struct {
	dir      string
	projects []*project
}

// A project is what waits for one DSN.
type project struct {
	outboxProject
	envelopes []*envelope // as many as are read, oldest first
	bytes     int64       // of all that wait
}

// An envelope waits.
type envelope struct {
	*outboxWaiting
	*parsed
	project string
	key     string // in URLs: within its project
}

// parsed is what an envelope says.
type parsed struct {
	sentrytest.Envelope
	record *record // of its event; nil: it has none
	err    error   // what is wrong with it
}

// maxEnvelopeBytes is the largest envelope that is read: attachments may be large.
const maxEnvelopeBytes = 16 << 20

// version is a checksum of names, sizes and times: a delivery writes into a segment without growing it.
func (src *outboxSource) version() string {
	sum := fnv.New64a()
	_ = filepath.WalkDir(src.dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return nil // a file that vanished is a change by itself
		}
		if entry.IsDir() && filepath.Dir(path) != src.dir && path != src.dir {
			return fs.SkipDir
		}
		if info, err := entry.Info(); err == nil {
			_, _ = fmt.Fprintln(sum, path, info.Size(), info.ModTime().UnixNano()) // a hash takes everything
		}
		return nil
	})
	return strconv.FormatUint(sum.Sum64(), 36)
}

// lookEvery is how often a page that is open looks for changes.
const lookEvery = time.Second

func (src *outboxSource) wait(ctx context.Context, seen string) bool {
	ticker := time.NewTicker(lookEvery)
	defer ticker.Stop()
	for src.version() == seen {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return false
		}
	}
	return true
}

func (src *outboxSource) read() (*reading, error) {
	src.mu.Lock()
	defer src.mu.Unlock()
	projects, err := lookAtOutbox(src.dir)
	if err != nil {
		return nil, err
	}
	r := &reading{name: "Outbox " + src.dir, outbox: &waiting{dir: src.dir}}
	var all []*envelope
	for _, p := range projects {
		mine := &project{outboxProject: p}
		for _, w := range p.Waiting {
			mine.bytes += w.Size
			key := strconv.FormatInt(w.Time, 36) + "-" + strconv.FormatUint(uint64(w.Sum()), 36)
			all = append(all, &envelope{outboxWaiting: w, project: p.Name, key: key})
		}
		r.outbox.projects = append(r.outbox.projects, mine)
	}
	slices.SortStableFunc(all, func(a, b *envelope) int { return int(min(1, max(-1, a.Time-b.Time))) })
	kept := src.parse(all)
	r.omitted = len(all) - len(kept)
	for _, e := range kept {
		for _, p := range r.outbox.projects {
			if p.Name == e.project {
				p.envelopes = append(p.envelopes, e)
			}
		}
		switch {
		case e.record == nil:
		case e.record.Type == "transaction":
			r.transactions = append(r.transactions, e.record)
		default:
			r.events = append(r.events, e.record)
		}
	}
	return r, nil
}

// parse reads the newest of all, which is oldest first. What it has read before, it keeps.
func (src *outboxSource) parse(all []*envelope) []*envelope {
	known := make(map[string]*parsed)
	room := budget{maxBytes}
	var kept []*envelope
	counts := map[bool]int{} // of transactions, and of all else
	for _, e := range slices.Backward(all) {
		isTransaction := e.Category == categoryTransaction
		if counts[isTransaction]++; counts[isTransaction] > maxRecords {
			continue
		}
		if !room.take(int(e.Size)) {
			break
		}
		key := e.project + "/" + e.key
		if e.parsed = src.known[key]; e.parsed == nil {
			e.parsed = readEnvelope(e)
		}
		if !room.take(max(0, len(e.Raw)-int(e.Size))) { // it was packed
			break
		}
		if errors.Is(e.err, fs.ErrNotExist) {
			continue // delivered meanwhile, or renamed: the next reading tells
		}
		known[key] = e.parsed
		kept = append(kept, e)
	}
	src.known = known
	slices.Reverse(kept)
	return kept
}

func readEnvelope(e *envelope) *parsed {
	raw, err := e.outboxWaiting.Envelope(maxEnvelopeBytes)
	if err != nil {
		return &parsed{err: err}
	}
	p := &parsed{}
	var event *sentrytest.Event
	p.Envelope, event, p.err = sentrytest.ParseEnvelope(raw)
	if event == nil {
		return p
	}
	if !isEventID(event.ID) { // links are made of it
		event.ID = fmt.Sprintf("%016x%08x%08x", e.Time, e.Sum(), e.Size)
	}
	p.record = &record{Event: *event, arrived: e.Captured(), waits: true, size: int(e.Size), project: e.project}
	if p.err != nil {
		p.record.problems = p.err.Error()
	}
	return p
}

func isEventID(id string) bool {
	_, err := hex.DecodeString(id)
	return err == nil && len(id) == 32
}

// kinds counts what waits by its category, as text.
func (p *project) kinds() string {
	counts := map[string]int{}
	for _, w := range p.Waiting {
		counts[categoryWord(w.Category.String())] += int(max(1, w.Items))
	}
	var text []string
	for _, word := range slices.Sorted(maps.Keys(counts)) {
		text = append(text, plural(counts[word], word))
	}
	return listed(text)
}

// command is the way to take what waits to another machine.
func (w *waiting) command() string {
	return "go run ./examples/runner -outbox " + strconv.Quote(w.dir) + " -export waiting.tar"
}

// nothing says why no envelope is found.
func (w *waiting) nothing() string {
	entries, err := os.ReadDir(w.dir)
	switch {
	case err != nil:
		return "The folder doesn’t exist: no process has used it yet."
	case slices.ContainsFunc(w.projects, func(p *project) bool { return p.Unread != nil || p.Newer > 0 }):
		return "What waits can’t be read, see above."
	case len(w.projects) > 0:
		return "Nothing waits: all that was captured has been delivered."
	case len(entries) == 0:
		return "Nothing waits: the folder is empty."
	case slices.ContainsFunc(entries, func(e fs.DirEntry) bool { return strings.HasSuffix(e.Name(), ".seg") }):
		return "This is the folder of one project: look at the one around it, " + filepath.Dir(w.dir) + "."
	}
	return "This is no outbox: that has a folder of 16 hexadecimal digits for each project, and nothing else."
}
