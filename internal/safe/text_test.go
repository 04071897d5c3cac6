package safe

import (
	"encoding/json"
	"math/rand/v2"
	"strings"
	"testing"
	"unicode/utf8"
)

// TestJSONLen compares with the encoder, for each character at each place among eight, and for random text.
func TestJSONLen(t *testing.T) {
	t.Parallel()
	texts := []string{"", strings.Repeat("plain", 100)}
	for r := range rune(0x300) {
		for at := range 9 {
			texts = append(texts, "abcdefgh"[:min(at, 8)]+string(r)+"ijklmnop")
		}
	}
	for c := range 256 {
		texts = append(texts, "abc"+string([]byte{byte(c), 'x'})+"ijklmnopq", strings.Repeat(string([]byte{byte(c)}),
			20))
	}
	random := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		b := make([]byte, random.IntN(60))
		for i := range b {
			b[i] = byte(random.IntN(256))
			if random.IntN(2) == 0 {
				b[i] = byte(' ' + random.IntN(95))
			}
		}
		texts = append(texts, string(b), "\u2028x"+string(b), "日本語😀"+string(b))
	}
	for _, s := range texts {
		n, valid := jsonLen(s, maxInt)
		if valid != utf8.ValidString(s) {
			t.Errorf("%q: valid = %v", s, valid)
		}
		if !valid {
			continue // toValid may join what is counted one by one
		}
		b, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		if n != len(b)-2 {
			t.Errorf("jsonLen(%q) = %d, the encoder writes %d", s, n, len(b)-2)
		}
	}
}

func TestCut(t *testing.T) {
	t.Parallel()
	for _, s := range []string{
		strings.Repeat("x", 500), strings.Repeat("é", 500), strings.Repeat("😀", 500), strings.Repeat("\x00", 500),
		strings.Repeat("\xff", 500), strings.Repeat("ab\"<\n", 500), "short",
	} {
		for limit := cutBytes; limit < 400; limit++ {
			got := cut(s, limit)
			b, err := json.Marshal(got)
			if err != nil || !utf8.ValidString(got) {
				t.Fatalf("cut(%.10q…, %d) = %q, %v", s, limit, got, err)
			}
			if len(b)-2 > limit {
				t.Fatalf("cut(%.10q…, %d) takes %d bytes", s, limit, len(b)-2)
			}
		}
	}
}
