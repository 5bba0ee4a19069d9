package diagnose_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/handclasp/handclasp/diagnose"
	"github.com/handclasp/handclasp/internal/lab"
)

// several has the host have several addresses, each with a case behind it; "" is an
// address where nothing listens.
func several(t *testing.T, names ...string) func(*diagnose.Options) {
	t.Helper()
	var ips []netip.Addr
	real := map[string]string{}
	for i, name := range names {
		ip := netip.MustParseAddr(fmt.Sprintf("192.0.2.%d", i+1))
		if ips = append(ips, ip); name == "" {
			continue
		}
		c, err := lab.Find(name)
		if err != nil {
			t.Fatal(err)
		}
		s, err := c.Open()
		if err != nil {
			t.Fatal(err)
		}
		real[ip.String()] = serve(t, s).String()
	}
	return func(o *diagnose.Options) {
		o.Client.InsecureSkipVerify = true
		o.Lookup = func(context.Context, string, string) ([]netip.Addr, error) { return ips, nil }
		o.Dial = func(ctx context.Context, network, addr string) (net.Conn, error) {
			host, _, _ := net.SplitHostPort(addr)
			if real[host] == "" {
				return nil, fmt.Errorf("nobody listens at %s", addr)
			}
			return new(net.Dialer).DialContext(ctx, network, real[host])
		}
	}
}

// TestAddresses: each address of a name is tried, and they are compared.
func TestAddresses(t *testing.T) {
	t.Parallel()
	good, err := lab.Find("good")
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range []struct {
		names []string
		want  string
		says  string
	}{
		{[]string{"hello-reset", "hello-reset"}, "reset", ""},
		{[]string{"hello-reset", "http"}, "addresses-differ", ""},
		{[]string{"http", "hello-alert-access_denied", "http"}, "addresses-differ", ""},
		{[]string{"", "http"}, "plain-http", "192.0.2.1"},
		{[]string{"", ""}, "unreachable", ""},
	} {
		t.Run(strings.Join(x.names, " "), func(t *testing.T) {
			t.Parallel()
			r := examine(t, good, several(t, x.names...))
			if found(r) != x.want || !strings.Contains(strings.Join(r.Noticed, " "), x.says) || len(r.Addresses) != len(x.names) {
				t.Errorf("want %s\n%s", x.want, tell(r))
			}
			if r.Reached != (x.want != "unreachable") {
				t.Errorf("reached: %v", r.Reached)
			}
		})
	}
}

// TestClock: it may be this machine's clock that is wrong, if by the server's all
// certificates are in time. What else is wrong stays so.
func TestClock(t *testing.T) {
	t.Parallel()
	const day = 24 * time.Hour
	for _, x := range []struct {
		name  string
		wrong time.Duration
		want  string
		says  string
	}{
		{"good", -400 * day, "local-clock", ""},
		{"good", 4000 * day, "local-clock", ""},
		{"self-signed", -400 * day, "local-clock cert-self-signed", ""},
		{"self-signed", 4000 * day, "local-clock cert-self-signed", ""},
		{"expired", 20 * time.Minute, "cert-expired", "by neither of them"},
		{"expired", time.Minute, "cert-expired", ""},
	} {
		t.Run(fmt.Sprint(x.name, x.wrong), func(t *testing.T) {
			t.Parallel()
			c, err := lab.Find(x.name)
			if err != nil {
				t.Fatal(err)
			}
			r := examine(t, c, func(o *diagnose.Options) { o.Client.Time = func() time.Time { return time.Now().Add(x.wrong) } })
			if said := strings.Join(r.Noticed, " "); found(r) != x.want || !strings.Contains(said, x.says) || (said == "") != (x.says == "") {
				t.Error(tell(r))
			}
		})
	}
}

// TestClockUnanswered: of a handshake that fails nobody learns what is in time by the
// server's clock.
func TestClockUnanswered(t *testing.T) {
	t.Parallel()
	c, err := lab.Find("good")
	if err != nil {
		t.Fatal(err)
	}
	const asked = 4 // after three handshakes
	made := 0
	r := examine(t, c, func(o *diagnose.Options) {
		o.Client.Time = func() time.Time { return time.Now().Add(4000 * 24 * time.Hour) }
		o.Dial = func(ctx context.Context, network, addr string) (net.Conn, error) {
			if made++; made > asked {
				return nil, errors.New("nobody listens any more")
			}
			return new(net.Dialer).DialContext(ctx, network, addr)
		}
	})
	if found(r) != "cert-expired cert-chain-expired" || made <= asked {
		t.Error(tell(r))
	}
}

// TestNoProtocol: a server that chooses no application protocol does no wrong, but who
// expects one wants to know.
func TestNoProtocol(t *testing.T) {
	t.Parallel()
	good, err := lab.Find("good")
	if err != nil {
		t.Fatal(err)
	}
	r := examine(t, good, func(o *diagnose.Options) { o.Client.NextProtos = []string{"h3", "h2"} })
	if found(r) != "nothing-wrong" || len(r.Noticed) != 1 || !strings.Contains(r.Noticed[0], "(ALPN: h3, h2)") {
		t.Error(tell(r))
	}
}

// TestGoodbye: a proper goodbye after the handshake is no refusal of TLS's, and any
// other end is one.
func TestGoodbye(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{"finished-alert-close_notify": "parts-at-once", "finished-alert-decode_error": "breaks-off"} {
		c, err := lab.Find(name)
		if err != nil {
			t.Fatal(err)
		}
		if r := examine(t, c, func(*diagnose.Options) {}); found(r) != want || r.Findings[0].Confidence != diagnose.Certain {
			t.Errorf("%s, want %s\n%s", name, want, tell(r))
		}
	}
}

// TestProxies: variables that lead other programs elsewhere are noticed.
func TestProxies(t *testing.T) {
	t.Parallel()
	c, err := lab.Find("good")
	if err != nil {
		t.Fatal(err)
	}
	r := examine(t, c, func(o *diagnose.Options) {
		o.Getenv = func(name string) string { return map[string]string{"https_proxy": "http://proxy.example:3128"}[name] }
	})
	if found(r) != "nothing-wrong" || len(r.Noticed) != 1 || !strings.Contains(r.Noticed[0], "proxy.example") {
		t.Error(tell(r))
	}
}

// TestLimits: no more connections than allowed, no faster, and not after the end.
func TestLimits(t *testing.T) {
	t.Parallel()
	c, err := lab.Find("resets-if-both")
	if err != nil {
		t.Fatal(err)
	}
	for n := 1; n < 30; n += 4 {
		if r := examine(t, c, func(o *diagnose.Options) { o.MaxConnections = n }); r.Connections > n || len(r.Findings) != 1 {
			t.Errorf("of %d: %s", n, tell(r))
		}
	}
	for name, want := range map[string]string{"good": "nothing-wrong", "expired": "cert-expired", "client-cert-optional": "nothing-wrong"} {
		some, err := lab.Find(name)
		if err != nil {
			t.Fatal(err)
		}
		for n := 1; n < 4; n++ {
			r := examine(t, some, func(o *diagnose.Options) { o.MaxConnections = n })
			if found(r) != want || r.Works != (want == "nothing-wrong") || r.Connections > n {
				t.Errorf("%s, of %d: works: %v; %s", name, n, r.Works, tell(r))
			}
		}
	}
	start := time.Now()
	if r := examine(t, c, func(o *diagnose.Options) { o.MaxConnections, o.Rate = 6, 20 }); time.Since(start) < 5*50*time.Millisecond {
		t.Errorf("%d connections in %v", r.Connections, time.Since(start))
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := diagnose.Run(ctx, diagnose.Options{Host: "192.0.2.1", Port: "443"}); err == nil {
		t.Error("it went on")
	}
}
