package scrub

import (
	"maps"
	"net"
	"net/netip"
	"strings"

	"github.com/getsentry/sentry-go"

	"github.com/autoservice/sentryconfig/internal/protocol"
)

// addressHeaders name the sender of a request.
var addressHeaders = map[string]bool{
	"x-forwarded-for": true, "x-real-ip": true, "forwarded": true, "x-client-ip": true, "x-cluster-client-ip": true,
	"cf-connecting-ip": true, "true-client-ip": true, "fastly-client-ip": true, "x-original-forwarded-for": true,
	"remote-addr": true, "remote-user": true, "x-forwarded-user": true,
}

func (s *Scrubber) request(e *sentry.Event) {
	if e.Request == nil {
		return
	}
	r := *e.Request
	r.URL = strings.ReplaceAll(s.text(r.URL, protocol.MaxURLChars), Host, "host") // brackets make no valid host
	r.Method = method(r.Method)
	r.Data = s.text(r.Data, protocol.MaxMessageChars)
	r.QueryString = cutQuery(s.text(r.QueryString, protocol.MaxMessageChars))
	r.Cookies = "" // never sent: servers with a schema refuse a text
	r.Headers, _ = s.stringMap(r.Headers, protocol.MaxMessageChars)
	r.Env, _ = s.stringMap(r.Env, protocol.MaxMessageChars)
	r.Headers, r.Env = s.fitStrings(r.Headers, protocol.MaxHeaderBytes), s.fitStrings(r.Env, protocol.MaxHeaderBytes)
	if s.Personal() {
		r.Headers = without(r.Headers, func(k string) bool { return addressHeaders[strings.ToLower(k)] })
		r.Env = without(r.Env, func(k string) bool { return strings.HasPrefix(k, "REMOTE_") })
	}
	e.Request = &r
}

// method returns m when it is one.
func method(m string) string {
	for i := range len(m) {
		if c := m[i]; (c|0x20 < 'a' || c|0x20 > 'z') && c != '-' && c != '_' {
			return ""
		}
	}
	if len(m) > protocol.MaxMethodChars {
		return ""
	}
	return m
}

// cutQuery leaves out the parameters of a query that are too much for Relay, which counts them as a list of pairs.
func cutQuery(t string) string {
	const pair = len(`["",""],`)
	room := protocol.MaxQueryBytes
	for from := 0; from < len(t); {
		end := strings.IndexByte(t[from:], '&')
		if end < 0 {
			end = len(t) - from
		}
		if room -= end + pair; room < len(cutMark) {
			return t[:from] + cutMark
		}
		from += end + 1
	}
	return t
}

// fitStrings returns m, or a copy that takes at most maxBytes of JSON, the longest values cut.
func (s *Scrubber) fitStrings(m map[string]string, maxBytes int) map[string]string {
	bytes := 0
	for k, v := range m {
		bytes += len(k) + len(v) + len(`["",""],`)
	}
	if bytes <= maxBytes/maxEscape {
		return m
	}
	values := make(map[string]any, len(m))
	for k, v := range m {
		values[k] = v
	}
	fitted := s.fit(values, maxBytes-len(m)*len(`[],`), 2)
	out := make(map[string]string, len(fitted))
	for k, v := range fitted {
		if text, ok := v.(string); ok {
			out[k] = text
		}
	}
	return out
}

// without returns m, or a copy, without the keys that gone names.
func without(m map[string]string, gone func(string) bool) map[string]string {
	for k := range m {
		if gone(k) {
			m = maps.Clone(m)
			maps.DeleteFunc(m, func(k, _ string) bool { return gone(k) })
			break
		}
	}
	return m
}

func (s *Scrubber) user(u *sentry.User) {
	if u.IsEmpty() {
		return
	}
	if s.Personal() {
		u.Email, u.IPAddress, u.Username, u.Name = "", "", "", ""
	}
	if u.IPAddress != "" && u.IPAddress != "{{auto}}" {
		// With its port it is not an address for Relay.
		if host, _, err := net.SplitHostPort(u.IPAddress); err == nil {
			u.IPAddress = host
		}
		addr, err := netip.ParseAddr(u.IPAddress)
		switch {
		case err != nil:
			u.IPAddress = ""
		case addr.Zone() != "": // nor with its zone, which means something on this machine alone
			u.IPAddress = addr.WithZone("").String()
		}
	}
	u.ID = s.text(u.ID, protocol.MaxUserChars)
	u.Username = s.text(u.Username, protocol.MaxUserChars)
	u.Name = s.text(u.Name, protocol.MaxUserChars)
	u.Email = s.text(u.Email, protocol.MaxMailChars)
	u.Data, _ = s.stringMap(u.Data, protocol.MaxMessageChars)
	if s.Personal() {
		u.Data = without(u.Data, func(k string) bool { return isPersonalAttribute(strings.ToLower(k)) })
	}
}
