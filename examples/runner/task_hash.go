package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
)

// maxListed is how many names a summary lists; the counts beside them are complete.
const maxListed = 20

// newHashFiles computes the SHA-256 of a file or of all files below a folder: {path, manifest}. manifest is a file as
// sha256sum writes it, or JSON {"name": "hash"}, or that object itself; names are relative to path, to the manifest's
// folder or to the working folder, or absolute. A file that differs, is missing or can't be read is a failure; of a
// single file, what the manifest says of others doesn't count, and it is a failure that it isn't listed. Links are not
// followed.
func newHashFiles(p *params) runFunc {
	path := p.text("path")
	var manifestFile string
	var inline map[string]string
	if v := p.fields["manifest"]; v.kind() == kindObject {
		_ = json.Unmarshal(v.raw, &inline) // checked by the table
	} else {
		manifestFile = p.text("manifest")
	}
	p.will("hash the files of %s", path)
	return func(ctx context.Context) (summary, error) {
		want := inline
		if manifestFile != "" {
			var err error
			if want, err = readManifest(manifestFile); err != nil {
				return nil, err
			}
			slog.InfoContext(ctx, "read the manifest",
				"category", "file", "manifest", manifestFile, "entries", len(want))
		}
		h := hasher{hashes: make(map[string]string)}
		if err := h.walk(ctx, path); err != nil {
			return nil, err
		}
		slog.InfoContext(ctx, "hashed", "category", "file", "path", path, "files", len(h.hashes), "bytes", h.bytes)
		sum := summary{"path": path, "files": len(h.hashes), "bytes": h.bytes, "unreadable": len(h.unreadable)}
		if len(h.hashes) <= maxListed {
			sum["sha256"] = h.hashes
		}
		if want == nil {
			return sum, h.judge(sum, differences{})
		}
		sum["manifest_entries"] = len(want)
		return sum, h.judge(sum, h.compare(h.prefixes(path, manifestFile), want))
	}
}

type hasher struct {
	single     bool              // path is a file
	hashes     map[string]string // by slash-separated name relative to path, or to the folder of a single file
	bytes      int64
	unreadable []string
	cause      error // of the first unreadable one
}

func (h *hasher) walk(ctx context.Context, path string) error {
	info, err := os.Stat(path) // the path itself may be a link: it was named
	if err != nil {
		return err
	}
	if !info.IsDir() {
		if !info.Mode().IsRegular() {
			return fmt.Errorf("%s is no file and no folder (%s)", path, info.Mode().Type())
		}
		h.single = true
		return h.add(ctx, func() (io.ReadCloser, error) { return os.Open(path) }, filepath.Base(path))
	}
	root, err := os.OpenRoot(path) // so that nothing leads out of it, however names change while it is read
	if err != nil {
		return err
	}
	defer func() { _ = root.Close() }()
	return fs.WalkDir(root.FS(), ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil:
			h.skip(name, err)
			return nil
		case !d.Type().IsRegular():
			return nil
		}
		return h.add(ctx, func() (io.ReadCloser, error) { return root.Open(name) }, name)
	})
}

// add hashes one file. Only the end of ctx is an error.
func (h *hasher) add(ctx context.Context, open func() (io.ReadCloser, error), name string) error {
	f, err := open()
	if err != nil {
		h.skip(name, err)
		return ctx.Err()
	}
	defer func() { _ = f.Close() }()
	digest := sha256.New()
	n, err := io.Copy(digest, &contextReader{ctx, f})
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		h.skip(name, err)
		return nil
	}
	h.bytes += n
	h.hashes[name] = hex.EncodeToString(digest.Sum(nil))
	return nil
}

func (h *hasher) skip(name string, err error) {
	h.unreadable = append(h.unreadable, name)
	if h.cause == nil {
		h.cause = err
	}
}

// prefixes returns what names in a manifest may begin with before the name in hashes: nothing, the absolute path, and
// the way from the folder in which the manifest may have been written.
func (h *hasher) prefixes(path, manifestFile string) []string {
	all := []string{""}
	root, err := filepath.Abs(path)
	if err != nil {
		return all
	}
	if h.single {
		root = filepath.Dir(root)
	}
	add := func(folder string) {
		all = append(all, strings.TrimSuffix(filepath.ToSlash(folder), "/")+"/")
	}
	add(root)
	bases := []string{"."}
	if manifestFile != "" {
		bases = append(bases, filepath.Dir(manifestFile))
	}
	for _, base := range bases {
		base, err := filepath.Abs(base)
		if err != nil {
			continue
		}
		// From a folder below root the same name would mean another file.
		if way, err := filepath.Rel(base, root); err == nil && way != "." && filepath.IsLocal(way) {
			add(way)
		}
	}
	return all
}

// differences are names of a manifest, or of files, that are not as they should be.
type differences struct{ changed, missing, unlisted []string }

func (h *hasher) compare(prefixes []string, want map[string]string) (d differences) {
	listed := false
	for name, hash := range want {
		key := filepath.ToSlash(filepath.Clean(filepath.FromSlash(name)))
		got, found, unreadable := "", false, false
		for _, prefix := range prefixes {
			rest, ok := cutPrefix(key, prefix)
			if !ok {
				continue
			}
			got, found = h.hashes[rest]
			unreadable = slices.Contains(h.unreadable, rest)
			if found || unreadable {
				break
			}
		}
		listed = listed || found || unreadable
		switch {
		case found && !strings.EqualFold(got, hash):
			d.changed = append(d.changed, name)
		case !found && !unreadable && !h.single:
			d.missing = append(d.missing, name)
		}
	}
	if h.single && !listed {
		d.unlisted = slices.Collect(maps.Keys(h.hashes))
	}
	slices.Sort(d.changed)
	slices.Sort(d.missing)
	return d
}

// cutPrefix is strings.CutPrefix as the system compares the names of folders.
func cutPrefix(name, prefix string) (rest string, ok bool) {
	if runtime.GOOS == "windows" && len(name) >= len(prefix) && strings.EqualFold(name[:len(prefix)], prefix) {
		return name[len(prefix):], true
	}
	return strings.CutPrefix(name, prefix)
}

func (h *hasher) judge(sum summary, d differences) error {
	var found []string
	for _, g := range []struct {
		what  string
		names []string
	}{{"changed", d.changed}, {"missing", d.missing}, {"unlisted", d.unlisted}, {"unreadable", h.unreadable}} {
		if len(g.names) > 0 {
			sum[g.what+"_files"] = g.names[:min(len(g.names), maxListed)]
			found = append(found, fmt.Sprintf("%d %s", len(g.names), g.what))
		}
	}
	if len(found) == 0 {
		return nil
	}
	return fail("files_differ", h.cause, "files not as they should be: %s", strings.Join(found, ", "))
}

// contextReader ends reading when its context does.
type contextReader struct {
	ctx context.Context
	r   io.Reader
}

func (r *contextReader) Read(b []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.r.Read(b)
}

// maxManifestBytes is the largest manifest read: about half a million files.
const maxManifestBytes = 64 << 20

var (
	plainSum = regexp.MustCompile(`^([0-9a-fA-F]{64}) [ *](.+)$`) // sha256sum
	// sha256sum --tag, BSD, macOS, openssl dgst
	taggedSum = regexp.MustCompile(`^SHA(?:2-)?256 ?\((.+)\) ?= ([0-9a-fA-F]{64})$`)
	// A line of sha256sum that begins with a backslash has these in its name.
	unescapeName = strings.NewReplacer(`\\`, `\`, `\n`, "\n", `\r`, "\r")
)

func readManifest(path string) (map[string]string, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read the manifest: %w", err)
	}
	defer func() { _ = f.Close() }()
	text, err := io.ReadAll(io.LimitReader(f, maxManifestBytes+1))
	if err != nil {
		return nil, fmt.Errorf("read the manifest: %w", err)
	}
	if len(text) > maxManifestBytes {
		return nil, fmt.Errorf("read the manifest: %s is larger than %d MiB", path, maxManifestBytes>>20)
	}
	text = bytes.TrimPrefix(text, []byte("\xef\xbb\xbf"))
	want := make(map[string]string)
	if bytes.HasPrefix(bytes.TrimSpace(text), []byte("{")) {
		if err := json.Unmarshal(text, &want); err != nil {
			return nil, fmt.Errorf("read the manifest %s: %w", path, err)
		}
		return want, nil
	}
	lines := bufio.NewScanner(bytes.NewReader(text))
	for n := 1; lines.Scan(); n++ {
		line, escaped := strings.CutPrefix(strings.TrimRight(lines.Text(), "\r"), `\`)
		name, hash := "", ""
		switch m, t := plainSum.FindStringSubmatch(line), taggedSum.FindStringSubmatch(line); {
		case m != nil:
			name, hash = m[2], m[1]
		case t != nil:
			name, hash = t[1], t[2]
		case strings.TrimSpace(line) != "" && !strings.HasPrefix(line, "#"):
			return nil, fmt.Errorf("read the manifest %s: line %d is not \"<sha256>  <name>\"", path, n)
		default:
			continue
		}
		if escaped {
			name = unescapeName.Replace(name)
		}
		want[name] = hash
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("read the manifest %s: %w", path, err)
	}
	if len(want) == 0 {
		return nil, errors.New("read the manifest " + path + ": it lists no file")
	}
	return want, nil
}
