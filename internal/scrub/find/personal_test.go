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
		{"host inside a name", "acme-pc07b and acme-pc07_x", ""},
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
		{"homes of others on a server", `\\nas\home$\anna\x`, `\\nas~\x`},
		{"homes of others in URLs", "file://nas/home/anna/x sftp://nas/home/anna/x https://nas/home/anna/x", "file://nas~/x sftp://nas~/x https://nas/home/anna/x"},
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
