package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/autoservice/sentryconfig"
)

// do runs one task by itself, without reporting.
func do(t *testing.T, ctx context.Context, parameters map[string]any) (summary, error) {
	t.Helper()
	l, err := parseList([]byte(toJSON(parameters)), "test")
	if err != nil {
		t.Fatal(err)
	}
	return l.tasks[0].execute(ctx, 1)
}

func wantFailure(t *testing.T, err error, part string) {
	t.Helper()
	var failure *sentryconfig.TaskFailure
	if !errors.As(err, &failure) || !strings.Contains(failure.Reason, part) {
		t.Errorf("%v, want a failure that says %q", err, part)
	}
}

func wantException(t *testing.T, err, is error) {
	t.Helper()
	var failure *sentryconfig.TaskFailure
	if err == nil || errors.As(err, &failure) || is != nil && !errors.Is(err, is) {
		t.Errorf("%v, want an exception (%v)", err, is)
	}
}

func TestDiskSpace(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	dir := t.TempDir()
	sum, err := do(t, ctx, map[string]any{"type": "disk_space", "path": dir, "min_free_percent": 0})
	if err != nil || sum["total_gb"].(float64) < 0 || sum["free_percent"].(float64) > 100 {
		t.Errorf("%v, %v", sum, err)
	}
	_, err = do(t, ctx, map[string]any{"type": "disk_space", "path": dir, "min_free_percent": 100})
	wantFailure(t, err, "% free")
	_, err = do(t, ctx, map[string]any{"type": "disk_space", "path": filepath.Join(dir, "missing")})
	wantException(t, err, os.ErrNotExist)
}

func TestPing(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	l := listen(t)
	address := l.Addr().(*net.TCPAddr)
	sum, err := do(t, ctx, map[string]any{"type": "ping", "host": "127.0.0.1", "port": address.Port, "count": 2})
	if err != nil || sum["connected"] != 2 || sum["max_ms"].(float64) < sum["min_ms"].(float64) {
		t.Errorf("%v, %v", sum, err)
	}
	conn, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	taken := conn.LocalAddr().(*net.TCPAddr).Port // so that nobody else listens there meanwhile
	sum, err = do(t, ctx, map[string]any{"type": "ping", "host": "127.0.0.1", "port": taken, "count": 2})
	wantFailure(t, err, "none of 2 connections")
	if sum["connected"] != 0 {
		t.Errorf("%v", sum)
	}
	_, err = do(t, ctx, map[string]any{"type": "ping", "host": "x.invalid", "count": 1})
	wantFailure(t, err, "x.invalid")
}

func TestHTTPCheck(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	release := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/ok":
			_, _ = w.Write([]byte("hello"))
		case "/redirect":
			http.Redirect(w, r, "/ok", http.StatusFound)
		case "/hang":
			select {
			case <-release:
			case <-r.Context().Done():
			}
		default:
			w.WriteHeader(http.StatusTeapot)
		}
	}))
	t.Cleanup(server.Close)
	t.Cleanup(func() { close(release) })
	check := func(path string, more ...any) (summary, error) {
		p := map[string]any{"type": "http_check", "url": server.URL + path}
		for i := 0; i < len(more); i += 2 {
			p[more[i].(string)] = more[i+1]
		}
		return do(t, ctx, p)
	}
	if sum, err := check("/ok"); err != nil || sum["status"] != 200 || sum["bytes"] != int64(5) {
		t.Errorf("%v, %v", sum, err)
	}
	if sum, err := check("/redirect"); err != nil || sum["status"] != 200 {
		t.Errorf("a redirect: %v, %v", sum, err)
	}
	if sum, err := check("/redirect", "expect_status", 302); err != nil || sum["status"] != 302 {
		t.Errorf("an expected redirect: %v, %v", sum, err)
	}
	_, err := check("/teapot")
	wantFailure(t, err, "status 418, want 200")
	_, err = check("/hang", "timeout_seconds", 0.1)
	wantException(t, err, context.DeadlineExceeded)
	_, err = do(t, ctx, map[string]any{"type": "http_check", "url": "http://x.invalid/"})
	wantFailure(t, err, "no answer")
	_, err = do(t, ctx, map[string]any{"type": "http_check", "url": "ftp://host/"})
	wantException(t, err, nil)
}

func TestDNSLookup(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	if sum, err := do(t, ctx, map[string]any{"type": "dns_lookup", "host": "127.0.0.1"}); err != nil ||
		len(sum["addresses"].([]string)) != 1 {
		t.Errorf("%v, %v", sum, err)
	}
	_, err := do(t, ctx, map[string]any{"type": "dns_lookup", "host": "x.invalid"})
	wantFailure(t, err, "x.invalid")
}

func TestHashFiles(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	dir := t.TempDir()
	sumOf := func(text string) string {
		h := sha256.Sum256([]byte(text))
		return hex.EncodeToString(h[:])
	}
	if err := os.Mkdir(filepath.Join(dir, "sub"), 0o700); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"a.txt": "a", "sub/b.txt": "b", "sub/c.txt": "c"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	linked := os.Symlink(dir, filepath.Join(dir, "loop")) == nil // needs a right on Windows
	manifest := func(text string) string {
		path := filepath.Join(t.TempDir(), "SHA256SUMS")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	good := sumOf("a") + "  a.txt\r\n" + strings.ToUpper(sumOf("b")) + " *sub/b.txt\n"

	sum, err := do(t, ctx, map[string]any{"type": "hash_files", "path": dir})
	if err != nil || sum["files"] != 3 || sum["bytes"] != int64(3) ||
		sum["sha256"].(map[string]string)["sub/c.txt"] != sumOf("c") {
		t.Errorf("without a manifest (link %v): %v, %v", linked, sum, err)
	}
	for name, m := range map[string]any{
		"sha256sum":      manifest(good),
		"tagged":         manifest("SHA256 (a.txt) = " + sumOf("a") + "\n"),
		"JSON file":      manifest(toJSON(map[string]string{"sub/b.txt": sumOf("b")})),
		"in the list":    map[string]string{"./sub/../a.txt": sumOf("a")},
		"absolute names": manifest(sumOf("a") + "  " + filepath.Join(dir, "a.txt") + "\n"),
		"openssl":        manifest("SHA2-256(a.txt)= " + sumOf("a") + "\nSHA256(sub/b.txt)= " + sumOf("b") + "\n"),
	} {
		if sum, err := do(t, ctx, hashing(dir, m)); err != nil {
			t.Errorf("%s: %v, %v", name, sum, err)
		}
	}
	_, err = do(t, ctx, hashing(dir, manifest(good+sumOf("x")+"  sub/c.txt\n"+sumOf("d")+"  d.txt\n")))
	wantFailure(t, err, "1 changed, 1 missing")
	_, err = do(t, ctx, hashing(dir, map[string]string{"../" + filepath.Base(dir) + "x": sumOf("a")}))
	wantFailure(t, err, "1 missing")
	if runtime.GOOS == "windows" { // folders' names are the same in any case
		name := filepath.Join(strings.ToUpper(dir), "a.txt")
		names := map[string]string{name: sumOf("a")}
		if sum, err := do(t, ctx, hashing(dir, names)); err != nil {
			t.Errorf("%s: %v, %v", name, sum, err)
		}
	}
	listed := map[string]string{"a.txt": sumOf("a")}
	if sum, err := do(t, ctx, hashing(filepath.Join(dir, "a.txt"), listed)); err != nil {
		t.Errorf("one file: %v, %v", sum, err)
	}
	_, err = do(t, ctx, hashing(filepath.Join(dir, "b.txt"), listed))
	wantException(t, err, os.ErrNotExist)
	if sum, err := do(t, ctx, hashing(filepath.Join(dir, "a.txt"), manifest(good))); err != nil {
		t.Errorf("one file of a manifest that lists more: %v, %v", sum, err)
	}
	_, err = do(t, ctx, hashing(filepath.Join(dir, "sub", "c.txt"), manifest(good)))
	wantFailure(t, err, "1 unlisted")
	_, err = do(t, ctx, map[string]any{"type": "hash_files", "path": filepath.Join(dir, "missing")})
	wantException(t, err, os.ErrNotExist)
	_, err = do(t, ctx, hashing(dir, filepath.Join(dir, "missing")))
	wantException(t, err, os.ErrNotExist)
	_, err = do(t, ctx, hashing(dir, manifest("nonsense")))
	wantException(t, err, nil)
}

// hashing is a task that compares the files of path with a manifest.
func hashing(path string, manifest any) map[string]any {
	return map[string]any{"type": "hash_files", "path": path, "manifest": manifest}
}

// TestHashFilesNamesFromTheManifestsFolder has a manifest beside the folder, written as sha256sum tools/* > SHA256SUMS
// does.
func TestHashFilesNamesFromTheManifestsFolder(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	tools := filepath.Join(dir, "tools")
	for _, folder := range []string{tools, filepath.Join(tools, "sub")} {
		if err := os.Mkdir(folder, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	sum := sha256.Sum256([]byte("a"))
	hash := hex.EncodeToString(sum[:])
	manifest := filepath.Join(dir, "SHA256SUMS")
	for path, text := range map[string]string{
		filepath.Join(tools, "a.txt"):             "a",
		filepath.Join(tools, "sub", "c.txt"):      "a",
		manifest:                                  hash + "  tools/a.txt\n",
		filepath.Join(tools, "sub", "SHA256SUMS"): hash + "  c.txt\n",
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, path := range []string{tools, filepath.Join(tools, "a.txt")} {
		if sum, err := do(t, t.Context(), hashing(path, manifest)); err != nil {
			t.Errorf("%s: %v, %v", path, sum, err)
		}
	}
	// A file that is missing from the folder isn't the one of that name beside the manifest.
	_, err := do(t, t.Context(), hashing(tools, filepath.Join(tools, "sub", "SHA256SUMS")))
	wantFailure(t, err, "1 missing")
}

// TestReadManifestEscapes reads what sha256sum writes for names with a backslash or a line break.
func TestReadManifestEscapes(t *testing.T) {
	t.Parallel()
	hash := strings.Repeat("0a", sha256.Size)
	path := filepath.Join(t.TempDir(), "SHA256SUMS")
	text := `\` + hash + `  back\\new\n` + "\n" + `\SHA256 (line\nbreak) = ` + hash + "\n" + hash + `  as\it is` + "\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := readManifest(path)
	if want := map[string]string{`back\new` + "\n": hash, "line\nbreak": hash, `as\it is`: hash}; err != nil || !maps.Equal(got, want) {
		t.Errorf("%q, %v, want %q", got, err, want)
	}
}

func TestTempCleanup(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	old := time.Now().Add(-10 * 24 * time.Hour)
	// put makes a file, and the folders above it, that are old or new.
	put := func(dir, name string, at time.Time) string {
		t.Helper()
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte("12345"), 0o600); err != nil {
			t.Fatal(err)
		}
		for p := path; p != dir; p = filepath.Dir(p) {
			if err := os.Chtimes(p, at, at); err != nil {
				t.Fatal(err)
			}
		}
		return path
	}
	exists := func(path string) bool {
		_, err := os.Lstat(path)
		return err == nil
	}
	dir, outside := t.TempDir(), t.TempDir()
	gone, kept := put(dir, "x/y/old.tmp", old), put(dir, "z/new.tmp", time.Now())
	victim := put(outside, "victim.tmp", old)
	link := filepath.Join(dir, "link")
	// needs a right on Windows; Wine makes one that can't be seen
	linked := os.Symlink(outside, link) == nil && exists(link)

	sum, err := do(t, ctx, map[string]any{"type": "temp_cleanup", "path": dir, "older_than_days": 7})
	if err != nil || sum["files"] != 1 || sum["applied"] != false || !exists(gone) {
		t.Errorf("dry run: %v, %v", sum, err)
	}
	sum, err = do(t, ctx, map[string]any{"type": "temp_cleanup", "path": dir, "older_than_days": 7, "apply": true})
	if err != nil || sum["files"] != 1 || sum["folders"] != 2 {
		t.Errorf("applied: %v, %v", sum, err)
	}
	if exists(gone) || exists(filepath.Join(dir, "x")) || !exists(kept) || !exists(victim) || linked && !exists(link) {
		t.Errorf("old file there: %v, its folder: %v, new file: %v, file behind a link: %v",
			exists(gone), exists(filepath.Join(dir, "x")), exists(kept), exists(victim))
	}
	if linked {
		for _, end := range []string{"", string(filepath.Separator), string(filepath.Separator) + "."} {
			path := link + end
			_, err = do(t, ctx, map[string]any{
				"type": "temp_cleanup", "path": path, "older_than_days": 0, "apply": true,
			})
			wantException(t, err, nil)
			if !exists(victim) {
				t.Fatalf("a link was followed: %s", path)
			}
		}
	}
	_, err = do(t, ctx, map[string]any{"type": "temp_cleanup", "path": filepath.Join(dir, "missing")})
	wantException(t, err, os.ErrNotExist)
	root := filepath.VolumeName(dir) + string(filepath.Separator)
	_, err = do(t, ctx, map[string]any{"type": "temp_cleanup", "path": root})
	wantException(t, err, nil)
}

func TestSystemInfo(t *testing.T) {
	t.Parallel()
	sum, err := do(t, t.Context(), map[string]any{"type": "system_info"})
	if err != nil || sum["cpus"].(int) < 1 || sum["memory_gb"] == nil || sum["os_version"] == nil {
		t.Errorf("%v, %v", sum, err)
	}
}

func TestPanicIsAnException(t *testing.T) {
	t.Parallel()
	_, err := do(t, t.Context(), map[string]any{"type": "demo_panic"})
	var p *sentryconfig.PanicError
	if !errors.As(err, &p) {
		t.Errorf("%v", err)
	}
}
