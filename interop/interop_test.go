package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/handclasp/handclasp"
	"github.com/handclasp/handclasp/diagnose"
	"github.com/handclasp/handclasp/flow"
	"github.com/handclasp/handclasp/iana"
	"github.com/handclasp/handclasp/internal/kex"
	"github.com/handclasp/handclasp/internal/pki"
	"github.com/handclasp/handclasp/internal/suite"
	"github.com/handclasp/handclasp/sign"
)

// all are the cases of all areas.
func all(server bool) (cases []testCase) {
	for _, a := range areas {
		cases = append(cases, a.cases(server)...)
	}
	return cases
}

// Every suite that works comes up in each version that has it, every group, every
// certificate type and every signature scheme, in both roles; each case once, and
// each is one that our side can be configured for.
func TestAllCases(t *testing.T) {
	for _, server := range []bool{false, true} {
		cases := all(server)
		seen := map[testCase]bool{}
		for _, c := range cases {
			if seen[c] {
				t.Errorf("%v stands there twice", c)
			}
			seen[c] = true
			if c.server != server || !c.entry().For(c.version) || c.shows() && !c.exists() {
				t.Errorf("%v is no case", c)
			}
		}
		has := func(what any, f func(testCase) bool) {
			if !slices.ContainsFunc(cases, f) {
				t.Errorf("our server %v: no case has %v", server, what)
			}
		}
		for _, v := range versions {
			for _, s := range suite.ForVersion(v) {
				has(s.ID, func(c testCase) bool { return c.version == v && c.suite == s.ID })
				if s.CBC() {
					has("encrypt-then-MAC", func(c testCase) bool { return c.version == v && c.suite == s.ID && c.mac == macLast })
				}
			}
		}
		for _, g := range kex.All() {
			has(g, func(c testCase) bool { return c.group == g })
		}
		for _, k := range keyKinds {
			has(k, func(c testCase) bool { return c.key == k })
		}
		for _, s := range sign.All() {
			has(s, func(c testCase) bool { return c.scheme == s })
		}
		for _, a := range areas {
			if a.name != diagnosed && len(a.cases(server)) == 0 {
				t.Errorf("our server %v: nothing in %s", server, a.name)
			}
		}
	}
}

// Each case has a configuration that is accepted.
func TestConfigurations(t *testing.T) {
	f := testFiles(t)
	for _, c := range slices.Concat(all(false), all(true)) {
		e, err := (&kit{files: f}).end(c)
		if err != nil {
			t.Fatal(err)
		}
		if c.server {
			e.server.Time = time.Now
			_, err = e.server.Params()
		} else {
			e.client.Time = time.Now
			_, err = e.client.Params()
		}
		if err != nil {
			t.Errorf("%v: %v", c, err)
		}
	}
}

func testFiles(t *testing.T) *files {
	f, err := newFiles(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// Every policy comes up with every kind of client certificate that a version can
// sign with and without one.
func TestMutualCases(t *testing.T) {
	for _, server := range []bool{false, true} {
		cases := mutualCases(server)
		if want := 4 * (2*(len(keyKinds)+1) + 2*len(keyKinds)); len(cases) != want {
			t.Errorf("%d cases, want %d", len(cases), want)
		}
		for _, c := range cases {
			if !c.mutual.asked() || !strings.Contains(c.String(), c.mutual.String()) {
				t.Errorf("%v is no case", c)
			}
		}
		for _, c := range defaultCases(server) {
			if c.mutual.asked() {
				t.Errorf("%v asks the client", c)
			}
		}
	}
	p384 := usual(iana.TLS12, false)
	p384.mutual = mutual{policy: handclasp.RequireAnyClientCert, shows: pki.P384}
	if got := p384.theirs(); !slices.Equal(got, []iana.Group{iana.X25519, iana.Secp256r1, iana.Secp384r1}) {
		t.Errorf("with P-384 of the client the groups are %v", got)
	}
}

func TestGroups(t *testing.T) {
	retry := testCase{version: iana.TLS13, suite: iana.TLS_AES_128_GCM_SHA256, group: iana.Secp384r1, retry: true}
	retried := retry
	retried.server = true
	tests := []struct {
		name            string
		c               testCase
		offered, theirs []iana.Group
	}{
		{"TLS 1.3", testCase{version: iana.TLS13, suite: iana.TLS_AES_128_GCM_SHA256, group: iana.X25519, key: pki.P384}, []iana.Group{iana.X25519}, []iana.Group{iana.X25519}},
		{"TLS 1.2, the certificate on another curve", testCase{version: iana.TLS12, suite: iana.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, group: iana.X25519, key: pki.P384},
			[]iana.Group{iana.X25519, iana.Secp384r1}, []iana.Group{iana.X25519, iana.Secp384r1}},
		{"TLS 1.2, the certificate on the same curve", testCase{version: iana.TLS12, suite: iana.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, group: iana.Secp384r1, key: pki.P384}, []iana.Group{iana.Secp384r1}, []iana.Group{iana.Secp384r1}},
		{"TLS 1.2, RSA", testCase{version: iana.TLS12, suite: iana.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, group: iana.Secp384r1, key: pki.RSA2048}, []iana.Group{iana.Secp384r1}, []iana.Group{iana.Secp384r1}},
		{"retry, the peer serves", retry, []iana.Group{iana.Secp256r1, iana.Secp384r1}, []iana.Group{iana.Secp384r1}},
		{"retry, the peer calls", retried, []iana.Group{iana.Secp256r1, iana.Secp384r1}, []iana.Group{iana.Secp256r1, iana.Secp384r1}},
	}
	for _, tt := range tests {
		if got := tt.c.offered(); !slices.Equal(got, tt.offered) {
			t.Errorf("%s: a client offers %v, want %v", tt.name, got, tt.offered)
		}
		if got := tt.c.theirs(); !slices.Equal(got, tt.theirs) {
			t.Errorf("%s: the peer is given %v, want %v", tt.name, got, tt.theirs)
		}
	}
}

func TestSample(t *testing.T) {
	all := defaultCases(true)
	picked := sample(all)
	if len(picked) == 0 || len(picked) >= len(all) {
		t.Fatalf("%d of %d cases", len(picked), len(all))
	}
	for _, c := range all {
		for name, same := range map[string]func(testCase) bool{
			"suite and group": func(p testCase) bool { return p.suite == c.suite && p.group == c.group },
			"suite and key":   func(p testCase) bool { return p.suite == c.suite && p.key == c.key },
			"group and key":   func(p testCase) bool { return p.group == c.group && p.key == c.key },
			"retry":           func(p testCase) bool { return p.suite == c.suite && p.retry == c.retry },
		} {
			if !slices.ContainsFunc(picked, func(p testCase) bool { return p.version == c.version && same(p) }) {
				t.Errorf("no picked case has the %s of %v", name, c)
			}
		}
	}
}

func TestSettled(t *testing.T) {
	c := usual(iana.TLS13, false)
	c.scheme = iana.ECDSA_SECP256R1_SHA256
	good := handclasp.Info{Version: c.version, CipherSuite: c.suite, Group: c.group, ForwardSecrecy: true, SignatureScheme: c.scheme}
	if err := c.settled(good, 0); err != nil {
		t.Error(err)
	}
	for name, change := range map[string]func(*handclasp.Info){
		"version":         func(i *handclasp.Info) { i.Version = iana.TLS12 },
		"suite":           func(i *handclasp.Info) { i.CipherSuite = iana.TLS_AES_256_GCM_SHA384 },
		"group":           func(i *handclasp.Info) { i.Group = iana.Secp256r1 },
		"retry":           func(i *handclasp.Info) { i.Retried = true },
		"resumption":      func(i *handclasp.Info) { i.Resumed = true },
		"forward secrecy": func(i *handclasp.Info) { i.ForwardSecrecy = false },
		"scheme":          func(i *handclasp.Info) { i.SignatureScheme = iana.ED25519 },
		"client":          func(i *handclasp.Info) { i.ClientAuth = true },
	} {
		i := good
		if change(&i); c.settled(i, 0) == nil {
			t.Errorf("another %s goes unnoticed", name)
		}
	}
	for _, s := range []shape{limited, cut} {
		if c.shape = s; c.settled(good, 0) == nil {
			t.Errorf("no %v goes unnoticed", s)
		}
	}
	c = usual(iana.TLS10, false)
	c.mac = macLast
	old := handclasp.Info{Version: c.version, CipherSuite: c.suite, Group: c.group, ForwardSecrecy: true}
	if c.settled(old, 0) == nil {
		t.Error("no encrypt-then-MAC goes unnoticed")
	}
	c.mac, c.resume = macFirst, byTicket
	if err := c.settled(old, 0); err != nil {
		t.Error(err)
	}
	if c.settled(old, 1) == nil {
		t.Error("no resumption goes unnoticed")
	}
}

func TestSettledEarly(t *testing.T) {
	c := usual(iana.TLS13, true)
	c.resume, c.early = byTicket, replayed
	state := func(s flow.EarlyState) (i handclasp.Info) {
		i.EarlyData.State = s
		return i
	}
	for _, tt := range []struct {
		n    int
		i    handclasp.Info
		got  string
		good bool
	}{
		{0, state(flow.EarlyNone), "", true},
		{1, state(flow.EarlyAccepted), earlyWords, true},
		{1, state(flow.EarlyAccepted), "", false},
		{1, state(flow.EarlyRejected), "", false},
		{2, state(flow.EarlyRejected), "", true},
		{2, state(flow.EarlyRejected), earlyWords, false},
		{2, state(flow.EarlyAccepted), earlyWords, false},
	} {
		if err := c.settledEarly(tt.i, tt.n, []byte(tt.got)); (err == nil) != tt.good {
			t.Errorf("connection %d, 0-RTT %v, %q: %v", tt.n, tt.i.EarlyData.State, tt.got, err)
		}
	}
}

// A peer's name is found again, and what it is told has a name for every group
// that it is not said to lack.
func TestPeers(t *testing.T) {
	for _, p := range peers {
		chosen, err := choose(p.name)
		if err != nil || len(chosen) != 1 || chosen[0].name != p.name {
			t.Errorf("choose(%q): %d peers, %v", p.name, len(chosen), err)
		}
		some := slices.ContainsFunc(slices.Concat(all(false), all(true)), func(c testCase) bool { return p.can(c) == "" })
		if !some {
			t.Errorf("%s can do nothing", p.name)
		}
	}
	if all, err := choose(""); err != nil || len(all) != len(peers) {
		t.Errorf("%d peers, %v", len(all), err)
	}
	if _, err := choose("openssl,wolfsssl"); err == nil || !strings.Contains(err.Error(), `"wolfsssl"`) {
		t.Errorf("an unknown peer: %v", err)
	}
	if chosen, err := chooseAreas("PSK,close"); err != nil || len(chosen) != 2 || chosen[0].name != "PSK" {
		t.Errorf("areas PSK and close: %d, %v", len(chosen), err)
	}
}

// What programs are told of a case.
func TestWords(t *testing.T) {
	ccm := usual(iana.TLS12, false).with(suite.ByID(iana.TLS_DHE_RSA_WITH_AES_256_CCM_8))
	cbc := usual(iana.TLS10, false).with(suite.ByID(iana.TLS_RSA_PSK_WITH_AES_128_CBC_SHA))
	cbc.mac = macFirst
	for _, tt := range []struct{ name, got, want string }{
		{"gnutls, CCM", gnutlsPriority(ccm), "NONE:+VERS-TLS1.2:+COMP-NULL:+CTYPE-X509:+AES-256-CCM-8:+AEAD:+DHE-RSA:+GROUP-FFDHE2048:+SIGN-ALL"},
		{"gnutls, CBC", gnutlsPriority(cbc), "NONE:+VERS-TLS1.0:+COMP-NULL:+CTYPE-X509:+AES-128-CBC:+SHA1:+RSA-PSK:+SIGN-ALL:%NO_ETM"},
		{"gnutls, scheme", gnutlsScheme(iana.TLS13, iana.ECDSA_SECP384R1_SHA384), "SIGN-ECDSA-SECP384R1-SHA384"},
		{"gnutls, scheme of TLS 1.2", gnutlsScheme(iana.TLS12, iana.ECDSA_SECP384R1_SHA384), "SIGN-ECDSA-SHA384"},
		{"gnutls, RSA", gnutlsScheme(iana.TLS12, iana.RSA_PKCS1_SHA256), "SIGN-RSA-SHA256"},
		{"botan, CCM", botanCipher(ccm), "AES-256/CCM(8)"},
		{"botan, CBC", botanCipher(cbc), "AES-128"},
		{"openssl, CBC", opensslCipher(cbc), "RSA-PSK-AES128-CBC-SHA:@SECLEVEL=0"},
		{"openssl, default", opensslCipher(usual(iana.TLS12, false)), "ECDHE-ECDSA-AES128-GCM-SHA256"},
		{"groups", opensslGroups([]iana.Group{iana.X25519, iana.Secp521r1, iana.FFDHE3072}), "X25519:P-521:ffdhe3072"},
		{"version", protocol(iana.TLS10) + " " + protocol(iana.TLS13), "TLSv1 TLSv1.3"},
	} {
		if tt.got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, tt.got, tt.want)
		}
	}
}

// The pieces in which handshake messages travel: the plaintext ones byte by byte,
// whatever the pieces in which they come.
func TestSplitter(t *testing.T) {
	in := []byte{22, 3, 1, 0, 2, 'a', 'b', 20, 3, 3, 0, 1, 1, 22, 3, 3, 0, 2, 'c', 'd'}
	clear := []byte{22, 3, 1, 0, 1, 'a', 22, 3, 1, 0, 1, 'b', 20, 3, 3, 0, 1, 1}
	for v, want := range map[iana.Version][]byte{
		iana.TLS12: append(slices.Clone(clear), in[13:]...),
		iana.TLS13: append(slices.Clone(clear), 22, 3, 3, 0, 1, 'c', 22, 3, 3, 0, 1, 'd'),
	} {
		for size := 1; size <= len(in); size++ {
			s := splitter{version: v}
			var out []byte
			for piece := range slices.Chunk(in, size) {
				out = s.cut(out, piece)
			}
			if !bytes.Equal(out, want) {
				t.Errorf("%v, %d bytes at a time: % x", v, size, out)
			}
		}
	}
}

func TestRandom(t *testing.T) {
	for _, n := range []int{0, 1, 4001, 100_000} {
		b := random(n)
		if len(b) != n || n > 0 && b[n-1] != '\n' {
			t.Errorf("random(%d): %d bytes", n, len(b))
		}
	}
	if bytes.Equal(random(100), random(100)) {
		t.Error("twice the same")
	}
}

// A stub is a peer whose cases end as the test says.
func stub(play play) peer {
	return peer{
		name:    "stub",
		version: func(context.Context) (string, error) { return "stub 1", nil },
		can:     except([]lack{{postQuantum, "no hybrids"}}),
		open:    func(context.Context, *kit) (*player, error) { return &player{client: play}, nil },
	}
}

func TestSummary(t *testing.T) {
	broken := errors.New("it broke")
	gone := stub(nil)
	gone.version = func(context.Context) (string, error) { return "", errors.New("stub is not installed") }
	stuck := stub(nil)
	stuck.open = func(context.Context, *kit) (*player, error) { return nil, broken }
	everywhere := stub(nil)
	everywhere.everywhere = "stub-serv"
	tests := []struct {
		name string
		p    peer
		ci   bool
		fail bool
		want []string
	}{
		{"all pass", stub(func(context.Context, testCase) error { return nil }), false, false, []string{"client", "stub 1", "left out: no hybrids", " 0 failed"}},
		{"all fail", stub(func(context.Context, testCase) error { return broken }), false, true, []string{"FAIL  stub  our server", "it broke", "gave up after 4 failures in a row"}},
		{"not there", gone, false, false, []string{"skipped: stub is not installed"}},
		{"not there, in CI", gone, true, true, []string{"FAIL  stub: stub is not installed"}},
		{"does not start", stuck, false, true, []string{"FAIL  stub does not start: it broke"}},
		{"listens everywhere", everywhere, false, false, []string{"skipped: stub-serv listens on every interface"}},
		{"listens everywhere, in CI", everywhere, true, true, []string{"FAIL  stub: stub-serv listens on every interface"}},
	}
	for _, tt := range tests {
		var out strings.Builder
		r := runner{out: &out, ci: tt.ci, data: 100, areas: areas[:1]}
		if err := r.summary([]tally{r.peer(t.Context(), testFiles(t), tt.p)}, time.Second); (err != nil) != tt.fail {
			t.Errorf("%s: %v", tt.name, err)
		}
		for _, w := range tt.want {
			if !strings.Contains(out.String(), w) {
				t.Errorf("%s: no %q in:\n%s", tt.name, w, &out)
			}
		}
	}
}

// The way data goes is the same with each peer; here the peer is ourselves.
func TestTalks(t *testing.T) {
	f := testFiles(t)
	k := &kit{files: f, data: 50_000}
	c := usual(iana.TLS13, false)
	ctx, cancel := context.WithTimeout(t.Context(), caseWithin)
	defer cancel()
	if err := k.stdPlay(ctx, c); err != nil {
		t.Error("stream: ", err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	cfg, err := f.serverConfig(c)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() {
		raw, err := l.Accept()
		if err != nil {
			done <- err
			return
		}
		conn := handclasp.Server(raw, cfg)
		_, err = io.Copy(conn, conn)
		done <- errors.Join(err, conn.Close())
	}()
	at := func(port string) func() (net.Conn, error) {
		return func() (net.Conn, error) { return dial(ctx, port) }
	}
	if err := k.asClient(ctx, c, at(portOf(l)), farewell(echo(k.data))); err != nil {
		t.Error("echo: ", err)
		l.Close() // the peer may never have come
	}
	if err := <-done; err != nil {
		t.Error("echo, its other side: ", err)
	}
	page, err := newPosting(k.data)
	if err != nil {
		t.Fatal(err)
	}
	served := c
	served.server = true
	err = k.serveHTTP(ctx, served, func(url string) error {
		return k.asClient(ctx, c, at(strings.Trim(url[strings.LastIndexByte(url, ':')+1:], "/")), page.talk)
	})
	if err != nil {
		t.Error("page: ", err)
	}
}

// Each peer's troubles have names and causes of their own, and those that the docs
// promise come up.
func TestTroubles(t *testing.T) {
	found := map[string]bool{}
	for _, p := range peers {
		seen := map[string]bool{}
		for _, x := range p.troubles {
			if seen[x.what] {
				t.Errorf("%s: %q stands there twice", p.name, x.what)
			}
			seen[x.what], found[x.finds] = true, true
			if diagnose.CauseByID(x.finds) == nil {
				t.Errorf("%s, %s: there is no cause %q", p.name, x.what, x.finds)
			}
			if strings.HasPrefix(x.finds, "no-common-") && x.trigger == "" {
				t.Errorf("%s, %s: what would be in common?", p.name, x.what)
			}
		}
	}
	for _, id := range strings.Fields(`no-common-version no-common-suite no-common-group no-common-sigalg alpn-mismatch client-cert-required client-cert-wrong-ca
		client-cert-refused cert-expired cert-wrong-name cert-self-signed cert-unknown-issuer cert-missing-intermediate chain-reversed cert-weak-key cert-usage
		weak-parameters name-unknown sni-required plain-http proxy-protocol refuses-all no-certificate nothing-wrong`) {
		if !found[id] {
			t.Errorf("no peer's server has %s", id)
		}
	}
}

// Another cause, another trigger, too many connections: none of it passes.
func TestJudge(t *testing.T) {
	x := trouble{finds: "no-common-group", trigger: "group=secp521r1", notices: "costs a round trip"}
	report := func(change func(*diagnose.Report)) *diagnose.Report {
		r := &diagnose.Report{Findings: []diagnose.Finding{{Cause: diagnose.Cause{ID: x.finds}, Trigger: x.trigger}}, Noticed: []string{"It costs a round trip."}, Connections: most}
		change(r)
		return r
	}
	if err := x.judge(report(func(*diagnose.Report) {})); err != nil {
		t.Error(err)
	}
	for name, change := range map[string]func(*diagnose.Report){
		"no cause":      func(r *diagnose.Report) { r.Findings = nil },
		"another cause": func(r *diagnose.Report) { r.Findings[0].ID = "no-common-suite" },
		"one more":      func(r *diagnose.Report) { r.Findings = append(r.Findings, r.Findings[0]) },
		"trigger":       func(r *diagnose.Report) { r.Findings[0].Trigger += " & version=1.3" },
		"notice":        func(r *diagnose.Report) { r.Noticed = nil },
		"connections":   func(r *diagnose.Report) { r.Connections++ },
	} {
		if x.judge(report(change)) == nil {
			t.Errorf("%s: goes unnoticed", name)
		}
	}
}
