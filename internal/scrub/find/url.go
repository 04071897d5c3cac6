package find

import "strings"

// url handles the "://" at i: the password in the userinfo, and webhooks whose path is the secret.
func (e *editor) url(i int) int {
	t := e.text
	start := i + len("://")
	if start < e.noAt {
		return start // in the path or query of another
	}
	limit := min(len(t), start+maxLookAhead)
	end := e.until(start, limit, classAfterURL|classSlash|classQuery)
	colon, at := strings.IndexByte(t[start:end], ':'), strings.LastIndexByte(t[start:end], '@')
	authority, path := t[start:end], end
	if at < 0 { // otherwise the rest needn't be read
		end = e.until(end, limit, classAfterURL)
		if at = strings.LastIndexByte(t[start:end], '@'); at < 0 {
			e.noAt = end
		}
		if at >= 0 && (colon < 0 || isPort(t[start+colon+1:start+at])) { // no password with an unescaped slash
			e.noAt, at = end, -1
		}
	}
	switch {
	case at > colon+1 && colon >= 0:
		return e.replace(start+colon+1, start+at, Filtered)
	case at >= 0 && (colon < 0 || colon > at) && isAccessToken(t[start:start+at]):
		return e.replace(start, start+at, Filtered)
	case at >= 0 && colon >= 0:
		return start + at
	case at < 0:
		if from := webhookSecret(authority, t[path:end]); from > 0 {
			return e.replace(path+from, e.until(end, len(t), classAfterURL), Filtered) // however long it is
		}
	}
	return start
}

// webhooks have their secret in the path, behind path. Hosts are those of others below host too.
var webhooks = [...]struct{ host, path string }{
	{"hooks.slack.com", "/services/"}, {"hooks.slack.com", "/workflows/"}, {"hooks.slack.com", "/triggers/"},
	{"discord.com", "/webhooks/"}, {"discordapp.com", "/webhooks/"},
	{"webhook.office.com", "/webhookb2/"}, {"outlook.office.com", "/webhook/"},
	{"hooks.zapier.com", "/hooks/"}, {"maker.ifttt.com", "/with/key/"}, {"hook.integromat.com", "/"},
	{"open.feishu.cn", "/hook/"}, {"webhook.site", "/"},
	{"hc-ping.com", "/"}, {"uptime.betterstack.com", "/heartbeat/"}, {"events.pagerduty.com", "/integration/"},
}

// webhookSecret returns where in path, of a URL with host, the secret of a webhook begins; 0 if there is none.
func webhookSecret(host, path string) int {
	for _, hook := range webhooks {
		n := len(host) - len(hook.host)
		if n < 0 || n > 0 && host[n-1] != '.' || host[n]|0x20 != hook.host[0] || !equalFold(host[n:], hook.host) {
			continue
		}
		if at := strings.Index(path, hook.path); at >= 0 && at+len(hook.path) < len(path) {
			return at + len(hook.path)
		}
	}
	return 0
}

// minAccessToken is shorter than any access token, and longer than most names of users.
const minAccessToken = 20

// isAccessToken reports whether a URL's user, without a password, is a token: forges take one there. The public key of
// a Sentry DSN, 32 hex digits, is none.
func isAccessToken(user string) bool {
	return len(user) >= minAccessToken && isRandom(user) &&
		(len(user) != 32 || strings.Trim(user, "0123456789abcdefABCDEF") != "")
}

// isPort reports whether t begins with a number that is all of a URL's authority or port.
func isPort(t string) bool {
	rest := strings.TrimLeft(t, digits)
	return len(rest) < len(t) && (rest == "" || rest[0] == '/' || rest[0] == '?' || rest[0] == '#')
}

// userinfo handles the "@" at i of user:password@tcp(host) and user:password@host:port without a scheme.
func (e *editor) userinfo(i int) int {
	t := e.text
	driver, host, port := e.hostAfter(i)
	if !driver && !host {
		return 0
	}
	ends := userinfoEnds + "/="
	if driver {
		ends = userinfoEnds
	}
	start := max(e.last, i-maxLookBack)
	start += strings.LastIndexAny(e.text[start:i], ends) + 1
	e.steps += i - start
	colon := start + strings.IndexByte(t[start:i], ':')
	if port && start > 0 && t[start-1] == '/' && isSecretive(t[start:i]) { // thin:bob/hunter2@db:1521
		if user := e.spanBack(start-1, e.last, className); user > 0 && user < start-1 && t[user-1] != '/' {
			return e.replace(start, i, Filtered)
		}
	}
	if colon <= start || colon+1 == i {
		return 0
	}
	if !driver && !port && (!isRandomish(t[colon+1:i]) || mailWords[strings.ToLower(t[start:colon])]) {
		return 0 // mailto:bob@example.com
	}
	// A password may hold an "@": it ends at the last.
	to, path := i, false
	for k := i + 1; k < len(t) && k < i+maxLookBack && strings.IndexByte(userinfoEnds, t[k]) < 0; k++ {
		switch t[k] {
		case '/', '=':
			path = true
		case '@':
			if driver, host, _ := e.hostAfter(k); driver || host && !path {
				to = k
			}
		}
	}
	e.steps += to - i
	return e.replace(colon+1, to, Filtered)
}

// userinfoEnds are in no user and in no password.
const userinfoEnds = " \t\r\n\"'`<>,;"

var driverNetworks = [...]string{"tcp(", "tcp6(", "unix(", "udp(", "(DESCRIPTION="}

// hostAfter says what follows the "@" at i: the network of a database driver's DSN, or a host, with or without a port.
func (x *scanner) hostAfter(i int) (driver, host, port bool) {
	if strings.HasPrefix(x.text[i+1:], "//") { // Oracle's
		i += len("//")
	}
	rest := x.text[i+1:]
	for _, network := range driverNetworks {
		if strings.HasPrefix(rest, network) {
			return true, false, false
		}
	}
	k := x.span(i+1, min(len(x.text), i+1+maxLookBack), classAlnum|classDot|classDash) - i - 1
	if k == 0 || !strings.HasPrefix(rest[k:], ":") {
		return false, k > 0 && isHostname(rest[:k]), false
	}
	end := x.span(i+1+k+1, min(len(x.text), i+1+k+maxPort), classAlnum) - i - 1
	port = end-k < maxPort && isPort(rest[k+1:end])
	return false, port, port
}

const maxPort = len(":65535?")

// isHostname reports whether t is a name rather than a version, or an IPv4 address.
func isHostname(t string) bool {
	return isLetter(t[0]) || strings.Count(t, ".") == 3
}

// isRandomish reports whether t, which may be the name in a mail address, is more like a password.
func isRandomish(t string) bool {
	return len(t) >= 6 && kinds(t)&classLetter != 0 && !only(t, classLetter|classDot|classDash|classBase64)
}

// mailWords stand before a colon and a mail address.
var mailWords = setOf("mailto from to cc bcc sender reply-to acct sip sips xmpp mail email e-mail user owner contact " +
	"author by")
