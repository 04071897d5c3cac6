package settings

import (
	"regexp"
	"slices"
	"strings"
)

// plainKey returns a name without what is often mistyped: case, _ and -.
func plainKey(name string) string {
	return strings.ToLower(strings.NewReplacer("_", "", "-", "").Replace(name))
}

// optOuts are the names of settings that are on by default.
var optOuts = []string{"enabled", "send_default_pii", "send_system_info"}

// isMistyped reports whether an unknown name is probably a misspelling of a known one: if it passed for one of the
// program's, a mistyped opt-out would be ignored.
func isMistyped(name string, known []string) bool {
	plain := plainKey(name)
	for _, word := range []string{"enabled", "pii", "send"} {
		if strings.Contains(plain, word) {
			return true
		}
	}
	return slices.ContainsFunc(optOuts, func(k string) bool { return editDistance(plain, plainKey(k)) <= 1 }) ||
		slices.ContainsFunc(known, func(k string) bool { return plainKey(k) == plain })
}

// misspelt returns the name in a settings file that an unknown name is a misspelling of, "" if there is none.
func misspelt(name string) string {
	switch plain := plainKey(name); {
	case name == enabledName || name == sectionName:
		return ""
	case editDistance(plain, plainKey(enabledName)) <= 1:
		return enabledName
	case plain == sectionName:
		return sectionName
	}
	return ""
}

// closestName returns the known name that shares most words with name; of several, the one with the fewest edits. Words
// are separated by underscores or begin with a capital, as in SendPII.
func closestName(name string, known []string) string {
	spaced := capitals.ReplaceAllString(strings.ReplaceAll(name, "-", "_"), "${1}_${2}")
	words := strings.Split(strings.ToLower(spaced), "_")
	return slices.MinFunc(known, func(a, b string) int {
		if d := sharedWords(words, b) - sharedWords(words, a); d != 0 {
			return d
		}
		return editDistance(plainKey(name), plainKey(a)) - editDistance(plainKey(name), plainKey(b))
	})
}

// capitals matches where a word begins with a capital.
var capitals = regexp.MustCompile(`([a-z])([A-Z])`)

func sharedWords(words []string, known string) (n int) {
	for word := range strings.SplitSeq(known, "_") {
		if slices.Contains(words, word) {
			n++
		}
	}
	return n
}

// editDistance returns the number of edits from a to b: a letter added, removed or changed, or two neighbours swapped.
// It cuts long names, because no name of ours is as long.
func editDistance(a, b string) int {
	const longest = 64
	x, y := []rune(a[:min(len(a), longest)]), []rune(b[:min(len(b), longest)])
	var edits [longest + 1][longest + 1]int // from the first i letters of x to the first j of y
	for i := range edits {
		edits[i][0], edits[0][i] = i, i
	}
	for i := range x {
		for j := range y {
			change := edits[i][j]
			if x[i] != y[j] {
				change++
			}
			least := min(change, edits[i][j+1]+1, edits[i+1][j]+1)
			if i > 0 && j > 0 && x[i] == y[j-1] && x[i-1] == y[j] {
				least = min(least, edits[i-1][j-1]+1)
			}
			edits[i+1][j+1] = least
		}
	}
	return edits[len(x)][len(y)]
}
