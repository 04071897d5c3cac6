// Package browser drives a real one: Chromium, as Debian has it.
package browser

import (
	"context"
	"fmt"
	"os"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// Elsewhere is a name that the browser takes for this machine, as an attacker's name server can say of any name.
const Elsewhere = "attacker.example"

// Start starts a browser of its own, with nothing of an earlier one and no network but what pages ask for. The context
// is that of its first tab. stop ends it and removes what it left; call it in any case.
func Start(ctx context.Context) (tab context.Context, stop func(), err error) {
	dir, err := os.MkdirTemp("", "browser")
	if err != nil {
		return nil, func() {}, err
	}
	ctx, end := chromedp.NewExecAllocator(ctx,
		chromedp.Headless, chromedp.NoSandbox, chromedp.DisableGPU, chromedp.NoFirstRun, chromedp.UserDataDir(dir),
		chromedp.Flag("disable-background-networking", true), chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-sync", true), chromedp.Flag("hide-scrollbars", true),
		chromedp.Flag("disable-dev-shm-usage", true),
		chromedp.Flag("host-resolver-rules", "MAP "+Elsewhere+" 127.0.0.1"),
	)
	tab, closeTab := chromedp.NewContext(ctx)
	stop = func() {
		closeTab()
		end()
		_ = os.RemoveAll(dir)
	}
	if err := chromedp.Do(tab); err != nil {
		return nil, stop, fmt.Errorf("browser: %w", err)
	}
	return tab, stop, nil
}

// A View is how a page is looked at.
type View struct {
	Width, Height int64   // of the window, in CSS pixels; no Height: a usual one
	Zoom          float64 // how much pixels are enlarged; 0: not at all
	Dark          bool    // the colours that the user prefers
	Print         bool    // as it is printed, on paper of that width
}

// Look sets how pages are looked at. Nothing moves.
func Look(tab context.Context, v View) error {
	if v.Height == 0 {
		v.Height = 800
	}
	if v.Zoom == 0 {
		v.Zoom = 1
	}
	_, err := chromedp.Call(tab, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{
		Width: v.Width, Height: v.Height, DeviceScaleFactor: v.Zoom,
	})
	if err != nil {
		return err
	}
	colours, media := "light", "screen"
	if v.Dark {
		colours = "dark"
	}
	if v.Print {
		media = "print"
	}
	_, err = chromedp.Call(tab, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Media: media,
		Features: []*emulation.MediaFeature{
			{Name: "prefers-color-scheme", Value: colours}, {Name: "prefers-reduced-motion", Value: "reduce"},
		},
	})
	return err
}
