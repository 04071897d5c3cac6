//go:build !linux

package disk

// MayHang implements [System]. It can't be told here.
func (osSystem) MayHang() bool { return true }
