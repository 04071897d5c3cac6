package main

import (
	"os"

	"golang.org/x/sys/windows"
)

// enableSequences lets a console understand control sequences, which those before Windows 10 don't.
func enableSequences(f *os.File) bool {
	var mode uint32
	console := windows.Handle(f.Fd())
	if windows.GetConsoleMode(console, &mode) != nil {
		return false
	}
	return windows.SetConsoleMode(console, mode|windows.ENABLE_VIRTUAL_TERMINAL_PROCESSING) == nil
}
