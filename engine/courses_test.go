package engine

import (
	"strings"
	"testing"

	"github.com/handclasp/handclasp/config"
	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/iana"
	"github.com/handclasp/handclasp/internal/hs"
	"github.com/handclasp/handclasp/internal/pki"
	"github.com/handclasp/handclasp/internal/suite"
	"github.com/handclasp/handclasp/internal/wire"
	"github.com/handclasp/handclasp/session"
)

// A course is a kind of handshake, with what follows it.
type course struct {
	name    string
	options func(t testing.TB) []option // fresh ones for each run
	again   bool                        // the second connection of two
	early   bool                        // which begins with 0-RTT data
	later   []func(b *bout)             // what follows, before data
}

// plain is what most courses begin with: what costs least.
func plain(t testing.TB) option {
	return func(c *config.ClientConfig, s *config.ServerConfig) {
		c.CurvePreferences, c.NextProtos, s.NextProtos = []iana.Group{iana.X25519, iana.FFDHE2048}, []string{"http/1.1"}, []string{"http/1.1"}
		s.Certificates = []config.Certificate{certificate(t, pki.Ed25519)}
		c.KeyLogWriter, s.KeyLogWriter = nil, nil
	}
}

// hooked has both sides ask hooks about certificates.
func hooked(c *config.ClientConfig, s *config.ServerConfig) {
	s.GetCertificate = func(*config.HelloInfo) (*config.Certificate, error) { return nil, nil }
	c.GetClientCertificate = func(*config.CertificateRequestInfo) (*config.Certificate, error) { return nil, nil }
}

// stapled gives the server a certificate with an OCSP answer.
func stapled(t testing.TB, k pki.Key) option {
	certMu.Lock()
	defer certMu.Unlock()
	c, ok := staples[k]
	if !ok {
		a, err := authority()
		must(t, err)
		i := issue(t, pki.Leaf{Names: []string{"localhost"}, Key: k})
		c = own(t, i)
		c.OCSPStaple, err = a.OCSP(i, pki.Answer{})
		must(t, err)
		staples[k] = c
	}
	return func(_ *config.ClientConfig, s *config.ServerConfig) { s.Certificates = []config.Certificate{c} }
}

var staples = map[pki.Key]config.Certificate{}

// keyUpdates has both sides change their keys.
func keyUpdates(b *bout) {
	must(b.t, b.client.KeyUpdate(true))
	must(b.t, b.server.KeyUpdate(false))
}

// courses are all there are. Fuzzing knows them by their number: put new ones at the
// end.
func courses() (all []*course) {
	add := func(name string, options func(t testing.TB) []option) *course {
		c := &course{name: name, options: func(t testing.TB) []option { return append([]option{plain(t)}, options(t)...) }}
		all = append(all, c)
		return c
	}
	just := func(list ...option) func(testing.TB) []option {
		return func(testing.TB) []option { return list }
	}
	unchosen := func(c *config.ClientConfig, _ *config.ServerConfig) { c.CurvePreferences = nil }
	nobody := func(c *config.ClientConfig, _ *config.ServerConfig) { c.Certificates = nil }
	welcome := func(_ *config.ClientConfig, s *config.ServerConfig) { s.ClientAuth = config.VerifyClientCertIfGiven }
	shows := func(t testing.TB) option { return mutual(t, pki.Ed25519) }

	add("1.3", just()).later = []func(*bout){keyUpdates}
	add("1.3, hybrid group, staple, hooks", func(t testing.TB) []option { return []option{unchosen, stapled(t, pki.P256), hooked} })
	add("1.3, without compatibility mode", just(noCompat))
	add("1.3, retried", just(retry))
	add("1.3, retried, server without memory, hooks", just(retry, cookieKey(1), hooked))
	add("1.3, mutual", func(t testing.TB) []option { return []option{shows(t)} })
	add("1.3, mutual, hooks", func(t testing.TB) []option { return []option{shows(t), hooked} })
	add("1.3, asked in vain", func(t testing.TB) []option { return []option{shows(t), welcome, nobody} })
	for _, x := range []struct {
		name string
		o    option
	}{{"1.3, asked later", keep}, {"1.3, asked later, hooks", hooked}, {"1.3, asked later in vain", both(welcome, nobody)}} {
		add(x.name, func(t testing.TB) []option { return []option{asksLater(t), shows(t), x.o} }).later = []func(*bout){func(b *bout) {
			must(b.t, b.server.RequestCertificate())
		}}
	}
	resumed := func(list ...option) func(testing.TB) []option {
		return func(t testing.TB) []option { return append([]option{resumes(newShelf())}, list...) }
	}
	add("1.3, tickets", resumed())
	add("1.3, resumed", resumed()).again = true
	add("1.3, resumed, retried", resumed(retry)).again = true
	add("1.3, resumed, hooks, alone", resumed(hooked, withoutDHE(true, true))).again = true
	add("1.3, resumed, mutual", func(t testing.TB) []option { return append(resumed()(t), shows(t)) }).again = true
	for _, x := range []struct {
		name string
		say  session.Refusal
	}{{"1.3, 0-RTT", session.Accepted}, {"1.3, 0-RTT refused", session.HelloSeen}} {
		c := add(x.name, func(t testing.TB) []option { return append(resumed()(t), eager(&guard{say: x.say})) })
		c.again, c.early = true, true
	}
	c := add("1.3, 0-RTT, retried", func(t testing.TB) []option { return append(resumed(retry)(t), eager(&guard{say: session.Accepted})) })
	c.again, c.early = true, true
	list := []config.PSK{key256}
	add("1.3, pre-shared key", just(keyed(list, list)))
	add("1.3, pre-shared key alone", just(keyed(list, list), withoutDHE(true, true), func(c *config.ClientConfig, s *config.ServerConfig) {
		s.CurvePreferences = []iana.Group{iana.Secp384r1}
	}))

	rsa := func(t testing.TB) option { return withCertificate(t, pki.RSA2048) }
	for _, x := range []struct {
		name string
		id   iana.CipherSuite
	}{
		{"ECDHE_ECDSA", iana.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256}, {"ECDHE_RSA", iana.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256}, {"DHE_RSA", iana.TLS_DHE_RSA_WITH_AES_128_GCM_SHA256},
		{"RSA", iana.TLS_RSA_WITH_AES_128_GCM_SHA256}, {"PSK", iana.TLS_PSK_WITH_AES_128_GCM_SHA256}, {"DHE_PSK", iana.TLS_DHE_PSK_WITH_AES_128_GCM_SHA256},
		{"ECDHE_PSK", iana.TLS_ECDHE_PSK_WITH_CHACHA20_POLY1305_SHA256}, {"RSA_PSK", iana.TLS_RSA_PSK_WITH_AES_128_GCM_SHA256},
		{"CBC", iana.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256},
	} {
		key := pki.P256
		if suite.ByID(x.id).Auth == suite.RSA {
			key = pki.RSA2048
		}
		suited := func(t testing.TB) []option {
			o := []option{exactly(iana.TLS12, x.id), withCertificate(t, key)}
			if strings.Contains(x.name, "PSK") {
				o = append(o, psk, hinted)
			}
			return o
		}
		add("1.2, "+x.name, suited)
		switch x.name {
		case "ECDHE_ECDSA", "RSA", "RSA_PSK":
			add("1.2, staple, hooks, "+x.name, func(t testing.TB) []option { return append(suited(t), stapled(t, key), hooked) })
		}
		switch x.name {
		case "ECDHE_ECDSA", "RSA":
			add("1.2, mutual, "+x.name, func(t testing.TB) []option { return append(suited(t), shows(t)) })
			add("1.2, mutual, staple, hooks, "+x.name, func(t testing.TB) []option { return append(suited(t), shows(t), stapled(t, key), hooked) })
			add("1.2, asked in vain, "+x.name, func(t testing.TB) []option { return append(suited(t), shows(t), welcome, nobody) })
		}
		switch x.name {
		case "ECDHE_ECDSA", "PSK", "ECDHE_PSK":
			remembered := func(t testing.TB) []option { return append(suited(t), memories(t)) }
			add("1.2, ticket, "+x.name, remembered)
			add("1.2, resumed by ticket, "+x.name, remembered).again = true
			add("1.2, session ID, "+x.name, func(t testing.TB) []option { return append(remembered(t), byID) })
			add("1.2, resumed by session ID, "+x.name, func(t testing.TB) []option { return append(remembered(t), byID) }).again = true
		}
	}
	add("1.2, resumed, hooks, mutual", func(t testing.TB) []option { return []option{old, memories(t), hooked, shows(t)} }).again = true
	add("1.2 of a client that offers 1.3", just(oldServer))
	add("1.2, renegotiated", func(t testing.TB) []option {
		return []option{old, shows(t), welcome, func(c *config.ClientConfig, _ *config.ServerConfig) { c.MaxRenegotiations = 1 }}
	}).later = []func(*bout){renegotiate}
	for _, x := range []struct {
		name string
		v    iana.Version
		id   iana.CipherSuite
	}{
		{"1.1, ECDHE_RSA", iana.TLS11, iana.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA}, {"1.0, ECDHE_RSA", iana.TLS10, iana.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA},
		{"1.0, DHE_RSA", iana.TLS10, iana.TLS_DHE_RSA_WITH_AES_128_CBC_SHA}, {"1.0, RSA", iana.TLS10, iana.TLS_RSA_WITH_3DES_EDE_CBC_SHA},
	} {
		add(x.name, func(t testing.TB) []option { return []option{exactly(x.v, x.id), rsa(t)} })
	}
	add("1.0, mutual", func(t testing.TB) []option {
		return []option{exactly(iana.TLS10, iana.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA), rsa(t), mutual(t, pki.RSA2048)}
	})
	add("1.0, resumed", func(t testing.TB) []option {
		return []option{exactly(iana.TLS10, iana.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA), rsa(t), memories(t)}
	}).again = true
	imported := func(t testing.TB) []option {
		list, err := key256.Import([]byte("context"))
		must(t, err)
		return []option{keyed(list, list)}
	}
	add("1.3, imported key", imported)
	return all
}

func hinted(_ *config.ClientConfig, s *config.ServerConfig) { s.PSKHint = "who are you?" }

// renegotiate has the server ask for another handshake. No server of ours does, so
// a machine that knows nothing of the first handshake takes its place: what ties the
// two is taken out of the one's messages, and put into the other's.
func renegotiate(b *bout) {
	tie := b.verified()
	b.client.Edit(func(m wire.Message) {
		if h, ok := m.(*wire.ClientHello); ok {
			h.RenegotiationInfo = nil
		}
	})
	inject(b.t, b.server, new(wire.HelloRequest))
	var err error
	b.server.machine, err = hs.NewServer(b.serverConfig, &hs.Options{Layer: b.server.options.Layer, Rand: b.server.options.Rand, Edit: func(m wire.Message) {
		if h, ok := m.(*wire.ServerHello); ok {
			h.RenegotiationInfo = tie
		}
	}})
	must(b.t, err)
	b.server.again.Store(true)
}

// verified is the verify_data of both Finished messages so far.
func (b *bout) verified() (tie []byte) {
	for _, r := range []fault.Role{fault.Client, fault.Server} {
		for _, m := range b.seen[r].messages {
			if iana.HandshakeType(m.bytes[0]) == iana.Finished {
				tie = append(tie, m.bytes[wire.HeaderLen:]...)
			}
		}
	}
	return tie
}
