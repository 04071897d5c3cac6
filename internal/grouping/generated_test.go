package grouping

import (
	"encoding/base64"
	"fmt"
	"math/rand"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestDrawnIdentifiers draws identifiers as they are drawn elsewhere. Of each kind nearly all must be one class: some
// look like words by chance.
func TestDrawnIdentifiers(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewSource(1))
	draw := func(alphabet string, size int) string {
		b := make([]byte, size)
		for i := range b {
			b[i] = alphabet[r.Intn(len(alphabet))]
		}
		return string(b)
	}
	bytes := func(size int) []byte {
		b := make([]byte, size)
		r.Read(b)
		return b
	}
	for name, id := range map[string]func() string{
		"nanoid":          func() string { return draw(alnum+"_-", 21) },
		"KSUID":           func() string { return draw(alnum, 27) },
		"ULID":            func() string { return "01" + draw("0123456789ABCDEFGHJKMNPQRSTVWXYZ", 24) },
		"ULID, small":     func() string { return "01" + draw("0123456789abcdefghjkmnpqrstvwxyz", 24) },
		"xid":             func() string { return draw("0123456789"+"abcdefghijklmnopqrstuv", 20) },
		"CUID":            func() string { return "c" + draw("0123456789"+small, 24) },
		"ObjectID":        func() string { return draw("0123456789abcdef", 24) },
		"request of S3":   func() string { return draw("0123456789"+capitals, 16) },
		"host of S3":      func() string { return base64.StdEncoding.EncodeToString(bytes(57)) },
		"base 64":         func() string { return base64.StdEncoding.EncodeToString(bytes(20)) },
		"base 64 of URLs": func() string { return base64.RawURLEncoding.EncodeToString(bytes(32)) },
		"base 64 of words": func() string {
			return base64.StdEncoding.EncodeToString([]byte("user:" + draw(small, 8)))
		},
		"JWT": func() string {
			claims := base64.RawURLEncoding.EncodeToString([]byte(`{"sub":"` + draw(alnum, 8) + `"}`))
			return "eyJhbGciOiJIUzI1NiJ9." + claims + "." + base64.RawURLEncoding.EncodeToString(bytes(32))
		},
		"with its kind":      func() string { return "req_" + draw(alnum, 24) },
		"instance of Amazon": func() string { return "i-" + draw("0123456789abcdef", 8) },
		"group of Amazon":    func() string { return "sg-" + draw("0123456789abcdef", 8) },
		"push ID":            func() string { return "-N" + draw(alnum+"_-", 18) },
		"pod": func() string {
			const alphabet = "bcdfghjklmnpqrstvwxz2456789"
			return "web-" + draw(alphabet, 9) + "-" + draw(alphabet, 5)
		},
		"serial number": func() string { return draw("0123456789"+capitals, 14) },
	} {
		r.Seed(1)
		const drawn, wanted = 1000, 950
		classes := make(map[string]int)
		most, rest := "", ""
		for range drawn {
			class := Text("request " + id() + " is unknown")
			if classes[class]++; classes[class] > classes[most] {
				most, rest = class, most
			} else if class != most {
				rest = class
			}
		}
		if classes[most] < wanted || !strings.Contains(most, holderNumber) {
			t.Errorf("%s: %d of %d are %q, others as %q", name, classes[most], drawn, most, rest)
		}
	}
}

// TestNamesAreNotDrawn has names of programs that look like identifiers: with capitals, digits and acronyms in them.
func TestNamesAreNotDrawn(t *testing.T) {
	t.Parallel()
	for _, name := range strings.Fields(`
		maxOpenConnections connMaxLifetimeSeconds HandleHTTPRequest ServeGRPCStream XMLHttpRequest JSONWebToken
		customer_billing_address_id ProvisionedThroughputExceededException SignatureDoesNotMatch MpsSvc nvlddmkm
		vmxnet ERR_SSL_VERSION_OR_CIPHER_MISMATCH STATUS_ENTRYPOINT_NOT_FOUND PAGE_FAULT_IN_NONPAGED_AREA
		SSL_CTX_set_ciphersuites CreateProcessAsUserW LookupPrivilegeValueW DisableAntiSpyware TLS_AES_128_GCM_SHA256
		TLS_CHACHA20_POLY1305_SHA256 systemd-timesyncd x-www-form-urlencoded no-install-recommends float32Bytes
		MaxUint32 isIPv4 ECDSAWithSHA256 java.lang.NullPointerException spec.template.metadata.labels
		Netzwerkverbindungsfehler Speicherzugriffsfehler CERTIFICATE_VERIFY_FAILED wuauserv TrustedInstaller CryptSvc
		hevc_nvenc libfdk_aac crypto/chacha20poly1305`) {
		if got := Text("the name " + name + " is unknown"); strings.HasPrefix(got, "the name <") {
			t.Errorf("%s: %q", name, got)
		}
	}
}

// TestLongTextsOfOneProblem fills templates with paths, numbers and quoted text of any length. Nearly all fillings of
// one must be one class, wherever that cuts.
func TestLongTextsOfOneProblem(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewSource(1))
	letters := func(most int) string {
		b := make([]byte, 1+r.Intn(most))
		for i := range b {
			b[i] = small[r.Intn(len(small))]
		}
		return string(b)
	}
	fillings := []func() string{
		func() string { return strings.Repeat("/"+letters(9), 1+r.Intn(9)) },
		func() string { return strconv.Itoa(r.Intn(1 << (1 + r.Intn(30)))) },
		func() string { return `"` + strings.Repeat(letters(9)+" ", r.Intn(9)) + `"` },
		func() string { return "https://" + letters(9) + ".com/" + letters(99) },
		func() string { return `C:\` + letters(9) + " " + letters(9) + `\` + letters(30) + ".txt:" },
	}
	const text = "could not open the file because it was locked: upload failed: permission denied while saving"
	words := strings.Fields(text)
	const templates, wanted = 500, 475
	stable := 0
	for range templates {
		var template []func() string
		for range 5 + r.Intn(100) {
			word := words[r.Intn(len(words))]
			filling := func() string { return word }
			if r.Intn(9) == 0 {
				filling = fillings[r.Intn(len(fillings))]
			}
			template = append(template, filling)
		}
		classes := make(map[string]bool)
		for range 5 {
			var message []string
			for _, filling := range template {
				message = append(message, filling())
			}
			classes[Text(strings.Join(message, " "))] = true
		}
		if len(classes) == 1 {
			stable++
		}
	}
	if stable < wanted {
		t.Errorf("%d of %d templates are one class", stable, templates)
	}
}

// TestFormsInTheirPlaces writes what varies into all places of a text in which it stands. Of each form in each place
// nearly all must be one class.
func TestFormsInTheirPlaces(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewSource(1))
	bytes := func(size int) []byte {
		b := make([]byte, size)
		r.Read(b)
		return b
	}
	name := func() string {
		b := bytes(3 + r.Intn(9))
		for i := range b {
			b[i] = small[int(b[i])%len(small)]
		}
		return string(b)
	}
	one := func(of ...string) string { return of[r.Intn(len(of))] }
	forms := map[string]func() string{
		"duration":  func() string { return time.Duration(r.Int63n(1 << (10 + r.Intn(50)))).String() },
		"integer":   func() string { return strconv.FormatInt(r.Int63n(1<<(1+r.Intn(60))), 10) },
		"float":     func() string { return fmt.Sprint(r.NormFloat64() * 100) },
		"exponent":  func() string { return fmt.Sprintf("%e", r.ExpFloat64()) },
		"size":      func() string { return fmt.Sprintf("%.1f %s", r.Float64()*1000, one("kB", "MB", "GiB", "TB", "bytes")) },
		"share":     func() string { return fmt.Sprintf("%.*f%%", r.Intn(3), r.Float64()*100) },
		"IPv4":      func() string { return net.IP(bytes(4)).String() },
		"IPv4 port": func() string { return netip.AddrPortFrom(netip.AddrFrom4([4]byte(bytes(4))), 80).String() },
		"IPv6":      func() string { return netip.AddrFrom16([16]byte(bytes(16))).String() },
		"IPv6 port": func() string { return netip.AddrPortFrom(netip.AddrFrom16([16]byte(bytes(16))), 80).String() },
		"MAC":       func() string { return net.HardwareAddr(bytes(6)).String() },
		"UUID": func() string {
			b := bytes(16)
			return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
		},
		"GUID": func() string {
			b := bytes(16)
			return fmt.Sprintf("{%X-%X-%X-%X-%X}", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
		},
		"SHA-1":   func() string { return fmt.Sprintf("%x", bytes(20)) },
		"digest":  func() string { return fmt.Sprintf("sha256:%x", bytes(32)) },
		"pointer": func() string { return fmt.Sprintf("0xc000%x", bytes(3)) },
		"base 64": func() string { return base64.RawURLEncoding.EncodeToString(bytes(24)) },
		"host":    func() string { return name() + "." + name() + "." + one("com", "io", "co.uk", "internal") },
		"mail":    func() string { return name() + "@" + name() + ".com" },
		"path":    func() string { return "/" + name() + "/" + name() },
		"Windows": func() string { return `C:\` + name() + `\` + name() + ".txt" },
		"file":    func() string { return name() + one(".json", ".log", ".dll", ".yaml") },
		"version": func() string {
			return fmt.Sprintf("v%d.%d.%d%s", r.Intn(9), r.Intn(99), r.Intn(99), one("", "-rc1", "-alpine"))
		},
		"time": func() string {
			zone := time.FixedZone(one("UTC", "CET", "EST"), 3600)
			layout := one(time.RFC3339Nano, time.DateTime)
			return time.Unix(r.Int63n(2e9), r.Int63n(1e9)).In(zone).Format(layout)
		},
		"time of HTTP":  func() string { return time.Unix(r.Int63n(2e9), 0).UTC().Format(time.RFC1123) },
		"time of Unix":  func() string { return time.Unix(r.Int63n(2e9), 0).UTC().Format(time.UnixDate) },
		"time of a log": func() string { return time.Unix(r.Int63n(2e9), 0).UTC().Format("02/Jan/2006:15:04:05 -0700") },
	}
	places := []string{"load of V failed", "cannot load V", "V is bad", "load: V: denied", "load (V) failed",
		"load key=V failed", "load [V] failed", "load V, then stop", "got V.", "id:V bad", "load <V> failed",
		`{"id":V,"x":1}`, "from V to V"}
	for form, value := range forms {
		for _, place := range places {
			r.Seed(1)
			const texts, wanted = 60, 56
			classes := make(map[string]int)
			most := ""
			for range texts {
				class := Text(strings.ReplaceAll(place, "V", value()))
				if classes[class]++; classes[class] > classes[most] {
					most = class
				}
			}
			if classes[most] < wanted || !strings.Contains(most, "<") {
				t.Errorf("%s in %q: %d of %d are %q", form, place, classes[most], texts, most)
			}
		}
	}
}
