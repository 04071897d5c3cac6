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

// Look sets the size of the window, in CSS pixels, how much they are enlarged, and the colours that the user prefers.
// Nothing moves.
func Look(tab context.Context, width, height int64, zoom float64, dark bool) error {
	colours := "light"
	if dark {
		colours = "dark"
	}
	if err := Resize(tab, width, height, zoom); err != nil {
		return err
	}
	_, err := chromedp.Call(tab, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{
			{Name: "prefers-color-scheme", Value: colours}, {Name: "prefers-reduced-motion", Value: "reduce"},
		},
	})
	return err
}

// Resize sets the size of the window.
func Resize(tab context.Context, width, height int64, zoom float64) error {
	_, err := chromedp.Call(tab, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{
		Width: width, Height: height, DeviceScaleFactor: zoom,
	})
	return err
}
