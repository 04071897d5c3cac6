package wire

import (
	"errors"
	"net/http"
	"net/url"
)

// A Verdict is what an answer says about an envelope.
type Verdict uint8

// The verdicts. Those that speak of the store come from whoever reads the envelope.
const (
	Accepted    Verdict = iota
	Refused             // for good
	Limited             // not now
	Failed              // by the server: it, or the envelope, may be the reason
	Unreachable         // no answer at all
	Rejected            // the credentials or the route, not the envelope
	Unreadable          // not sent: the store can't read it now
	Damaged             // not sent: the store will never read it
)

// statusBandwidthLimit is what hosting providers answer once a site's traffic is used up.
const statusBandwidthLimit = 509

// statuses says what a status means where its class alone doesn't.
var statuses = map[int]Verdict{
	http.StatusTooManyRequests:            Limited,
	http.StatusRequestTimeout:             Failed,
	http.StatusUnauthorized:               Rejected,
	http.StatusPaymentRequired:            Rejected,
	http.StatusForbidden:                  Rejected,
	http.StatusNotFound:                   Rejected,
	http.StatusMethodNotAllowed:           Rejected,
	http.StatusProxyAuthRequired:          Rejected,
	http.StatusGone:                       Rejected,
	http.StatusTeapot:                     Rejected,
	http.StatusMisdirectedRequest:         Rejected,
	http.StatusTooEarly:                   Rejected,
	http.StatusUnavailableForLegalReasons: Rejected,
}

// classes says what the hundreds of a status mean.
var classes = map[int]Verdict{
	2: Accepted,
	3: Rejected, // captive portals redirect
	4: Refused,
}

// judge says what a status means.
func judge(status int) Verdict {
	if v, ok := statuses[status]; ok {
		return v
	}
	if v, ok := classes[status/100]; ok {
		return v
	}
	return Failed
}

// Blames reports whether a failure with this status may be the envelope's doing. Gateways, and servers that are full,
// overloaded or behind a login, answer anything so; those from 520 on are Cloudflare's, for a server behind it.
func Blames(status int) bool {
	switch status {
	case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout,
		http.StatusInsufficientStorage,
		statusBandwidthLimit, http.StatusNetworkAuthenticationRequired:
		return false
	}
	return status >= 500 && status < 520
}

// judgeError says what it means to get no answer. A proxy that doesn't let us through is one.
func judgeError(err error) Verdict {
	var refusal *proxyError
	if errors.As(err, &refusal) {
		if judge(refusal.status) == Rejected {
			return Rejected
		}
		return Unreachable
	}
	var wrapped *url.Error
	if !errors.As(err, &wrapped) {
		return Unreachable
	}
	// The user's own client has no judgeProxy.
	for _, status := range []int{
		http.StatusProxyAuthRequired, http.StatusForbidden, http.StatusUnauthorized, http.StatusNotFound,
	} {
		if wrapped.Err.Error() == http.StatusText(status) {
			return Rejected
		}
	}
	return Unreachable
}
