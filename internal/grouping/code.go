package grouping

import (
	"reflect"
	"strconv"
	"strings"
	"sync"

	"github.com/autoservice/sentryconfig/internal/errtree"
)

// Errors of other people's clients say by a code what went wrong: a state of SQL, a status of HTTP, a name. They have it
// in a method or in a field, by one of a few names; nothing is imported for them.

const (
	maxCode  = 60 // characters of a code
	maxField = 40 // characters of one in a field: more are a text
)

// codeMethods are the methods that return a code, the first the best.
const (
	codeByErrorCode = iota
	codeBySQLState
	codeByCode
	codeByStatusCode
	codeByHTTPStatusCode
	codeByGRPCStatus
	codeByField
	codeByNested
	codeByValue
	codeByNone
)

// codeFields are the fields that hold a code, the first the best.
var codeFields = [...]string{"Code", "Number", "ErrorCode", "ResultCode", "StatusCode", "Reason"}

// A coder knows where errors of a type have their code.
type coder struct {
	methods [codeByField]bool
	fields  [][]int // indexes of code fields
	nested  []int   // fields that hold a server's answer, which may have a code
	value   bool    // the error itself may be a code
}

var coders sync.Map // reflect.Type -> *coder

// coderOf returns the coder of a type. The names of the methods are constants: with a variable the linker would have to
// keep every method of the program.
func coderOf(t reflect.Type) *coder {
	if c, ok := coders.Load(t); ok {
		return c.(*coder)
	}
	c := new(coder)
	for rank, find := range [...]func() (reflect.Method, bool){
		func() (reflect.Method, bool) { return t.MethodByName("ErrorCode") },
		func() (reflect.Method, bool) { return t.MethodByName("SQLState") },
		func() (reflect.Method, bool) { return t.MethodByName("Code") },
		func() (reflect.Method, bool) { return t.MethodByName("StatusCode") },
		func() (reflect.Method, bool) { return t.MethodByName("HTTPStatusCode") },
		func() (reflect.Method, bool) { return t.MethodByName("GRPCStatus") },
	} {
		m, ok := find()
		c.methods[rank] = ok && m.Type.NumIn() == 1 && m.Type.NumOut() == 1
	}
	base := t
	if t.Kind() == reflect.Pointer {
		base = t.Elem()
	}
	domain, _, _ := strings.Cut(base.PkgPath(), "/")
	switch base.Kind() {
	case reflect.Struct:
		c.addFields(base)
	case reflect.String:
		c.value = true
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		c.value = base == t && strings.Contains(domain, ".") // those of the standard library are offsets
	}
	known, _ := coders.LoadOrStore(t, c)
	return known.(*coder)
}

func (c *coder) addFields(t reflect.Type) {
	for _, name := range codeFields {
		f, ok := t.FieldByName(name)
		if ok && (name != "Reason" || f.Type.Kind() == reflect.String || strings.Contains(t.PkgPath(), ".")) {
			c.fields = append(c.fields, f.Index)
		}
	}
	for i := range t.NumField() {
		if f := t.Field(i); f.IsExported() && isAnswer(f.Type) {
			c.nested = append(c.nested, i)
		}
	}
}

// isAnswer reports whether values of a type, or the first of a list, are what a server has answered.
func isAnswer(t reflect.Type) bool {
	if t.Kind() == reflect.Slice || t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	name := t.Name()
	return t.Kind() == reflect.Struct &&
		(strings.Contains(name, "Error") || strings.Contains(name, "Status") || strings.Contains(name, "Response"))
}

// codeOf returns the code that err itself has, and its rank: the lower, the better. "" is none.
func codeOf(err any) (code string, rank int) {
	defer func() {
		if recover() != nil { // a method of the error's
			code, rank = "", codeByNone
		}
	}()
	c, v := coderOf(reflect.TypeOf(err)), reflect.ValueOf(err)
	for rank, has := range c.methods {
		if !has {
			continue
		}
		if code := methodCode(err, v, rank); code != "" {
			return code, rank
		}
	}
	if code := c.fieldCode(v); code != "" {
		return code, codeByField
	}
	if code := c.nestedCode(v); code != "" {
		return code, codeByNested
	}
	if c.value {
		return valueCode(err, v), codeByValue
	}
	return "", codeByNone
}

func methodCode(err any, v reflect.Value, rank int) (code string) {
	defer func() {
		if recover() != nil {
			code = ""
		}
	}()
	var result reflect.Value
	switch rank {
	case codeByErrorCode:
		if e, ok := err.(interface{ ErrorCode() string }); ok {
			return Name(e.ErrorCode(), maxCode)
		}
		result = v.MethodByName("ErrorCode").Call(nil)[0]
	case codeBySQLState:
		if e, ok := err.(interface{ SQLState() string }); ok {
			return Name(e.SQLState(), maxCode)
		}
		result = v.MethodByName("SQLState").Call(nil)[0]
	case codeByCode:
		result = v.MethodByName("Code").Call(nil)[0]
	case codeByStatusCode:
		result = v.MethodByName("StatusCode").Call(nil)[0]
	case codeByHTTPStatusCode:
		result = v.MethodByName("HTTPStatusCode").Call(nil)[0]
	case codeByGRPCStatus:
		result = GRPCCode(v)
	}
	return Name(codeText(result, maxCode), maxCode)
}

// GRPCCode returns the code of the gRPC status that an error has, else the zero Value. The types are that module's own,
// which isn't imported. It may panic, as the methods of err may.
func GRPCCode(err reflect.Value) reflect.Value {
	status := onlyResult(err.MethodByName("GRPCStatus"))
	if !status.IsValid() {
		return reflect.Value{}
	}
	return onlyResult(status.MethodByName("Code"))
}

// onlyResult calls a method without parameters and with one result. For any other, or none, it returns the zero Value.
func onlyResult(method reflect.Value) reflect.Value {
	if !method.IsValid() || method.Type().NumIn() != 0 || method.Type().NumOut() != 1 {
		return reflect.Value{}
	}
	return method.Call(nil)[0]
}

func (c *coder) fieldCode(v reflect.Value) string {
	if len(c.fields) == 0 {
		return ""
	}
	if v.Kind() == reflect.Pointer {
		v = v.Elem() // of a nil pointer the zero Value, whose fields panic
	}
	for _, index := range c.fields {
		f, err := v.FieldByIndexErr(index)
		if err != nil {
			continue
		}
		if code := oneWord(codeText(f, maxField)); code != "" {
			return code
		}
	}
	return ""
}

// nestedCode looks into the answers that an error holds: first for a word, which says more than a status.
func (c *coder) nestedCode(v reflect.Value) string {
	if len(c.nested) == 0 {
		return ""
	}
	if v.Kind() == reflect.Pointer {
		v = v.Elem()
	}
	number := ""
	for _, i := range c.nested {
		f := v.Field(i)
		if f.Kind() == reflect.Slice {
			if f.Len() == 0 {
				continue
			}
			f = f.Index(0)
		}
		if f.Kind() == reflect.Pointer {
			f = f.Elem()
		}
		if !f.IsValid() {
			continue
		}
		for _, name := range codeFields {
			code := oneWord(codeText(f.FieldByName(name), maxField))
			switch {
			case code == "":
			case code[0] > '9':
				return code
			case number == "":
				number = code
			}
		}
	}
	return number
}

// valueCode is the code of an error that is a number, or a text that begins with one, as those of Redis do: WRONGTYPE.
func valueCode(err any, v reflect.Value) string {
	if v.Kind() != reflect.String {
		if e, ok := err.(error); !ok || errtree.BuildOf(e).Wraps {
			return ""
		}
		return codeText(v, maxField)
	}
	word, _, _ := strings.Cut(v.String(), " ")
	if len(word) < 3 || strings.Trim(word, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_") != "" {
		return ""
	}
	return oneWord(word)
}

// codeText is a code as a text: an integer by its name where it has one of one word. Zero is none.
func codeText(v reflect.Value, longest int) string {
	for v.Kind() == reflect.Interface || v.Kind() == reflect.Pointer {
		v = v.Elem()
	}
	number := ""
	switch {
	case !v.IsValid():
		return ""
	case v.Kind() == reflect.String:
		return v.String()
	case v.CanInt() && v.Int() != 0:
		number = strconv.FormatInt(v.Int(), 10)
	case v.CanUint() && v.Uint() != 0:
		number = strconv.FormatUint(v.Uint(), 10)
	}
	if number != "" && v.CanInterface() {
		if named, ok := v.Interface().(interface{ String() string }); ok {
			if name := named.String(); len(name) <= longest && oneWord(name) != "" {
				return name
			}
		}
	}
	return number
}

// oneWord returns s if it is one word of at most maxField characters.
func oneWord(s string) string {
	if len(s) > maxField || Name(s, maxField) != s || strings.ContainsAny(s, " \u00a0") {
		return ""
	}
	return s
}
