package main

import (
	"unicode/utf16"

	"golang.org/x/sys/windows"
)

const (
	codePageANSI = 0 // CP_ACP
	codePageOEM  = 1 // CP_OEMCP
)

// decodeOEM decodes what a console program wrote in the machine's OEM code page.
func decodeOEM(b []byte) []rune { return decodeCodePage(b, codePageOEM) }

// decodeANSI decodes the machine's other code page.
func decodeANSI(b []byte) []rune { return decodeCodePage(b, codePageANSI) }

func decodeCodePage(b []byte, page uint32) []rune {
	if len(b) == 0 {
		return nil
	}
	wide := make([]uint16, len(b)) // no character takes more units than bytes
	n, err := windows.MultiByteToWideChar(page, 0, &b[0], int32(len(b)), &wide[0], int32(len(wide)))
	if err != nil {
		return []rune(string(b)) // bytes that are no text become U+FFFD
	}
	return utf16.Decode(wide[:n])
}
