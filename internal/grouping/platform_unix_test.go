//go:build unix

package grouping

import "syscall"

const platformTooManyFiles = syscall.EMFILE
