package main

import (
	"encoding/base64"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// A plan is what the flags ask for: of the first connection, of those that resume
// it, and of one that goes on after its 0-RTT data was turned down.
type plan struct{ initial, resume, retry settings }

// base64Bytes come as base64, other strings as they are.
type base64Bytes []byte

// settings are the flags that count for one connection. Their meaning is that of
// BoringSSL's own shim. A flag that nothing reads says beside it why it is true of
// this engine whether it is given or not.
type settings struct {
	// What the runner is, and how often to come.
	Port                  int    `flag:"-port"`
	ShimID                uint64 `flag:"-shim-id"`
	IPv6                  bool   `flag:"-ipv6"`
	IsHandshakerSupported bool   `flag:"-is-handshaker-supported"`
	TrustCert             string `flag:"-trust-cert"` // nobody is verified unless -verify-fail says so, as in BoringSSL's
	Server                bool   `flag:"-server"`
	ResumeCount           int    `flag:"-resume-count"`
	ResumptionDelay       int    `flag:"-resumption-delay"` // seconds

	// How the connection is driven.
	Async                 bool `flag:"-async"`
	ImplicitHandshake     bool `flag:"-implicit-handshake"`           // an Engine has no call for a handshake: what reads and writes does it
	UseEarlyCallback      bool `flag:"-use-early-callback"`           // our hooks are always early
	UseOldClientCert      bool `flag:"-use-old-client-cert-callback"` // there is one kind of hook
	UseCustomVerify       bool `flag:"-use-custom-verify-callback"`   // likewise
	NoOpExtraHandshake    bool `flag:"-no-op-extra-handshake"`
	PartialWrite          bool `flag:"-partial-write"`
	HandshakeNeverDone    bool `flag:"-handshake-never-done"`
	CBCRecordSplitting    bool `flag:"-cbc-record-splitting"` // TLS 1.0 always splits what CBC protects
	UseExporterInBetween  bool `flag:"-use-exporter-between-reads"`
	UseTicketCallback     bool `flag:"-use-ticket-callback"`      // tickets are always opened by a hook
	UseTicketAEADCallback bool `flag:"-use-ticket-aead-callback"` // likewise, with an AEAD

	// Versions, suites, groups.
	MinVersion       uint16   `flag:"-min-version"`
	MaxVersion       uint16   `flag:"-max-version"`
	NoTLS13          bool     `flag:"-no-tls13"`
	NoTLS12          bool     `flag:"-no-tls12"`
	NoTLS11          bool     `flag:"-no-tls11"`
	NoTLS1           bool     `flag:"-no-tls1"`
	Cipher           string   `flag:"-cipher"`
	ServerPreference bool     `flag:"-server-preference"`
	Curves           []uint16 `flag:"-curves"`
	KeyShares        []uint16 `flag:"-key-shares"`
	NoKeyShares      bool     `flag:"-no-key-shares"`
	EnableGREASE     bool     `flag:"-enable-grease"`
	PermuteExts      bool     `flag:"-permute-extensions"`

	FIPS202205 bool `flag:"-fips-202205"`
	WPA202304  bool `flag:"-wpa-202304"`
	CNSA202407 bool `flag:"-cnsa-202407"`
	CNSA1      bool `flag:"-cnsa1-202603"`
	CNSA2      bool `flag:"-cnsa2-202603"`

	// Who is who.
	HostName             string   `flag:"-host-name"`
	VerifyPeer           bool     `flag:"-verify-peer"`
	VerifyFail           bool     `flag:"-verify-fail"`
	ReverifyOnResume     bool     `flag:"-reverify-on-resume"`
	RequireAnyClientCert bool     `flag:"-require-any-client-certificate"`
	UseClientCAList      string   `flag:"-use-client-ca-list"`
	MaxCertList          int      `flag:"-max-cert-list"`
	VerifyPrefs          []uint16 `flag:"-verify-prefs"`
	FailCertCallback     bool     `flag:"-fail-cert-callback"`
	FailEarlyCallback    bool     `flag:"-fail-early-callback"`
	InstallDDoSCallback  bool     `flag:"-install-ddos-callback"`
	FailDDoSCallback     bool     `flag:"-fail-ddos-callback"`
	EnableOCSPStapling   bool     `flag:"-enable-ocsp-stapling"`
	EnableSCTs           bool     `flag:"-enable-signed-cert-timestamps"` // a client always asks for them
	UseOCSPCallback      bool     `flag:"-use-ocsp-callback"`
	FailOCSPCallback     bool     `flag:"-fail-ocsp-callback"`
	SetOCSPInCallback    bool     `flag:"-set-ocsp-in-callback"`
	DeclineOCSPCallback  bool     `flag:"-decline-ocsp-callback"`

	// Application protocols.
	AdvertiseALPN string `flag:"-advertise-alpn"`
	SelectALPN    string `flag:"-select-alpn"`
	DeclineALPN   bool   `flag:"-decline-alpn"`
	RejectALPN    bool   `flag:"-reject-alpn"`

	// Pre-shared keys, sessions and 0-RTT.
	PSK                    string `flag:"-psk"`
	PSKIdentity            string `flag:"-psk-identity"`
	NoTicket               bool   `flag:"-no-ticket"`
	SkipTicket             bool   `flag:"-skip-ticket"`
	RenewTicket            bool   `flag:"-renew-ticket"` // a ticket that serves is always followed by a new one
	EnableEarlyData        bool   `flag:"-enable-early-data"`
	EarlyWriteAfterMessage uint16 `flag:"-early-write-after-message"`

	// Renegotiation.
	RenegotiateIgnore    bool `flag:"-renegotiate-ignore"`
	RenegotiateOnce      bool `flag:"-renegotiate-once"`
	RenegotiateFreely    bool `flag:"-renegotiate-freely"`
	RenegotiateExplicit  bool `flag:"-renegotiate-explicit"`                 // as always here: the engine asks when it may
	ForbidRenegotiation  bool `flag:"-forbid-renegotiation-after-handshake"` // as without any of these
	ExpectRenegotiations int  `flag:"-expect-total-renegotiations"`

	// What happens after the handshake.
	ExportKeyingMaterial    int    `flag:"-export-keying-material"`
	ExportLabel             string `flag:"-export-label"`
	ExportContext           string `flag:"-export-context"`
	UseExportContext        bool   `flag:"-use-export-context"`
	ExportTrafficSecrets    bool   `flag:"-export-traffic-secrets"`
	TLSUnique               bool   `flag:"-tls-unique"`
	SendAlert               bool   `flag:"-send-alert"`
	ShimWritesFirst         bool   `flag:"-shim-writes-first"`
	ShimInitialWrite        string `flag:"-shim-initial-write"`
	RepeatShimInitialWrite  int    `flag:"-repeat-shim-initial-write"`
	WriteDifferentSizes     bool   `flag:"-write-different-record-sizes"`
	ReadWithUnfinishedWrite bool   `flag:"-read-with-unfinished-write"`
	ReadSize                int    `flag:"-read-size"`
	KeyUpdate               bool   `flag:"-key-update"`
	KeyUpdateBeforeRead     bool   `flag:"-key-update-before-read"`
	ShimShutsDown           bool   `flag:"-shim-shuts-down"`
	CheckCloseNotify        bool   `flag:"-check-close-notify"`

	// What must have come of it.
	ExpectVersion              uint16      `flag:"-expect-version"`
	ExpectCipher               uint16      `flag:"-expect-cipher"`
	ExpectCurveID              uint16      `flag:"-expect-curve-id"`
	ExpectHRR                  bool        `flag:"-expect-hrr"`
	ExpectNoHRR                bool        `flag:"-expect-no-hrr"`
	ExpectServerName           string      `flag:"-expect-server-name"`
	ExpectNoServerName         bool        `flag:"-expect-no-server-name"`
	ExpectALPN                 string      `flag:"-expect-alpn"`
	ExpectAdvertisedALPN       string      `flag:"-expect-advertised-alpn"`
	ExpectPeerSignature        uint16      `flag:"-expect-peer-signature-algorithm"`
	ExpectPeerVerifyPref       []uint16    `flag:"-expect-peer-verify-pref"`
	ExpectCertificateTypes     base64Bytes `flag:"-expect-certificate-types"`
	ExpectClientCAList         string      `flag:"-expect-client-ca-list"`
	ExpectPeerCertFile         string      `flag:"-expect-peer-cert-file"`
	ExpectNoPeerCert           bool        `flag:"-expect-no-peer-cert"`
	ExpectVerifyResult         bool        `flag:"-expect-verify-result"`
	ExpectSelectedCredential   *int        `flag:"-expect-selected-credential"`
	ExpectOCSPResponse         base64Bytes `flag:"-expect-ocsp-response"`
	ExpectSCTs                 base64Bytes `flag:"-expect-signed-cert-timestamps"`
	ExpectExtendedMasterSecret bool        `flag:"-expect-extended-master-secret"`
	ExpectSecureReneg          bool        `flag:"-expect-secure-renegotiation"`
	ExpectNoSecureReneg        bool        `flag:"-expect-no-secure-renegotiation"`
	ExpectSessionMiss          bool        `flag:"-expect-session-miss"`
	ExpectNoSession            bool        `flag:"-expect-no-session"`
	ExpectSessionID            bool        `flag:"-expect-session-id"`
	ExpectNoSessionID          bool        `flag:"-expect-no-session-id"`
	ExpectTicketRenewal        bool        `flag:"-expect-ticket-renewal"`
	ExpectTicketEarlyData      bool        `flag:"-expect-ticket-supports-early-data"`
	ExpectAcceptEarlyData      bool        `flag:"-expect-accept-early-data"`
	ExpectRejectEarlyData      bool        `flag:"-expect-reject-early-data"`
	ExpectNoOfferEarlyData     bool        `flag:"-expect-no-offer-early-data"`
	ExpectEarlyDataReason      string      `flag:"-expect-early-data-reason"`
	ExpectMsgCallback          string      `flag:"-expect-msg-callback"`

	// The default credential, and those that come before it.
	credential
	credentials []credential
}

// A credential is what the shim can prove itself with.
type credential struct {
	CertFile        string      `flag:"-cert-file"`
	KeyFile         string      `flag:"-key-file"`
	SigningPrefs    []uint16    `flag:"-signing-prefs"`
	OCSPResponse    base64Bytes `flag:"-ocsp-response"`
	SCTs            base64Bytes `flag:"-signed-cert-timestamps"`
	MustMatchIssuer bool        `flag:"-must-match-issuer"` // a client's always must; of a server's, the tests that need more than a wish are disabled

	// Of a pre-shared key that is to be imported.
	shared      bool        // -new-psk-credential
	PSKKey      base64Bytes `flag:"-psk-importer-key"`
	PSKIdentity base64Bytes `flag:"-psk-importer-identity"`
	PSKContext  base64Bytes `flag:"-psk-importer-context"`
	PSKSHA256   bool        `flag:"-psk-importer-sha256"` // the hash unless it is the next one
	PSKSHA384   bool        `flag:"-psk-importer-sha384"`
}

// An unknownFlag is one that this program does not implement.
type unknownFlag struct{ name string }

func (u *unknownFlag) Error() string { return "unimplemented flag " + u.name }

// parse reads the command line. Each flag is a word, its value the next one.
func parse(args []string) (*plan, error) {
	p := new(plan)
	for _, s := range p.all() {
		s.RepeatShimInitialWrite, s.ShimInitialWrite, s.ReadSize = 1, "hello", 512
	}
	for i := 0; i < len(args); i++ {
		name, to := p.addressed(args[i])
		taken := false
		for _, s := range to {
			var err error
			if taken, err = s.set(name, args[i+1:]); err != nil {
				return nil, err
			}
		}
		if taken {
			i++
		}
	}
	return p, nil
}

func (p *plan) all() []*settings { return []*settings{&p.initial, &p.resume, &p.retry} }

// addressed says for which connections a flag counts, and its name for them.
func (p *plan) addressed(arg string) (name string, to []*settings) {
	name = arg
	if rest, ok := strings.CutPrefix(name, "-on-shim-"); ok {
		name = "-" + rest
	}
	for prefix, s := range map[string]*settings{"-on-initial-": &p.initial, "-on-resume-": &p.resume, "-on-retry-": &p.retry} {
		if rest, ok := strings.CutPrefix(name, prefix); ok {
			return "-" + rest, []*settings{s}
		}
	}
	return name, p.all()
}

// set notes one flag, and says whether it took the next word as its value.
func (s *settings) set(name string, next []string) (taken bool, err error) {
	if name == "-new-x509-credential" || name == "-new-psk-credential" {
		s.credentials = append(s.credentials, credential{shared: name == "-new-psk-credential"})
		return false, nil
	}
	field, ok := find(reflect.ValueOf(s).Elem(), name)
	if len(s.credentials) > 0 {
		if newest, owned := find(reflect.ValueOf(&s.credentials[len(s.credentials)-1]).Elem(), name); owned {
			field, ok = newest, true
		}
	}
	if !ok {
		return false, &unknownFlag{name}
	}
	if field.Kind() == reflect.Bool {
		field.SetBool(true)
		return false, nil
	}
	if len(next) == 0 {
		return false, fmt.Errorf("%s needs a value", name)
	}
	if err := assign(field, next[0]); err != nil {
		return false, fmt.Errorf("%s %q: %w", name, next[0], err)
	}
	return true, nil
}

// find is the field with the flag's name, embedded ones included.
func find(v reflect.Value, name string) (reflect.Value, bool) {
	for i := range v.NumField() {
		t := v.Type().Field(i)
		if t.Anonymous {
			if field, ok := find(v.Field(i), name); ok {
				return field, true
			}
		} else if t.Tag.Get("flag") == name {
			return v.Field(i), true
		}
	}
	return reflect.Value{}, false
}

// assign gives a field its value, or appends it to a list.
func assign(field reflect.Value, value string) error {
	switch to := field.Addr().Interface().(type) {
	case *string:
		*to = value
	case *base64Bytes:
		b, err := base64.StdEncoding.DecodeString(value)
		*to = b
		return err
	case *[]uint16:
		n, err := strconv.ParseUint(value, 10, 16)
		*to = append(slices.Clip(*to), uint16(n))
		return err
	case **int:
		n, err := strconv.Atoi(value)
		*to = &n
		return err
	case *int:
		n, err := strconv.Atoi(value)
		*to = n
		return err
	case *uint16:
		n, err := strconv.ParseUint(value, 10, 16)
		*to = uint16(n)
		return err
	case *uint64:
		n, err := strconv.ParseUint(value, 10, 64)
		*to = n
		return err
	default:
		panic("a flag of kind " + field.Type().String())
	}
	return nil
}
