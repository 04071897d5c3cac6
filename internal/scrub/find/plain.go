package find

import "strings"

// plain returns t without what may stand between a name and its value, or inside them, unseen: colours of a terminal,
// the NULs of UTF-16, and with the signs of ASCII in place of full-width ones.
func plain(t string) string {
	if wide := strings.Count(t, "\x00"); wide > 0 {
		t = strings.ReplaceAll(t, "\x00", "")
	}
	t = wideSigns.Replace(t)
	esc := strings.IndexByte(t, '\x1b')
	if esc < 0 {
		return t
	}
	var b strings.Builder
	for ; esc >= 0; esc = strings.IndexByte(t, '\x1b') {
		b.WriteString(t[:esc])
		t = t[escapeEnd(t, esc):]
	}
	b.WriteString(t)
	return b.String()
}

var wideSigns = strings.NewReplacer("：", ": ", "＝", "=", "\u00a0", " ")

// escapeEnd returns where the control sequence of a terminal ends that begins at i.
func escapeEnd(t string, i int) int {
	end := i + 1
	if end < len(t) && t[end] == '[' {
		for end++; end < len(t) && t[end] < '@'; end++ {
		}
		return min(end+1, len(t))
	}
	return end
}
