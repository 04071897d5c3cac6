package sentryview_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"

	"github.com/autoservice/sentryconfig/sentrytest"
	"github.com/autoservice/sentryconfig/sentryview"
)

func ExampleOpen() {
	server := sentrytest.NewServer(nil)
	defer server.Close()
	page, err := sentryview.Open(sentryview.Server(server))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer page.Close()
	// fmt.Println("look at", page.URL)
	fmt.Println(strings.HasPrefix(page.URL, "http://127.0.0.1:"))
	// Output: true
}

// A page ends with its streams: Close waits for them.
func ExamplePage_Close() {
	page, err := sentryview.Open(sentryview.Outbox(os.TempDir()))
	if err != nil {
		fmt.Println(err)
		return
	}
	page.Close()
	_, err = http.Get(page.URL)
	fmt.Println(err != nil)
	// Output: true
}

// The page as a part of a server that exists, on this machine.
func ExampleHandler() {
	server := sentrytest.NewServer(nil)
	defer server.Close()
	mux := http.NewServeMux()
	mux.Handle("/sentry/", http.StripPrefix("/sentry", sentryview.Handler(sentryview.Server(server))))

	w := httptest.NewRecorder()
	mux.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "http://localhost/sentry/report.txt", nil))
	fmt.Println(strings.Contains(w.Body.String(), "0 events in 0 issues"))
	// Output: true
}

func ExampleServer() {
	server := sentrytest.NewServer(nil)
	defer server.Close()
	show(sentryview.Server(server))
	// Output: 200
}

// What a machine without a network has to tell, read while its programs run.
func ExampleOutbox() {
	show(sentryview.Outbox("/var/lib/runner/outbox"))
	// Output: 200
}

func show(source sentryview.Source) {
	w := httptest.NewRecorder()
	sentryview.Handler(source).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "http://localhost/waiting", nil))
	fmt.Println(w.Code)
}
