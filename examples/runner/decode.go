package main

import (
	"bytes"
	"encoding/binary"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// decodeList returns a list as UTF-8 without a byte order mark: Windows editors write UTF-16, and marks before UTF-8.
// It returns a problem when the text ends in the middle of a character.
func decodeList(text []byte) (utf8Text []byte, problem string) {
	order, skip := utf16Order(text)
	if order == nil {
		return bytes.TrimPrefix(text, []byte("\xef\xbb\xbf")), ""
	}
	if text = text[skip:]; len(text)%2 != 0 {
		return nil, "is UTF-16 and ends in the middle of a character"
	}
	return []byte(string(decodeUTF16(text, order))), ""
}

// sniffed is how many bytes tell UTF-16 without a byte order mark: programs such as sfc write none.
const sniffed = 32

// utf16Order returns the byte order of text that is UTF-16, and the length of its byte order mark; nil for text that
// isn't. Without a mark it is UTF-16 when every other byte of its beginning is mostly 0 and no byte between is.
func utf16Order(text []byte) (order binary.ByteOrder, mark int) {
	switch {
	case bytes.HasPrefix(text, []byte("\xff\xfe")):
		return binary.LittleEndian, 2
	case bytes.HasPrefix(text, []byte("\xfe\xff")):
		return binary.BigEndian, 2
	}
	var zeros [2]int
	pairs := min(len(text), sniffed) / 2
	for i := range pairs {
		a, b := text[2*i], text[2*i+1]
		if isASCII(a) && isASCII(b) { // two characters of a text of bytes
			return nil, 0
		}
		for at, c := range [2]byte{a, b} {
			if c == 0 {
				zeros[at]++
			}
		}
	}
	switch enough := (pairs + 1) / 2; {
	case pairs == 0:
	case zeros[1] >= enough && zeros[0] == 0:
		return binary.LittleEndian, 0
	case zeros[0] >= enough && zeros[1] == 0:
		return binary.BigEndian, 0
	}
	return nil, 0
}

func isASCII(b byte) bool { return b >= '\t' && b < utf8.RuneSelf }

func decodeUTF16(b []byte, order binary.ByteOrder) []rune {
	units := make([]uint16, len(b)/2)
	for i := range units {
		units[i] = order.Uint16(b[2*i:])
	}
	return utf16.Decode(units)
}

// firstInvalid returns where text stops being UTF-8, -1 when it doesn't.
func firstInvalid(text []byte) int {
	if utf8.Valid(text) {
		return -1
	}
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRune(text[i:])
		if r == utf8.RuneError && size == 1 {
			return i
		}
		i += size
	}
	return -1
}

// decodeBytes returns b, a stretch of what a program wrote, as text: UTF-8, or what the consoles of Windows use, or its
// other programs. The two code pages can't be told apart by their bytes; but in "Gr÷▀e" signs stand within a word.
func decodeBytes(b []byte) []rune {
	if mostlyUTF8(b) {
		return []rune(string(b)) // bytes that are none become U+FFFD
	}
	text := decodeOEM(b)
	if other := decodeANSI(b); signsInWords(text) > signsInWords(other) {
		return other
	}
	return text
}

// mostlyUTF8 reports whether b is UTF-8, but perhaps for a character that was cut off. Other code pages hardly ever
// have what looks like a character of several bytes.
func mostlyUTF8(b []byte) bool {
	valid, invalid := 0, 0
	for i := 0; i < len(b); {
		r, size := utf8.DecodeRune(b[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			invalid++
		case size > 1:
			valid++
		}
		i += size
	}
	return invalid == 0 || valid >= invalid
}

// signsInWords counts the stretches beyond ASCII that stand between two letters and have something else than letters.
func signsInWords(text []rune) (n int) {
	for i := 0; i < len(text); i++ {
		start, letters := i, true
		for ; i < len(text) && text[i] >= utf8.RuneSelf; i++ {
			letters = letters && unicode.IsLetter(text[i])
		}
		if i > start && start > 0 && i < len(text) && !letters &&
			unicode.IsLetter(text[start-1]) && unicode.IsLetter(text[i]) {
			n++
		}
	}
	return n
}
