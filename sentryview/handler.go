package sentryview

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"mime"
	"net"
	"net/http"
	"net/netip"
	"path"
	"strconv"
	"strings"
	"sync"
	"time"
)

//go:embed assets
var assets embed.FS

// policy allows the page's own style sheet, script, icon and search form, and nothing else. The script makes no HTML of
// texts, and with Trusted Types it couldn't.
const policy = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; " +
	"form-action 'self'; base-uri 'none'; frame-ancestors 'none'; " +
	"require-trusted-types-for 'script'; trusted-types 'none'"

// Handler returns the page: it may be called by many requests at once, starts no goroutine that outlives its request,
// and holds no file open between them. Mounted below a path with http.StripPrefix it works as well, if that path ends
// with a slash.
//
// It refuses requests that are not GET or HEAD, those whose Host isn't localhost or a loopback address, those that came
// in over any other address of the machine, and those that another site's page has made. That keeps web pages out, not
// other users of the machine: [Open] does.
func Handler(src Source) http.Handler {
	h := &handler{src: src, pages: map[string]*template.Template{}, sources: mainModule()}
	for _, name := range []string{"issues", "issue", "tasks", "task", "waiting", "envelope", "problem"} {
		t := template.New("base.html").Funcs(functions)
		h.pages[name] = template.Must(t.ParseFS(assets,
			"assets/base.html", "assets/parts.html", "assets/"+name+".html"))
	}
	mux := http.NewServeMux()
	for pattern, page := range map[string]func(*request){
		"/{$}":                       h.issues,
		"/issue/{id}":                h.issue,
		"/event/{id}/text":           h.eventText,
		"/event/{id}/json":           h.eventJSON,
		"/event/{id}/attachment/{n}": h.attachment,
		"/tasks":                     h.tasks,
		"/task/{id}":                 h.task,
		"/waiting":                   h.waiting,
		"/waiting/{project}/{key}":   h.envelope,
		"/export.tar":                h.export,
		"/report.txt":                h.report,
		"/live":                      h.live,
		"/":                          h.missing,
	} {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) { h.serve(w, r, page) })
	}
	for _, name := range []string{"style.css", "script.js", "icon.svg"} {
		mux.HandleFunc("/"+name, func(w http.ResponseWriter, r *http.Request) { serveAsset(w, name) })
	}
	return guard(mux)
}

type handler struct {
	src     Source
	pages   map[string]*template.Template
	sources module

	mu   sync.Mutex
	view *view // of the newest reading
}

// A request is one that the guard has let pass.
type request struct {
	*http.Request
	w    http.ResponseWriter
	view *view
	now  time.Time
}

// guard lets pass what a browser on this machine asks for the page's own sake.
func guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header := w.Header()
		header.Set("Content-Security-Policy", policy)
		header.Set("X-Content-Type-Options", "nosniff")
		header.Set("X-Frame-Options", "DENY")
		header.Set("Referrer-Policy", "no-referrer")
		header.Set("Cross-Origin-Resource-Policy", "same-origin")
		header.Set("Cross-Origin-Opener-Policy", "same-origin")
		header.Set("Cache-Control", "no-store")
		switch {
		case r.Method != http.MethodGet && r.Method != http.MethodHead:
			header.Set("Allow", "GET, HEAD")
			http.Error(w, "This page can only be read: GET or HEAD.", http.StatusMethodNotAllowed)
		case !isLoopbackHost(r.Host) || !cameOverLoopback(r):
			http.Error(w, "This page is for this machine alone: ask for it by localhost or a loopback address.",
				http.StatusForbidden)
		case !fromHere(r.Header.Get("Sec-Fetch-Site")):
			http.Error(w, "Another site's page has asked for this one. Enter the address yourself.",
				http.StatusForbidden)
		default:
			next.ServeHTTP(w, r)
		}
	})
}

// isLoopbackHost says whether a Host header names this machine, and nothing that a foreign name server could point at
// it.
func isLoopbackHost(host string) bool {
	if name, port, err := net.SplitHostPort(host); err == nil {
		if _, err := strconv.ParseUint(port, 10, 16); err != nil {
			return false
		}
		host = name
	}
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(host, "["), "]"))
	return err == nil && ip.IsLoopback()
}

// cameOverLoopback says whether the connection ends at a loopback address, where the server can tell.
func cameOverLoopback(r *http.Request) bool {
	address, ok := r.Context().Value(http.LocalAddrContextKey).(*net.TCPAddr)
	return !ok || address.IP.IsLoopback()
}

// fromHere judges Sec-Fetch-Site. A page of another port of this machine is "same-site", and as foreign as any.
func fromHere(site string) bool { return site == "" || site == "none" || site == "same-origin" }

func (h *handler) serve(w http.ResponseWriter, r *http.Request, page func(*request)) {
	v, err := h.load()
	req := &request{r, w, v, time.Now()}
	if err != nil {
		req.view = newView(&reading{})
		h.problem(req, http.StatusInternalServerError, "It can't be read", err.Error())
		return
	}
	page(req)
}

// load returns what the source holds now.
func (h *handler) load() (*view, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	version := h.src.version() // first: what changes meanwhile is another version
	if h.view != nil && h.view.Version == version {
		return h.view, nil
	}
	read, err := h.src.read()
	if err != nil {
		return nil, err
	}
	h.view = newView(read)
	h.view.Version = version
	return h.view, nil
}

// A frame is what all pages have.
type frame struct {
	Title string // of the document
	Here  string // the part of the page that is marked in the navigation
	Root  string // the way from this page to the first one
	View  *view
	Now   time.Time
	Query string // to come back to the list as it was filtered
	Page  any
}

// show answers with a page.
func (h *handler) show(r *request, status int, name, title, here string, page any) {
	f := frame{Title: title, Here: here, Root: root(r.URL.Path), View: r.view, Now: r.now, Page: page}
	var b bytes.Buffer
	if err := h.pages[name].Execute(&b, f); err != nil {
		http.Error(r.w, "The page can't be made: "+err.Error(), http.StatusInternalServerError)
		return
	}
	r.w.Header().Set("Content-Type", "text/html; charset=utf-8")
	r.w.WriteHeader(status)
	_, _ = r.w.Write(visible(b.Bytes())) // a browser that has gone needs no answer
}

// root leads from a page's path to the first page, so that the handler works below any path.
func root(path string) string {
	return "./" + strings.Repeat("../", max(0, strings.Count(path, "/")-1))
}

func (h *handler) problem(r *request, status int, title, text string) {
	h.show(r, status, "problem", title, "", struct{ Title, Text string }{title, text})
}

func (h *handler) missing(r *request) {
	h.problem(r, http.StatusNotFound, "Nothing is here",
		"There is no such page, or what it showed has been delivered or left out since.")
}

// sendText answers with text, made visible.
func sendText(r *request, contentType string, text []byte) {
	r.w.Header().Set("Content-Type", contentType+"; charset=utf-8")
	_, _ = r.w.Write(visible(text))
}

// sendFile answers with bytes that nobody has looked at: a download, never a page.
func sendFile(w http.ResponseWriter, name string, write func() error) error {
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": name}))
	return write()
}

// fileName makes a name for a download of one that was received: no folders, no dots in front, plain letters.
func fileName(received string) string {
	name := path.Base(strings.ReplaceAll(received, `\`, "/"))
	name = strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_.", r) {
			return r
		}
		return '_'
	}, name)
	name = strings.TrimLeft(name, ".")
	if name = name[:min(len(name), 100)]; name == "" {
		return "attachment"
	}
	return name
}

func (h *handler) eventJSON(r *request) {
	e := r.view.records[r.PathValue("id")]
	if e == nil {
		h.missing(r)
		return
	}
	sendText(r, "application/json", e.Raw)
}

func (h *handler) attachment(r *request) {
	e := r.view.records[r.PathValue("id")]
	n, err := strconv.Atoi(r.PathValue("n"))
	if e == nil || err != nil || n < 0 || n >= len(e.Attachments) {
		h.missing(r)
		return
	}
	a := e.Attachments[n]
	_ = sendFile(r.w, fileName(a.Filename), func() error { _, err := r.w.Write(a.Data); return err })
}

func (h *handler) export(r *request) {
	o := r.view.reading.outbox
	if o == nil {
		h.missing(r)
		return
	}
	if r.Method == http.MethodHead {
		return
	}
	err := sendFile(r.w, "waiting.tar", func() error { return exportOutbox(o.dir, r.w) })
	if err != nil {
		panic(http.ErrAbortHandler) // the browser must not take a part for the whole
	}
}

func serveAsset(w http.ResponseWriter, name string) {
	b, err := assets.ReadFile("assets/" + name)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", map[string]string{
		".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml",
	}[path.Ext(name)])
	_, _ = w.Write(b)
}

// live tells a page of each change, as server-sent events: the new version, and end when nothing will change any more.
// It ends with its request.
func (h *handler) live(r *request) {
	r.w.Header().Set("Content-Type", "text/event-stream")
	if r.Method == http.MethodHead {
		return
	}
	out := http.NewResponseController(r.w)
	version := r.view.Version
	for {
		if _, err := fmt.Fprintf(r.w, "data: %s\n\n", version); err != nil || out.Flush() != nil {
			return
		}
		if !h.src.wait(r.Context(), version) {
			break
		}
		version = h.src.version()
	}
	if r.Context().Err() == nil {
		_, _ = fmt.Fprint(r.w, "event: end\ndata: \n\n")
	}
}

func hostOf(dsn string) string {
	_, rest, _ := strings.Cut(dsn, "@")
	host, _, _ := strings.Cut(rest, "/")
	return host
}
