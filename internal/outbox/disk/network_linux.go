package disk

import (
	"bufio"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// networkKinds are the file systems of other machines, by statfs's magic number.
var networkKinds = map[uint32]string{
	0x6969:     "nfs",
	0x517b:     "smb",
	0xff534d42: "cifs",
	0xfe534d42: "smb2",
	0x5346414f: "afs",
	0x6b414653: "afs",
	0x73757245: "coda",
	0x564c:     "ncp",
	0x00c36400: "ceph",
	0x0bd00bd0: "lustre",
	0x19830326: "beegfs",
	0x47504653: "gpfs",
}

const fuseMagic = 0x65735546

// networkFuse are the file systems in user space that lead to other machines. One that isn't named here has to pass
// Open's test of the lock only.
var networkFuse = map[string]bool{
	"fuse.sshfs": true, "fuse.rclone": true, "fuse.s3fs": true, "fuse.mountpoint-s3": true, "fuse.goofys": true,
	"fuse.gcsfuse": true, "fuse.blobfuse": true, "fuse.blobfuse2": true, "fuse.davfs": true, "fuse.curlftpfs": true,
	"fuse.glusterfs": true, "fuse.ceph": true, "fuse.ceph-fuse": true, "fuse.juicefs": true, "fuse.mfs": true,
	"fuse.moosefs": true, "fuse.seaweedfs": true, "fuse.smbnetfs": true, "fuse.gvfsd-fuse": true, "fuse.hdfs": true,
}

// networkKind names the network file system that path is on, or "" for a local one. Locks of a network share reach
// other machines late, or never, and two adopters of one segment would send everything twice.
func networkKind(path string) (string, error) {
	var fs unix.Statfs_t
	if err := unix.Statfs(path, &fs); err != nil {
		return "", fmt.Errorf("outbox: statfs %s: %w", path, err)
	}
	magic := uint32(fs.Type) //nolint:unconvert // its type differs by architecture
	if magic != fuseMagic {
		return networkKinds[magic], nil
	}
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		return "", fmt.Errorf("outbox: stat %s: %w", path, err)
	}
	if kind := mountKind(fmt.Sprintf("%d:%d", unix.Major(st.Dev), unix.Minor(st.Dev))); networkFuse[kind] {
		return kind, nil
	}
	return "", nil
}

// mountKind returns the file system type of the mounted device, "" if it isn't known.
func mountKind(device string) string {
	f, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		return ""
	}
	defer func() { _ = f.Close() }()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		mount, rest, _ := strings.Cut(lines.Text(), " - ")
		if fields := strings.Fields(mount); len(fields) < 3 || fields[2] != device {
			continue
		}
		kind, _, _ := strings.Cut(rest, " ")
		return kind
	}
	return ""
}
