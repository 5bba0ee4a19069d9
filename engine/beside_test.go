package engine

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/handclasp/handclasp/config"
	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/iana"
	"github.com/handclasp/handclasp/internal/pki"
)

// A guest is crypto/tls in one side's place, which knows when it waits for bytes.
type guest struct {
	conn *tls.Conn

	mu      sync.Mutex
	moved   sync.Cond
	in, out []byte
	ended   bool // nothing more will come
	waits   bool // in Read, for more
	done    bool
	err     error
}

func newGuest(role fault.Role, c *tls.Config) *guest {
	g := new(guest)
	g.moved.L = &g.mu
	if g.conn = tls.Server(g, c); role == fault.Client {
		g.conn = tls.Client(g, c)
	}
	go func() {
		err := g.conn.Handshake()
		if err == nil {
			_, err = g.conn.Write([]byte("data"))
		}
		if err == nil {
			_, err = io.Copy(io.Discard, g.conn)
		}
		g.mu.Lock()
		defer g.mu.Unlock()
		g.done, g.err = true, err
		g.moved.Broadcast()
	}()
	return g
}

func (g *guest) Read(p []byte) (int, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for len(g.in) == 0 && !g.ended {
		g.waits = true
		g.moved.Broadcast()
		g.moved.Wait()
	}
	g.waits = false
	if len(g.in) == 0 {
		return 0, io.EOF
	}
	n := copy(p, g.in)
	g.in = g.in[n:]
	return n, nil
}

func (g *guest) Write(p []byte) (int, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.out = append(g.out, p...)
	return len(p), nil
}

func (g *guest) Close() error                     { return nil }
func (g *guest) LocalAddr() net.Addr              { return nil }
func (g *guest) RemoteAddr() net.Addr             { return nil }
func (g *guest) SetDeadline(time.Time) error      { return nil }
func (g *guest) SetReadDeadline(time.Time) error  { return nil }
func (g *guest) SetWriteDeadline(time.Time) error { return nil }

// hears gives the guest bytes, or the end, waits until it has done what it can, and
// gives what it says.
func (g *guest) hears(b []byte, end bool) (says []byte) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.in, g.ended = append(g.in, b...), g.ended || end
	g.moved.Broadcast()
	for !g.done && (!g.waits || len(g.in) > 0 || g.ended) {
		g.moved.Wait()
	}
	says, g.out = g.out, nil
	return says
}

// host runs a bout in which a guest has the place of victim.
func (b *bout) host(victim fault.Role, c *tls.Config) *guest {
	b.t.Helper()
	s, g := b.side(victim.Peer()), newGuest(victim, c)
	said := false
	for end := false; ; {
		for b.answer(s) {
		}
		s.in = append(s.in, g.hears(s.Output(nil), end)...)
		moved := s.hear(b.t) || s.Ask() != nil || s.Pending()
		switch {
		case moved:
		case !said: // as in run
			said = true
			if out, err := s.Send(nil, []byte("data")); err == nil {
				s.in = append(s.in, g.hears(out, false)...)
			}
			s.Close()
		case !end:
			end = true
		default:
			return g
		}
	}
}

// A verdict is what a victim makes of a flight: it complains, with an alert if we could
// see which, or not.
type verdict struct {
	complains bool
	alert     iana.Alert // NoAlert if nobody saw one
}

func (v verdict) String() string {
	switch {
	case !v.complains:
		return "none"
	case v.alert == iana.NoAlert:
		return "unseen"
	}
	return v.alert.String()
}

// ours is the verdict of our own side, and the rule behind it.
func (b *bout) ours(victim fault.Role) (verdict, string) {
	f, ok := errors.AsType[*fault.Error](b.side(victim).err)
	if !ok || f.Received || f.Rule == fault.Truncated || f.Rule == fault.ClosedEarly {
		return verdict{}, ""
	}
	return verdict{true, f.AlertCode()}, f.ID
}

// theirs is the verdict of a guest, as far as our side heard of it.
func (b *bout) theirs(victim fault.Role, g *guest) verdict {
	f, ok := errors.AsType[*fault.Error](b.side(victim.Peer()).err)
	switch {
	case ok && f.Received:
		return verdict{true, f.Code}
	case g.err == nil, strings.Contains(g.err.Error(), "remote error"), errors.Is(g.err, io.ErrUnexpectedEOF), errors.Is(g.err, io.EOF):
		return verdict{}
	}
	_, text, _ := strings.Cut(g.err.Error(), "local error: ")
	for a := range 256 {
		if tls.AlertError(a).Error() == text {
			return verdict{true, iana.Alert(a)}
		}
	}
	return verdict{true, iana.NoAlert}
}

// twins are kinds of handshake that both stacks know, with a configuration of
// crypto/tls for either role.
func twins(t testing.TB) (all []twin) {
	a, err := authority()
	must(t, err)
	clock := func() time.Time { return birth }
	issued := map[pki.Key]*pki.Issued{}
	for _, k := range []pki.Key{pki.Ed25519, pki.P256, pki.RSA2048} {
		issued[k] = issue(t, pki.Leaf{Names: []string{"localhost"}, Key: k})
	}
	add := func(name string, k pki.Key, suites []iana.CipherSuite, version iana.Version, more ...option) {
		crt := tls.Certificate{Certificate: issued[k].Chain, PrivateKey: issued[k].Key}
		them := &tls.Config{
			Time: clock, RootCAs: a.Pool(), ServerName: "localhost", NextProtos: []string{"http/1.1"}, Certificates: []tls.Certificate{crt},
			CurvePreferences: []tls.CurveID{tls.X25519, tls.CurveP256}, MinVersion: uint16(version), MaxVersion: uint16(version),
		}
		for _, id := range suites {
			them.CipherSuites = append(them.CipherSuites, uint16(id))
		}
		us := func(c *config.ClientConfig, s *config.ServerConfig) {
			s.Certificates = []config.Certificate{own(t, issued[k])}
			c.CurvePreferences = []iana.Group{iana.X25519, iana.Secp256r1}
			c.MinVersion, c.MaxVersion, s.MinVersion, s.MaxVersion, c.CipherSuites, s.CipherSuites = version, version, version, version, suites, suites
			c.PadHello = 0
		}
		cs := &course{name: name, options: func(t testing.TB) []option { return append([]option{plain(t), us}, more...) }}
		if len(more) > 0 && strings.Contains(name, "mutual") {
			them.ClientAuth, them.ClientCAs = tls.RequireAndVerifyClientCert, a.Pool()
		}
		server := them.Clone()
		if strings.Contains(name, "retried") {
			server.CurvePreferences = []tls.CurveID{tls.CurveP256}
		}
		all = append(all, twin{cs, map[fault.Role]*tls.Config{fault.Client: them, fault.Server: server}})
	}
	add("1.3", pki.Ed25519, nil, iana.TLS13)
	add("1.3, retried", pki.P256, nil, iana.TLS13, retry)
	add("1.3, mutual", pki.Ed25519, nil, iana.TLS13, mutual(t, pki.Ed25519))
	add("1.2, ECDHE_ECDSA", pki.P256, []iana.CipherSuite{iana.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256}, iana.TLS12)
	add("1.2, ECDHE_RSA", pki.RSA2048, []iana.CipherSuite{iana.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256}, iana.TLS12)
	add("1.2, RSA", pki.RSA2048, []iana.CipherSuite{iana.TLS_RSA_WITH_AES_128_GCM_SHA256}, iana.TLS12)
	add("1.2, mutual", pki.P256, []iana.CipherSuite{iana.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256}, iana.TLS12, mutual(t, pki.P256))
	add("1.0", pki.RSA2048, []iana.CipherSuite{iana.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA}, iana.TLS10)
	return all
}

type twin struct {
	course *course
	them   map[fault.Role]*tls.Config
}

// habits are where both stacks may say different things of a flight.
var habits = []struct {
	why    string
	rules  string // of ours, space between; "" for no complaint, a star at the end for any that begin so
	theirs string // alerts likewise, or "unseen" or "none"
}{
	{"ours reads a message as a whole before anything of it counts; crypto/tls reads on and stumbles later, over something else or not at all",
		"wire-* extension-* record-interleaved record-type message-excess alert-malformed", "*"},
	{"crypto/tls says internal_error of a message beyond its limits, and of what comes amid one", "*", "internal_error"},
	{"it does not hold key_share to supported_groups (RFC 9846, Section 4.3.8)", "key-share-not-listed", "none bad_record_mac"},
	{"it does not look at legacy_version, or says illegal_parameter", "client-legacy-version server-legacy-version no-common-version", "illegal_parameter bad_record_mac"},
	{"it says handshake_failure of a Finished that is wrong before TLS 1.3, and of suites", "finished-wrong server-cipher-suite record-bad-mac sig-invalid", "handshake_failure"},
	{"it has its own alerts for signatures before TLS 1.3 and for RSA ciphertexts beyond the modulus, and judges the chain first", "sig-invalid record-bad-mac", "illegal_parameter bad_certificate unknown_ca"},
	{"it says bad_certificate whatever is wrong with a chain, and decode_error if it can't be parsed", "cert-*", "bad_certificate decode_error"},
	{"it has other alerts for what a server chose and may not", "server-* point-formats", "unsupported_extension no_application_protocol protocol_version missing_extension decode_error"},
	{"it parses a message before it asks whether it may come", "unexpected-message", "decode_error"},
	{"a ChangeCipherSpec may come before the ServerHello (RFC 9846, Section 5)", "", "unseen"},
	{"a peer's complaint in clear is a broken record for it", "", "bad_record_mac"},
}

// excused finds the habit that a difference is due to, or -1.
func excused(rule string, theirs verdict) int {
	of := func(list, what string) bool {
		for one := range strings.SplitSeq(list, " ") {
			if before, ok := strings.CutSuffix(one, "*"); one == what || ok && strings.HasPrefix(what, before) {
				return true
			}
		}
		return false
	}
	return slices.IndexFunc(habits, func(h struct{ why, rules, theirs string }) bool {
		return of(h.rules, rule) && of(h.theirs, theirs.String())
	})
}

// TestMutatedFlights: a peer that sends what it should not gets the same answer from
// our engine and from crypto/tls in its place, or there is a reason.
func TestMutatedFlights(t *testing.T) {
	same, used := 0, make([]int, len(habits))
	for _, tw := range twins(t) {
		clean := begin(t, tw.course, false)
		clean.run()
		clean.check()
		for _, victim := range []fault.Role{fault.Client, fault.Server} {
			if g := begin(t, tw.course, false).host(victim, tw.them[victim]); g.err != nil {
				t.Fatalf("%s: crypto/tls as %v: %v", tw.course.name, victim, g.err)
			}
			for i, blow := range flightBlows(t, clean, victim.Peer()) {
				if !*exhaustive && i%16 > 0 {
					continue
				}
				b := begin(recall{t, tw.course, blow.String()}, tw.course, false)
				blow.prepare(b)
				b.run()
				ours, rule := b.ours(victim)
				b = begin(t, tw.course, false)
				blow.prepare(b)
				guest := b.host(victim, tw.them[victim])
				theirs := b.theirs(victim, guest)
				switch {
				case !b.changed && blow.kind == "random": // with this peer the message is shorter
				case ours == theirs || ours.complains && theirs.complains && theirs.alert == iana.NoAlert:
					same++
				case excused(rule, theirs) >= 0:
					used[excused(rule, theirs)]++
				default:
					t.Errorf("%s, %s: %v says %v (%s), crypto/tls %v", tw.course.name, blow, victim, ours, rule, theirs)
				}
			}
		}
	}
	t.Logf("%d the same", same)
	for i, n := range used {
		t.Logf("%d: %s", n, habits[i].why)
		if n == 0 && *exhaustive {
			t.Error("nothing is due to it")
		}
	}
}

// flightBlows are all on messages of a role, and some at random.
func flightBlows(t testing.TB, clean *bout, from fault.Role) (all []blow) {
	r := rand.New(rand.NewPCG(1, 2))
	for n, m := range clean.seen[from].messages {
		all = append(all, messageBlows(t, from, n, m)...)
		for range 24 {
			content := make([]byte, 1+r.IntN(3))
			for i := range content {
				content[i] = byte(r.Uint32())
			}
			script := strike{from: from, how: byte(r.IntN(strikeHold)), n: n, at: r.IntN(len(m.bytes)), content: content}.append(nil)
			all = append(all, blow{"random", iana.HandshakeType(m.bytes[0]).String(), fmt.Sprintf("%x", script), from, n, func(b *bout) { b.play(script) }})
		}
	}
	return all
}
