//go:build !windows

package main

import "unicode/utf8"

// upperHalf is what bytes from 0x80 on are in code page 850, that of western European consoles: what lists run here are
// most likely to meet, where a tool made for Windows runs under Wine or its output was kept in a file. Code page 437
// has the same letters nearly everywhere.
const upperHalf = "ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜø£Ø×ƒáíóúñÑªº¿®¬½¼¡«»░▒▓│┤ÁÂÀ©╣║╗╝¢¥┐" +
	"└┴┬├─┼ãÃ╚╔╩╦╠═╬¤ðÐÊËÈıÍÎÏ┘┌█▄¦Ì▀ÓßÔÒõÕµþÞÚÛÙýÝ¯´\u00ad±‗¾¶§÷¸°¨·¹³²■\u00a0"

var oemRunes = []rune(upperHalf)

// decodeOEM decodes what a console program of Windows wrote.
func decodeOEM(b []byte) []rune {
	runes := make([]rune, len(b))
	for i, c := range b {
		if runes[i] = rune(c); c >= utf8.RuneSelf {
			runes[i] = oemRunes[c-utf8.RuneSelf]
		}
	}
	return runes
}

// upperANSI is what bytes from 0x80 to 0x9f are in code page 1252; what follows them is as in Unicode.
const upperANSI = "€\ufffd‚ƒ„…†‡ˆ‰Š‹Œ\ufffdŽ\ufffd\ufffd‘’“”•–—˜™š›œ\ufffdžŸ"

var ansiRunes = []rune(upperANSI)

// decodeANSI decodes what a program of Windows without a console wrote, or one of a Linux before UTF-8.
func decodeANSI(b []byte) []rune {
	runes := make([]rune, len(b))
	for i, c := range b {
		if runes[i] = rune(c); c >= utf8.RuneSelf && int(c-utf8.RuneSelf) < len(ansiRunes) {
			runes[i] = ansiRunes[c-utf8.RuneSelf]
		}
	}
	return runes
}
