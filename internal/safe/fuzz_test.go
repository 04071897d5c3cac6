package safe

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net/url"
	"reflect"
	"strconv"
	"testing"
	"time"
)

// A builder makes a value of any kind from bytes.
type builder struct {
	b     []byte
	made  []any // containers that cycles can lead back to
	level int
}

func (b *builder) byte() byte {
	if len(b.b) == 0 {
		return 0
	}
	c := b.b[0]
	b.b = b.b[1:]
	return c
}

func (b *builder) string() string {
	n := int(b.byte())
	if n >= 250 {
		n *= 400
	}
	s := string(b.b[:min(n, len(b.b))])
	b.b = b.b[len(s):]
	if s != "" {
		for len(s) < n {
			s += s
		}
	}
	return s
}

func (b *builder) uint64() (n uint64) {
	for range 8 {
		n = n<<8 | uint64(b.byte())
	}
	return n
}

type fuzzStruct struct {
	A    any             `json:"a"`
	B    string          `json:"b,omitempty"`
	C    *fuzzStruct     `json:",omitzero"`
	D    map[any]any     `json:"d"`
	E    [3]any          `json:"e"`
	F    func()          `json:"f"`
	G    float32         `json:"g,string"`
	Hide secret          `json:"hide"`
	Raw  json.RawMessage `json:"raw"`
}

func (b *builder) value() any {
	b.level++
	defer func() { b.level-- }()
	kind := b.byte() % 40
	if len(b.b) == 0 || b.level > 30 {
		kind %= 20
	}
	switch kind {
	case 0:
		return nil
	case 1:
		return b.byte()%2 == 0
	case 2:
		return int(b.uint64())
	case 3:
		return b.uint64()
	case 4:
		return math.Float64frombits(b.uint64())
	case 5:
		return math.Float32frombits(uint32(b.uint64()))
	case 6, 7, 8:
		return b.string()
	case 9:
		return []byte(b.string())
	case 10:
		return json.RawMessage(b.string())
	case 11:
		return errors.New(b.string())
	case 12:
		return secretAt{b.string()}
	case 13:
		return make(chan int)
	case 14:
		return func() {}
	case 15:
		return time.Unix(int64(b.uint64()), 0).UTC()
	case 16:
		return &url.URL{Host: b.string(), RawQuery: b.string()}
	case 17:
		return complex(float64(b.byte()), math.NaN())
	case 18:
		return level(b.byte())
	case 19:
		if n := len(b.made); n > 0 {
			return b.made[int(b.byte())%n]
		}
		return panicky{}
	case 20, 21, 22, 23:
		m := map[string]any{}
		b.made = append(b.made, m)
		for range b.byte() % 16 {
			m[b.string()] = b.value()
		}
		return m
	case 24, 25, 26:
		s := make([]any, b.byte()%32)
		b.made = append(b.made, s)
		for i := range s {
			s[i] = b.value()
		}
		return s
	case 27:
		m := map[any]any{}
		for range b.byte() % 8 {
			switch k := b.value().(type) {
			case string, int, bool, uint64, float32, float64, level, secretAt:
				m[k] = b.value()
			}
		}
		return m
	case 28, 29:
		s := &fuzzStruct{}
		b.made = append(b.made, s)
		s.A, s.B, s.E[1] = b.value(), b.string(), b.value()
		s.C, _ = b.value().(*fuzzStruct)
		s.D = map[any]any{b.string(): b.value()}
		return s
	case 30:
		return slog.GroupValue(slog.Any(b.string(), b.value()), slog.Any(b.string(), b.value()))
	case 31:
		p := new(any)
		b.made = append(b.made, p)
		*p = b.value()
		return p
	case 32:
		return viaMarshal{int(b.byte())}
	case 33:
		return make([]int, int(b.byte())*1000)
	case 34:
		m := map[int]string{}
		for i := range int(b.byte()) * 8 {
			m[i] = "value"
		}
		return m
	case 35:
		return [2]any{b.value(), b.value()}
	case 36:
		return reflect.ValueOf(b.value())
	case 37:
		return []string{b.string(), b.string(), b.string()}
	case 38:
		return slog.AnyValue(b.value())
	default:
		return map[string]string{b.string(): b.string()}
	}
}

// picture writes down a value so that a change shows. It follows what fmt does not, and stops at cycles.
func picture(rv reflect.Value, levels int) string {
	if levels == 0 || !rv.IsValid() {
		return "."
	}
	switch rv.Kind() {
	case reflect.Interface, reflect.Pointer:
		if rv.IsNil() {
			return "nil"
		}
		return "&" + picture(rv.Elem(), levels-1)
	case reflect.Map:
		sum := rv.Len()
		for it := rv.MapRange(); it.Next(); {
			s := 0
			for _, c := range []byte(picture(it.Key(), 3) + ":" + picture(it.Value(), levels-1)) {
				s = s*31 + int(c)
			}
			sum += s
		}
		return fmt.Sprintf("map %d %d", rv.Len(), sum)
	case reflect.Slice, reflect.Array:
		s := fmt.Sprintf("[%d:", rv.Len())
		for i := range min(rv.Len(), 40) {
			s += picture(rv.Index(i), levels-1) + ","
		}
		return s
	case reflect.Struct:
		s := "{"
		for i := range rv.NumField() {
			s += picture(rv.Field(i), levels-1) + ","
		}
		return s
	case reflect.Chan, reflect.Func:
		return rv.Type().String()
	case reflect.Float32, reflect.Float64:
		return fmt.Sprint(math.Float64bits(rv.Float()))
	}
	return fmt.Sprint(rv)
}

// exponents counts the bytes that the numbers in v would add to the JSON if they were written as Relay counts them.
func exponents(v any) (n int) {
	switch v := v.(type) {
	case float64:
		encoded, _ := json.Marshal(v)
		return len(strconv.FormatFloat(v, 'f', -1, 64)) - len(encoded)
	case map[string]any:
		for _, v := range v {
			n += exponents(v)
		}
	case []any:
		for _, v := range v {
			n += exponents(v)
		}
	}
	return n
}

func FuzzValue(f *testing.F) {
	f.Add([]byte("\x14\x03\x01a\x06\x05hello\x01b\x18\x04\x02\x00\x00\x00\x00\x00\x00\x00\x05\x13\x00\x0a\x04[1,2\x01c\x1c"), uint16(1000))
	f.Add([]byte("\x1c\x1c\x1c\x14\x0f\xff\xff\xff\x06\xff\xff\x21\xff\x22\xff"), uint16(100))
	f.Add([]byte("\x1e\x01a\x1f\x13\x00\x01b\x24\x1b\x04\x06\x01a\x12\x07\x26\x1f\x13\x01"), uint16(8192))
	f.Add([]byte("\x18\x03\x0a\xfa{\"a\":[\"\\u00e9\\ud83d\\ude00é\",1e999,-0.5,{\"b\":null"), uint16(200))
	f.Add([]byte("\x04\x20aaaaaaa"), uint16(1000))
	f.Fuzz(func(t *testing.T, data []byte, room uint16) {
		if len(data) > 1<<12 {
			return
		}
		b := &builder{b: data}
		v := b.value()
		before := picture(reflect.ValueOf(v), 6)
		got := Value(v, int(room))
		check(t, got, int(room), maxLevels)
		if after := picture(reflect.ValueOf(v), 6); after != before {
			t.Errorf("the value was changed: %.500s, was %.500s", after, before)
		}
		encoded, err := json.Marshal(got)
		if err != nil {
			t.Fatal(err)
		}
		if n, most := Size(got), len(encoded)+exponents(got); n < len(encoded) || n > most*11/10+8 {
			t.Errorf("Size = %d, the JSON has %d bytes, %d without exponents", n, len(encoded), most)
		}
		m := Map(map[string]any{"v": v, "short": "kept"}, 1<<17)
		check(t, m, 1<<17, maxLevels)
		context := fitContext(m)
		check(t, context, contextBytes, contextLevels-1)
		if context["short"] != "kept" {
			t.Errorf("the short value is gone from %v", context)
		}
		if b, err := json.Marshal(Fit(map[string]any{"v": v}, 2048, 5)); err != nil || len(b) > 2048 {
			t.Errorf("Fit: %d bytes, %v", len(b), err)
		}
	})
}
