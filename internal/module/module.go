// Package module returns this module's own path and version, so that a fork needs no changes.
package module

import (
	"reflect"
	"runtime/debug"
	"strings"
	"sync"
)

type own struct{}

// Path is the import path of the root package and of the module.
var Path = strings.TrimSuffix(reflect.TypeFor[own]().PkgPath(), "/internal/module")

// Own reports whether pkg is the root package or one of the module's internal packages.
func Own(pkg string) bool { return pkg == Path || strings.HasPrefix(pkg, Path+"/internal/") }

// Version returns this module's version in the running program; "(devel)", as the go command has it, when unknown.
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
