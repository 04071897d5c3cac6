//go:build !windows

package sentryview

import (
	"runtime"
	"strings"
	"testing"

	"github.com/autoservice/sentryconfig/sentrytest"
)

// TestOwnSource: the module of this program is found, and its frames show their lines.
func TestOwnSource(t *testing.T) {
	_, file, line, _ := runtime.Caller(0)
	m := mainModule()
	left := 1
	groups := m.stack([]sentrytest.Frame{
		{Module: "main", Function: "main", AbsPath: file, Line: line, InApp: true},
		{Module: "net/http", Function: "serve", AbsPath: "/go/src/net/http/server.go", Line: 1},
		{Module: "net/http", Function: "call", AbsPath: "/go/src/net/http/server.go", Line: 2},
		{Module: "a/b/main", Function: "f", AbsPath: file, Line: line, InApp: true},
	}, &left)
	if len(groups) != 3 || !groups[0].Own || groups[1].Own || len(groups[1].Frames) != 2 ||
		groups[0].Frames[0].Name() != "main.f" {
		t.Fatalf("%+v", groups)
	}
	source := groups[0].Frames[0].Source
	if len(source) != 2*sourceFirst+1 || !strings.Contains(source[sourceFirst].Text, "runtime.Caller(0)") {
		t.Errorf("%+v of %+v", source, m)
	}
	if groups[2].Frames[0].Source != nil {
		t.Error("more source than asked for")
	}
}
