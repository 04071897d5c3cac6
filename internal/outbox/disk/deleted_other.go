//go:build unix && !linux

package disk

func (f osFile) Deleted() bool { return f.nameless() }
