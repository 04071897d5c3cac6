// Command shots makes pictures of the page over made-up events:
//
//	go run ./shots                 those of the documentation, in ../../docs/images
//	go run ./shots -all DIR        every page in light, dark, 320 pixels wide and printed, to be looked at
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"

	"github.com/autoservice/sentryconfig/sentrytest"
	"github.com/autoservice/sentryconfig/sentryview"
	"github.com/autoservice/sentryconfig/sentryview/browsertest/browser"
	"github.com/autoservice/sentryconfig/sentryview/internal/sample"
)

// maxPicture is what a picture of the documentation may take, in bytes.
const maxPicture = 200_000

func main() {
	time.Local = time.FixedZone("CET", 3600) // so that local time and UTC can be told apart
	sample.Main()
	all := flag.String("all", "", "make every picture, in that folder")
	images := flag.String("images", "../../docs/images", "the folder of the documentation's pictures")
	flag.Parse()
	if err := shoot(*all, *images); err != nil {
		fmt.Fprintln(os.Stderr, "shots:", err)
		os.Exit(1)
	}
}

func shoot(all, images string) error {
	server := sentrytest.NewServer(nil)
	defer server.Close()
	if err := sample.Fill(server); err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "outbox")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	if err := sample.Outbox(dir); err != nil {
		return err
	}
	served, err := sentryview.Open(sentryview.Server(server))
	if err != nil {
		return err
	}
	defer served.Close()
	waiting, err := sentryview.Open(sentryview.Outbox(dir))
	if err != nil {
		return err
	}
	defer waiting.Close()
	tab, stop, err := browser.Start(context.Background())
	defer stop()
	if err != nil {
		return err
	}
	pages, err := addresses(tab, server, served.URL, waiting.URL)
	if err != nil {
		return err
	}
	if all != "" {
		return every(tab, pages, all)
	}
	for _, p := range pages {
		if p.picture != "" {
			if err := p.shoot(tab, filepath.Join(images, p.picture+".png"), 1280, p.height, false, false); err != nil {
				return err
			}
		}
	}
	return nil
}

// A shot is a page to be shown.
type shot struct {
	name, url string
	picture   string // its name in the documentation; "" if it isn't there
	height    int64  // of the picture
}

// addresses lets the browser in at both pages, and returns what to look at.
func addresses(tab context.Context, server *sentrytest.Server, urls ...string) ([]shot, error) {
	for _, url := range urls {
		if err := chromedp.Run(tab, chromedp.Navigate(url)); err != nil {
			return nil, err
		}
	}
	base, _, _ := strings.Cut(urls[0], "?")
	outbox, _, _ := strings.Cut(urls[1], "?")
	shots := []shot{
		{"issues", base, "issues", 860}, {"tasks", base + "tasks", "tasks", 860}, {"waiting-server", base + "waiting", "", 0},
		{"waiting", outbox + "waiting", "waiting", 900}, {"missing", base + "nothing", "", 0},
		{"filtered", base + "?q=photos&level=error", "", 0}, {"nomatch", base + "?q=zzzzz", "", 0},
	}
	for _, i := range server.Issues() {
		e := i.Events[len(i.Events)-1]
		name := strings.Map(func(r rune) rune {
			if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
				return r
			}
			return '-'
		}, strings.ToLower(strings.Join(i.Fingerprint, "-")))
		s := shot{"issue-" + name[:min(50, len(name))], base + "issue/" + e.ID, "", 1100}
		if e.Tag("task_type") == "backup_photos" && e.Level == "error" {
			s.picture = "issue"
		}
		shots = append(shots, s)
	}
	for _, t := range server.Transactions() {
		if t.Tag("task_type") == "windows_update" {
			shots = append(shots, shot{"task", base + "task/" + t.ID, "task", 620})
		}
	}
	var first string
	err := chromedp.Run(tab, chromedp.Navigate(outbox+"waiting"),
		chromedp.Evaluate(`document.querySelector(".leaving a.title").href`, &first))
	return append(shots, shot{"envelope", first, "", 0}), err
}

// every makes every picture.
func every(tab context.Context, pages []shot, dir string) error {
	for _, p := range pages {
		for _, look := range []struct {
			name  string
			width int64
			dark  bool
		}{{"light", 1280, false}, {"dark", 1280, true}, {"320", 320, false}} {
			name := filepath.Join(dir, p.name+"-"+look.name+".png")
			if err := p.shoot(tab, name, look.width, 800, look.dark, true); err != nil {
				return err
			}
		}
	}
	return nil
}

// shoot makes a picture of a page, of all of it or of as much as the height shows.
func (s shot) shoot(tab context.Context, file string, width, height int64, dark, all bool) error {
	var picture []byte
	err := chromedp.Run(tab, browser.Look(width, height, 1, dark), chromedp.Navigate(s.url),
		chromedp.WaitVisible(`#state[data-mode="on"]`, chromedp.ByQuery),
		chromedp.ActionFunc(func(ctx context.Context) (err error) {
			capture := page.CaptureScreenshot()
			if all {
				_, _, _, _, _, content, err := page.GetLayoutMetrics().Do(ctx)
				if err != nil {
					return err
				}
				err = emulation.SetDeviceMetricsOverride(width, int64(content.Height), 1, false).Do(ctx)
				if err != nil {
					return err
				}
			}
			picture, err = capture.Do(ctx)
			return err
		}))
	if err != nil {
		return fmt.Errorf("%s: %w", s.name, err)
	}
	if !all && len(picture) > maxPicture {
		return fmt.Errorf("%s: %d bytes, at most %d", file, len(picture), maxPicture)
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	return os.WriteFile(file, picture, 0o644)
}
