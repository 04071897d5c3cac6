package browsertest

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/audits"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/autoservice/sentryconfig/sentrytest"
	"github.com/autoservice/sentryconfig/sentryview"
	"github.com/autoservice/sentryconfig/sentryview/browsertest/browser"
	"github.com/autoservice/sentryconfig/sentryview/internal/sample"
)

func TestMain(m *testing.M) {
	sample.Main()
	os.Exit(m.Run())
}

// A tab is a browser's, with an eye on all that goes wrong in it.
type tab struct {
	context.Context
	t    *testing.T
	base string // of the page that it may ask for

	mu       sync.Mutex
	troubles []string
}

// open opens the page of a source in a browser of its own.
func open(t *testing.T, source sentryview.Source) *tab {
	t.Helper()
	p, err := sentryview.Open(source)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	ctx, stop, err := browser.Start(t.Context())
	t.Cleanup(stop)
	if err != nil {
		t.Fatalf("%v\nIs Chromium installed? apt-get install -y chromium", err)
	}
	base, _, _ := strings.Cut(p.URL, "?")
	b := &tab{Context: ctx, t: t, base: base}
	if err := chromedp.Listen(ctx, b.note); err != nil {
		t.Fatal(err)
	}
	if _, err := chromedp.Call(ctx, audits.Enable, struct{}{}); err != nil {
		t.Fatal(err)
	}
	b.do(chromedp.Navigate(p.URL))
	return b
}

// note keeps what must not happen: errors, reports of the policy, dialog boxes, requests to others.
func (b *tab) note(event any) {
	var trouble string
	switch e := event.(type) {
	case *runtime.EventConsoleAPICalled:
		trouble = fmt.Sprintf("console.%s", e.Type)
	case *runtime.EventExceptionThrown:
		trouble = "exception: " + e.ExceptionDetails.Text
	case *log.EventEntryAdded:
		trouble = fmt.Sprintf("%s: %s (%s)", e.Entry.Level, e.Entry.Text, e.Entry.URL)
	case *audits.EventIssueAdded:
		trouble = fmt.Sprintf("issue: %s %+v", e.Issue.Code, e.Issue.Details)
	case *page.EventJavascriptDialogOpening:
		trouble = "dialog: " + e.Message
	case *network.EventRequestWillBeSent:
		if !strings.HasPrefix(e.Request.URL, b.base) {
			trouble = "request to " + e.Request.URL
		}
	}
	if trouble == "" {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.troubles = append(b.troubles, trouble)
}

// quiet fails the test for what has gone wrong since the last call.
func (b *tab) quiet(where string) {
	b.t.Helper()
	for _, trouble := range b.taken() {
		b.t.Errorf("%s: %s", where, trouble)
	}
}

func (b *tab) taken() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	troubles := b.troubles
	b.troubles = nil
	return troubles
}

// patience is how long a step may take: it only ends what would never end.
const patience = 30 * time.Second

// run takes a step. A failure ends the test.
func run[T any](b *tab, action chromedp.Action[T]) T {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b, patience)
	defer cancel()
	v, err := chromedp.Run(ctx, action)
	if err != nil {
		b.t.Fatal(err)
	}
	return v
}

func (b *tab) do(step chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	run(b, step)
}

// leave takes a step that leads to another page, and returns the answer.
func (b *tab) leave(step chromedp.Action[chromedp.Void]) *network.Response {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b, patience)
	defer cancel()
	resp, err := chromedp.RunResponse(ctx, step)
	if err != nil {
		b.t.Fatal(err)
	}
	return resp
}

// eval returns what an expression is in the page.
func eval[T any](b *tab, expression string) T {
	b.t.Helper()
	return run(b, chromedp.Evaluate[T](expression))
}

// until waits for an expression to be true.
func (b *tab) until(expression string) {
	b.t.Helper()
	run(b, chromedp.Poll[bool](expression, chromedp.WithPollingMutation()))
}

// pages follows the links of each page and calls look there, on at most some pages of a kind. Files and downloads are
// not pages.
func (b *tab) pages(some int, look func(url string)) (n int) {
	done, kinds := map[string]bool{}, map[string]int{}
	for todo := []string{b.base, b.base + "tasks", b.base + "waiting"}; len(todo) > 0; {
		url := todo[0]
		todo = todo[1:]
		kind, query, _ := strings.Cut(strings.TrimPrefix(url, b.base), "?")
		kind, _, _ = strings.Cut(kind, "/")
		name, _, _ := strings.Cut(query, "=")
		if kind += "?" + name; done[url] || kinds[kind] == some {
			continue
		}
		done[url] = true
		kinds[kind]++
		b.do(chromedp.Navigate(url))
		look(url)
		todo = append(todo, eval[[]string](b, `Array.from(document.querySelectorAll("a:not([download])"), a => a.href.split("#")[0])
			.filter(u => !/[/](text|json)$|report.txt$/.test(u))`)...)
	}
	return len(done)
}

// TestHostile: whatever was received, every page is quiet: no script runs, nothing leaves, the policy has nothing to
// do.
func TestHostile(t *testing.T) {
	server := sentrytest.NewServer(nil)
	defer server.Close()
	if _, err := sample.Hostile(server); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	closeOutbox, err := sample.HostileOutbox(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = closeOutbox() }()
	for name, source := range map[string]sentryview.Source{
		"server": sentryview.Server(server), "outbox": sentryview.Outbox(dir),
	} {
		t.Run(name, func(t *testing.T) {
			b := open(t, source)
			if err := browser.Look(b, browser.View{Width: 320, Height: 640}); err != nil {
				t.Fatal(err)
			}
			n := b.pages(20, func(url string) {
				b.quiet(url)
				if title := eval[string](b, `document.title`); !strings.HasSuffix(title, "· sentryconfig") {
					t.Errorf("%s: title %q", url, title)
				}
				if n := eval[int](b, `document.scripts.length + document.querySelectorAll("iframe,object,base,img").length`); n != 1 {
					t.Errorf("%s: %d scripts and frames, want its own script", url, n)
				}
				b.fits(url, 320)
			})
			if n < 30 {
				t.Errorf("only %d pages", n)
			}
		})
	}
}

// TestLarge: 2,000 events are shown, and texts of a megabyte, at every width.
func TestLarge(t *testing.T) {
	dir := t.TempDir()
	if err := sample.LargeOutbox(dir, 2000); err != nil {
		t.Fatal(err)
	}
	b := open(t, sentryview.Outbox(dir))
	for _, width := range []int64{320, 768, 1280} {
		if err := browser.Look(b, browser.View{Width: width}); err != nil {
			t.Fatal(err)
		}
		for _, path := range []string{"", "?page=20", "waiting", fmt.Sprintf("issue/%032x", 2001)} {
			b.do(chromedp.Navigate(b.base + path))
			b.fits(path, int(width))
			b.quiet(path)
			if n := eval[int](b, `document.documentElement.innerHTML.length`); n > 10<<20 {
				t.Errorf("%q: %d characters", path, n)
			}
		}
		if n := eval[int](b, `document.querySelectorAll("main details").length`); n < 5 {
			t.Errorf("%d folded texts", n)
		}
		if high := eval[int](b, `document.documentElement.scrollHeight`); high > 12_000 {
			t.Errorf("%d pixels high at a width of %d", high, width)
		}
	}
	if text := eval[string](b, `document.querySelector("#foot").innerText`); !strings.Contains(text, "1 older one left out") {
		t.Errorf("the foot says %q", text)
	}
}

// fits fails the test when the page is wider than the window.
func (b *tab) fits(url string, width int) {
	b.t.Helper()
	if got := eval[int](b, `document.documentElement.scrollWidth`); got > width {
		wide := eval[[]string](b, fmt.Sprintf(`Array.from(document.querySelectorAll("body *")).filter(e =>
			e.getBoundingClientRect().right > %d && !e.closest("pre,.hide")).slice(0, 5).map(e => e.outerHTML.slice(0, 120))`, width))
		b.t.Errorf("%s: %d pixels wide in a window of %d: %q", url, got, width, wide)
	}
}

// faint finds texts with less contrast than 4.5 to 1 against what is behind them.
const faint = `(() => {
	const canvas = document.createElement("canvas").getContext("2d", {willReadFrequently: true});
	const rgba = colour => {
		canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1);
		const d = canvas.getImageData(0, 0, 1, 1).data;
		return [d[0], d[1], d[2], d[3] / 255];
	};
	const over = (a, b) => a.slice(0, 3).map((v, i) => v * a[3] + b[i] * (1 - a[3]));
	const behind = e => {
		if (!e) return [255, 255, 255];
		const c = rgba(getComputedStyle(e).backgroundColor);
		return c[3] === 1 ? c.slice(0, 3) : over(c, behind(e.parentElement));
	};
	const light = c => c.map(v => v / 255).map(v => v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4)
		.reduce((sum, v, i) => sum + v * [.2126, .7152, .0722][i], 0);
	const opacity = e => e ? Number(getComputedStyle(e).opacity) * opacity(e.parentElement) : 1;
	const found = new Set();
	const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
	while (walker.nextNode()) {
		const e = walker.currentNode.parentElement;
		if (!walker.currentNode.data.trim() || !e.checkVisibility() || e.closest(".hide,.skip,option,.lw")) continue;
		const back = behind(e), colour = rgba(getComputedStyle(e).color);
		colour[3] *= opacity(e);
		const [a, b] = [light(over(colour, back)), light(back)].sort((x, y) => y - x);
		const ratio = (a + .05) / (b + .05);
		if (ratio < 4.5) found.add(ratio.toFixed(2) + " " + e.className + ": " +
			walker.currentNode.data.trim().slice(0, 40));
	}
	return Array.from(found);
})()`

// TestLooks: light or dark, on a small window, enlarged, with script or without, each page is legible.
func TestLooks(t *testing.T) {
	server := sentrytest.NewServer(nil)
	defer server.Close()
	if err := sample.Fill(server); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := sample.Outbox(dir); err != nil {
		t.Fatal(err)
	}
	for name, source := range map[string]sentryview.Source{
		"server": sentryview.Server(server), "outbox": sentryview.Outbox(dir),
	} {
		t.Run(name, func(t *testing.T) {
			b := open(t, source)
			for _, look := range []struct {
				browser.View
				some int
			}{
				{browser.View{Width: 1280}, 12}, {browser.View{Width: 1280, Dark: true}, 3}, {browser.View{Width: 768}, 2},
				{browser.View{Width: 320}, 3}, {browser.View{Width: 640, Zoom: 2, Dark: true}, 2},
				{browser.View{Width: 718, Print: true, Dark: true}, 2}, // A4
			} {
				if err := browser.Look(b, look.View); err != nil {
					t.Fatal(err)
				}
				b.pages(look.some, func(url string) {
					b.do(chromedp.WaitReady("main"))
					eval[int](b, `document.querySelectorAll("details").forEach(d => { d.open = true; }) || 0`)
					b.fits(url, int(look.Width))
					for _, text := range eval[[]string](b, faint) {
						t.Errorf("%s, %+v: contrast %s", url, look.View, text)
					}
					if n := eval[int](b, `document.querySelectorAll("h1").length`); n != 1 {
						t.Errorf("%s: %d h1", url, n)
					}
					b.quiet(url)
				})
			}
		})
	}
}

// TestLive: a new row appears by itself, not while the page is paused, and the focus stays where it was.
func TestLive(t *testing.T) {
	server := sentrytest.NewServer(nil)
	defer server.Close()
	if err := sample.One(server, "the first"); err != nil {
		t.Fatal(err)
	}
	b := open(t, sentryview.Server(server))
	b.until(`document.getElementById("state").dataset.mode === "on"`)
	b.do(chromedp.Focus(".issues a.title"))

	one := func(message string) {
		t.Helper()
		if err := sample.One(server, message); err != nil {
			t.Fatal(err)
		}
	}
	one("no connection to the spooler")
	b.until(`document.querySelectorAll(".issues tbody tr").length === 2`)
	if text := eval[string](b, `document.querySelector(".issues tbody tr").innerText`); !strings.Contains(text, "spooler") {
		t.Errorf("the newest is %q", text)
	}
	if !eval[bool](b, `document.querySelector(".issues tbody tr").classList.contains("fresh")`) {
		t.Error("a new row doesn't look new")
	}
	if focus := eval[string](b, `document.activeElement.closest("tr")?.innerText ?? ""`); !strings.Contains(focus, "the first") {
		t.Errorf("the focus is on %q", focus)
	}

	b.do(chromedp.Click("#pause"))
	one("paper jam")
	b.until(`document.getElementById("state").textContent.includes("there is more")`)
	if n := eval[int](b, `document.querySelectorAll(".issues tbody tr").length`); n != 2 {
		t.Errorf("%d rows while it is paused", n)
	}
	b.do(chromedp.Click("#pause"))
	b.until(`document.querySelectorAll(".issues tbody tr").length === 3`)
	if text := eval[string](b, `Array.from(document.querySelectorAll(".fresh"), row => row.innerText).join()`); !strings.Contains(text, "paper jam") || strings.Contains(text, "spooler") {
		t.Errorf("what looks new is %q", text)
	}

	server.Close()
	b.until(`document.getElementById("state").textContent === "Ended"`)
	b.quiet("live")
}

// TestKeyboard: all of it can be reached and used by keyboard alone, and what has the focus can be seen.
func TestKeyboard(t *testing.T) {
	server := sentrytest.NewServer(nil)
	defer server.Close()
	if err := sample.Fill(server); err != nil {
		t.Fatal(err)
	}
	b := open(t, sentryview.Server(server))
	b.do(chromedp.KeyEvent(kb.Tab))
	if text := eval[string](b, `document.activeElement.textContent`); text != "Skip to the content" {
		t.Errorf("the first stop is %q", text)
	}
	if size := eval[float64](b, `document.activeElement.getBoundingClientRect().width`); size < 50 {
		t.Error("the way past the navigation can't be seen")
	}
	b.do(chromedp.KeyEvent(kb.Enter))
	b.until(`location.hash === "#main"`)

	reached := map[string]bool{}
	for range 60 {
		b.do(chromedp.KeyEvent(kb.Tab))
		reached[eval[string](b, `document.activeElement.id || document.activeElement.name || document.activeElement.className`)] = true
		if !eval[bool](b, `document.activeElement === document.body || getComputedStyle(document.activeElement).outlineStyle !== "none"`) {
			t.Errorf("the focus can't be seen on %s", eval[string](b, `document.activeElement.outerHTML.slice(0, 200)`))
		}
	}
	for _, name := range []string{"q", "task", "level", "status", "title t", "pause"} {
		if !reached[name] {
			t.Errorf("%q can't be reached: %v", name, reached)
		}
	}

	eval[int](b, `document.activeElement.blur() || 0`)
	b.do(chromedp.KeyEvent("/"))
	b.until(`document.activeElement.id === "q"`)
	eval[string](b, `document.activeElement.value = ""`) // a real keyboard types nothing into it, the protocol's does
	b.leave(chromedp.KeyEvent("sectors\r"))
	if url := eval[string](b, `location.search`); !strings.Contains(url, "q=sectors") {
		t.Errorf("the search is not in the URL: %q", url)
	}
	if n := eval[int](b, `document.querySelectorAll(".issues tbody tr").length`); n != 1 {
		t.Errorf("%d rows found", n)
	}
	b.do(chromedp.Focus(".issues a.title"))
	b.leave(chromedp.KeyEvent(kb.Enter))
	if h1 := eval[string](b, `document.querySelector("h1").textContent`); !strings.Contains(h1, "reallocated") {
		t.Errorf("Enter opens %q", h1)
	}
	b.quiet("keyboard")
}

// TestCopy: an event can be copied, and a browser that refuses it says so.
func TestCopy(t *testing.T) {
	server := sentrytest.NewServer(nil)
	defer server.Close()
	if err := sample.One(server, "no connection to the spooler"); err != nil {
		t.Fatal(err)
	}
	b := open(t, sentryview.Server(server))
	b.leave(chromedp.Click(".issues a.title"))
	eval[bool](b, `(navigator.clipboard.writeText = text => { window.copied = text; return Promise.resolve(); }, true)`)
	b.do(chromedp.Click("[data-copy$=text]"))
	b.until(`document.querySelector("[data-copy$=text]").textContent === "Copied"`)
	if text := eval[string](b, `window.copied`); !strings.Contains(text, "no connection to the spooler") {
		t.Errorf("copied %q", text)
	}
	eval[bool](b, `(navigator.clipboard.writeText = () => Promise.reject(new Error("no")), true)`)
	b.do(chromedp.Click("[data-copy$=json]"))
	b.until(`document.querySelector("[data-copy$=json]").textContent.includes("won't")`)
	b.quiet("copy")
}

// TestWithoutScript: the page shows and filters all the same.
func TestWithoutScript(t *testing.T) {
	server := sentrytest.NewServer(nil)
	defer server.Close()
	if err := sample.Fill(server); err != nil {
		t.Fatal(err)
	}
	b := open(t, sentryview.Server(server))
	_, err := chromedp.Call(b, emulation.SetScriptExecutionDisabled,
		emulation.SetScriptExecutionDisabledParams{Value: true})
	if err != nil {
		t.Fatal(err)
	}
	b.do(chromedp.Navigate(b.base))
	if visible := eval[bool](b, `document.getElementById("pause").checkVisibility()`); visible {
		t.Error("a button that does nothing is shown")
	}
	b.do(chromedp.SetValue(`select[name=level]`, "fatal"))
	b.leave(chromedp.Click(".filters button"))
	if n := eval[int](b, `document.querySelectorAll(".issues tbody tr:not(.l-fatal)").length`); n != 0 {
		t.Errorf("%d rows of other levels", n)
	}
	b.quiet("without script")
}

// TestOthersAreRefused: a name that somebody points at this machine, and a page of somebody else, get nothing.
func TestOthersAreRefused(t *testing.T) {
	server := sentrytest.NewServer(nil)
	defer server.Close()
	if err := sample.One(server, "a secret"); err != nil {
		t.Fatal(err)
	}
	b := open(t, sentryview.Server(server))
	b.taken()

	elsewhere := strings.Replace(b.base, "127.0.0.1", browser.Elsewhere, 1)
	resp := b.leave(chromedp.Navigate(elsewhere))
	if body := eval[string](b, `document.body.innerText`); resp.Status != 403 || strings.Contains(body, "secret") {
		t.Errorf("status %d: %s", resp.Status, body)
	}

	attacker := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = fmt.Fprintf(w, `<a id="go" href="%[1]s">go</a><iframe id="frame" src="%[1]s"></iframe><script>
			window.got = "waiting";
			fetch("%[1]s", {credentials: "include"}).then(() => { window.got = "an answer"; },
				() => { window.got = "nothing"; });
		</script>`, b.base)
	}))
	defer attacker.Close()
	b.do(chromedp.Navigate(attacker.URL))
	run(b, chromedp.Poll[bool](`window.got !== "waiting"`, chromedp.WithPollingInterval(10*time.Millisecond)))
	if got := eval[string](b, `window.got`); got != "nothing" {
		t.Errorf("another page's script got %s", got)
	}
	resp = b.leave(chromedp.Click("#go"))
	if body := eval[string](b, `document.body.innerText`); resp.Status != 403 || strings.Contains(body, "secret") {
		t.Errorf("a link of another page leads to status %d: %s", resp.Status, body)
	}
	for _, trouble := range b.taken() {
		if strings.HasPrefix(trouble, "dialog") {
			t.Error(trouble)
		}
	}
}

// TestPrinted: what is printed has pages, and none of the controls.
func TestPrinted(t *testing.T) {
	server := sentrytest.NewServer(nil)
	defer server.Close()
	if err := sample.Fill(server); err != nil {
		t.Fatal(err)
	}
	b := open(t, sentryview.Server(server))
	_, err := chromedp.Call(b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Media: "print"})
	if err != nil {
		t.Fatal(err)
	}
	for _, selector := range []string{".filters", ".live", ".top nav"} {
		if eval[bool](b, `document.querySelector("`+selector+`").checkVisibility()`) {
			t.Errorf("%s is printed", selector)
		}
	}
	if !eval[bool](b, `document.querySelector(".issues").checkVisibility()`) {
		t.Error("the issues are not printed")
	}
	if pdf := run(b, chromedp.PrintToPDF()); !strings.HasPrefix(string(pdf), "%PDF") {
		t.Errorf("%.20q", pdf)
	}
}
