// Package module knows this module's own path and version, so that a fork needs no edit.
package module

import (
	"reflect"
	"runtime/debug"
	"strings"
	"sync"
)

type own struct{}

// Path is the import path of the root package, which is that of the module.
var Path = strings.TrimSuffix(reflect.TypeFor[own]().PkgPath(), "/internal/module")

// Own reports whether pkg is the root package, or one of those that only this module may import.
func Own(pkg string) bool { return pkg == Path || strings.HasPrefix(pkg, Path+"/internal/") }

// Version returns the version that the program was built with; "(devel)", as the go command calls a local folder, where
// it isn't known.
var Version = sync.OnceValue(func() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "(devel)"
	}
	for _, m := range append(info.Deps, &info.Main) {
		if m.Path != Path {
			continue
		}
		if m.Replace != nil {
			m = m.Replace
		}
		if m.Version != "" {
			return m.Version
		}
	}
	return "(devel)"
})
