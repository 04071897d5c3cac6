package machine

import (
	"os"
	"os/user"
	"path/filepath"
)

// Names are what this machine and the user of this process are called, in all their forms.
type Names struct {
	Homes, Users, Hosts []string
	Dirs                []string // the working folder, and the program's
}

// ReadNames asks the system and the process's environment.
func ReadNames() (n Names) {
	add := func(list *[]string, names ...string) {
		for _, name := range names {
			if name != "" {
				*list = append(*list, name)
			}
		}
	}
	if home, err := os.UserHomeDir(); err == nil {
		add(&n.Homes, home)
	}
	if u, err := user.Current(); err == nil {
		add(&n.Homes, u.HomeDir)
		add(&n.Users, u.Username, u.Name)
	}
	add(&n.Users, User(), os.Getenv("USER"), os.Getenv("USERNAME"), os.Getenv("LOGNAME"))
	add(&n.Hosts, Hostname(), os.Getenv("COMPUTERNAME"))
	if wd, err := os.Getwd(); err == nil {
		add(&n.Dirs, wd)
	}
	if exe, err := os.Executable(); err == nil {
		add(&n.Dirs, filepath.Dir(exe))
	}
	return n
}

// Hostname returns the machine's name, "" when unknown.
func Hostname() string {
	name, _ := os.Hostname()
	return name
}
