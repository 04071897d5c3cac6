// Command demo shows the page over made-up events:
//
//	go run ./sentryview/demo             what a server got, one more event a second with -live
//	go run ./sentryview/demo -outbox     what waits on a machine without a network
package main

import (
	"flag"
	"fmt"
	"os"
	"os/signal"
	"time"

	"github.com/autoservice/sentryconfig/sentrytest"
	"github.com/autoservice/sentryconfig/sentryview"
	"github.com/autoservice/sentryconfig/sentryview/internal/sample"
)

func main() {
	sample.Main()
	outbox := flag.Bool("outbox", false, "show an outbox and not a server")
	live := flag.Bool("live", false, "report one more event each second")
	flag.Parse()
	if err := show(*outbox, *live); err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

func show(outbox, live bool) error {
	server := sentrytest.NewServer(nil)
	defer server.Close()
	source := sentryview.Server(server)
	if outbox {
		dir, err := os.MkdirTemp("", "outbox")
		if err != nil {
			return err
		}
		defer func() { _ = os.RemoveAll(dir) }()
		if err := sample.Outbox(dir); err != nil {
			return err
		}
		source = sentryview.Outbox(dir)
	} else if err := sample.Fill(server); err != nil {
		return err
	}
	page, err := sentryview.Open(source)
	if err != nil {
		return err
	}
	defer page.Close()
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, os.Interrupt)
	fmt.Println("look at", page.URL)
	fmt.Println("Ctrl-C ends it")
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	for n := 1; ; n++ {
		select {
		case <-stop:
			return nil
		case <-ticker.C:
			if live && !outbox {
				if err := sample.One(server, fmt.Sprintf("label %d: out of paper", n)); err != nil {
					return err
				}
			}
		}
	}
}
