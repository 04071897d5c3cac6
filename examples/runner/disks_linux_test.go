package main

import (
	"slices"
	"testing"
	"testing/fstest"
)

func TestRealMounts(t *testing.T) {
	t.Parallel()
	const mountinfo = `22 1 8:2 / / rw,relatime shared:1 - ext4 /dev/sda2 rw
23 22 0:5 / /dev rw - devtmpfs udev rw
24 22 8:1 / /boot/efi rw - vfat /dev/sda1 rw
25 22 8:17 / /srv/my\040data rw - xfs /dev/sdb1 rw
26 22 8:17 / /srv/again rw - xfs /dev/sdb1 rw
27 22 8:2 /home /mnt/home rw - ext4 /dev/sda2 rw
28 22 7:0 / /snap/core ro - squashfs /dev/loop0 ro
29 22 11:0 / /media/cd ro - iso9660 /dev/sr0 ro
30 22 0:50 / /net rw - nfs4 nas:/export rw
31 22 0:60 / /tank rw - zfs tank rw
32 22 0:61 / /run rw - tmpfs tmpfs rw
nonsense
`
	want := []string{"/", "/boot/efi", "/srv/my data", "/tank"}
	if got := realMounts([]byte(mountinfo)); !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	container := "1 0 0:40 / / rw - overlay overlay rw\n2 1 8:1 /var/lib/x /etc/hosts rw - ext4 /dev/sda1 rw\n"
	if got := realMounts([]byte(container)); !slices.Equal(got, []string{"/"}) {
		t.Errorf("in a container: %q", got)
	}
}

func TestBatteriesOfLinux(t *testing.T) {
	t.Parallel()
	file := func(text string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(text + "\n")} }
	dir := fstest.MapFS{
		"AC/type": file("Mains"), "mouse/type": file("Battery"), "mouse/scope": file("Device"), "BAT1/type": file("Battery"), "BAT1/present": file("0"),
		"BAT0/type": file("Battery"), "BAT0/status": file("Discharging"), "BAT0/capacity": file("74"), "BAT0/energy_full": file("42000000"),
		"BAT0/energy_full_design": file("50000000"), "BAT0/cycle_count": file("311"), "BAT0/manufacturer": file("SMP"), "BAT0/model_name": file("02DL005"),
		"BAT2/type": file("Battery"), "BAT2/charge_full": file("3000000"), "BAT2/charge_full_design": file("4000000"),
	}
	all, err := batteriesIn(dir)
	if err != nil || len(all) != 2 {
		t.Fatalf("%+v, %v", all, err)
	}
	want := `{"cycles":311,"design_capacity":50000000,"full_capacity":42000000,"health_percent":84,"manufacturer":"SMP","model":"02DL005","name":"BAT0","percent":74,"state":"discharging","wear_percent":16}`
	if got := toJSON(all[0].summary()); got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
	if got := all[1].summary()["wear_percent"]; got != 25.0 {
		t.Errorf("wear %v", got)
	}
}
