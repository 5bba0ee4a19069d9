package main

import (
	"bytes"
	"context"
	"crypto"
	_ "crypto/sha512" // SHA384
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/handclasp/handclasp"
	"github.com/handclasp/handclasp/config"
	"github.com/handclasp/handclasp/engine"
	"github.com/handclasp/handclasp/iana"
	"github.com/handclasp/handclasp/sign"
)

// What BoringSSL has by default where the runner's tests rely on it.
var (
	defaultGroups  = []iana.Group{iana.X25519MLKEM768, iana.X25519, iana.Secp256r1, iana.Secp384r1}
	defaultSchemes = []iana.SignatureScheme{
		iana.ECDSA_SECP256R1_SHA256, iana.RSA_PSS_RSAE_SHA256, iana.RSA_PKCS1_SHA256,
		iana.ECDSA_SECP384R1_SHA384, iana.RSA_PSS_RSAE_SHA384, iana.RSA_PKCS1_SHA384,
		iana.RSA_PSS_RSAE_SHA512, iana.RSA_PKCS1_SHA512, iana.RSA_PKCS1_SHA1,
	}
)

const (
	maxEarlyData = 14336 // bytes of 0-RTT data that a server takes with a ticket
	maxSkipped   = 16384 // bytes of it that a server skips
)

// limits are BoringSSL's where the runner's tests look at them.
func (s *settings) limits() config.Limits {
	return config.Limits{Certificates: 100, MessageBytes: s.MaxCertList, SkippedEarlyData: maxSkipped}
}

// newEngine makes the engine that the flags describe.
func (s *settings) newEngine(h *home, keyLog io.Writer) (*engine.Engine, error) {
	suites, err := s.suites()
	if err != nil {
		return nil, err
	}
	certs, err := s.certificates()
	if err != nil {
		return nil, err
	}
	if s.Server {
		cfg, err := s.serverConfig(h)
		if err != nil {
			return nil, err
		}
		cfg.CipherSuites, cfg.Certificates, cfg.KeyLogWriter = suites, certs, keyLog
		return engine.NewServer(cfg)
	}
	cfg, err := s.clientConfig(h)
	if err != nil {
		return nil, err
	}
	cfg.CipherSuites, cfg.Certificates, cfg.KeyLogWriter = suites, certs, keyLog
	return engine.NewClient(cfg)
}

func (s *settings) clientConfig(h *home) (*config.ClientConfig, error) {
	protos, err := protocols(s.AdvertiseALPN)
	if err != nil {
		return nil, err
	}
	psks, err := s.psks()
	if err != nil {
		return nil, err
	}
	cfg := &config.ClientConfig{
		ServerName: s.HostName, InsecureSkipVerify: true, NextProtos: protos, GREASE: s.EnableGREASE, PermuteExtensions: s.PermuteExts,
		CurvePreferences: s.groups(), SignatureSchemes: s.schemes(), SigningSchemes: s.signing(), PSKs: psks, EarlyData: s.EnableEarlyData, Time: h.now, Sessions: h, SessionIDs: s.NoTicket, Limits: s.limits(),
		// Asked of link.choose, never called.
		GetClientCertificate: func(*config.CertificateRequestInfo) (*config.Certificate, error) { return nil, errors.ErrUnsupported },
	}
	if s.KeyShares != nil || s.NoKeyShares {
		cfg.KeyShares = codes[iana.Group](s.KeyShares)
	}
	switch {
	case s.RenegotiateFreely, s.RenegotiateExplicit:
		cfg.MaxRenegotiations = 1000
	case s.RenegotiateIgnore:
		cfg.MaxRenegotiations = -1
	case s.RenegotiateOnce:
		cfg.MaxRenegotiations = 1
	}
	cfg.MinVersion, cfg.MaxVersion = s.versions()
	return cfg, nil
}

func (s *settings) serverConfig(h *home) (*config.ServerConfig, error) {
	psks, err := s.psks()
	if err != nil {
		return nil, err
	}
	cfg := &config.ServerConfig{
		PreferClientOrder: s.Cipher == "" && !s.ServerPreference && s.policy().suites == nil, GREASE: true,
		CurvePreferences: s.groups(), SignatureSchemes: s.schemes(), SigningSchemes: s.signing(), PSKs: psks, PSKHint: s.PSKIdentity, Time: h.now, Limits: s.limits(), Tickets: h.tickets, SessionCache: h.cache, Guard: h.guard,
		// Asked of link.welcome, never called.
		GetConfigForClient: func(*config.HelloInfo) (*config.ServerConfig, error) { return nil, errors.ErrUnsupported },
	}
	if s.EnableEarlyData {
		cfg.EarlyData = maxEarlyData
	}
	if s.SkipTicket {
		cfg.TicketCount = -1
	}
	if s.NoTicket {
		cfg.Tickets, cfg.EarlyData = nil, 0
	}
	switch {
	case s.SelectALPN != "":
		cfg.NextProtos = []string{s.SelectALPN}
	case s.RejectALPN:
		cfg.NextProtos = []string{"nothing that anybody offers"}
	case s.DeclineALPN:
		cfg.NextProtos, cfg.ALPNMismatch = []string{"nothing that anybody offers"}, config.ALPNGoOn
	}
	switch {
	case s.VerifyPeer:
		cfg.ClientAuth = config.RequestClientCert
	case s.RequireAnyClientCert:
		cfg.ClientAuth = config.RequireAnyClientCert
	}
	if cfg.ClientCAs, err = authorities(s.UseClientCAList); err != nil {
		return nil, err
	}
	cfg.MinVersion, cfg.MaxVersion = s.versions()
	return cfg, nil
}

// versions are the lowest and highest that the flags leave, the wrong way round if
// they leave none.
func (s *settings) versions() (lowest, highest iana.Version) {
	var left []iana.Version
	for v, off := range map[iana.Version]bool{iana.TLS10: s.NoTLS1, iana.TLS11: s.NoTLS11, iana.TLS12: s.NoTLS12, iana.TLS13: s.NoTLS13} {
		if !off && v >= max(iana.Version(s.MinVersion), s.policy().lowest) && (s.MaxVersion == 0 || v <= iana.Version(s.MaxVersion)) {
			left = append(left, v)
		}
	}
	if len(left) == 0 {
		return iana.TLS13, iana.TLS10
	}
	lowest, highest = slices.Min(left), slices.Max(left)
	if int(highest-lowest) >= len(left) {
		// BoringSSL goes up from the lowest as far as nothing is missing.
		for highest = lowest; slices.Contains(left, highest+1); highest++ {
		}
	}
	return lowest, highest
}

func (s *settings) groups() []iana.Group {
	if s.Curves == nil {
		if p := s.policy(); p.groups != nil {
			return p.groups
		}
		return defaultGroups
	}
	return codes[iana.Group](s.Curves)
}

// codes are numbers as the code points that they stand for.
func codes[T ~uint16](numbers []uint16) []T {
	list := make([]T, len(numbers))
	for i, n := range numbers {
		list[i] = T(n)
	}
	return list
}

func (s *settings) schemes() []iana.SignatureScheme {
	if p := s.policy(); p.schemes != nil {
		return p.schemes
	}
	if s.VerifyPrefs == nil {
		return defaultSchemes
	}
	return slices.DeleteFunc(codes[iana.SignatureScheme](s.VerifyPrefs), func(x iana.SignatureScheme) bool { return !sign.Supported(x) })
}

// signing are what the shim signs with.
func (s *settings) signing() []iana.SignatureScheme {
	if p := s.policy(); p.schemes != nil {
		return p.schemes
	}
	return sign.All()
}

// psks are the keys of all versions, and those imported for TLS 1.3.
func (s *settings) psks() (list []config.PSK, err error) {
	if s.PSK != "" {
		list = append(list, config.PSK{Identity: []byte(s.PSKIdentity), Key: []byte(s.PSK), Weak: true})
	}
	for i := range s.credentials {
		made, err := s.credentials[i].imported()
		if err != nil {
			return nil, err
		}
		list = append(list, made...)
	}
	return list, nil
}

func (c *credential) imported() ([]config.PSK, error) {
	if !c.shared {
		return nil, nil
	}
	hash := crypto.SHA256
	if c.PSKSHA384 {
		hash = crypto.SHA384
	}
	return (&config.PSK{Identity: c.PSKIdentity, Key: c.PSKKey, Hash: hash}).Import(c.PSKContext)
}

// holder is the number of the credential that a pre-shared key was made of.
func (s *settings) holder(identity []byte) int {
	for i := range s.credentials {
		made, _ := s.credentials[i].imported()
		if slices.ContainsFunc(made, func(p config.PSK) bool { return bytes.Equal(p.Identity, identity) }) {
			return i
		}
	}
	return defaultCredential
}

// protocols takes a list of ALPN as it stands on the wire apart.
func protocols(wire string) (list []string, err error) {
	for len(wire) > 0 {
		n := int(wire[0])
		if n == 0 || n >= len(wire) {
			return nil, fmt.Errorf("-advertise-alpn %q is no list", wire)
		}
		list, wire = append(list, wire[1:1+n]), wire[1+n:]
	}
	return list, nil
}

// authorities makes a pool whose names are those of a list: hexadecimal, separated
// by commas.
func authorities(list string) (*x509.CertPool, error) {
	if list == "" || list == "<NULL>" || list == "<EMPTY>" {
		return nil, nil
	}
	pool := x509.NewCertPool()
	for text := range strings.SplitSeq(list, ",") {
		name, err := hex.DecodeString(text)
		if err != nil {
			return nil, err
		}
		pool.AddCert(&x509.Certificate{Raw: name, RawSubject: name})
	}
	return pool, nil
}

// certificates are what the shim can prove itself with: the credentials in their
// order, then the default one.
func (s *settings) certificates() (list []config.Certificate, err error) {
	for i := range s.credentials {
		if s.credentials[i].shared {
			continue
		}
		c, err := s.credentials[i].load(i)
		if err != nil {
			return nil, err
		}
		list = append(list, c)
	}
	if s.CertFile == "" && s.KeyFile == "" {
		return list, nil
	}
	c, err := s.credential.load(defaultCredential)
	if s.SetOCSPInCallback {
		c.OCSPStaple = nil // until link.staple
	}
	return append(list, c), err
}

const defaultCredential = -1

func (c *credential) load(number int) (config.Certificate, error) {
	chain, err := os.ReadFile(c.CertFile)
	if err != nil {
		return config.Certificate{}, err
	}
	key, err := os.ReadFile(c.KeyFile)
	if err != nil {
		return config.Certificate{}, err
	}
	pair, err := handclasp.X509KeyPair(chain, key)
	if err != nil {
		return config.Certificate{}, err
	}
	var raw [][]byte
	for _, x := range pair.Chain() {
		raw = append(raw, x.Raw)
	}
	made, err := config.NewCertificate(raw, c.signer(pair.Signer(), number))
	if err != nil {
		return made, err
	}
	made.OCSPStaple = c.OCSPResponse
	made.SignedCertificateTimestamps, err = timestamps(c.SCTs)
	return made, err
}

// timestamps takes a SignedCertificateTimestampList apart (RFC 6962, Section 3.3).
func timestamps(list []byte) (scts [][]byte, err error) {
	if len(list) == 0 {
		return nil, nil
	}
	if len(list) < 2+2+1 || int(list[0])<<8+int(list[1]) != len(list)-2 {
		return nil, errors.New("-signed-cert-timestamps: no list")
	}
	for rest := list[2:]; len(rest) > 0; {
		if len(rest) < 2 || int(rest[0])<<8+int(rest[1]) > len(rest)-2 {
			return nil, errors.New("-signed-cert-timestamps: no list")
		}
		n := 2 + int(rest[0])<<8 + int(rest[1])
		scts, rest = append(scts, rest[2:n]), rest[n:]
	}
	return scts, nil
}

// A signer knows the number of its credential, and signs as the flags prefer.
type signer struct {
	sign.Signer
	number int
	prefs  []iana.SignatureScheme
}

func (s *signer) Schemes() []iana.SignatureScheme { return s.prefs }

// A decrypter is the signer of an RSA key.
type decrypter struct {
	*signer
	key sign.Decrypter
}

func (d *decrypter) DecryptPremaster(ctx context.Context, ciphertext []byte, offered iana.Version, substitute []byte) []byte {
	return d.key.DecryptPremaster(ctx, ciphertext, offered, substitute)
}

func (c *credential) signer(key sign.Signer, number int) sign.Signer {
	prefs := key.Schemes()
	if c.SigningPrefs != nil {
		prefs = slices.DeleteFunc(codes[iana.SignatureScheme](c.SigningPrefs), func(x iana.SignatureScheme) bool { return !slices.Contains(key.Schemes(), x) })
		if old, ok := sign.Legacy(key.Public()); ok && !slices.Contains(prefs, old) {
			prefs = append(prefs, old) // TLS 1.1 has no preferences
		}
	}
	s := &signer{key, number, prefs}
	if d, ok := key.(sign.Decrypter); ok {
		return &decrypter{s, d}
	}
	return s
}

// numberOf is the number of the credential that a key belongs to.
func numberOf(s sign.Signer) int {
	switch s := s.(type) {
	case *decrypter:
		return s.number
	case *signer:
		return s.number
	}
	return defaultCredential
}

// wireList is how protocols look in a ClientHello.
func wireList(list []string) []byte {
	var b bytes.Buffer
	for _, p := range list {
		b.WriteByte(byte(len(p)))
		b.WriteString(p)
	}
	return b.Bytes()
}
