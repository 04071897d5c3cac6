// Command shots makes pictures of the page over made-up events, and of the runner at a terminal:
//
//	go run ./shots                 those of the documentation, in docs/images of the module
//	go run ./shots -all DIR        every page, to be looked at: light and dark, in three widths, enlarged, printed
package main

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/chromedp/chromedp"

	"github.com/autoservice/sentryconfig/sentryview/browsertest/browser"
)

// maxPicture is what a picture of the documentation may take, in bytes.
const maxPicture = 200_000

func main() {
	all := flag.String("all", "", "make every picture, in that folder")
	module := flag.String("module", "../..", "the folder of the module, whose demo is shown")
	flag.Parse()
	if err := shoot(*all, *module); err != nil {
		fmt.Fprintln(os.Stderr, "shots:", err)
		os.Exit(1)
	}
}

func shoot(all, module string) error {
	dir, err := os.MkdirTemp("", "shots")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	program := filepath.Join(dir, "demo")
	build := exec.Command("go", "build", "-o", program, "./sentryview/demo")
	build.Dir, build.Stderr = module, os.Stderr
	if err := build.Run(); err != nil {
		return err
	}
	server, end, err := demo(module, program)
	defer end()
	if err != nil {
		return err
	}
	outbox, end, err := demo(module, program, "-outbox")
	defer end()
	if err != nil {
		return err
	}
	tab, stop, err := browser.Start(context.Background())
	defer stop()
	if err != nil {
		return err
	}
	pages, err := addresses(tab, server, outbox)
	if err != nil {
		return err
	}
	if all != "" {
		return every(tab, pages, all)
	}
	for _, p := range pages {
		if p.picture == "" {
			continue
		}
		file := filepath.Join(module, "docs", "images", p.picture+".png")
		if err := p.shoot(tab, file, browser.View{Width: 1280, Height: p.height, Dark: p.dark}, false); err != nil {
			return err
		}
	}
	return recordRunner(dir, module, filepath.Join(module, "docs", "images", "terminal.svg"))
}

// demo starts the demo and returns the URL that it prints. It runs in the module's folder, where its source is.
func demo(module, program string, args ...string) (url string, end func(), err error) {
	cmd := exec.Command(program, args...)
	cmd.Dir, cmd.Stderr = module, os.Stderr
	cmd.Env = append(os.Environ(), "TZ=Europe/Berlin") // so that local time and UTC can be told apart
	out, err := cmd.StdoutPipe()
	if err != nil {
		return "", func() {}, err
	}
	if err := cmd.Start(); err != nil {
		return "", func() {}, err
	}
	end = func() {
		_ = cmd.Process.Signal(os.Interrupt)
		_ = cmd.Wait()
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		return "", end, fmt.Errorf("demo: %w", err)
	}
	return strings.TrimSpace(strings.TrimPrefix(line, "look at ")), end, nil
}

// A shot is a page to be shown.
type shot struct {
	name, url string
	picture   string // its name in the documentation; "" if it isn't there
	height    int64  // of the picture
	dark      bool   // of the picture
}

// addresses lets the browser in at both pages, and returns what to look at.
func addresses(tab context.Context, server, outbox string) ([]shot, error) {
	var shots []shot
	add := func(selector, name string) error {
		links, err := chromedp.Run(tab, chromedp.Evaluate[[]string](
			`Array.from(document.querySelectorAll("`+selector+`"), a => a.textContent + "\n" + a.href)`))
		for i, link := range links {
			text, url, _ := strings.Cut(link, "\n")
			s := shot{name: fmt.Sprintf("%s-%02d-%s", name, i, plain(text)), url: url, height: 1130}
			switch {
			case text == "fs.PathError":
				s.picture = "issue"
			case text == "windows_update":
				s.picture, s.height = "task", 640
			}
			shots = append(shots, s)
		}
		return err
	}
	if err := chromedp.Do(tab, chromedp.Navigate(server)); err != nil {
		return nil, err
	}
	base, _, _ := strings.Cut(server, "?")
	if err := add(".issues a.title", "issue"); err != nil {
		return nil, err
	}
	if err := chromedp.Do(tab, chromedp.Navigate(base+"tasks?task=windows_update")); err != nil {
		return nil, err
	}
	if err := add(".runs a.title", "task"); err != nil {
		return nil, err
	}
	if err := chromedp.Do(tab, chromedp.Navigate(outbox)); err != nil {
		return nil, err
	}
	waiting, _, _ := strings.Cut(outbox, "?")
	if err := chromedp.Do(tab, chromedp.Navigate(waiting+"waiting")); err != nil {
		return nil, err
	}
	err := add(".leaving tr:nth-child(4) a.title", "envelope")
	return append(shots,
		shot{name: "issues", url: base, picture: "issues", height: 800},
		shot{name: "issues", url: base, picture: "issues-dark", height: 800, dark: true},
		shot{name: "tasks", url: base + "tasks", picture: "tasks", height: 860},
		shot{name: "waiting", url: waiting + "waiting", picture: "waiting", height: 860},
		shot{name: "server", url: base + "waiting"}, shot{name: "missing", url: base + "nothing"},
		shot{name: "filtered", url: base + "?q=photos&level=error"}, shot{name: "nomatch", url: base + "?q=zzzzz"},
	), err
}

// plain makes a file's name of a text.
func plain(text string) string {
	name := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return '-'
	}, strings.ToLower(text))
	return name[:min(40, len(name))]
}

// every makes every picture.
func every(tab context.Context, pages []shot, dir string) error {
	for _, p := range pages {
		for _, look := range []struct {
			name string
			view browser.View
		}{
			{"light", browser.View{Width: 1280}}, {"dark", browser.View{Width: 1280, Dark: true}},
			{"768", browser.View{Width: 768}}, {"320", browser.View{Width: 320}},
			{"200", browser.View{Width: 640, Zoom: 2}}, {"print", browser.View{Width: 718, Print: true}}, // A4
		} {
			name := filepath.Join(dir, p.name+"-"+look.name+".png")
			if err := p.shoot(tab, name, look.view, true); err != nil {
				return err
			}
		}
	}
	return nil
}

// shoot makes a picture of a page, of all of it or of as much as the window shows.
func (s shot) shoot(tab context.Context, file string, view browser.View, all bool) error {
	if err := browser.Look(tab, view); err != nil {
		return err
	}
	err := chromedp.Do(tab, chromedp.Navigate(s.url), chromedp.WaitReady(`#state[data-mode="on"]`))
	if err != nil {
		return fmt.Errorf("%s: %w", s.name, err)
	}
	if all {
		view.Height, err = chromedp.Run(tab, chromedp.Evaluate[int64](`document.documentElement.scrollHeight`))
		if err != nil {
			return err
		}
		if err := browser.Look(tab, view); err != nil {
			return err
		}
	}
	picture, err := chromedp.Run(tab, chromedp.CaptureScreenshot())
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
