package find

import "testing"

// owner is a machine and its user, with all that makes names hard to find.
var owner = Config{
	Homes: []string{"/home/josé", `C:\Users\José Müller`},
	Users: []string{`ACME-PC07\josé.müller`, "José Müller", "root", "bob"},
	Hosts: []string{"acme-pc07.corp.example", "nas"},
	Dirs:  []string{"/srv/Kanzlei Müller & Söhne+C", "/srv", `D:\Work\100% mine`},
}

func TestTextPersonal(t *testing.T) {
	t.Parallel()
	s := New(owner)
	for _, c := range []struct{ name, in, want string }{
		{"user", "sudo: josé.müller : denied", "sudo: [user] : denied"},
		{"user in capitals", "JOSÉ.MÜLLER", "[user]"},
		{"user percent-encoded", "GET /u?n=jos%C3%A9.m%C3%BCller&x=1", "GET /u?n=[user]&x=1"},
		{"user in a form", "name=Jos%C3%A9+M%C3%BCller&x=1", "name=[user]&x=1"},
		{"user in JSON of ASCII", `{"name":"Jos\u00e9 M\u00fcller"}`, `{"name":"[user]"}`},
		{"user after a line end in JSON", `x\njosé.müller`, `x\n[user]`},
		{"user inside a word", "xjosé.müllers", ""},
		{"full name", "by José Müller, today", "by [user], today"},
		{"part of a full name", "by José, today", ""},
		{"short and common names", "bob and root at nas", ""},
		{"domain and user", `ACME-PC07\josé.müller`, `[host]\[user]`},
		{"host with domain", "ping acme-pc07.corp.example", "ping [host]"},
		{"host in a URL", "http://ACME-PC07:8080/x", "http://[host]:8080/x"},
		{"host inside a name", "acme-pc07b and acme-pc071 and xacme-pc07", ""},
		{"host beside underscores and digits", "report_ACME-PC07.zip acme-pc07_2024 2024acme-pc07", "report_[host].zip [host]_2024 2024[host]"},
		{"short names where nothing else can be meant", `\\NAS\c$ \\nas http://nas:80 CORP\bob bob@corp "CORP\BOB"`, `\\[host]\c$ \\[host] http://[host]:80 CORP\[user] [user]@corp "CORP\[user]"`},
		{"short names elsewhere", `bob nas C:\bob\nas x\bob\y a.bob@c thumb@x bobs NASA`, ""},
		{"mail addresses", "to anna.berg+x@mail.example.com, <o'b@x.co>: 550", "to [email], <o'[email]>: 550"},
		{"no mail addresses", "git@github.com:a/b lodash@1.2.3 x@v0.5.0/a.go icon@2x.png getty@tty1.service @scope/a.b a@b", ""},
		{"addresses of network cards", "00:1b:44:11:3a:b7 is 00-1B-44-11-3A-B7", "[mac] is [mac]"},
		{"addresses beside signs of theirs", "wake 00:1b:44:11:3a:b7: timeout; mac:00:1b:44:11:3a:b7 pc-00-1B-44-11-3A-B7-x", "wake [mac]: timeout; mac:[mac] pc-[mac]-x"},
		{"fingerprints", "ab:00:1b:44:11:3a:b7 00:1b:44:11:3a:b7:cd:ef", ""},
		{"no addresses of network cards", "12:34:56 00:1b:44:11:3a SHA 00:1b:44:11:3a:b7:00:1b:44:11 2024-01-02-03-04-05", ""},
		{"SIDs", `S-1-5-21-3623811015-3361044348-30300820-1013 S-1-12-1-1-2-3-4\x`, `[sid] [sid]\x`},
		{"SIDs that everyone has", "S-1-5-18 S-1-5-32-544 S-1-1-0", ""},
		{"addresses under their names", "X-Forwarded-For: 203.0.113.7, 10.0.0.1\nremote_addr=203.0.113.7:80 ip_address: 2001:db8::1", "X-Forwarded-For: [Filtered]\nremote_addr=[Filtered] ip_address: [Filtered]"},
		{"homes in other languages", `C:\Benutzer\anna\x D:\Utilisateurs\anna`, `~\x ~`},
		{"homes on a disk with a blank", "/Volumes/Macintosh HD/Users/anna/x", "/Volumes/Macintosh HD~/x"},
		{"homes of a server of profiles", `\\FS01\Profiles$\anna.V6\x`, `\\FS01~\x`},
		{"homes in backups", `/backup/2024-01-02/home/anna/x /srv/backup/nb1/Users/anna D:\Backup\C\Users\anna\x`, `/backup/2024-01-02~/x /srv/backup/nb1~ D:\Backup\C~\x`},
		{"homes escaped twice", `C:\\\\Users\\\\anna\\\\x %252Fhome%252Fanna%252Fx`, `~\\\\x ~%252Fx`},
		{"homes in listings of tar", "drwxr-xr-x anna/users 0 2024-01-02 10:00 home/anna/x/", "drwxr-xr-x [user]/users 0 2024-01-02 10:00 ~/x/"},
		{"disks by the names of users", "/run/media/anna/STICK/x /media/anna/STICK/x /media/usb/x /media/cdrom", "~/STICK/x ~/STICK/x /media/usb/x /media/cdrom"},
		{"home", "open /home/josé/x", "open ~/x"},
		{"home percent-encoded", "file:///home/jos%C3%A9/x", "file:~/x"},
		{"home in JSON of ASCII", `"/home/jos\u00e9/x"`, `"~/x"`},
		{"home on Windows", `c:\users\josé müller\x`, `~\x`},
		{"home on Windows in JSON of ASCII", `"C:\\Users\\Jos\u00e9 M\u00fcller\\x"`, `"~\\x"`},
		{"home on Windows percent-encoded", "file:///C:/Users/Jos%C3%A9%20M%C3%BCller/x", "file:///~/x"},
		{"home on Windows, all of it encoded", "p=C%3A%5CUsers%5CJos%C3%A9+M%C3%BCller%5Cx", "p=~%5Cx"},
		{"homes in a list", "PATH=/home/josé/bin:/home/anna/bin:/usr/bin", "PATH=~/bin:~/bin:/usr/bin"},
		{"home that goes on", "/home/joséphine/x", "~/x"}, // that of somebody else
		{"homes of others on Windows", `C:\Users\Anna Maria Berg\x, C:/Users/Anna Maria Berg/x and /mnt/c/Users/Anna Berg/x`, `~\x, ~/x and /mnt/c~/x`},
		{"homes of others in a list", `C:\Users\anna;C:/Users/berg;C:\Windows`, `~;~;C:\Windows`},
		{"homes of others on a server", `\\nas\home$\anna\x`, `\\[host]~\x`},
		{"homes of others in URLs", "file://nas/home/anna/x sftp://nas/home/anna/x https://nas/home/anna/x", "file://[host]~/x sftp://[host]~/x https://[host]/home/anna/x"},
		{"homes of others on a disk", "/mnt/old/Users/Anna Berg/x /media/usb/home/anna/x /Volumes/X/Users/anna", "/mnt/old~/x /media/usb~/x /Volumes/X~"},
		{"homes of others for a shell", `ls /Users/Anna\ Berg/x`, "ls ~/x"},
		{"names with an apostrophe", `C:\Users\Conan O'Brien\x '/home/anna' 'C:\Users\anna'`, `~\x '~' '~'`},
		{"homes after other things", "cc -I/home/anna/include „/home/anna/x“ é/home/anna", "cc -I~/include „~/x“ é/home/anna"},
		{"working folder", "/srv/Kanzlei Müller & Söhne+C/x.txt", "[dir]/x.txt"},
		{"working folder percent-encoded", "/srv/Kanzlei%20M%C3%BCller%20%26%20S%C3%B6hne%2BC/x.txt", "[dir]/x.txt"},
		{"working folder in HTML-safe JSON", `"/srv/Kanzlei M` + `üller \u0026 Söhne+C/x.txt"`, `"[dir]/x.txt"`},
		{"working folder with a percent sign", `D:\Work\100% mine\x`, `[dir]\x`},
		{"folder of one element", "/srv/other", ""},
		{"folder that goes on", `D:\Work\100% mines\x`, ""},
		{"broken escapes", `%C3 %C3%A9% %zz \u00 \u00zz \ufffd`, ""},
		{"marks stay", "[user] [host] [dir] ~ [Filtered]", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			want := c.want
			if want == "" {
				want = c.in
			}
			got := s.Text(c.in)
			if got != want {
				t.Errorf("Text(%q)\n got %q\nwant %q", c.in, got, want)
			}
			if again := s.Text(got); again != got {
				t.Errorf("Text(%q) = %q, not the same again", got, again)
			}
			if got := New(Config{PII: true}).Text(c.in); got != c.in {
				t.Errorf("with personal data: %q", got)
			}
		})
	}
}

// Whatever a machine and its user are called, nothing of ours loses its meaning.
func TestOddOwners(t *testing.T) {
	t.Parallel()
	for _, c := range []Config{
		{Homes: []string{"", "/", `\`, "C:", `C:\`, "..", "/home/.."}, Users: []string{"", " ", ".", `\`, `A\`}, Hosts: []string{"", ".", "..", ".local"}, Dirs: []string{"", "/", "/.."}},
		{Homes: []string{"/root"}, Users: []string{"root", "Administrator", "SYSTEM"}, Hosts: []string{"localhost", "localhost.localdomain"}},
	} {
		s := New(c)
		for _, text := range []string{"open /etc/passwd: denied", `C:\Windows\x`, "a . b .. c \\ d", "administrator of localhost", "/mnt/root/x"} {
			if got := s.Text(text); got != text {
				t.Errorf("%+v: Text(%q) = %q", c, text, got)
			}
		}
	}
	if got := New(Config{Homes: []string{"/root"}}).Text("open /root/x: denied"); got != "open ~/x: denied" {
		t.Errorf("the home of root: %q", got)
	}
}
