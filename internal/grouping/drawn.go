package grouping

import "strings"

// What tells identifiers that were drawn by chance from words and names.

// followers has a bit for each letter, from a on, that follows a letter, from a to z, in words: 96 of 100 pairs of the
// letters in Go's own documentation. Of pairs that were drawn by chance they are 39 of 100.
var followers = [26]uint32{
	0x13ebd6e, 0x164911, 0x1e4d95, 0x164919, 0xfff97f, 0x1e4931, 0x1669d1, 0xa4111, 0x2aef87f, 0x0, 0x40110, 0x11c4919,
	0x14d113, 0x3c6d7d, 0x7efd6f, 0x1ec991, 0x100000, 0x13efd7d, 0x15cdd95, 0x11ec995, 0xeb97f, 0x4111, 0x26191,
	0x88110, 0x4b100, 0x10,
}

// isDrawn reports whether the letters and digits of s were drawn by chance, as those of base 64 and its kin are: they
// break too often what makes words. Breaks are a digit beside a letter, a capital behind a small letter, and a pair of
// letters that is rare in words. Half of the pairs are enough, but for short names, which may have acronyms in them.
func isDrawn(s string) bool {
	const shortest, short, shortestLetters = 5, 12, 16
	const none, digit, small, large = 0, 1, 2, 3
	var count [4]int
	last, pairs, turns, breaks := none, 0, 0, 0
	for i := range len(s) {
		c, kind := s[i], none
		switch {
		case isDigit(c):
			kind = digit
		case c >= 'a' && c <= 'z':
			kind = small
		case c >= 'A' && c <= 'Z':
			kind = large
		case strings.IndexByte("-_+/.", c) < 0 || i == 0 && (c == '/' || c == '.'):
			return false
		}
		count[kind]++
		if last != none && kind != none && (last != digit || kind != digit) {
			pairs++
			switch {
			case last == digit || kind == digit:
				turns++
			case last == small && kind == large, followers[s[i-1]|0x20-'a']>>(c|0x20-'a')&1 == 0:
				breaks++
			}
		}
		last = kind
	}
	breaks += turns
	switch chars := len(s) - count[none]; {
	case chars < shortest, count[digit] == chars, 2*breaks < pairs:
		return false
	case count[digit] == 0:
		return chars >= shortestLetters && count[small] > 0 && count[large] > 0
	case chars < short:
		return turns >= 3 || breaks >= 5 && 20*breaks >= 11*pairs
	}
	return breaks >= 3
}

// isPodPart reports whether s[i:end], a part of a name with dashes, is one that Kubernetes has drawn: without vowels,
// so that it makes no words.
func isPodPart(s string, i, end int) bool {
	const short, long = 5, 8
	return i > 0 && s[i-1] == '-' && (end-i == short || end-i >= long) &&
		isMadeOf(s[i:end], "bcdfghjklmnpqrstvwxz2456789") && !strings.HasPrefix(s[i:end], "http")
}
