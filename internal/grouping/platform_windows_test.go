package grouping

import "golang.org/x/sys/windows"

const platformTooManyFiles = windows.WSAEMFILE
