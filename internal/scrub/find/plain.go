package find

import "strings"

// plain returns t without what may stand between a name and its value, or inside them, unseen: colours of a terminal,
// the NULs of UTF-16, and with the signs of ASCII in place of full-width ones.
func plain(t string) string {
	t = wideSigns.Replace(t)
	var b strings.Builder
	for {
		before, _, found := strings.Cut(t, "\x1b")
		b.WriteString(before)
		if !found {
			return b.String()
		}
		t = t[escapeEnd(t, len(before)):]
	}
}

var wideSigns = strings.NewReplacer("\x00", "", "：", ": ", "＝", "=", "\u00a0", " ")

// escapeEnd returns where the control sequence of a terminal ends that begins at i.
func escapeEnd(t string, i int) int {
	if !strings.HasPrefix(t[i+1:], "[") {
		return i + 1
	}
	for end := i + 2; end < len(t); end++ {
		if t[end] >= '@' {
			return end + 1
		}
	}
	return len(t)
}
