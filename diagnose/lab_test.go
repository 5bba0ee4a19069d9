package diagnose_test

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/handclasp/handclasp/diagnose"
	"github.com/handclasp/handclasp/iana"
	"github.com/handclasp/handclasp/internal/lab"
)

// TestMain has more tests run at once than there are processors, for nearly all of
// their time is waiting.
func TestMain(m *testing.M) {
	flag.Parse()
	flag.Set("test.parallel", "24")
	os.Exit(m.Run())
}

// examine opens a case of the lab and has its own client diagnosed.
func examine(t *testing.T, c *lab.Case, change func(*diagnose.Options)) *diagnose.Report {
	t.Helper()
	s, err := c.Open()
	if err != nil {
		t.Fatal(err)
	}
	return examineAt(t, s, change)
}

// examineAt has a case's own client diagnosed, at a server of it.
func examineAt(t *testing.T, s *lab.Server, change func(*diagnose.Options)) *diagnose.Report {
	t.Helper()
	cfg, err := s.Client()
	if err != nil {
		t.Fatal(err)
	}
	at := serve(t, s)
	o := diagnose.Options{Host: s.Address(), Port: fmt.Sprint(at.Port()), Client: cfg, Timeout: 5 * time.Second, Linger: time.Second, Pause: 200 * time.Millisecond,
		Lookup:  func(context.Context, string, string) ([]netip.Addr, error) { return []netip.Addr{at.Addr()}, nil },
		Reverse: func(context.Context, string) ([]string, error) { return []string{"localhost"}, nil },
	}
	if change != nil {
		change(&o)
	}
	r, err := diagnose.Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// serve has the case serve until the test ends.
func serve(t *testing.T, s *lab.Server) netip.AddrPort {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx, l) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return l.Addr().(*net.TCPAddr).AddrPort()
}

func found(r *diagnose.Report) string {
	var ids []string
	for _, f := range r.Findings {
		ids = append(ids, f.ID)
	}
	return strings.Join(ids, " ")
}

func tell(r *diagnose.Report) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s; %d connections, %.2f s\n", r.Outcome, r.Connections, r.Seconds)
	for _, f := range r.Findings {
		fmt.Fprintf(&b, "\t%s (%s): %s; %s\n", f.ID, f.Confidence, f.Detail, f.Trigger)
		for _, e := range f.Evidence {
			fmt.Fprintf(&b, "\t\t%v\n", e)
		}
		fmt.Fprintf(&b, "\t\t$ %s\n", f.Prove)
	}
	for _, n := range r.Noticed {
		fmt.Fprintf(&b, "\tnoticed: %s\n", n)
	}
	return b.String()
}

// TestLab: each case of the lab gets its cause and no other, within 60 connections.
func TestLab(t *testing.T) {
	t.Parallel()
	for _, c := range lab.Cases() {
		t.Run(c.Name, func(t *testing.T) {
			t.Parallel()
			r := examine(t, c, func(o *diagnose.Options) {
				if c.Cause != "nothing-wrong" && strings.Contains(c.Name, "silence") || strings.HasPrefix(c.Name, "drops") {
					o.Timeout = time.Second // it will pass
				}
				if c.Name == "rate-limited" {
					o.Linger, o.Pause = 50*time.Millisecond, 1500*time.Millisecond // more than the limiter's second by what a busy machine is late
				}
			})
			if found(r) != c.Cause {
				t.Errorf("found %q, want %q\n%s", found(r), c.Cause, tell(r))
			} else if testing.Verbose() {
				t.Log(tell(r))
			}
			if r.Connections > 60 || len(r.Probes) != r.Connections {
				t.Errorf("%d connections, %d probes", r.Connections, len(r.Probes))
			}
			accepted := !strings.Contains(r.Outcome, "the certificate is not accepted: ")
			if !r.Works && strings.HasPrefix(r.Outcome, "the handshake worked") || accepted && !r.Works && strings.HasPrefix(c.Cause, "cert-") {
				t.Errorf("it does not work, and is headed %q", r.Outcome)
			}
			if first := r.Probes[0]; !accepted && !first.Refused || first.Refused && (r.Works || !first.Works) {
				t.Errorf("its first probe works: %v, refuses the certificate: %v; headed %q", first.Works, first.Refused, r.Outcome)
			}
			if c.Cause == "nothing-wrong" && (r.Connections > 5 || !r.Works) {
				t.Errorf("%d connections for a good server; works: %v", r.Connections, r.Works)
			}
		})
	}
}

// TestTriggers: what in a hello is disliked is found exactly.
func TestTriggers(t *testing.T) {
	t.Parallel()
	for _, condition := range []string{
		"sigalg=ed25519", "group=SecP384r1MLKEM1024", "share=X25519MLKEM768", "suite=TLS_AES_128_GCM_SHA256", "version=1.3", "version=1.2", "session-id",
		"extension=signed_certificate_timestamp", "extension=server_name", "length>600", "segments>1", "suites>5", "groups>3", "sigalgs>6", "extensions>7",
		"group=secp521r1 & sigalg=rsa_pkcs1_sha512", "group=secp384r1 & group=secp521r1", "group=x25519 & suite=TLS_CHACHA20_POLY1305_SHA256",
		"extension=status_request | session-id", "sigalg=rsa_pkcs1_sha256 | suite=TLS_AES_256_GCM_SHA384", "group=secp521r1 | length>900",
		"group=x25519 & version=1.2 | sigalg=ed25519", "first=server_name", "order=status_request>extended_master_secret", "order=signed_certificate_timestamp>renegotiation_info",
		"order=supported_groups>key_share", "order=status_request>supported_groups", "order=server_name>supported_groups & sigalg=ed25519",
		"first=server_name | sigalg=ed25519", "extensions>8 | first=server_name",
	} {
		for _, verb := range []string{"resets", "alerts", "closes"} {
			t.Run(verb+"-if "+condition, func(t *testing.T) {
				t.Parallel()
				c, err := lab.Find(verb + "-if " + condition)
				if err != nil {
					t.Fatal(err)
				}
				r := examine(t, c, nil)
				if len(r.Findings) != 1 || r.Findings[0].Trigger != condition || r.Connections > 60 {
					t.Errorf("%d connections\n%s", r.Connections, tell(r))
				}
				decided(t, r)
				treed(t, r)
			})
		}
	}
}

// TestOffset: the evidence says where in the hello the thing stands.
func TestOffset(t *testing.T) {
	t.Parallel()
	for condition, before := range map[string][]byte{
		"group=secp521r1": {0, 25}, "sigalg=ed25519": {8, 7}, "extension=status_request": {0, 5}, "suite=TLS_CHACHA20_POLY1305_SHA256": {0x13, 3},
		"share=X25519MLKEM768": {0x11, 0xec, 4, 0xc0}, // and how long it is, which the list of groups does not say
	} {
		c, err := lab.Find("closes-if " + condition)
		if err != nil {
			t.Fatal(err)
		}
		sent := make(chan []byte, 100)
		r := examine(t, c, func(o *diagnose.Options) {
			o.Dial = func(ctx context.Context, network, addr string) (net.Conn, error) {
				raw, err := new(net.Dialer).DialContext(ctx, network, addr)
				return &tapped{raw, sent, false}, err
			}
		})
		close(sent)
		e := r.Findings[0].Evidence[1]
		if e.Offset == nil || !strings.HasPrefix(fmt.Sprintf("%x", before), e.Bytes) {
			t.Fatalf("%s: %v", condition, e)
		}
		there := false
		for hello := range sent {
			there = there || len(hello) > *e.Offset && bytes.HasPrefix(hello[*e.Offset:], before)
		}
		if !there {
			t.Errorf("%s: nothing of the kind stands at %d", condition, *e.Offset)
		}
	}
}

// tapped is a connection whose first record is kept, without its header.
type tapped struct {
	net.Conn
	sent chan<- []byte
	done bool
}

func (c *tapped) Write(b []byte) (int, error) {
	if !c.done {
		c.done = true
		c.sent <- bytes.Clone(b[5:])
	}
	return c.Conn.Write(b)
}

// TestOrder: so is an order that many hellos have, or all.
func TestOrder(t *testing.T) {
	t.Parallel()
	for condition, want := range map[string]string{"last=renegotiation_info": "last=renegotiation_info", "order=supported_groups>signature_algorithms": "order=supported_groups>signature_algorithms"} {
		c, err := lab.Find("alerts-if " + condition)
		if err != nil {
			t.Fatal(err)
		}
		r := examine(t, c, func(o *diagnose.Options) { o.Client.MaxVersion = iana.TLS12 })
		if len(r.Findings) != 1 || r.Findings[0].Trigger != want || r.Connections > 60 {
			t.Errorf("%s: %d connections\n%s", condition, r.Connections, tell(r))
		}
	}
}

// TestCombinations: so are combinations of two, of a client that sends GREASE.
func TestCombinations(t *testing.T) {
	t.Parallel()
	for _, condition := range []string{
		"grease & sigalg=ed25519", "grease | sigalg=ed25519", "length>1000 & sigalg=ed25519", "length>600 & sigalg=ed25519", "group=secp521r1 & length>400", "grease & length>1000", "grease | length>700",
		"segments>1 & sigalg=ed25519", "segments>1 | sigalg=ed25519", "group=secp521r1 & segments>1", "grease & segments>1", "length>1000 | suites>6", "length>1000 & suites>6", "groups>4 & suites>5", "groups>4 | suites>5",
		"share=X25519MLKEM768 & version=1.2", "share=x25519 & suite=TLS_AES_256_GCM_SHA384", "session-id & version=1.3", "shares>1", "sigalg=ed25519 & version=1.3", "version=1.2 & version=1.3", "share=X25519MLKEM768 | share=x25519", "share=X25519MLKEM768 & share=x25519",
		"length>1000 & segments>1", "extension=server_name & version=1.3", "extension=server_name & sigalg=ed25519", "extension=server_name | sigalg=ed25519",
	} {
		t.Run(condition, func(t *testing.T) {
			t.Parallel()
			c, err := lab.Find("resets-if " + condition)
			if err != nil {
				t.Fatal(err)
			}
			r := examine(t, c, func(o *diagnose.Options) { o.Client.GREASE = true })
			if len(r.Findings) != 1 || r.Findings[0].Trigger != condition || r.Connections > 60 {
				t.Errorf("%d connections\n%s", r.Connections, tell(r))
			}
			decided(t, r)
		})
	}
}

// TestLengths: a length is found to the byte, also where it is little more than what
// the least hello has, and padding does not fit between.
func TestLengths(t *testing.T) {
	t.Parallel()
	for n := 190; n < 260; n++ {
		condition := fmt.Sprintf("length>%d", n)
		t.Run(condition, func(t *testing.T) {
			t.Parallel()
			c, err := lab.Find("resets-if " + condition)
			if err != nil {
				t.Fatal(err)
			}
			r := examine(t, c, nil)
			if len(r.Findings) != 1 || r.Findings[0].Trigger != condition || r.Connections > 60 {
				t.Errorf("%d connections\n%s", r.Connections, tell(r))
			}
			decided(t, r)
		})
	}
}

// decided sees that the probes that decide were repeated, and differ in one thing of
// what is blamed and in nothing else.
func decided(t *testing.T, r *diagnose.Report) {
	t.Helper()
	var pass, fail []diagnose.Probe
	for _, p := range r.Probes {
		switch {
		case p.Decides && p.Works:
			pass = append(pass, p)
		case p.Decides:
			fail = append(fail, p)
		}
	}
	if len(pass) < 3 || len(fail) < 3 {
		t.Fatalf("of %d probes %d decide that pass, and %d that fail", len(r.Probes), len(pass), len(fail))
	}
	gone := apart(fail[0].With, pass[0].With) // of the client's hello, beyond what a least one has
	more := apart(pass[0].Without, fail[0].Without)
	if gone = append(gone, more...); len(gone) > 1 || len(apart(pass[0].With, fail[0].With)) > 1 {
		t.Errorf("they differ in %q:\n%+v\n%+v", gone, fail[0], pass[0])
	}
	for _, what := range gone {
		kind, _, _ := strings.Cut(what, "=")
		if trigger := r.Findings[0].Trigger; !strings.Contains(trigger, what) && !strings.Contains(trigger, kind+">") {
			t.Errorf("they differ in %s, and %s is blamed", what, trigger)
		}
	}
}

// treed checks that the probes of handshakes make a tree, and what a repeat repeats.
func treed(t *testing.T, r *diagnose.Report) {
	t.Helper()
	for i, p := range r.Probes {
		if p.From < 0 || p.From > i || p.From == 0 && i > 0 && p.Stage != "none" {
			t.Errorf("probe %d is from %d", i+1, p.From)
			continue
		}
		same := p.From > 0 && slices.Equal(p.With, r.Probes[p.From-1].With) && slices.Equal(p.Without, r.Probes[p.From-1].Without)
		if p.Repeats != same {
			t.Errorf("probe %d repeats: %v; it is from\n%+v\n%+v", i+1, p.Repeats, r.Probes[max(p.From-1, 0)], p)
		}
	}
}

// apart is what stands in a and not in b.
func apart(a, b []string) []string {
	return slices.DeleteFunc(slices.Clone(a), func(s string) bool { return slices.Contains(b, s) })
}

// Another seed, or more servers: go test ./diagnose -run Random -seed 7 -servers 2000
var (
	seed    = flag.Uint64("seed", 4, "of the random servers")
	servers = flag.Int("servers", 200, "how many random servers")
)

// TestRandom: servers that refuse by a predicate drawn at random are seen through.
// The diagnosis knows no more of them than their port.
func TestRandom(t *testing.T) {
	t.Parallel()
	draw := rand.New(rand.NewPCG(*seed, 2))
	var most atomic.Int64
	t.Cleanup(func() { t.Logf("at most %d connections", most.Load()) })
	for i := range *servers {
		condition := predicate(draw)
		verb := []string{"resets", "alerts", "closes"}[draw.IntN(3)]
		t.Run(fmt.Sprintf("%d %s", i, condition), func(t *testing.T) {
			t.Parallel()
			c, err := lab.Find(verb + "-if " + condition)
			if err != nil {
				t.Fatal(err)
			}
			r := examine(t, c, nil)
			if len(r.Findings) != 1 || r.Findings[0].Trigger != condition {
				t.Errorf("found something else\n%s", tell(r))
			}
			if r.Connections > 60 {
				t.Errorf("%d connections", r.Connections)
			}
			for n := int64(r.Connections); ; {
				if old := most.Load(); n <= old || most.CompareAndSwap(old, n) {
					break
				}
			}
		})
	}
}

// predicate draws a condition that the default hello meets and that a good hello
// can avoid. Conditions of which a part follows from the rest are left out: who
// sends a share sends its group.
func predicate(draw *rand.Rand) string {
	pick := func(list []string) string { return list[draw.IntN(len(list))] }
	atom := func() string {
		return pick([]string{
			pick([]string{"suite=TLS_AES_128_GCM_SHA256", "suite=TLS_AES_256_GCM_SHA384", "suite=TLS_CHACHA20_POLY1305_SHA256", "suite=TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
				"suite=TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", "suite=TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256"}),
			pick([]string{"group=x25519", "group=secp256r1", "group=secp384r1", "group=secp521r1", "group=SecP256r1MLKEM768", "group=SecP384r1MLKEM1024"}),
			pick([]string{"sigalg=ed25519", "sigalg=rsa_pss_rsae_sha384", "sigalg=rsa_pss_rsae_sha512", "sigalg=ecdsa_secp384r1_sha384", "sigalg=rsa_pkcs1_sha384", "sigalg=rsa_pkcs1_sha512"}),
			pick([]string{"extension=status_request", "extension=signed_certificate_timestamp", "extension=extended_master_secret", "extension=renegotiation_info", "extension=ec_point_formats", "session-id"}),
		})
	}
	amount := func() string {
		return pick([]string{
			fmt.Sprintf("length>%d", 300+draw.IntN(900)),
			fmt.Sprintf("suites>%d", 3+draw.IntN(5)), fmt.Sprintf("groups>%d", 2+draw.IntN(4)),
			fmt.Sprintf("sigalgs>%d", 5+draw.IntN(4)), fmt.Sprintf("extensions>%d", 6+draw.IntN(3)), "shares>1",
		})
	}
	two := func(one func() string, between string) string {
		for {
			if a, b := atom(), one(); a < b {
				return a + between + b
			} else if a > b {
				return b + between + a
			}
		}
	}
	switch draw.IntN(8) {
	case 0:
		return atom()
	case 1, 2:
		return two(atom, " & ")
	case 3, 4:
		return two(atom, " | ")
	case 5:
		return two(amount, " & ")
	case 6:
		return two(amount, " | ")
	}
	return amount()
}

func port(a net.Addr) string { return fmt.Sprint(a.(*net.TCPAddr).Port) }
