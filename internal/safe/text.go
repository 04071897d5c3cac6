package safe

import (
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

const (
	// markerKey is the key of the marker in a map that was cut.
	markerKey = "…"

	cutOpen  = "… ("
	cutClose = " bytes cut)"
	// cutBytes is the room for the marker of a cut string, with a number of up to 13 digits.
	cutBytes = len(cutOpen) + len("9,999,999,999,999") + len(cutClose)

	moreOpen      = "… "
	moreClose     = " more"
	moreKeysClose = " more keys"
	// moreBytes is the room for the marker of a cut container, as a list's element or a map's entry.
	moreBytes = len(`"…":"9,999,999,999,999 more keys",`)

	// hexBytes limits how much of binary data is shown: just enough for a SHA-256 sum.
	hexBytes = 32

	// maxPanicText limits the text of a panic.
	maxPanicText = 200
)

// text keeps a string. boxed is the same string as an any, if there is one, which saves an allocation.
func (k *keeper) text(s string, boxed any) any {
	var n int
	var valid bool
	if len(s) <= shortBytes {
		n, valid = jsonLen(s, shortBytes)
	}
	if len(s) > shortBytes || n > shortBytes {
		k.longs = append(k.longs, s)
		k.room -= shortBytes + len(`""`)
		if boxed != nil {
			return boxed
		}
		return s
	}
	k.room -= n + len(`""`)
	if !valid {
		return toValid(s)
	}
	if boxed != nil {
		return boxed
	}
	return s
}

// short keeps a stand-in.
func (k *keeper) short(s string) any { return k.text(s, nil) }

// key returns the key for s in out, and subtracts its room. It avoids collisions.
func (k *keeper) key(out map[string]any, s string) string {
	if len(s) > maxKeyBytes {
		s = cut(s, maxKeyBytes)
	}
	n, valid := jsonLen(s, maxInt)
	if !valid {
		s = toValid(s)
	}
	k.room -= n + len(`"":,`)
	if _, taken := out[s]; taken {
		// Only keys that were cut, repaired or converted can collide.
		base := s
		for i := len(out) + 1; taken; i++ {
			s = base + " (" + strconv.Itoa(i) + ")"
			_, taken = out[s]
		}
		k.room -= len(s) - len(base)
	}
	return s
}

// bytes keeps a byte slice: text as text, other data as its length and its first bytes.
func (k *keeper) bytes(b []byte) any {
	if b == nil {
		return k.value(nil)
	}
	// Keeping bytes means copying them, unlike a string, so even the first attempt must not copy all.
	n := len(b)
	if limit := max(shortBytes, k.copyRoom/4); n > limit {
		n = limit
		for n > 0 && n > limit-utf8.UTFMax && !utf8.RuneStart(b[n]) {
			n--
		}
	}
	if !printable(b[:n]) {
		shown := b[:min(len(b), hexBytes)]
		s := "<" + count(len(b)) + " bytes: " + hex.EncodeToString(shown)
		if len(shown) < len(b) {
			s += "…"
		}
		return k.text(s+">", nil)
	}
	k.copyRoom -= n
	if n < len(b) {
		return k.text(string(b[:n])+cutMark(len(b)-n), nil)
	}
	return k.text(string(b), nil)
}

// printable reports whether b is text: valid UTF-8, with only the control characters that terminals know.
func printable(b []byte) bool {
	for _, c := range b {
		if c < ' ' && c != '\n' && c != '\r' && c != '\t' && c != '\b' && c != '\f' && c != '\x1b' || c == 0x7f {
			return false
		}
	}
	return utf8.Valid(b)
}

// finish divides the remaining room among the long strings in out, and makes them valid UTF-8.
func (k *keeper) finish(out any) any {
	if len(k.longs) == 0 {
		return out
	}
	room := max(k.room, 0) + shortBytes*len(k.longs)
	lens := make([]int, 0, 16)
	for _, s := range k.longs {
		lens = append(lens, len(s))
	}
	// JSON is never shorter than the text, so a text that is too long needs no exact measure.
	limit := share(lens, room)
	valid, sum := true, 0
	for i, s := range k.longs {
		n, v := jsonLen(s, min(limit, room))
		lens[i] = n
		sum += n
		valid = valid && v
	}
	if sum <= room {
		limit = maxInt
		if valid {
			return out
		}
	} else {
		limit = max(share(lens, room), shortBytes)
	}
	return cutAll(out, limit)
}

// share returns the length to which lens must be cut to take at most room together, cutting only the longest. It
// returns maxInt if they fit. It sorts lens.
func share(lens []int, room int) int {
	sum := 0
	for _, n := range lens {
		sum += min(n, room+1)
		if sum > room {
			break
		}
	}
	if sum <= room {
		return maxInt
	}
	sorted := slices.Clone(lens)
	slices.Sort(sorted)
	for i, n := range sorted {
		left := len(sorted) - i
		if n > room/left {
			return room / left
		}
		room -= n
	}
	return maxInt
}

// cutAll makes the long strings in v valid and cuts them to limit bytes of JSON, in place.
func cutAll(v any, limit int) any {
	switch x := v.(type) {
	case string:
		if len(x) > limit { // and so is its JSON
			return cut(x, limit)
		}
		n, valid := jsonLen(x, limit)
		if n > limit {
			return cut(x, limit)
		}
		if !valid {
			return toValid(x)
		}
	case map[string]any:
		for key, e := range x {
			switch e.(type) {
			case string, map[string]any, []any:
				x[key] = cutAll(e, limit)
			}
		}
	case []any:
		for i, e := range x {
			switch e.(type) {
			case string, map[string]any, []any:
				x[i] = cutAll(e, limit)
			}
		}
	}
	return v
}

// cut returns the beginning of s and a marker with the number of bytes cut, together at most limit bytes of JSON, of
// which the marker needs some 40. The result shares no memory with s, so a short string doesn't keep a giant alive.
func cut(s string, limit int) string {
	had := 0
	if body, n, ok := parseCut(s); ok {
		s, had = body, n
	}
	limit -= cutBytes
	n, look := 0, 0
	for n < len(s) {
		if n >= look && len(s)-n >= 8 && limit >= 8 {
			if plain(s[n : n+8]) {
				n += 8
				limit -= 8
				continue
			}
			look = n + 8
		}
		size, cost := costAt(s, n)
		limit -= cost
		if limit < 0 {
			break
		}
		n += size
	}
	if rest := len(s) - n + had; rest > 0 {
		return toValid(s[:n]) + cutMark(rest)
	}
	return strings.Clone(toValid(s))
}

func cutMark(n int) string { return cutOpen + count(n) + cutClose }

// parseCut splits a result of cut.
func parseCut(s string) (body string, n int, ok bool) {
	if !strings.HasSuffix(s, cutClose) {
		return s, 0, false
	}
	i := strings.LastIndex(s[max(0, len(s)-cutBytes):], cutOpen)
	if i < 0 {
		return s, 0, false
	}
	i += max(0, len(s)-cutBytes)
	n, ok = parseCount(s[i+len(cutOpen) : len(s)-len(cutClose)])
	return s[:i], n, ok
}

// parseMore reads the marker of a cut container.
func parseMore(s, open, end string) (n int, ok bool) {
	if len(s) > moreBytes || !strings.HasPrefix(s, open) || !strings.HasSuffix(s, end) || len(s) < len(open)+len(end) {
		return 0, false
	}
	return parseCount(s[len(open) : len(s)-len(end)])
}

// count formats n for people: 1,234,567.
func count(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

func parseCount(s string) (n int, ok bool) {
	n, err := strconv.Atoi(strings.ReplaceAll(s, ",", ""))
	return n, err == nil && n > 0 && n < 1e13
}

func toValid(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }

const maxInt = int(^uint(0) >> 1)

// jsonLen returns the length of s in JSON without quotes, as encoding/json writes it (with <, > and & escaped), and
// whether s is valid UTF-8. It stops once the length exceeds limit.
func jsonLen(s string, limit int) (n int, valid bool) {
	valid = true
	for i, look := 0, 0; i < len(s) && n <= limit; {
		if i >= look && len(s)-i >= 8 {
			if plain(s[i : i+8]) {
				i += 8
				n += 8
				continue
			}
			look = i + 8 // byte by byte until there
		}
		if c := s[i]; c < utf8.RuneSelf {
			n += int(asciiCost[c])
			i++
			continue
		}
		size, cost := costAt(s, i)
		if size == 1 {
			valid = false
		}
		i += size
		n += cost
	}
	return n, valid
}

// plain reports whether eight bytes are ASCII characters that JSON writes unchanged, as most text is.
func plain(s string) bool {
	const (
		low  = 0x0101010101010101
		high = 0x8080808080808080
	)
	_ = s[7]
	x := uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
		uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
	// A byte's high bit becomes set in special if the byte is above 0x7f, below ' ' or escaped: y-c borrows where y is
	// below c. A borrow may set the next byte's bit by mistake, which only costs a closer look.
	special := x | (x-' '*low)&^x
	y := x ^ '"'*low
	special |= (y - low) &^ y
	y = x ^ '\\'*low
	special |= (y - low) &^ y
	y = x ^ '&'*low
	special |= (y - low) &^ y
	y = x&^(2*low) ^ '<'*low // < and >
	special |= (y - low) &^ y
	return special&high == 0
}

// costAt returns the size of the character at s[i:] and of its JSON. A byte that isn't UTF-8 counts as toValid's
// replacement.
func costAt(s string, i int) (size, cost int) {
	if c := s[i]; c < utf8.RuneSelf {
		return 1, int(asciiCost[c])
	}
	r, size := utf8.DecodeRuneInString(s[i:])
	switch {
	case size == 1:
		return 1, utf8.RuneLen(utf8.RuneError)
	case r == '\u2028' || r == '\u2029':
		return size, len(`\u2028`)
	}
	return size, size
}

// asciiCost is the length of each ASCII character in a JSON string.
var asciiCost = func() (t [utf8.RuneSelf]uint8) {
	for c := range t {
		switch {
		case c == '"', c == '\\', c == '\b', c == '\f', c == '\n', c == '\r', c == '\t':
			t[c] = 2
		case c < ' ', c == '<', c == '>', c == '&':
			t[c] = 6
		default:
			t[c] = 1
		}
	}
	return t
}()

// unreadable returns the stand-in for a value that can't be read.
func unreadable(r any) string { return "<unreadable: " + panicText(r) + ">" }

// panicText returns the text of a panic's value. fmt recovers from panics in the value's own methods.
func panicText(r any) string {
	s := fmt.Sprint(r)
	if len(s) > maxPanicText {
		s = cut(s, maxPanicText)
	}
	return toValid(s)
}

// CutText cuts s to about limit bytes, with a marker. The result shares no memory with a larger s.
func CutText(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	cut := limit
	for cut > 0 && !utf8.RuneStart(s[cut]) {
		cut--
	}
	return strings.Clone(s[:cut]) + cutOpen + strconv.Itoa(len(s)-cut) + cutClose
}
