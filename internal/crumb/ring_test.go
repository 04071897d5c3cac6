package crumb

import (
	"fmt"
	"maps"
	"reflect"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/getsentry/sentry-go"
)

func step(i int) *sentry.Breadcrumb {
	return New(fmt.Sprint(i), "c", sentry.LevelInfo, map[string]any{"n": i})
}

// add adds breadcrumb i to r, perhaps as a draft.
func add(r *Ring, i int, draft bool) bool {
	if !draft {
		return r.Add(step(i))
	}
	var d Draft
	d.Set(fmt.Sprint(i), "c", sentry.LevelInfo, map[string]any{"n": i})
	return r.AddDraft(&d)
}

func closed(r *Ring) (list []*sentry.Breadcrumb) {
	r.Close(func(b *sentry.Breadcrumb) { list = append(list, b) })
	return list
}

// A ring returns the newest of its breadcrumbs, oldest first, drafts or not, and forgets the others.
func TestRing(t *testing.T) {
	for most := 1; most <= 20; most++ {
		for n := range 3*most + 2 {
			checkRing(t, most, n, func(i int) bool { return i%3 == 0 })
			checkRing(t, most, n, func(i int) bool { return i%3 != 0 })
		}
	}
}

// checkRing fills a ring with n breadcrumbs, some of them drafts, and checks what it returns.
func checkRing(t *testing.T, most, n int, draft func(i int) bool) {
	t.Helper()
	var r Ring
	r.Open(most, false)
	for i := range n {
		if r.Forgets() != (i >= most) {
			t.Errorf("before crumb %d of at most %d: forgets %v", i, most, r.Forgets())
		}
		if !add(&r, i, draft(i)) {
			t.Errorf("crumb %d was refused", i)
		}
	}
	list := closed(&r)
	if len(list) != min(n, most) {
		t.Fatalf("%d of %d crumbs, at most %d", len(list), n, most)
	}
	for i, b := range list {
		at := n - len(list) + i
		if b.Message != fmt.Sprint(at) || !reflect.DeepEqual(b.Data, map[string]any{"n": at}) ||
			b.Type != "default" || b.Category != "c" || b.Level != sentry.LevelInfo {
			t.Errorf("crumb %d is %+v", at, b)
		}
	}
}

// A ring that isn't open takes none.
func TestRingClosed(t *testing.T) {
	var r Ring
	if add(&r, 1, false) || add(&r, 1, true) || r.Forgets() || closed(&r) != nil {
		t.Error("the zero Ring is open")
	}
	r.Open(2, true)
	if !r.Forgets() || !add(&r, 1, true) || len(closed(&r)) != 1 {
		t.Error("an open ring takes none")
	}
	if add(&r, 2, false) || add(&r, 2, true) || r.Forgets() || closed(&r) != nil {
		t.Error("a closed ring takes more")
	}
}

// A crumb's time is that of the call, unless it has one.
func TestRingTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r Ring
		r.Open(3, false)
		began := time.Now()
		add(&r, 1, false)
		early := step(2)
		early.Timestamp = began.Add(-time.Hour)
		r.Add(early)
		add(&r, 3, true)
		time.Sleep(time.Minute)
		list := closed(&r)
		if !list[0].Timestamp.Equal(began) || !list[1].Timestamp.Equal(began.Add(-time.Hour)) ||
			!list[2].Timestamp.Equal(began) {
			t.Errorf("times %v, %v and %v", list[0].Timestamp, list[1].Timestamp, list[2].Timestamp)
		}
	})
}

// A full ring that forgets allocates nothing.
func TestRingAllocations(t *testing.T) {
	var r Ring
	r.Open(3, false)
	call := func() {
		var d Draft
		d.Set("step", "c", sentry.LevelInfo, map[string]any{"n": 1, "path": "/x", "ok": true})
		r.AddDraft(&d)
	}
	for range 6 {
		call()
	}
	if n := testing.AllocsPerRun(100, call); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// Of crumbs that are added while a ring is closed, each is returned or refused.
func TestRingAtOnce(t *testing.T) {
	const callers, each = 4, 200
	var r Ring
	r.Open(callers*each, true)
	var wg sync.WaitGroup
	var mu sync.Mutex
	seen := map[string]int{}
	note := func(message string) {
		mu.Lock()
		seen[message]++
		mu.Unlock()
	}
	for caller := range callers {
		wg.Go(func() {
			for i := range each {
				if n := caller*each + i; !add(&r, n, i%2 == 0) {
					note(fmt.Sprint(n))
				}
				if i == each/2 && caller < 2 {
					r.Close(func(b *sentry.Breadcrumb) { note(b.Message) })
				}
			}
		})
	}
	wg.Wait()
	if len(seen) != callers*each {
		t.Errorf("%d crumbs of %d", len(seen), callers*each)
	}
	for message, n := range seen {
		if n != 1 {
			t.Errorf("crumb %s came %d times", message, n)
		}
	}
}

// A draft says what a breadcrumb says.
func TestDraft(t *testing.T) {
	many := map[string]any{}
	for i := range maxFew + 1 {
		many[fmt.Sprint(i)] = i
	}
	few := maps.Clone(many)
	delete(few, "0")
	for name, data := range map[string]map[string]any{
		"none":         nil,
		"empty":        {},
		"simple":       {"n": 1, "path": "/x", "ok": true},
		"as many":      few,
		"more":         many,
		"large int":    {"n": 1 << 60, "ok": true},
		"long text":    {"a": strings.Repeat("x", 65), "b": 1},
		"too long":     {"a": strings.Repeat("x", 5000)},
		"long key":     {strings.Repeat("k", 300): 1},
		"not UTF-8":    {"a": "\xff"},
		"other kinds":  {"f": 0.5, "nil": nil, "d": time.Second, "i": int8(1), "u": uint(2)},
		"map and list": {"m": map[string]any{"a": 1}, "l": []int{1}, "p": new(int)},
		"one of them":  {"n": 1, "l": []int{1}, "ok": true},
	} {
		var d Draft
		d.Set("step", "c", "", data)
		var r Ring
		r.Open(1, true)
		r.AddDraft(&d)
		want, got, kept := New("step", "c", "", data), d.Made(), closed(&r)[0]
		got.Timestamp, kept.Timestamp = want.Timestamp, want.Timestamp
		if !reflect.DeepEqual(got, want) || !reflect.DeepEqual(kept, want) {
			t.Errorf("%s: %#v, of a ring %#v, want %#v", name, got, kept, want)
		}
	}
}

// A draft in a ring is a copy of what the caller has, and never of a breadcrumb that was there before.
func TestDraftIsACopy(t *testing.T) {
	var r Ring
	r.Open(1, true)
	data := map[string]any{"n": 1}
	var d Draft
	d.Set("step", "c", "", data)
	r.AddDraft(&d)
	data["n"] = 2
	d.few[0].value = 3
	if b := closed(&r)[0]; b.Data["n"] != 1 {
		t.Errorf("data %v", b.Data)
	}
	r = Ring{}
	r.Open(1, true)
	add(&r, 1, true)
	r.Add(&sentry.Breadcrumb{Message: "whole"})
	if b := closed(&r)[0]; b.Message != "whole" || b.Data != nil {
		t.Errorf("breadcrumb %+v", b)
	}
}
