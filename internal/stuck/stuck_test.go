package stuck

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/autoservice/sentryconfig/internal/crash"
	"github.com/autoservice/sentryconfig/internal/module"
)

// dump reads goroutines as runtime.Stack prints them, blank lines between.
func dump(text string) (d Dump) {
	for block := range strings.SplitSeq(strings.TrimSpace(text), "\n\n") {
		d = append(d, readGoroutine(block))
	}
	return d
}

// A pointer counts in functions of the root package alone: the first worker has that of the other by chance.
func TestOf(t *testing.T) {
	d := dump(strings.ReplaceAll(`
goroutine 1 [running]:
main.main()
	/src/main.go:8 +0x25

goroutine 30 [select]:
main.copyFile.func1()
	/src/copy.go:8 +0x25
created by main.copyFile in goroutine 20
	/src/copy.go:7 +0x25

goroutine 10 [chan receive]:
main.backup({0xc000000011, 0x2})
	/src/main.go:20 +0x25
MODULE.(*TaskSpan).run(0xc000000010, 0x1)
	/src/runtask.go:8 +0x25
created by main.main in goroutine 1
	/src/main.go:9 +0x25

goroutine 20 [chan receive]:
main.copyFile(0xc000000011)
	/src/copy.go:6 +0x25
created by main.backup in goroutine 11
	/src/main.go:20 +0x25

goroutine 11 [IO wait]:
main.backup({0x1, 0x2})
	/src/main.go:20 +0x25
MODULE.(*TaskSpan).run(0xc000000011, 0x1)
	/src/runtask.go:8 +0x25
created by main.main in goroutine 1
	/src/main.go:9 +0x25

goroutine 12 [chan rec`, "MODULE", module.Path))
	everything := []int{1, 30, 10, 20, 11, 12}
	for _, test := range []struct {
		name, function, pointer string
		want                    []int
	}{
		{"of two workers the one with the task, what it made, and what that made", "main.backup", "0xc000000011",
			[]int{11, 20, 30}},
		{"a worker that made nothing", "main.backup", "0xc000000010", []int{10}},
		{"no worker is known to have the task", "main.backup", "0xc000000019", []int{10, 11, 20, 30}},
		{"a part of a name is another function", "main.back", "0xc000000011", everything},
		{"an unknown function", "", "0xc000000011", everything},
	} {
		var ids []int
		for _, g := range d.of(test.function, test.pointer) {
			ids = append(ids, g.id)
		}
		if !slices.Equal(ids, test.want) {
			t.Errorf("%s: %v, want %v", test.name, ids, test.want)
		}
	}
}

// The goroutine of a task is found while it waits, with what it waits in.
func TestTake(t *testing.T) {
	began, end, ended := make(chan Place), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		wait(began, end)
	}()
	defer func() {
		close(end)
		<-ended
	}()
	place := <-began
	found := Take().Of(place, "0x0")
	waits := func(f crash.Frame) bool { return f.Function == "wait" }
	if len(found) != 1 || !slices.ContainsFunc(found[0].Frames, waits) {
		t.Errorf("%+v", found)
	}
}

func wait(began chan<- Place, end <-chan struct{}) {
	began <- Here(reflect.ValueOf(wait).Pointer())
	<-end
}

type worker struct{}

func (worker) run() {}

func TestPlace(t *testing.T) {
	pkg := module.Path + "/internal/stuck."
	for _, test := range []struct {
		name, want string
		place      Place
	}{
		{"the zero Place", "", Place{}},
		{"a function", pkg + "wait", Here(reflect.ValueOf(wait).Pointer())},
		{"a method value", pkg + "worker.run", Here(reflect.ValueOf(worker{}.run).Pointer())},
		{"no function of the program", "", Here(1)},
		{"where the task was begun", pkg + "TestPlace", begin()},
	} {
		if got := test.place.function(); got != test.want {
			t.Errorf("%s: %q, want %q", test.name, got, test.want)
		}
	}
}

// begin stands for CreateTaskSpan.
func begin() Place { return Here(0) }
