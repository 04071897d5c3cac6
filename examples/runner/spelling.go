package main

import (
	"slices"
	"strings"
)

// plain is a name without what is easily mistyped: case and separators.
func plain(name string) string {
	return strings.ToLower(strings.NewReplacer("_", "", "-", "", " ", "", ".", "").Replace(name))
}

// isNote reports whether a name is a remark of whoever wrote the list, which JSON has no other place for: "_comment",
// "//", "_timeout_seconds" for a limit that is switched off.
func isNote(name string) bool { return name == "" || strings.ContainsAny(name[:1], "_/#$") }

// closest returns the known name that name is likely meant for, "" when there is none: the same without case and
// separators, at most two slips of the finger away, or its first words alone, as "timeout" is of timeout_seconds.
func closest(name string, known []string) string {
	if isNote(name) {
		return ""
	}
	best, distance := "", 0
	for _, k := range known {
		d := slips(plain(name), plain(k))
		if strings.HasPrefix(k, strings.ToLower(name)+"_") {
			d = min(d, maxSlips(k))
		}
		if d <= maxSlips(k) && (best == "" || d < distance) {
			best, distance = k, d
		}
	}
	return best
}

// maxSlips is how far a name may be from a known one and still be taken for it. Short words are close to too many
// others: level is no label.
func maxSlips(known string) int {
	if len(known) <= 5 {
		return 1
	}
	return 2
}

// longestName is what is compared of a name, in bytes: no name of ours is longer.
const longestName = 64

// slips is the number of letters to add, remove, change or swap with their neighbour that make b of a.
func slips(a, b string) int {
	x, y := []rune(a[:min(len(a), longestName)]), []rune(b[:min(len(b), longestName)])
	var before []int // two rows ago
	row := make([]int, len(y)+1)
	for j := range row {
		row[j] = j
	}
	for i := range x {
		next := make([]int, len(y)+1)
		next[0] = i + 1
		for j := range y {
			cost := 1
			if x[i] == y[j] {
				cost = 0
			}
			next[j+1] = min(row[j]+cost, row[j+1]+1, next[j]+1)
			if i > 0 && j > 0 && x[i] == y[j-1] && x[i-1] == y[j] {
				next[j+1] = min(next[j+1], before[j-1]+1)
			}
		}
		before, row = row, next
	}
	return row[len(y)]
}

// closestType returns the type of task that kind is likely meant for, "" when there is none.
func closestType(kind string) string {
	known := make([]string, 0, len(taskTypes))
	for name := range taskTypes {
		known = append(known, name)
	}
	slices.Sort(known)
	return closest(kind, known)
}
