package handclasp_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/handclasp/handclasp"
	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/iana"
	"github.com/handclasp/handclasp/internal/pki"
	"github.com/handclasp/handclasp/session"
)

var configurations = flag.Int("configurations", 100, "how many pairs of random configurations run through TestRandomConfigurations")

// A draw is a pair of configurations that a seed gives, for both stacks.
type draw struct {
	*rand.Rand
	client, server *tls.Config
	tickets        bool
}

func choice[T any](r *rand.Rand, of ...T) T { return of[r.IntN(len(of))] }

// some are at least one of a list, in any order.
func some[T any](r *rand.Rand, of ...T) []T {
	r.Shuffle(len(of), func(i, j int) { of[i], of[j] = of[j], of[i] })
	return of[:1+r.IntN(len(of))]
}

// drawn makes the pair of a seed. Most settings are left alone most of the time, or
// hardly any pair would agree.
func drawn(t *testing.T, seed uint64) *draw {
	t.Helper()
	d := &draw{Rand: rand.New(rand.NewPCG(seed, 5)), client: new(tls.Config), server: new(tls.Config)}
	d.client.RootCAs, d.client.ServerName = roots(), "localhost"
	if d.IntN(12) == 0 {
		d.client.ServerName = "other.example"
	}
	if d.IntN(12) == 0 {
		d.client.RootCAs = x509.NewCertPool()
	}
	for _, k := range some(d.Rand, pki.P256, pki.P384, pki.P521, pki.RSA2048, pki.Ed25519) {
		if len(d.server.Certificates) < 2 {
			d.server.Certificates = append(d.server.Certificates, identities[k]().std)
		}
	}
	d.authenticate(t)
	for _, c := range []*tls.Config{d.client, d.server} {
		c.MinVersion = choice[uint16](d.Rand, tls.VersionTLS12, tls.VersionTLS12, tls.VersionTLS12, tls.VersionTLS10, tls.VersionTLS11, tls.VersionTLS13)
		c.MaxVersion = max(c.MinVersion, choice[uint16](d.Rand, tls.VersionTLS13, tls.VersionTLS13, tls.VersionTLS12, tls.VersionTLS12, tls.VersionTLS11, tls.VersionTLS10))
		if d.IntN(3) == 0 {
			c.NextProtos = some(d.Rand, "h2", "http/1.1", "x")
		}
		if d.IntN(3) == 0 {
			c.CurvePreferences = some(d.Rand, tls.X25519, tls.CurveP256, tls.CurveP384, tls.CurveP521)
			if d.IntN(2) == 0 { // never alone: before TLS 1.3 there is no use for it
				c.CurvePreferences = append(c.CurvePreferences, tls.X25519MLKEM768)
			}
		}
		c.CipherSuites = d.suites()
	}
	d.tickets = d.IntN(2) == 0
	return d
}

// suites are all or some of those that both stacks have. They are always named,
// because the defaults differ: ours have no CBC.
func (d *draw) suites() (ids []uint16) {
	all := d.IntN(3) > 0
	for _, s := range append(tls.CipherSuites(), tls.InsecureCipherSuites()...) {
		if s.SupportedVersions[0] != tls.VersionTLS13 && !strings.Contains(s.Name, "RC4") && (all || d.IntN(2) == 0) {
			ids = append(ids, s.ID)
		}
	}
	return ids
}

// authenticate settles what the server wants of a client, and what the client has.
func (d *draw) authenticate(t *testing.T) {
	if d.IntN(2) == 0 {
		return
	}
	d.server.ClientCAs = roots()
	d.server.ClientAuth = tls.ClientAuthType(d.IntN(5))
	switch d.IntN(4) {
	case 0: // it has none
	case 1:
		a, err := pki.NewAuthority("A stranger", pki.Options{Now: time.Now()})
		if err != nil {
			t.Fatal(err)
		}
		d.client.Certificates = []tls.Certificate{issueBy(a, pki.Leaf{Names: []string{"client"}}).std}
	default:
		d.client.Certificates = []tls.Certificate{identities[choice(d.Rand, pki.P256, pki.RSA2048, pki.Ed25519)]().std}
	}
}

func (d *draw) String() string {
	one := func(c *tls.Config) string {
		return fmt.Sprintf("%#x-%#x suites %x groups %v alpn %q certs %d auth %v", c.MinVersion, c.MaxVersion, c.CipherSuites, c.CurvePreferences, c.NextProtos, len(c.Certificates), c.ClientAuth)
	}
	return "client " + one(d.client) + " for " + d.client.ServerName + "\nserver " + one(d.server)
}

// An outcome is what became of a pair.
type outcome struct {
	ok      bool
	version iana.Version
	alpn    string
	resumed bool
	shown   bool // the client's certificate

	by    fault.Role // whose alert ended it
	alert iana.Alert
}

func (o outcome) String() string {
	if !o.ok {
		return fmt.Sprintf("%v's %v", o.by, o.alert)
	}
	return fmt.Sprintf("%v %q resumed %v shown %v", o.version, o.alpn, o.resumed, o.shown)
}

// A stack makes the ends of connections.
type stack struct{ client, server func(net.Conn) net.Conn }

// stacks are ours and theirs with the same configurations. What remembers sessions is
// each stack's own.
func (d *draw) stacks(t *testing.T) (ours, theirs stack) {
	t.Helper()
	c, err := handclasp.ClientFromTLS(d.client)
	if err != nil {
		t.Fatalf("%v\n%v", err, d)
	}
	s, err := handclasp.ServerFromTLS(d.server)
	if f, ok := errors.AsType[*handclasp.NotCarried](err); err != nil && (!ok || len(f.Fields) != 1 || f.Fields[0].Name != "SessionTicketsDisabled") {
		t.Fatalf("%v\n%v", err, d)
	}
	cc, sc := d.client.Clone(), d.server.Clone()
	sc.SessionTicketsDisabled = !d.tickets
	if d.tickets {
		cc.ClientSessionCache = tls.NewLRUClientSessionCache(8)
		if c.Sessions, err = session.NewClientMemory(session.ClientOptions{Clock: time.Now}); err != nil {
			t.Fatal(err)
		}
		if s.Tickets, err = session.NewTickets(session.TicketOptions{Clock: time.Now}); err != nil {
			t.Fatal(err)
		}
	}
	ours = stack{func(n net.Conn) net.Conn { return handclasp.Client(n, c) }, func(n net.Conn) net.Conn { return handclasp.Server(n, s) }}
	theirs = stack{func(n net.Conn) net.Conn { return tls.Client(n, cc) }, func(n net.Conn) net.Conn { return tls.Server(n, sc) }}
	return ours, theirs
}

// meet connects a client of one stack with a server of the other.
func meet(t *testing.T, a, b stack) outcome {
	t.Helper()
	x, y := loopback(t)
	defer x.Close()
	defer y.Close()
	c, s := a.client(x), b.server(y)
	by := time.Now().Add(20 * time.Second)
	c.SetDeadline(by)
	s.SetDeadline(by)
	var errs [2]error
	both(func() error { errs[0] = converse(c, true); return nil }, func() error { errs[1] = converse(s, false); return nil })
	for i, err := range errs {
		if errors.Is(err, context.DeadlineExceeded) || strings.Contains(fmt.Sprint(err), "timeout") {
			t.Fatalf("%v: %v", fault.Role(i+1), err)
		}
	}
	return judged(c, s, errs)
}

// converse shakes hands and exchanges a word each way, so that both know of the
// other's verdict and the client has its tickets.
func converse(c net.Conn, first bool) error {
	err := c.(interface{ Handshake() error }).Handshake()
	if err != nil { // an alert may be on its way, or nothing ever was
		c.(interface{ NetConn() net.Conn }).NetConn().(*net.TCPConn).CloseWrite()
		return err
	}
	defer c.Close()
	hear := func() error { _, err := io.ReadFull(c, make([]byte, 4)); return err }
	say := func() error { _, err := c.Write([]byte("word")); return err }
	if first {
		return errors.Join(say(), hear())
	}
	if err := hear(); err != nil {
		return err
	}
	return say()
}

// judged makes an outcome of what both sides say.
func judged(c, s net.Conn, errs [2]error) (o outcome) {
	if errs[0] == nil && errs[1] == nil {
		info := s.(interface{ ConnectionState() tls.ConnectionState }).ConnectionState()
		other := c.(interface{ ConnectionState() tls.ConnectionState }).ConnectionState()
		return outcome{
			ok: true, version: iana.Version(info.Version), alpn: info.NegotiatedProtocol,
			resumed: info.DidResume && other.DidResume, shown: len(info.PeerCertificates) > 0,
		}
	}
	for i, err := range errs {
		role := fault.Role(i + 1)
		if f, ok := errors.AsType[*fault.Error](err); ok && (f.Received || f.AlertCode() != iana.NoAlert && f.AlertCode() != 0) {
			o.by, o.alert = role, f.AlertCode()
			if f.Received {
				o.by, o.alert = role.Peer(), f.Code
			}
		}
		if _, text, ok := strings.Cut(fmt.Sprint(err), "remote error: "); ok {
			for a := range 256 {
				if tls.AlertError(a).Error() == text {
					o.by, o.alert = role.Peer(), iana.Alert(a)
				}
			}
		}
	}
	return o
}

// TestRandomConfigurations: whatever both sides are told, our stack in either role
// comes to the same end as crypto/tls in its place, at the first connection and at the
// second, which may resume.
func TestRandomConfigurations(t *testing.T) {
	succeeded, resumed := 0, 0
	used := make([]bool, len(differences))
	for seed := range uint64(*configurations) {
		d := drawn(t, seed)
		want := d.run(t, func(_, theirs stack) (stack, stack) { return theirs, theirs })
		for pair, mixed := range map[string]func(ours, theirs stack) (stack, stack){
			"ours on both sides": func(ours, _ stack) (stack, stack) { return ours, ours },
			"our client":         func(ours, theirs stack) (stack, stack) { return ours, theirs },
			"our server":         func(ours, theirs stack) (stack, stack) { return theirs, ours },
		} {
			got := d.run(t, mixed)
			for i := range got {
				if got[i] != want[i] && !d.explains(got[i], want[i], used) {
					t.Errorf("seed %d, connection %d, %s: %v, want %v\n%v", seed, i+1, pair, got[i], want[i], d)
				}
			}
		}
		if want[1].ok {
			succeeded++
		}
		if want[1].resumed {
			resumed++
		}
	}
	t.Logf("of %d pairs %d agreed, of those %d resumed", *configurations, succeeded, resumed)
	for i, u := range used {
		if !u {
			t.Logf("no pair needed %q", differences[i].why)
		}
	}
}

// run connects twice.
func (d *draw) run(t *testing.T, choose func(ours, theirs stack) (client, server stack)) (got [2]outcome) {
	client, server := choose(d.stacks(t))
	for i := range got {
		got[i] = meet(t, client, server)
	}
	return got
}

// differences are where both stacks may come to different ends.
var differences = []struct {
	why  string
	fits func(d *draw, ours, theirs outcome) bool
}{
	{"whatever is wrong with a certificate, crypto/tls says bad_certificate; ours says what", func(_ *draw, o, s outcome) bool {
		return o.by == s.by && s.alert == iana.BadCertificate && o.alert == iana.UnknownCA
	}},
	{"a client of TLS 1.2 and below does not name versions in an extension, as that of crypto/tls does: an older server goes on", func(d *draw, o, s outcome) bool {
		return d.client.MaxVersion <= tls.VersionTLS12 && s == outcome{by: fault.Server, alert: iana.ProtocolVersion} && !o.ok
	}},
	{"HTTP/2 wants forward secrecy and AEAD (RFC 9113, Section 9.2.2): our server does not settle on h2 without", func(_ *draw, o, s outcome) bool {
		without := o.ok && o.version == s.version && o.shown == s.shown && o.resumed == s.resumed && o.alpn != "h2"
		return s.ok && s.alpn == "h2" && s.version <= iana.TLS12 && (without || o.refusedALPN())
	}},
	{"the server of crypto/tls that has h2 goes on without ALPN if a client has http/1.1 alone", func(d *draw, o, s outcome) bool {
		return o.refusedALPN() && s.ok && s.alpn == "" && slices.Contains(d.client.NextProtos, "http/1.1") && slices.Contains(d.server.NextProtos, "h2")
	}},
	{"of two certificates none of which has the name or group that is asked for, the server of crypto/tls takes the first, ours what a suite can use", func(d *draw, o, s outcome) bool {
		return len(d.server.Certificates) == 2 && s == outcome{by: fault.Server, alert: iana.HandshakeFailure}
	}},
	{"two things are wrong, and another is met first", func(_ *draw, o, s outcome) bool {
		return o.refusedALPN() && s.by == fault.Client || s.refusedALPN() && o.alert == iana.HandshakeFailure
	}},
}

func (o outcome) refusedALPN() bool {
	return o.by == fault.Server && o.alert == iana.NoApplicationProtocol
}

func (d *draw) explains(ours, theirs outcome, used []bool) bool {
	for i, known := range differences {
		if known.fits(d, ours, theirs) {
			used[i] = true
			return true
		}
	}
	return false
}
