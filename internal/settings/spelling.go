package settings

import (
	"regexp"
	"slices"
	"strings"
)

// plainKey is a name without what is easily mistyped: case, _ and -.
func plainKey(name string) string {
	return strings.ToLower(strings.NewReplacer("_", "", "-", "").Replace(name))
}

// optOuts are the names that switch something off which is on by default.
var optOuts = []string{"enabled", "send_default_pii", "send_system_info"}

// isMistyped reports whether an unknown name is likely meant for one of the known ones: taken for somebody else's, a
// mistyped opt-out would be ignored.
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

// misspelt returns the name of a settings file that an unknown one is a misspelling of, and "" for any other name.
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

// closestName returns the known name that shares most words with name, words being what stands between underscores, or
// begins with a capital, as in SendPII; of several, the one that takes the fewest edits.
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

// capitals are where a word begins with a capital.
var capitals = regexp.MustCompile(`([a-z])([A-Z])`)

func sharedWords(words []string, known string) (n int) {
	for word := range strings.SplitSeq(known, "_") {
		if slices.Contains(words, word) {
			n++
		}
	}
	return n
}

// editDistance is the number of edits that make b of a: a letter added, removed or changed, or two neighbours swapped.
// Long names are cut: no name of ours is longer.
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
