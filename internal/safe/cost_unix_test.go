//go:build unix

package safe

import (
	"fmt"
	"runtime/debug"
	"strings"
	"syscall"
	"testing"
	"unsafe"
)

// TestLongTextsAreNotRead gives Value texts of which nothing but the beginning and the end can be read at all.
func TestLongTextsAreNotRead(t *testing.T) {
	const size, readable = 1 << 28, 1 << 20
	b, err := syscall.Mmap(-1, 0, size, syscall.PROT_NONE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = syscall.Munmap(b) }()
	for _, part := range [][]byte{b[:readable], b[size-readable:]} {
		if err := syscall.Mprotect(part, syscall.PROT_READ|syscall.PROT_WRITE); err != nil {
			t.Fatal(err)
		}
		for i := range part {
			part[i] = 'x'
		}
	}
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	text := unsafe.String(&b[0], len(b))
	for name, v := range map[string]any{
		"string": text, "bytes": b, "strings": []string{text, text},
		"nested": map[string]any{"a": []any{text, b}, "b": text},
	} {
		t.Run(name, func(t *testing.T) {
			debug.SetPanicOnFault(true) // it is the goroutine's
			got := fmt.Sprint(Value(v, 1<<16))
			if !strings.Contains(got, "xxxx") || !strings.Contains(got, "bytes cut") ||
				strings.Contains(got, "unreadable") {
				t.Errorf("got %d bytes: %.200q", len(got), got)
			}
		})
	}
}
