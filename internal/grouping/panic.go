package grouping

import "reflect"

// Panic returns the text by which a panic is grouped whose value is no error. Values without a text of their own go by
// their type: what they hold differs from panic to panic, and may be huge.
func Panic(value any) string {
	var text string
	switch v := value.(type) {
	case string:
		text = v
	case interface{ String() string }:
		text = v.String()
	case nil:
		text = "nil"
	default:
		switch t := reflect.TypeOf(value); t.Kind() {
		case reflect.String:
			text = reflect.ValueOf(value).String()
		case reflect.Bool, reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
			reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr,
			reflect.Float32, reflect.Float64:
			text = t.String() + " 0"
		default:
			text = t.String()
		}
	}
	return "panic: " + text
}
