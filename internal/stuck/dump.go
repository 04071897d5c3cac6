// Package stuck finds out where a task hangs: which goroutines of the process belong to it, and what they do.
package stuck

import (
	"bytes"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"github.com/autoservice/sentryconfig/internal/crash"
	"github.com/autoservice/sentryconfig/internal/module"
)

// A goroutine is the text of one goroutine in a dump.
type goroutine struct {
	text        string
	id, creator int // creator is the ID of the goroutine that made it; 0 if unknown
}

// A Dump holds the stacks of all goroutines of the process, except the one that took it.
type Dump []goroutine

const (
	minDump = 256 << 10
	// maxDump limits the size of a dump, to some ten thousand goroutines. More would stop the program for too long.
	maxDump = 8 << 20
)

// Take takes a Dump. It stops the program meanwhile, as runtime.Stack does.
func Take() (dump Dump) {
	size := minDump
	buf := make([]byte, size)
	for {
		n := runtime.Stack(buf, true)
		if n < len(buf) || size >= maxDump {
			buf = buf[:n]
			break
		}
		size *= 2
		buf = make([]byte, size)
	}
	for i, block := range bytes.Split(buf, []byte("\n\n")) {
		if i > 0 { // the first is the current one
			dump = append(dump, readGoroutine(string(block)))
		}
	}
	return dump
}

// readGoroutine reads of a goroutine's text what ties it to others:
//
//	goroutine 18 [chan receive]:
//	main.work(0xc000012345)
//		/src/main.go:12 +0x25
//	created by main.main in goroutine 1
//		/src/main.go:8 +0x25
func readGoroutine(text string) goroutine {
	g := goroutine{text: text}
	title, _, _ := strings.Cut(strings.TrimPrefix(text, "goroutine "), " ")
	g.id, _ = strconv.Atoi(title) // 0 if the text was cut
	if i := strings.LastIndex(text, "\ncreated by "); i >= 0 {
		line, _, _ := strings.Cut(text[i+1:], "\n")
		if _, creator, ok := strings.Cut(line, " in goroutine "); ok {
			g.creator, _ = strconv.Atoi(creator)
		}
	}
	return g
}

// runs reports whether function is on g's stack.
func (g *goroutine) runs(function string) bool {
	return strings.Contains(g.text, "\n"+function+"(")
}

// carries reports whether g's stack has a call of a root package's function with the given pointer.
func (g *goroutine) carries(pointer string) bool {
	for line := range strings.Lines(g.text) {
		if strings.HasPrefix(line, module.Path+".") && strings.Contains(line, pointer) {
			return true
		}
	}
	return false
}

// Of returns the goroutines of a task that began at p: first its own, then those that they made. If that can't be told,
// it returns all. pointer is the task's address, printed with %p: functions of the root package on the task's stack
// have it as an argument.
func (d Dump) Of(p Place, pointer string) []crash.Goroutine {
	var text strings.Builder
	for _, g := range d.of(p.function(), pointer) {
		text.WriteString(g.text + "\n\n")
	}
	return crash.Parse([]byte(text.String())).Goroutines
}

func (d Dump) of(function, pointer string) (task Dump) {
	if function == "" {
		return d
	}
	for _, g := range d {
		if g.runs(function) {
			task = append(task, g)
		}
	}
	// Concurrent workers run the same function. The task's own stack has a call with the task as an argument.
	if i := slices.IndexFunc(task, func(g goroutine) bool { return g.carries(pointer) }); i >= 0 {
		task = Dump{task[i]}
	}
	if len(task) == 0 { // it has returned, and other goroutines work on
		return d
	}
	found := make(map[int]bool, len(task))
	for _, g := range task {
		found[g.id] = true
	}
	for more := true; more; { // a goroutine may be printed before its creator
		more = false
		for _, g := range d {
			if !found[g.id] && found[g.creator] && g.creator != 0 {
				found[g.id], more = true, true
				task = append(task, g)
			}
		}
	}
	return task
}
