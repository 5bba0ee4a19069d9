package diagnose_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/handclasp/handclasp/diagnose"
	"github.com/handclasp/handclasp/internal/lab"
)

// examine opens a case of the lab and has its own client diagnosed.
func examine(t *testing.T, c *lab.Case, change func(*diagnose.Options)) *diagnose.Report {
	t.Helper()
	s, err := c.Open()
	if err != nil {
		t.Fatal(err)
	}
	cfg, err := s.Client()
	if err != nil {
		t.Fatal(err)
	}
	at := serve(t, s)
	o := diagnose.Options{Host: c.Address(), Port: fmt.Sprint(at.Port()), Client: cfg, Timeout: 400 * time.Millisecond, Linger: 100 * time.Millisecond,
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
	for _, c := range lab.Cases() {
		t.Run(c.Name, func(t *testing.T) {
			t.Parallel()
			r := examine(t, c, nil)
			if found(r) != c.Cause {
				t.Errorf("found %q, want %q\n%s", found(r), c.Cause, tell(r))
			} else if testing.Verbose() {
				t.Log(tell(r))
			}
			if r.Connections > 60 {
				t.Errorf("%d connections", r.Connections)
			}
			if c.Cause == "nothing-wrong" && (r.Connections > 5 || !r.Works) {
				t.Errorf("%d connections for a good server; works: %v", r.Connections, r.Works)
			}
		})
	}
}

// TestTriggers: what in a hello is disliked is found exactly.
func TestTriggers(t *testing.T) {
	for _, condition := range []string{
		"sigalg=ed25519", "group=SecP384r1MLKEM1024", "share=X25519MLKEM768", "suite=TLS_AES_128_GCM_SHA256", "version=1.3", "version=1.2", "session-id",
		"extension=signed_certificate_timestamp", "extension=server_name", "length>600", "segments>1", "suites>5", "groups>3", "sigalgs>6", "extensions>7",
		"group=secp521r1 & sigalg=rsa_pkcs1_sha512", "group=secp384r1 & group=secp521r1", "group=x25519 & suite=TLS_CHACHA20_POLY1305_SHA256",
		"extension=status_request | session-id", "sigalg=rsa_pkcs1_sha256 | suite=TLS_AES_256_GCM_SHA384", "group=secp521r1 | length>900",
		"group=x25519 & version=1.2 | sigalg=ed25519",
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
			})
		}
	}
}

// TestRandom: servers that refuse by a predicate drawn at random are seen through.
// What they serve without a name is what the client's default hello offers.
func TestRandom(t *testing.T) {
	const servers = 200
	draw := rand.New(rand.NewPCG(4, 2))
	most := 0
	for i := range servers {
		condition := predicate(draw)
		t.Run(fmt.Sprintf("%d %s", i, condition), func(t *testing.T) {
			c, err := lab.Find("resets-if " + condition)
			if err != nil {
				t.Fatal(err)
			}
			r := examine(t, c, nil)
			if len(r.Findings) != 1 || r.Findings[0].Trigger != condition {
				t.Errorf("found something else\n%s", tell(r))
			}
			if most = max(most, r.Connections); r.Connections > 60 {
				t.Errorf("%d connections", r.Connections)
			}
		})
	}
	t.Logf("at most %d connections", most)
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
	two := func(between string) string {
		for {
			a, b := atom(), atom()
			if a < b {
				return a + between + b
			}
		}
	}
	switch draw.IntN(6) {
	case 0:
		return atom()
	case 1, 2:
		return two(" & ")
	case 3:
		return two(" | ")
	case 4:
		return fmt.Sprintf("length>%d", 300+draw.IntN(1000))
	}
	return pick([]string{fmt.Sprintf("suites>%d", 3+draw.IntN(5)), fmt.Sprintf("groups>%d", 2+draw.IntN(4)), fmt.Sprintf("sigalgs>%d", 4+draw.IntN(5)), fmt.Sprintf("extensions>%d", 6+draw.IntN(3))})
}

func port(a net.Addr) string { return fmt.Sprint(a.(*net.TCPAddr).Port) }
