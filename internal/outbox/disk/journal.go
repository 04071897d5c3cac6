package disk

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"hash/crc32"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf8"
)

// A Process is what the journal says of the process that writes it.
type Process struct {
	PID         int       `json:"pid,omitempty"`
	Started     time.Time `json:"started,omitzero"`
	Boot        string    `json:"boot,omitempty"` // an ID of the machine's run, "" if there is none
	Release     string    `json:"release,omitempty"`
	Environment string    `json:"environment,omitempty"`
}

// A Task is a running task as the journal notes it.
type Task struct {
	Type    string    `json:"type,omitempty"`
	Index   int       `json:"index,omitempty"`
	Total   int       `json:"total,omitempty"`
	Started time.Time `json:"started,omitzero"`
	PII     bool      `json:"pii,omitempty"`      // begun while personal data was allowed
	TraceID string    `json:"trace_id,omitempty"` // of its transaction
	SpanID  string    `json:"span_id,omitempty"`
	Outer   string    `json:"outer,omitempty"` // SpanID of the task that it is part of, "" if there is none

	Tags map[string]string `json:"tags,omitempty"` // as many as find room
	Job  *Job              `json:"job,omitempty"`  // nil: no task engine has handed it out

	Data json.RawMessage `json:"-"` // about 10 KiB find room, else a text that says so is noted in its place
}

// A Job is what a task engine said of a task.
type Job struct {
	System      string `json:"system,omitempty"`
	Queue       string `json:"queue,omitempty"`
	ID          string `json:"id,omitempty"`
	Attempt     int    `json:"attempt,omitempty"`
	MaxAttempts int    `json:"max_attempts,omitempty"`
	Identity    string `json:"identity,omitempty"` // by which whoever finds the attempt lost knows the job
}

// Fit returns j with names that find room in the journal and come back from it as they are. One that doesn't keeps its
// beginning, and a sum tells it from others that begin alike. Event IDs are made of these names, so that they are the
// same before and after the job's process has died.
func (j Job) Fit() Job {
	j.System, j.Queue, j.ID, j.Identity = fitName(j.System), fitName(j.Queue), fitName(j.ID), fitName(j.Identity)
	return j
}

func fitName(name string) string {
	if len(name) <= maxName && utf8.ValidString(name) {
		return name
	}
	sum := sha256.Sum256([]byte(name))
	mark := "…" + hex.EncodeToString(sum[:8])
	return strings.ToValidUTF8(name[:min(len(name), maxName-len(mark))], "") + mark
}

// A Note is a sign of life of a task. Fields that are zero say nothing and leave what was noted before.
type Note struct {
	Time            time.Time `json:"time,omitzero"`
	Breadcrumb      string    `json:"breadcrumb,omitempty"` // its beginning is kept
	MemoryTotal     uint64    `json:"memory_total,omitempty"`
	MemoryAvailable uint64    `json:"memory_available,omitempty"`
	AppMemory       uint64    `json:"app_memory,omitempty"`
}

// Interrupted is a task that a dead process has left running.
type Interrupted struct {
	Task
	Note
	EventID string // for its report: the same however often it is made, so that Sentry keeps one

	at int64 // of its slot
}

// A journal is a file of slots. The first tells of the process: what it is, behind it how it is doing (health.go), at
// its end how much waits (room.go). Each other tells of one running task: the task at its beginning, the last note
// behind it.
//
//	part = sum:u32 length:u32 data length:u32 sequence:u64 json data    sum: CRC32C of all behind it
//
// A free slot begins with zeros. A slot is written without its neighbours, a torn one fails its sum and is skipped, and
// a note counts only if it has its task's sequence, so that ending a task need not clear it. The gaps are holes in the
// file. The file's lock is what tells other processes that this one lives.
const (
	slotSize   = 16 << 10
	noteOffset = 12 << 10
	partHead   = 20
	// maxText is how many bytes of a type or breadcrumb are kept. JSON may make six of one ("<" is "\u003c"), and a
	// note must not reach into the next slot.
	maxText = 600
	maxName = 200     // of each name of a job, likewise
	maxTags = 3 << 10 // of JSON

	// maxSlots bounds what a reader believes of a journal's size.
	maxSlots = 1 << 16
)

// Journal notes which tasks run, so that the next process can tell what a crash has interrupted. Its methods may be
// called at once, by a nil Journal too, and return within 100 ms. A disk that fails costs notes, and nothing else.
type Journal struct {
	path    string
	process Process
	touched func() // asks for a sync in the background
	hand    *hand  // makes the calls to the disk

	mu       sync.Mutex
	file     File // nil once closed
	buf      []byte
	sequence uint64
	slots    []running // the first is slot 1
	free     []int     // indexes of slots
}

// running is what a slot holds.
type running struct {
	sequence uint64 // 0: it is free
	note     Note
}

// A Slot is the place of one running task in a Journal. The zero Slot takes every call and does nothing.
type Slot struct {
	journal  *Journal
	index    int
	sequence uint64
}

// A noting is a task's beginning or end on its way to the disk. It is used again, so that a note makes no garbage. The
// hand encodes it, too: a goroutine of a task engine begins with a small stack, and growing that costs more than the
// write.
type noting struct {
	journal *Journal
	task    Task
	part    []byte
	slot    Slot

	begin, end func() // methods of its own
}

var notings = sync.Pool{New: func() any {
	n := new(noting)
	n.begin = func() {
		n.encode()
		if n.slot = n.journal.begin(n.part); n.slot.journal == nil {
			return
		}
		n.journal.touched() // which may wait for the disk
		if !n.journal.hand.made() {
			n.journal.end(n.slot)
		}
	}
	n.end = func() {
		if n.journal.end(n.slot) {
			n.journal.touched()
		}
	}
	return n
}}

// encode makes the part that is written, but for its sequence and sum.
func (n *noting) encode() {
	n.part = appendTask(append(n.part[:0], nothing[:]...), &n.task)
	if len(n.part)+len(n.task.Data) > noteOffset {
		n.task.Data = json.RawMessage(`"[too long to be noted]"`)
	}
	n.part = fillHead(n.part, n.task.Data)
	n.task = Task{}
}

// Begin notes t as running: one write of a few microseconds. What t points to must not be written to afterwards: a disk
// that hangs gets it when it answers.
func (j *Journal) Begin(t Task) Slot {
	if j == nil {
		return Slot{}
	}
	n := notings.Get().(*noting)
	n.journal, n.task, n.slot = j, t, Slot{}
	if j.hand.do(n.begin, false) != nil {
		return Slot{} // and none in the file either, once the disk answers; n is the hand's until then
	}
	slot := n.slot
	notings.Put(n)
	return slot
}

func (j *Journal) begin(part []byte) Slot {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.file == nil {
		return Slot{}
	}
	if len(j.free) == 0 {
		j.slots = append(j.slots, running{})
		j.free = append(j.free, len(j.slots))
	}
	index := j.free[len(j.free)-1]
	j.sequence++
	if _, err := j.file.WriteAt(seal(part, j.sequence), int64(index)*slotSize); err != nil {
		return Slot{}
	}
	j.free = j.free[:len(j.free)-1]
	j.slots[index-1] = running{sequence: j.sequence}
	return Slot{j, index, j.sequence}
}

// of returns what s holds, nil once its task is over. mu is held.
func (j *Journal) of(s Slot) *running {
	if j.file == nil || s.index < 1 || s.index > len(j.slots) || j.slots[s.index-1].sequence != s.sequence {
		return nil
	}
	return &j.slots[s.index-1]
}

// End clears the slot: the task is over, however it went. On a disk that hangs, the slot is cleared when it answers.
func (s Slot) End() {
	if s.journal == nil {
		return
	}
	n := notings.Get().(*noting)
	n.journal, n.slot = s.journal, s
	if s.journal.hand.do(n.end, true) == nil {
		notings.Put(n)
	}
}

// EndNow implements [store.TaskNote].
func (s Slot) EndNow() {
	if s.journal != nil {
		s.journal.end(s)
	}
}

func (j *Journal) end(s Slot) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.of(s) == nil {
		return false
	}
	j.clear(s.index)
	return true
}

// nothing is how a free slot begins.
var nothing [partHead]byte

func (j *Journal) clear(index int) {
	_, _ = j.file.WriteAt(nothing[:], int64(index)*slotSize) // if it fails, the task is reported once too often
	j.slots[index-1] = running{}
	j.free = append(j.free, index)
}

// EndAll ends all tasks.
func (j *Journal) EndAll() {
	if j != nil {
		_ = j.hand.do(j.endAll, true)
	}
}

func (j *Journal) endAll() {
	j.mu.Lock()
	some := j.file != nil && len(j.free) < len(j.slots)
	if some {
		for i := range j.slots {
			if j.slots[i].sequence != 0 {
				j.clear(i + 1)
			}
		}
	}
	j.mu.Unlock()
	if some {
		j.touched()
	}
}

// Note writes a sign of life of the task: one write. It is meant for each new reading of the machine's state, not for
// more.
func (s Slot) Note(n Note) {
	if s.journal != nil {
		_ = s.journal.hand.do(func() { s.note(n) }, false)
	}
}

func (s Slot) note(n Note) {
	j := s.journal
	j.mu.Lock()
	r := j.of(s)
	if r != nil {
		j.note(s.index, r, n)
	}
	j.mu.Unlock()
	if r != nil {
		j.touched()
	}
}

func (j *Journal) note(index int, r *running, n Note) {
	r.note.merge(n)
	if meta, err := json.Marshal(r.note); err == nil {
		j.buf = appendPart(j.buf[:0], r.sequence, meta, nil)
		_, _ = j.file.WriteAt(j.buf, int64(index)*slotSize+noteOffset)
	}
}

func (n *Note) merge(by Note) {
	if !by.Time.IsZero() {
		n.Time = by.Time
	}
	if by.Breadcrumb != "" {
		n.Breadcrumb = cut(by.Breadcrumb)
	}
	if by.MemoryTotal != 0 {
		n.MemoryTotal = by.MemoryTotal
	}
	if by.MemoryAvailable != 0 {
		n.MemoryAvailable = by.MemoryAvailable
	}
	if by.AppMemory != 0 {
		n.AppMemory = by.AppMemory
	}
}

// fitting returns as many of the tags as find room, in the order of their keys.
func fitting(tags map[string]string) map[string]string {
	bytes := 0
	for key, value := range tags {
		bytes += len(key) + len(value) + len(`"":"",`)
	}
	if bytes*6 <= maxTags { // however many of them JSON escapes
		return tags
	}
	kept, room := make(map[string]string, len(tags)), maxTags
	for _, key := range slices.Sorted(maps.Keys(tags)) {
		encoded, err := json.Marshal([2]string{key, tags[key]})
		if room -= len(encoded); err != nil || room < 0 {
			break
		}
		kept[key] = tags[key]
	}
	return kept
}

// cut keeps a text of at most maxText bytes. JSON makes a replacement character of a rune that is cut.
func cut(s string) string { return cutTo(s, maxText) }

func cutTo(s string, limit int) string { return s[:min(len(s), limit)] }

// appendTask appends t as JSON, as encoding/json would write it: that takes longer than all else a note costs.
func appendTask(b []byte, t *Task) []byte {
	b = append(b, '{')
	b = appendMember(b, "type", cut(t.Type))
	b = appendNumber(b, "index", t.Index)
	b = appendNumber(b, "total", t.Total)
	if year := t.Started.UTC().Year(); !t.Started.IsZero() && year > 0 && year < 10_000 {
		b = append(appendName(b, "started"), '"')
		b = append(t.Started.UTC().AppendFormat(b, time.RFC3339Nano), '"')
	}
	if t.PII {
		b = append(appendName(b, "pii"), "true"...)
	}
	b = appendMember(b, "trace_id", t.TraceID)
	b = appendMember(b, "span_id", t.SpanID)
	b = appendMember(b, "outer", t.Outer)
	if tags := fitting(t.Tags); len(tags) > 0 {
		if encoded, err := json.Marshal(tags); err == nil {
			b = append(appendName(b, "tags"), encoded...)
		}
	}
	if job := t.Job; job != nil {
		fit := job.Fit()
		b = append(appendName(b, "job"), '{')
		b = appendMember(b, "system", fit.System)
		b = appendMember(b, "queue", fit.Queue)
		b = appendMember(b, "id", fit.ID)
		b = appendNumber(b, "attempt", fit.Attempt)
		b = appendNumber(b, "max_attempts", fit.MaxAttempts)
		b = append(appendMember(b, "identity", fit.Identity), '}')
	}
	return append(b, '}')
}

// appendName appends the name of a member to the object that b ends with.
func appendName(b []byte, name string) []byte {
	if b[len(b)-1] != '{' {
		b = append(b, ',')
	}
	return append(append(append(b, '"'), name...), `":`...)
}

func appendNumber(b []byte, name string, n int) []byte {
	if n == 0 {
		return b
	}
	return strconv.AppendInt(appendName(b, name), int64(n), 10)
}

func appendMember(b []byte, name, text string) []byte {
	if text == "" {
		return b
	}
	b = appendName(b, name)
	for i := range len(text) {
		if c := text[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			encoded, _ := json.Marshal(text) // of a string it can't fail
			return append(b, encoded...)
		}
	}
	return append(append(append(b, '"'), text...), '"')
}

// appendPart appends a part to the empty b.
func appendPart(b []byte, sequence uint64, meta, data []byte) []byte {
	return seal(fillHead(append(append(b, nothing[:]...), meta...), data), sequence)
}

// fillHead appends the data to a part that has no more than its meta, and writes down where each ends.
func fillHead(part, data []byte) []byte {
	binary.LittleEndian.PutUint32(part[4:], uint32(len(part)-partHead))
	binary.LittleEndian.PutUint32(part[8:], uint32(len(data)))
	return append(part, data...)
}

// seal completes a part.
func seal(part []byte, sequence uint64) []byte {
	binary.LittleEndian.PutUint64(part[12:], sequence)
	binary.LittleEndian.PutUint32(part, crc32.Checksum(part[4:], castagnoli))
	return part
}

// parsePart returns the parts of a part; ok is false for a free or torn one.
func parsePart(b []byte) (sequence uint64, meta, data []byte, ok bool) {
	if len(b) < partHead {
		return 0, nil, nil, false
	}
	n, m := uint64(binary.LittleEndian.Uint32(b[4:])), uint64(binary.LittleEndian.Uint32(b[8:]))
	end := partHead + n + m
	if n == 0 || end > uint64(len(b)) || binary.LittleEndian.Uint32(b) != crc32.Checksum(b[4:end], castagnoli) {
		return 0, nil, nil, false
	}
	return binary.LittleEndian.Uint64(b[12:]), b[partHead : partHead+n], b[partHead+n : end], true
}

// start begins a journal in an empty file that is locked.
func (j *Journal) start(f File) error {
	meta, err := json.Marshal(j.process)
	if err != nil {
		return err
	}
	_, err = f.WriteAt(appendPart(nil, 0, meta[:min(len(meta), noteOffset-partHead)], nil), 0)
	if err == nil {
		err = toldNothing.write(f)
	}
	j.file = f
	return err
}

// tell writes what the process says of itself for others to read. It says false when the disk didn't take it.
func (j *Journal) tell(b []byte, at int64) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.file == nil {
		return false
	}
	_, err := j.file.WriteAt(b, at)
	return err == nil
}

// replace puts a copy of the journal's file in its place.
func (j *Journal) replace(create func() (File, error)) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.file == nil {
		return nil
	}
	f, err := create()
	if err == nil {
		err = copyFile(f, j.file)
	}
	if err != nil {
		if f != nil {
			_ = f.Close()
		}
		return err
	}
	_ = j.file.Close()
	j.file = f
	return nil
}

// opened returns the journal's file, nil once it is closed.
func (j *Journal) opened() File {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.file
}

// deleted says that somebody has deleted the journal.
func (j *Journal) deleted() bool {
	f := j.opened()
	return f != nil && f.Deleted()
}

// close ends the journal, for tasks that still run are cancelled and not interrupted, and gives up its lock. It stays
// only to tell what was left, by which the next process knows how much it misses.
func (j *Journal) close(sys System, left told) (err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.file == nil {
		return nil
	}
	_ = j.file.Truncate(0) // should it not be removed, it tells of no tasks
	if left.records > 0 {
		err = left.write(j.file)
	}
	if left.records == 0 || err != nil {
		err = sys.Remove(j.path)
	}
	_ = j.file.Close() // the lock goes last
	j.file = nil
	return err
}

// readJournal reads the journal of a dead process. stem makes its event IDs. With an error there may be more tasks,
// which could not be read, and there may be once ctx has ended.
func readJournal(
	ctx context.Context, r io.ReaderAt, size int64, stem string,
) (p Process, tasks []Interrupted, unread error) {
	buf := make([]byte, slotSize)
	for i := int64(0); i < min((size+slotSize-1)/slotSize, maxSlots) && ctx.Err() == nil; i++ {
		n, err := r.ReadAt(buf, i*slotSize) // the last slot is short
		clear(buf[n:])
		sequence, meta, data, ok := parsePart(buf[:noteOffset])
		if !ok {
			if err != nil && err != io.EOF && i > 0 { // of the process the file's name says enough
				unread = err
			}
			continue
		}
		if i == 0 {
			_ = json.Unmarshal(meta, &p) // what it doesn't say, the file's name does
			continue
		}
		t := Interrupted{EventID: eventID(stem, sequence), at: i * slotSize}
		if json.Unmarshal(meta, &t.Task) != nil {
			continue
		}
		if json.Valid(data) {
			t.Data = slices.Clone(data)
		}
		if s, meta, _, ok := parsePart(buf[noteOffset:]); ok && s == sequence {
			_ = json.Unmarshal(meta, &t.Note)
		}
		tasks = append(tasks, t)
	}
	slices.SortFunc(tasks, func(a, b Interrupted) int { return a.Started.Compare(b.Started) })
	return p, tasks, unread
}

// eventID makes the ID of a report of something that happened once.
func eventID(stem string, sequence uint64) string {
	sum := sha256.Sum256(binary.LittleEndian.AppendUint64([]byte(stem), sequence))
	return hex.EncodeToString(sum[:16])
}
