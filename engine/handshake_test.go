package engine

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"testing"
	"time"

	"github.com/handclasp/handclasp/config"
	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/flow"
	"github.com/handclasp/handclasp/iana"
	"github.com/handclasp/handclasp/internal/kex"
	"github.com/handclasp/handclasp/internal/pki"
	"github.com/handclasp/handclasp/internal/suite"
	"github.com/handclasp/handclasp/internal/wire"
)

func group(g ...iana.Group) option {
	return func(c *config.ClientConfig, s *config.ServerConfig) { c.CurvePreferences, s.CurvePreferences = g, g }
}

// retry makes the server ask for a share that the client did not send.
func retry(c *config.ClientConfig, s *config.ServerConfig) {
	c.CurvePreferences = []iana.Group{iana.X25519, iana.Secp256r1}
	s.CurvePreferences = []iana.Group{iana.Secp256r1}
}

func noCompat(c *config.ClientConfig, _ *config.ServerConfig) { c.NoMiddleboxCompat = true }

func cookieKey(b byte) option {
	return func(_ *config.ClientConfig, s *config.ServerConfig) { s.CookieKey = bytes.Repeat([]byte{b}, 32) }
}

// Every suite with every group and every kind of certificate shakes hands and
// carries data both ways; each sees what was agreed.
func TestMatrix(t *testing.T) {
	kinds := []struct {
		key    pki.Key
		scheme iana.SignatureScheme
	}{
		{pki.P256, iana.ECDSA_SECP256R1_SHA256},
		{pki.P384, iana.ECDSA_SECP384R1_SHA384},
		{pki.P521, iana.ECDSA_SECP521R1_SHA512},
		{pki.RSA2048, iana.RSA_PSS_RSAE_SHA256},
		{pki.Ed25519, iana.ED25519},
	}
	for _, u := range suite.ForVersion(iana.TLS13) {
		for _, g := range kex.Groups() {
			for _, k := range kinds {
				p := newPair(t, group(g), func(c *config.ClientConfig, s *config.ServerConfig) {
					c.CipherSuites = []iana.CipherSuite{u.ID}
					s.CipherSuites = c.CipherSuites
					s.Certificates = []config.Certificate{certificate(t, k.key)}
				})
				t.Run(fmt.Sprintf("%v/%v/%v", u.ID, g, k.key), func(t *testing.T) {
					p.connect(t).exchange(t, 20_000)
					for _, i := range []flow.Info{p.client.Info(), p.server.Info()} {
						if i.CipherSuite != u.ID || i.Group != g || i.SignatureScheme != k.scheme || i.Retried {
							t.Errorf("%v sees %v, %v, %v, retried %v", i.Role, i.CipherSuite, i.Group, i.SignatureScheme, i.Retried)
						}
					}
				})
			}
		}
	}
}

// A chopper makes records of a size of its own of what the machine says,
// across the bounds of messages or along them.
type chopper struct {
	*layer
	size int // 0: a record for each message
}

func (l chopper) WriteMessage(msg []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	e := (*Engine)(l.layer)
	size := l.size
	if size == 0 {
		size = len(msg)
	}
	for piece := range slices.Chunk(msg, size) {
		e.put(iana.ContentHandshake, piece)
	}
	e.opened = true
}

// How messages are cut into records and records into pieces changes nothing.
func TestDelivery(t *testing.T) {
	whole := -1 // as the engine makes them
	for _, c := range []struct {
		name        string
		chunk, chop int
	}{
		{"at once", 0, whole},
		{"byte by byte", 1, whole},
		{"seven bytes at a time", 7, whole},
		{"a record for each message", 0, 0},
		{"records of one byte", 0, 1},
		{"records of one byte, byte by byte", 1, 1},
		{"records of 100 bytes", 0, 100},
	} {
		for _, o := range []struct {
			name   string
			option option
		}{{"direct", group(kex.Groups()...)}, {"retried", retry}} {
			t.Run(c.name+"/"+o.name, func(t *testing.T) {
				p := newPair(t, o.option)
				p.chunk = c.chunk
				if c.chop != whole {
					for _, s := range []*side{p.client, p.server} {
						s.options.Layer = chopper{(*layer)(s.Engine), c.chop}
					}
				}
				p.connect(t).exchange(t, 3000)
				if first := records(p.client.sent)[0]; c.chop == 1 && first.size != 1 {
					t.Errorf("the hello was not cut: its first record holds %d bytes", first.size)
				}
			})
		}
	}
}

// Want names the bytes that the next record takes, and Recv takes exactly them.
func TestWant(t *testing.T) {
	p := newPair(t)
	hello := p.client.Output(nil)
	if n, _, err := p.server.Recv(hello[:4]); n != 0 || err != nil || p.server.Want() != 5 {
		t.Errorf("with 4 bytes: took %d, wants %d, %v", n, p.server.Want(), err)
	}
	if n, _, err := p.server.Recv(hello[:5]); n != 0 || err != nil || p.server.Want() != len(hello) {
		t.Errorf("with 5 bytes: took %d, wants %d, %v", n, p.server.Want(), err)
	}
	if n, _, err := p.server.Recv(append(hello, 0xaa, 0xbb)); n != len(hello) || err != nil {
		t.Errorf("with more than all: took %d of %d, %v", n, len(hello), err)
	}
}

func TestHelloRetryRequest(t *testing.T) {
	for name, options := range map[string][]option{
		"without cookie": {retry},
		"with cookie":    {retry, cookieKey(1)},
		"hybrid": {func(c *config.ClientConfig, _ *config.ServerConfig) { // worth asking for, by the server's default
			c.KeyShares = []iana.Group{iana.X25519}
		}},
		"no share at all": {func(c *config.ClientConfig, _ *config.ServerConfig) { c.KeyShares = []iana.Group{} }},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPair(t, options...).connect(t)
			p.exchange(t, 100)
			if !p.client.Info().Retried || !p.server.Info().Retried {
				t.Error("Info does not say that the hello was retried")
			}
		})
	}

	// A list that somebody wrote is obeyed: its first group that was shared wins.
	p := newPair(t, func(c *config.ClientConfig, s *config.ServerConfig) {
		c.KeyShares = []iana.Group{iana.X25519}
		s.CurvePreferences = []iana.Group{iana.X25519, iana.SecP256r1MLKEM768}
	}).connect(t)
	if i := p.client.Info(); i.Retried || i.Group != iana.X25519 {
		t.Errorf("an explicit list: %v, retried %v", i.Group, i.Retried)
	}
}

// A stateless server forgets its HelloRetryRequest: another one with the same
// key takes the second hello, and refuses a cookie that is old or foreign.
func TestStatelessServer(t *testing.T) {
	later := func(d time.Duration) option {
		return func(_ *config.ClientConfig, s *config.ServerConfig) {
			s.Time = func() time.Time { return birth.Add(d) }
		}
	}
	smaller := func(_ *config.ClientConfig, s *config.ServerConfig) {
		s.CurvePreferences = []iana.Group{iana.Secp384r1}
	}
	for _, c := range []struct {
		name   string
		client []option
		second []option
		want   *fault.Rule
	}{
		{"the first record is a ChangeCipherSpec", nil, []option{cookieKey(1)}, nil},
		{"the first record is the hello", []option{noCompat}, []option{cookieKey(1)}, nil},
		{"a minute later", nil, []option{cookieKey(1), later(time.Minute)}, nil},
		{"a clock that is late", nil, []option{cookieKey(1), later(-time.Minute)}, nil},
		{"expired", nil, []option{cookieKey(1), later(61 * time.Second)}, fault.CookieWrong},
		{"from the future", nil, []option{cookieKey(1), later(-61 * time.Second)}, fault.CookieWrong},
		{"foreign", nil, []option{cookieKey(2)}, fault.CookieWrong},
		{"other settings", nil, []option{cookieKey(1), smaller}, fault.NoCommonGroup},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := newPair(t, append([]option{retry, cookieKey(1)}, c.client...)...)
			first := p.server
			hello := p.client.Output(nil)
			if n, _, err := first.Recv(hello); n != len(hello) || err != nil {
				t.Fatalf("the first server took %d of %d, %v", n, len(hello), err)
			}
			p.client.wire = first.Output(nil)
			p.server = newPair(t, append([]option{retry}, c.second...)...).server
			p.pump(t)
			if c.want != nil {
				refused(t, p.server, p.client, c.want)
				return
			}
			p.connect(t).exchange(t, 100)
			if log := first.log.String(); log != "" {
				t.Errorf("the first server made keys: %s", log)
			}
			if slices.ContainsFunc(records(p.server.sent), func(r rec) bool { return r.typ == iana.ContentChangeCipherSpec }) {
				t.Error("the second server repeats the ChangeCipherSpec of the first")
			}
			if !p.server.Info().Retried || p.server.log.String() != p.client.log.String() {
				t.Error("the second server is not the first one's heir")
			}
		})
	}
}

// refused checks that s ended with rule and that its peer heard the alert.
func refused(t testing.TB, s, peer *side, rule *fault.Rule) {
	t.Helper()
	if !errors.Is(s.err, rule) {
		t.Fatalf("got %v, want %s", s.err, rule.ID)
	}
	var heard *fault.Error
	if !errors.As(peer.err, &heard) || !heard.Received || heard.Code != rule.Alert {
		t.Errorf("the peer's error is %v, want the alert %v", peer.err, rule.Alert)
	}
}

// The ChangeCipherSpec stands where RFC 9846, Appendix E.4, wants it, and only
// the first ClientHello says TLS 1.0.
func TestRecordTypes(t *testing.T) {
	const (
		ccs       = iana.ContentChangeCipherSpec
		handshake = iana.ContentHandshake
		protected = iana.ContentApplicationData
	)
	for _, c := range []struct {
		name           string
		options        []option
		client, server []iana.ContentType
	}{
		{"compat", nil,
			[]iana.ContentType{handshake, ccs, protected},
			[]iana.ContentType{handshake, ccs, protected, protected}},
		{"compat, retried", []option{retry},
			[]iana.ContentType{handshake, ccs, handshake, protected},
			[]iana.ContentType{handshake, ccs, handshake, protected, protected}},
		{"compat, stateless", []option{retry, cookieKey(1)},
			[]iana.ContentType{handshake, ccs, handshake, protected},
			[]iana.ContentType{handshake, ccs, handshake, protected, protected}},
		{"no compat", []option{noCompat},
			[]iana.ContentType{handshake, protected},
			[]iana.ContentType{handshake, protected, protected}},
		{"no compat, retried", []option{noCompat, retry},
			[]iana.ContentType{handshake, handshake, protected},
			[]iana.ContentType{handshake, handshake, protected, protected}},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := newPair(t, c.options...).connect(t)
			check := func(s *side, want []iana.ContentType) {
				t.Helper()
				var got []iana.ContentType
				for i, r := range records(s.sent) {
					got = append(got, r.typ)
					version := iana.TLS12
					if s == p.client && i == 0 {
						version = iana.TLS10
					}
					if r.version != version {
						t.Errorf("record %d of the %v says %v, want %v", i, s.role, r.version, version)
					}
				}
				// Ours puts the whole protected flight into one record where it fits.
				got = slices.Compact(got)
				if want = slices.Compact(want); !slices.Equal(got, want) {
					t.Errorf("the %v sent %v, want %v", s.role, got, want)
				}
			}
			check(p.client, c.client)
			check(p.server, c.server)
			if p.client.Info().Compat != p.server.Info().Compat {
				t.Error("the sides disagree on compatibility mode")
			}
		})
	}
}

// On receipt the legacy version of a record means nothing (RFC 9846, Section
// 5.1). Only the hellos can show it: later records authenticate their header.
func TestLegacyVersionIgnored(t *testing.T) {
	for _, minor := range []byte{0, 1, 2, 3, 4, 0xff} {
		p := newPair(t)
		p.server.wire = p.client.Output(nil)
		p.server.wire[2] = minor
		p.step(t, p.server, p.client) // hears the hello
		p.step(t, p.server, p.client) // answers
		p.client.wire[2] = minor
		p.connect(t).exchange(t, 1)
	}
}

// Where a ChangeCipherSpec may come and where not (RFC 9846, Section 5).
func TestChangeCipherSpecReceived(t *testing.T) {
	ccs := []byte{20, 3, 3, 0, 1, 1}
	for _, c := range []struct {
		name   string
		record []byte
		at     int // steps of both sides before it comes
		refuse bool
	}{
		{"before the first ClientHello", ccs, 0, true},
		{"after the ServerHello", ccs, 2, false},
		{"of two bytes", []byte{20, 3, 3, 0, 2, 1, 1}, 2, true},
		{"empty", []byte{20, 3, 3, 0, 0}, 2, true},
		{"with another value", []byte{20, 3, 3, 0, 1, 2}, 2, true},
		{"once connected", ccs, 100, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := newPair(t, noCompat)
			p.server.in = nil
			for range c.at {
				p.step(t, p.client, p.server)
				if p.client.Ask() != nil && c.at < 100 {
					break // the server waits for the client's Finished
				}
				p.step(t, p.server, p.client)
			}
			p.server.wire = append(bytes.Clone(c.record), p.server.wire...)
			p.pump(t)
			if c.refuse {
				if !errors.Is(p.server.err, fault.CCSUnexpected) {
					t.Errorf("got %v, want %s", p.server.err, fault.CCSUnexpected.ID)
				}
				return
			}
			p.connect(t).exchange(t, 10)
		})
	}
}

// A server that knows TLS 1.3 and chose less gives itself away by its random
// (RFC 9846, Section 4.2.3), which a client that offered TLS 1.3 looks at.
func TestDowngradeSentinels(t *testing.T) {
	only13 := func(c *config.ClientConfig, _ *config.ServerConfig) { c.MinVersion = iana.TLS13 }
	both := func(*config.ClientConfig, *config.ServerConfig) {}
	for _, c := range []struct {
		name, end string
		option    option
		want      *fault.Rule
	}{
		{"TLS 1.2", "DOWNGRD\x01", only13, fault.Downgrade},
		{"TLS 1.1 or below", "DOWNGRD\x00", only13, fault.Downgrade},
		{"an honest old server", "whatever", only13, fault.ServerVersionUnsupported},
		{"TLS 1.2, both offered", "DOWNGRD\x01", both, fault.Downgrade},
		{"TLS 1.1 or below, both offered", "DOWNGRD\x00", both, fault.Downgrade},
		{"a suite of TLS 1.3, both offered", "whatever", both, fault.ServerSuite},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := newPair(t, c.option)
			p.server.Edit(func(m wire.Message) {
				if h, ok := m.(*wire.ServerHello); ok {
					h.Extensions = wire.Extensions{}
					copy(h.Random[24:], c.end)
				}
			})
			p.pump(t)
			if !errors.Is(p.client.err, c.want) {
				t.Errorf("got %v, want %s", p.client.err, c.want.ID)
			}
		})
	}
}

// A source of randomness that ends is an error that everybody can see, even
// though its cause is io.EOF.
func TestRandomnessEnds(t *testing.T) {
	for _, n := range []int{0, 16, 32, 64} {
		p := newPair(t, group(iana.X25519), func(c *config.ClientConfig, _ *config.ServerConfig) {
			c.Rand = bytes.NewReader(make([]byte, n))
		})
		if out := p.client.Output(nil); len(out) != 0 && n < 64 {
			t.Errorf("%d bytes of randomness: sent %x", n, out)
		}
		if err := p.client.Err(); !errors.Is(err, fault.RandomFailed) && !errors.Is(err, fault.KexRandom) {
			t.Errorf("%d bytes of randomness: got %v", n, err)
		}
	}
}

// Nothing is said after the caller has closed.
func TestCloseBeforeConnected(t *testing.T) {
	t.Run("before the hello", func(t *testing.T) {
		p := newPair(t)
		p.client.Watch(func(ev *flow.Event) { t.Errorf("told of what never happened: %s", line(ev)) })
		p.client.Close()
		if out := p.client.Output(nil); len(out) != 0 {
			t.Errorf("sent %x", out)
		}
	})
	t.Run("after the hello", func(t *testing.T) {
		p := newPair(t)
		p.step(t, p.client, p.server)
		p.client.Close()
		p.step(t, p.client, p.server)
		said := len(p.client.sent)
		p.pump(t)
		if !errors.Is(p.server.err, fault.ClosedEarly) && !errors.Is(p.server.err, fault.AlertInClear) {
			t.Errorf("the server sees %v", p.server.err)
		}
		if more := p.client.sent[said:]; len(more) > 0 {
			t.Errorf("sent after close_notify: %v", records(more))
		}
	})
}

// Once it has failed, an engine says so to every call, and nothing else.
func TestErrorIsFinal(t *testing.T) {
	p := newPair(t).connect(t)
	injectRecord(p.client, iana.ContentAlert, []byte{2, byte(iana.HandshakeFailure), 0})
	p.pump(t)
	refused(t, p.server, p.client, fault.AlertMalformed)
	for range 3 {
		if n, data, err := p.server.Recv([]byte{23, 3, 3, 0, 1, 0}); n != 0 || data != nil || err != p.server.err {
			t.Errorf("Recv: %d, %x, %v", n, data, err)
		}
		if out, err := p.server.Send(nil, []byte("x")); len(out) != 0 || err != p.server.err {
			t.Errorf("Send: %x, %v", out, err)
		}
		if err := p.server.KeyUpdate(true); err != p.server.err {
			t.Errorf("KeyUpdate: %v", err)
		}
		p.server.Close()
		if out := p.server.Output(nil); len(out) != 0 {
			t.Errorf("Output: %x", out)
		}
	}
	if err := p.server.Fail(io.ErrUnexpectedEOF); err == nil || p.server.Err() != p.server.err {
		t.Error("a later failure replaced the first")
	}
}
