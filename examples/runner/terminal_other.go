//go:build !windows

package main

import "os"

// enableSequences reports whether a terminal understands control sequences: all that are in use do.
func enableSequences(*os.File) bool { return os.Getenv("TERM") != "" }
