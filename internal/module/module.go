// Package module knows this module's own path, so that a fork needs no edit.
package module

import (
	"reflect"
	"strings"
)

type own struct{}

// Path is the import path of the root package, which is that of the module.
var Path = strings.TrimSuffix(reflect.TypeFor[own]().PkgPath(), "/internal/module")

// Own reports whether pkg is the root package, or one of those that only this module may import.
func Own(pkg string) bool { return pkg == Path || strings.HasPrefix(pkg, Path+"/internal/") }
