package main

import (
	"bufio"
	"bytes"
	"os"
	"slices"
	"strings"
)

func listDisks() ([]string, error) {
	text, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return nil, err
	}
	return realMounts(text), nil
}

// pools are file systems that have no block device of their own in mountinfo.
var pools = []string{"zfs", "btrfs", "bcachefs", "virtiofs", "9p", "drvfs"}

// images are file systems that are full by nature.
var images = []string{"squashfs", "iso9660", "udf", "erofs"}

// realMounts returns where the file systems of real disks are mounted, each once; see proc_pid_mountinfo(5). The root
// is always among them, in containers too.
func realMounts(mountinfo []byte) []string {
	mounts := []string{"/"}
	var seen []string
	lines := bufio.NewScanner(bytes.NewReader(mountinfo))
	for lines.Scan() {
		left, right, ok := strings.Cut(lines.Text(), " - ")
		a, b := strings.Fields(left), strings.Fields(right)
		if !ok || len(a) < 5 || len(b) < 2 {
			continue
		}
		device, folder, point, fstype, source := a[2], a[3], unescapeMount(a[4]), b[0], b[1]
		block := strings.HasPrefix(source, "/dev/") && !strings.HasPrefix(source, "/dev/loop")
		bound := folder != "/" && fstype != "btrfs" // a folder of a file system that is mounted elsewhere
		switch {
		case slices.Contains(images, fstype):
			continue
		case point == "/": // it is listed
		case !block && !slices.Contains(pools, fstype), bound, slices.Contains(seen, device),
			slices.Contains(seen, source):
			continue
		default:
			mounts = append(mounts, point)
		}
		seen = append(seen, device, source)
	}
	return mounts
}

// unescapeMount undoes the octal escapes of mountinfo.
func unescapeMount(s string) string {
	return strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`).Replace(s)
}
