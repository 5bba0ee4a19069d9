package main

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/handclasp/handclasp"
	"github.com/handclasp/handclasp/config"
	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/iana"
	"github.com/handclasp/handclasp/internal/kex"
	"github.com/handclasp/handclasp/internal/starttls"
	"github.com/handclasp/handclasp/sign"
)

// common are the flags that every command with a handshake has.
type common struct {
	min, max       version
	suites         suites
	psks           psks
	groups         names[iana.Group]
	schemes        names[iana.SignatureScheme]
	alpn           names[protocol]
	keylog, events string
	timeout        limit
}

// client are the flags of a client besides.
type client struct {
	common
	pairs
	replay
	ca       []string
	name     string
	insecure bool
	later    bool // may be asked for a certificate after the handshake
	grease   bool
	starttls plainText
	again    renegotiation
	compress names[iana.CertCompression]
	memory
}

// declareOffer declares what a hello offers.
func (c *common) declareOffer(f *pflag.FlagSet) {
	c.suites.parse = func(s string) (iana.CipherSuite, error) { return iana.ParseCipherSuite(s, suiteIDs()...) }
	c.groups.parse = func(s string) (iana.Group, error) { return iana.ParseGroup(s, kex.All()...) }
	c.schemes.parse = func(s string) (iana.SignatureScheme, error) { return iana.ParseSignatureScheme(s, sign.All()...) }
	c.alpn.parse = parseProtocol
	c.timeout = limit(10 * time.Second)
	f.SortFlags = false
	f.Var(&c.min, "min-version", "lowest `VERSION` of TLS to take, 1.0 to 1.3; 1.2 unless given")
	f.Var(&c.max, "max-version", "highest `VERSION` of TLS to take")
	f.Var(&c.suites, "suites", "`LIST` of cipher suites with commas, best first; all is all but 3DES")
	f.Var(&c.groups, "groups", "`LIST` of key-exchange groups, such as x25519,P-256")
	f.Var(&c.schemes, "sigalgs", "`LIST` of signature algorithms, such as ed25519")
	f.Var(&c.alpn, "alpn", "`LIST` of application protocols, such as h2,http/1.1")
}

func (c *common) declare(f *pflag.FlagSet) {
	c.declareOffer(f)
	f.Var(&c.psks, "psk", "pre-shared key as `IDENTITY:HEX`, or @FILE with one a line; repeatable")
	f.StringVar(&c.keylog, "keylog", "", "append the keys to `FILE`; who has it reads the traffic")
	f.StringVar(&c.events, "events", "", "write what happens to `FILE`, as JSON lines")
	f.Var(&c.timeout, "timeout", "`TIME` for DNS, TCP and handshake together")
}

// declareOffer declares what a client trusts, asks for, shows and offers.
func (c *client) declareOffer(f *pflag.FlagSet) {
	c.declareTrust(f)
	c.pairs.declare(f, "show the server, if it asks, the chain")
	c.declareGREASE(f)
	c.common.declareOffer(f)
}

func (c *client) declareTrust(f *pflag.FlagSet) {
	f.SortFlags = false
	f.StringArrayVar(&c.ca, "ca", nil, "trust only the authorities in `FILE` (PEM); repeatable")
	f.StringVar(&c.name, "name", "", "ask for `NAME` (SNI) and check the certificate for it")
}

func (c *client) declareSTARTTLS(f *pflag.FlagSet) {
	f.Var(&c.starttls, "starttls", "begin with plain `PROTOCOL` and ask for TLS in it: "+oneOf(starttls.Protocols()))
}

func (c *client) declareGREASE(f *pflag.FlagSet) {
	f.BoolVar(&c.grease, "grease", false, "offer values that mean nothing as well, as browsers do")
}

func (c *client) declare(f *pflag.FlagSet) {
	c.declareTrust(f)
	f.BoolVar(&c.insecure, "insecure", false, "go on after failed checks, and print each of them")
	c.pairs.declare(f, "show the server, if it asks, the chain")
	f.BoolVar(&c.later, "post-handshake-auth", false, "let the server ask for a certificate after the handshake, too (TLS 1.3)")
	c.memory.declare(f)
	c.compress.parse = iana.ParseCertCompression
	f.Var(&c.compress, "cert-compression", "`LIST` of ways in which the server may compress its certificates: brotli,zstd,zlib (TLS 1.3)")
	f.Var(&c.again, "renegotiation", "who may start another handshake, TLS 1.2 and below: never, or client: it does if the server asks")
	c.declareGREASE(f)
	c.declareSTARTTLS(f)
	c.common.declare(f)
}

// config is what the flags say to a client of the named host.
func (c *client) config(host string) (*handclasp.ClientConfig, error) {
	if c.name != "" && !isHost(c.name) {
		return nil, &usageError{fmt.Sprintf("The name %s of --name is neither a host name nor an IP address.", quote(c.name)),
			"Give the name as the certificate has it, such as www.example.com, without a port."}
	}
	cfg := &handclasp.ClientConfig{
		ServerName: serverName(host), InsecureSkipVerify: c.insecure, GREASE: c.grease,
		MinVersion: iana.Version(c.min), MaxVersion: iana.Version(c.max),
		CipherSuites: c.suites.list(c.psks), PSKs: c.psks, CurvePreferences: c.groups.values, SignatureSchemes: c.schemes.values,
		NextProtos: protocols(c.alpn.values), MaxRenegotiations: int(c.again), PostHandshakeAuth: c.later,
		CertificateCompression: c.compress.values,
		Limits:                 c.limits(),
	}
	if c.name != "" {
		cfg.ServerName = serverName(c.name)
	}
	var err error
	if cfg.RootCAs, err = authorities("--ca", c.ca); err != nil {
		return nil, err
	}
	if err := c.pairs.check(); err != nil {
		return nil, err
	}
	files, err := c.pairs.files()
	if err != nil {
		return nil, err
	}
	cfg.Certificates = current(files)
	if err := c.memory.configure(cfg); err != nil {
		return nil, err
	}
	p, err := cfg.Params()
	if err != nil {
		return nil, err
	}
	if err := c.checkKeys(&p); err != nil {
		return nil, err
	}
	return cfg, checkVersioned(p.Versions,
		versioned{"--post-handshake-auth", c.later, true}, versioned{"--cert-compression", len(c.compress.values) > 0, true},
		versioned{"--early-data-file", c.earlyFile != "", true},
		versioned{"--session-ids", c.ids, false}, versioned{"--renegotiation client", c.again > 0, false})
}

// config is what the flags say to a server.
func (c *common) config(certificates []handclasp.Certificate) *handclasp.ServerConfig {
	return &handclasp.ServerConfig{
		Certificates: certificates,
		MinVersion:   iana.Version(c.min), MaxVersion: iana.Version(c.max),
		CipherSuites: c.suites.list(c.psks), PSKs: c.psks, CurvePreferences: c.groups.values, SignatureSchemes: c.schemes.values,
		NextProtos: protocols(c.alpn.values), Limits: c.limits(),
	}
}

// A versioned flag is for TLS 1.3 alone, or for the versions below alone.
type versioned struct {
	flag  string
	given bool
	new   bool // TLS 1.3
}

// checkVersioned refuses flags for versions that are not spoken: who gives one
// would wait in vain for what it does.
func checkVersioned(spoken []iana.Version, flags ...versioned) error {
	for _, f := range flags {
		needs, bound := "TLS 1.3", "--max-version"
		has := spoken[0] == iana.TLS13
		if !f.new {
			needs, bound = "TLS 1.2 and below", "--min-version"
			has = spoken[len(spoken)-1] < iana.TLS13
		}
		if f.given && !has {
			return &usageError{fmt.Sprintf("%s has no effect: it is for %s, which is left out.", f.flag, needs),
				fmt.Sprintf("Leave out %s, or what leaves that version out: %s, or a list of --suites, --groups or --sigalgs with nothing for it.", f.flag, bound)}
		}
	}
	return nil
}

// checkKeys refuses pre-shared keys that no handshake can go by: who gives one would
// believe that it did.
func (c *common) checkKeys(p *config.Params) error {
	if len(c.psks) == 0 || p.UsesPSK(c.psks, true) {
		return nil
	}
	return &usageError{"--psk has no effect: it is for TLS 1.3 with a suite that has SHA-256, and for suites with PSK in their name, and all of these are left out.",
		"Leave out --psk, or let TLS 1.3 with TLS_AES_128_GCM_SHA256 in, or name a suite such as ECDHE-PSK-CHACHA20-POLY1305 (--suites all has those too)."}
}

// limits gives a handshake the time of the flag.
func (c *common) limits() handclasp.Limits {
	return handclasp.Limits{HandshakeTime: time.Duration(c.timeout)}
}

func fileError(flag, file string, err error) error {
	why, hint := err.Error(), "Check the path and the permissions."
	if path, ok := errors.AsType[*os.PathError](err); ok {
		why = path.Err.Error()
	} else if f, ok := errors.AsType[*fault.Error](err); ok {
		why, hint = strings.TrimSuffix(f.Text, "."), cmp.Or(f.Hint, hint)
		if f.Got != "" {
			why += ": " + f.Got
		}
	}
	return &usageError{fmt.Sprintf("The file %s of %s can't be used: %s.", quote(file), flag, why), hint}
}

// flagError is for flags that pflag refuses.
func flagError(cmd *cobra.Command, err error) error {
	hint := fmt.Sprintf("Run '%s --help' for all flags.", cmd.CommandPath())
	if e, ok := errors.AsType[*pflag.InvalidValueError](err); ok {
		why := e.Unwrap().Error()
		if errors.As(err, new(*strconv.NumError)) {
			why = fmt.Sprintf("%s is not %s", quote(e.GetValue()), numbers[e.GetFlag().Value.Type()])
		}
		return &usageError{sentence(fmt.Sprintf("--%s: %s", e.GetFlag().Name, why)), hint}
	}
	return &usageError{sentence(strings.ToUpper(err.Error()[:1]) + err.Error()[1:]), hint}
}

// numbers say what the types of flags take that pflag reads itself.
var numbers = map[string]string{
	"int": "a whole number", "uint32": "a whole number from 0 to 4294967295", "float64": "a number, such as 0.5", "bool": "true or false",
}

// Names is a flag of names with commas, in order of preference. Given again, it
// goes on.
type names[T any] struct {
	values []T
	parse  func(string) (T, error)
}

func (l *names[T]) Set(s string) error {
	for name := range strings.SplitSeq(s, ",") {
		if strings.TrimSpace(name) == "" {
			return errors.New("a name is empty; write names with commas between them")
		}
		v, err := l.parse(strings.TrimSpace(name))
		if err != nil {
			return err
		}
		l.values = append(l.values, v)
	}
	return nil
}

func (l *names[T]) String() string {
	return strings.Trim(strings.ReplaceAll(fmt.Sprint(l.values), " ", ","), "[]")
}
func (*names[T]) Type() string { return "list" }

// A protocol is a name of ALPN.
type protocol string

func parseProtocol(s string) (protocol, error) {
	if len(s) > 255 {
		return "", fmt.Errorf("a protocol's name has %d bytes; at most 255 are possible", len(s))
	}
	return protocol(s), nil
}

func protocols(list []protocol) []string {
	var names []string
	for _, p := range list {
		names = append(names, string(p))
	}
	return names
}

// version is a flag with a version of TLS; zero means that none was given.
type version iana.Version

func (v *version) Set(s string) error {
	parsed, err := iana.ParseVersion(s)
	if err == nil && (parsed < iana.TLS10 || parsed > iana.TLS13) {
		err = fmt.Errorf("%v is never spoken; 1.0 to 1.3 are", parsed)
	}
	*v = version(parsed)
	return err
}

func (v *version) String() string {
	if *v == 0 {
		return ""
	}
	return iana.Version(*v).String()
}

func (*version) Type() string { return "version" }

// plainText is a flag with a protocol in which TLS begins; "" means that it begins
// at once.
type plainText string

func (p *plainText) Set(s string) error {
	if !slices.Contains(starttls.Protocols(), strings.ToLower(s)) {
		return fmt.Errorf("unknown protocol %q; choose %s", s, oneOf(starttls.Protocols()))
	}
	*p = plainText(strings.ToLower(s))
	return nil
}

func (p *plainText) String() string { return string(*p) }
func (*plainText) Type() string     { return "protocol" }

// oneOf lists names to choose from.
func oneOf(names []string) string {
	last := len(names) - 1
	return strings.Join(names[:last], ", ") + " or " + names[last]
}

// limit is a flag with a time that can pass.
type limit time.Duration

func (l *limit) Set(s string) error {
	d, err := time.ParseDuration(s)
	switch {
	case err != nil:
		return fmt.Errorf("%q is no time; write a number with its unit, such as 500ms, 3s or 1m", s)
	case d <= 0:
		return fmt.Errorf("%q is no time limit; it must be longer than nothing", s)
	}
	*l = limit(d)
	return nil
}

func (l *limit) String() string { return time.Duration(*l).String() }
func (*limit) Type() string     { return "duration" }

// clientAuth is a flag with what a server wants of clients' certificates.
type clientAuth handclasp.ClientAuthType

func (c *clientAuth) Set(s string) error {
	parsed, err := config.ParseClientAuth(s)
	*c = clientAuth(parsed)
	return err
}

func (c *clientAuth) String() string { return handclasp.ClientAuthType(*c).String() }
func (*clientAuth) Type() string     { return "policy" }
