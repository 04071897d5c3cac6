package grouping

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/autoservice/sentryconfig/internal/errtree"
)

// Errors of other people's clients say by a code what went wrong: a state of SQL, a status of HTTP. They have it in a
// method or in a field, by one of a few names; nothing is imported for them.

const maxCode, maxField = 60, 40 // characters of a code; of one in a field: more are a text

// codeMethods look up the methods that return a code, the best first. The names are constants: with a variable the
// linker would have to keep every method of the program.
var codeMethods = [...]func(reflect.Value) reflect.Value{
	func(v reflect.Value) reflect.Value { return v.MethodByName("ErrorCode") },
	func(v reflect.Value) reflect.Value { return v.MethodByName("SQLState") },
	func(v reflect.Value) reflect.Value { return v.MethodByName("Code") },
	func(v reflect.Value) reflect.Value { return v.MethodByName("StatusCode") },
	func(v reflect.Value) reflect.Value { return v.MethodByName("HTTPStatusCode") },
	func(v reflect.Value) reflect.Value { return v.MethodByName("ExitStatus") }, // of a process elsewhere, by SSH
	func(v reflect.Value) reflect.Value { return v.MethodByName("GRPCStatus") }, // it has a method Code
}

const codeMethod, statusMethod = 2, len(codeMethods) - 1 // Code and GRPCStatus among them

// codeFields are the fields that hold a code, the best first.
var codeFields = [...]string{"Code", "Number", "ErrorCode", "ErrCode", "ResultCode", "StatusCode", "HTTPStatusCode",
	"Reason", "Status"}

// A coder knows where errors of a type may have their code.
type coder struct {
	methods []int                      // indexes of codeMethods
	fields  []reflect.StructField      // those of codeFields
	other   func(reflect.Value) string // looks at their fields or their value; nil where no code can be
}

var coders sync.Map // reflect.Type -> *coder

// coderOf returns the coder of the type of err, whose value is v.
func coderOf(err any, v reflect.Value) *coder {
	t := v.Type()
	if c, ok := coders.Load(t); ok {
		return c.(*coder)
	}
	c := new(coder)
	for i, method := range codeMethods {
		if method(v).IsValid() {
			c.methods = append(c.methods, i)
		}
	}
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t.Kind() == reflect.Struct {
		for _, name := range codeFields {
			if f, ok := t.FieldByName(name); ok {
				c.fields = append(c.fields, f)
			}
		}
	}
	e, _ := err.(error) // without, err is an answer
	standard := e != nil && errtree.BuildOf(e).Standard
	switch {
	case v.Kind() == reflect.String:
		c.other = firstWord
	case (v.CanInt() || v.CanUint()) && e != nil && !errtree.BuildOf(e).Wraps && // not offsets, as of base 64
		!(standard && (!errtree.BuildOf(e).Exported || strings.ContainsAny(fmt.Sprint(err), "0123456789"))):
		c.other = codeText
	case len(c.fields) > 0 || t.Kind() == reflect.Struct && slices.ContainsFunc(reflect.VisibleFields(t),
		func(f reflect.StructField) bool { return f.IsExported() && isAnswer(f.Type) }):
		c.other = func(v reflect.Value) string { return c.fieldCode(reflect.Indirect(v), !standard) } // not x509's
	}
	coders.Store(v.Type(), c)
	return c
}

// isAnswer reports whether values of a type, or the first of a list, are what a server has answered.
func isAnswer(t reflect.Type) bool {
	if t.Kind() == reflect.Slice || t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return t.Kind() == reflect.Struct && (strings.Contains(t.Name(), "Error") ||
		strings.Contains(t.Name(), "Status") || strings.Contains(t.Name(), "Response"))
}

// codeOf returns the code that err itself has, and its rank: the lower, the better. "" is none.
func codeOf(err any) (code string, rank int) {
	v := reflect.ValueOf(err)
	c := coderOf(err, v)
	for _, i := range c.methods {
		if code = safely(func() string { return Name(codeText(call(v, i)), maxCode) }); code != "" {
			return code, i
		}
	}
	if c.other != nil {
		code = safely(func() string { return c.other(v) })
	}
	return code, len(codeMethods)
}

// GRPCCode returns the code of the gRPC status that an error has, or the zero Value. It may panic, as its methods may.
func GRPCCode(err reflect.Value) reflect.Value { return call(err, statusMethod) }

// call calls one of codeMethods, and Code of the status that one returns. If v has none such, without parameters and
// with one result, it returns the zero Value.
func call(v reflect.Value, i int) reflect.Value {
	if v.IsValid() {
		v = codeMethods[i](v)
	}
	if !v.IsValid() || v.Type().NumIn() != 0 || v.Type().NumOut() != 1 {
		return reflect.Value{}
	}
	if v = v.Call(nil)[0]; i == statusMethod {
		return call(v, codeMethod)
	}
	return v
}

// fieldCode looks into the fields of an error, then into the answers that it holds: there first for a word, which says
// more than a status. A number in the field Reason counts where reason is set.
func (c *coder) fieldCode(v reflect.Value, reason bool) string {
	if code, _ := c.codesIn(v, reason); code != "" {
		return code
	}
	number := ""
	for i := range v.NumField() {
		f := v.Field(i)
		if !f.CanInterface() || !isAnswer(f.Type()) {
			continue
		}
		if f.Kind() == reflect.Slice && f.Len() > 0 {
			f = f.Index(0)
		}
		if f = reflect.Indirect(f); f.Kind() == reflect.Struct {
			first, word := coderOf(nil, f).codesIn(f, true)
			if word != "" {
				return word
			}
			number = cmp.Or(number, first)
		}
	}
	return number
}

// codesIn returns the first code of a struct's fields, and the first that is no number.
func (c *coder) codesIn(v reflect.Value, reason bool) (first, word string) {
	for _, f := range c.fields {
		code := oneWord(codeText(v.FieldByIndex(f.Index)))
		switch number := code != "" && code[0] <= '9'; {
		case code == "", number && f.Name == "Reason" && !reason, !number && f.Name == "Status": // Failure
		case !number:
			return cmp.Or(first, code), code
		default:
			first = cmp.Or(first, code)
		}
	}
	return first, ""
}

// firstWord is the code that begins a text, as those of Redis do: WRONGTYPE.
func firstWord(v reflect.Value) string {
	word, _, _ := strings.Cut(v.String(), " ")
	if len(word) < 3 || !isMadeOf(word, capitals+"_") {
		return ""
	}
	return oneWord(word)
}

// codeText is a code as a text: an integer by its name where it has one of one word. Zero is none.
func codeText(v reflect.Value) string {
	for v.Kind() == reflect.Interface || v.Kind() == reflect.Pointer {
		v = v.Elem()
	}
	switch {
	case v.Kind() == reflect.String:
		return v.String()
	case !v.CanInt() && !v.CanUint() || v.IsZero():
		return ""
	}
	if v.CanInterface() {
		if named, ok := v.Interface().(interface{ String() string }); ok && oneWord(named.String()) != "" {
			return named.String()
		}
	}
	if v.CanInt() {
		return strconv.FormatInt(v.Int(), 10)
	}
	return strconv.FormatUint(v.Uint(), 10)
}

// oneWord returns s if it is one word of at most maxField characters.
func oneWord(s string) string {
	if len(s) > maxField || Name(s, maxField) != s || strings.ContainsAny(s, " \u00a0") {
		return ""
	}
	return s
}
