package find

import "strings"

// minCard and maxCard are how many digits the number of a payment card has.
const (
	minCard = 13
	maxCard = 19
)

// cards has the lengths of cards' numbers by their first digits, the longest first.
var cards = [...]struct {
	prefix  string
	lengths string // each as a letter: 'a' is 1
	example string
}{
	{"34", "o", "341234567890127"}, {"37", "o", "378282246310005"}, // American Express
	{"36", "n", "36227206271667"}, {"38", "n", "38520000023237"}, {"30", "n", "30569309025904"}, // Diners Club
	{"51", "p", "5105105105105100"}, {"52", "p", "5200828282828210"}, {"53", "p", "5300000000000006"}, // Mastercard
	{"54", "p", "5431111111111111"}, {"55", "p", "5555555555554444"},
	{"2", "p", "2223003122003222"},
	{"4", "mps", "4111111111111111"},                                 // Visa
	{"35", "p", "3530111333300000"}, {"6", "ps", "6011111111111117"}, // JCB, Discover, UnionPay, Maestro
}

// card handles the digit at i when the number of a payment card begins there: with blanks or dashes, and its check
// digit.
func (e *editor) card(i int) int {
	t := e.text
	var number [maxCard + 1]byte
	n, end := 0, i
	for k := i; k < len(t) && n <= maxCard; k++ {
		if isDigit(t[k]) {
			number[n] = t[k]
			n, end = n+1, k+1
		} else if t[k] != ' ' && t[k] != '-' || !isDigit(t[k-1]) || n < 4 {
			break
		}
	}
	e.steps += end - i
	if n < minCard || n > maxCard || end < len(t) && isTokenByte(t[end]) || !isCard(string(number[:n])) {
		return 0
	}
	return e.replace(i, end, Filtered)
}

func isCard(number string) bool {
	for _, c := range cards {
		if strings.HasPrefix(number, c.prefix) && strings.IndexByte(c.lengths, byte('a'+len(number)-1)) >= 0 {
			return luhn(number)
		}
	}
	return false
}

// luhn reports whether the last digit of number is the check digit of the others.
func luhn(number string) bool {
	sum := 0
	for i := range len(number) {
		d := int(number[len(number)-1-i] - '0')
		if i%2 == 1 {
			d = d*2 - d/5*9 // the sum of its digits
		}
		sum += d
	}
	return sum%10 == 0
}

// ibanCountries are those with an IBAN, by its length.
var ibanCountries = map[int]string{
	15: "NO", 16: "BE", 18: "DK FO FI GL NL SD", 19: "MK SI", 20: "AT BA EE KZ LT LU MN XK", 21: "CH HR LI LV",
	22: "BG BH CR DE GB GE IE ME RS VA", 23: "AE GI IL IQ OM SO TL", 24: "AD CZ ES MD PK RO SA SE SK TN VG",
	25: "LY PT ST", 26: "IS TR", 27: "BI DJ FR GR IT MC MR SM", 28: "AL AZ BY CY DO GT HU LB NI PL SV",
	29: "BR EG PS QA UA", 30: "JO KW MU YE", 31: "MT SC", 32: "LC", 33: "RU",
}

// ibans has the length of an IBAN by its country.
var ibans = func() map[string]int {
	lengths := make(map[string]int)
	for n, countries := range ibanCountries {
		for country := range strings.FieldsSeq(countries) {
			lengths[country] = n
		}
	}
	return lengths
}()

// iban handles the two letters at i when an IBAN begins there, in groups or not.
func (e *editor) iban(i int) int {
	t := e.text
	if i < 0 || i > 0 && isTokenByte(t[i-1]) {
		return 0
	}
	want := ibans[t[i:i+2]]
	if want == 0 {
		return 0
	}
	var code [maxIBAN]byte
	n, k := 0, i
	for ; k < len(t) && n < want; k++ {
		if t[k] == ' ' && n > 0 && n%4 == 0 {
			continue
		}
		if classes[t[k]]&(classDigit|classUpper) == 0 {
			return 0
		}
		code[n] = t[k]
		n++
	}
	e.steps += k - i
	rest := 0 // of the number by 97, the first four behind the others, letters as two digits
	for j := range n {
		if c := code[(j+4)%n]; isDigit(c) {
			rest = (rest*10 + int(c-'0')) % 97
		} else {
			rest = (rest*100 + int(c-'A') + 10) % 97
		}
	}
	if n < want || rest != 1 || k < len(t) && isAlnum(t[k]) {
		return 0
	}
	return e.replace(i, k, Filtered)
}

const maxIBAN = 34
