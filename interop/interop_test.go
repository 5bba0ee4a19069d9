package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/handclasp/handclasp"
	"github.com/handclasp/handclasp/iana"
	"github.com/handclasp/handclasp/internal/kex"
	"github.com/handclasp/handclasp/internal/pki"
	"github.com/handclasp/handclasp/internal/suite"
)

// Every suite, group and certificate type comes up in both roles, each case once.
func TestAllCases(t *testing.T) {
	for _, server := range []bool{false, true} {
		cases := allCases(server)
		for i, c := range cases {
			if slices.Contains(cases[:i], c) {
				t.Errorf("%v stands there twice", c)
			}
			if c.server != server || !c.exists() || !slices.Contains(underTest(), c.version) || !suite.ByID(c.suite).For(c.version) {
				t.Errorf("%v is no case", c)
			}
		}
		for _, v := range underTest() {
			for _, s := range suite.Defaults() {
				has := slices.ContainsFunc(cases, func(c testCase) bool { return c.version == v && c.suite == s.ID })
				if has != s.For(v) {
					t.Errorf("%v, %v: in the cases: %v", v, s.ID, has)
				}
			}
		}
		for _, g := range kex.Groups() {
			if !slices.ContainsFunc(cases, func(c testCase) bool { return c.group == g }) {
				t.Errorf("no case has %v", g)
			}
		}
		for _, k := range keyKinds {
			if !slices.ContainsFunc(cases, func(c testCase) bool { return c.key == k }) {
				t.Errorf("no case has %v", k)
			}
		}
	}
}

// Every policy comes up with every kind of client certificate and without one,
// in each version, and nothing of it in the other cases.
func TestMutualCases(t *testing.T) {
	for _, server := range []bool{false, true} {
		cases := mutualCases(server)
		if want := len(underTest()) * 4 * (len(keyKinds) + 1); len(cases) != want {
			t.Errorf("%d cases, want %d", len(cases), want)
		}
		for i, c := range cases {
			if slices.Contains(cases[:i], c) || !c.exists() || c.server != server || !c.mutual.asked() || c.mutual.String() == "" {
				t.Errorf("%v is no case", c)
			}
		}
		for _, c := range allCases(server) {
			if c.mutual != (mutual{}) || c.mutual.asked() || c.mutual.String() != "" {
				t.Errorf("%v asks the client", c)
			}
		}
	}
	p384 := testCase{version: iana.TLS12, group: iana.X25519, key: pki.P256, mutual: mutual{policy: handclasp.RequireAnyClientCert, shows: pki.P384}}
	if got := p384.theirs(); !slices.Equal(got, []iana.Group{iana.X25519, iana.Secp256r1, iana.Secp384r1}) {
		t.Errorf("with P-384 of the client the groups are %v", got)
	}
}

func TestGroups(t *testing.T) {
	retry := testCase{version: iana.TLS13, group: iana.Secp384r1, retry: true}
	retried := retry
	retried.server = true
	tests := []struct {
		name            string
		c               testCase
		offered, theirs []iana.Group
	}{
		{"TLS 1.3", testCase{version: iana.TLS13, group: iana.X25519, key: pki.P384}, []iana.Group{iana.X25519}, []iana.Group{iana.X25519}},
		{"TLS 1.2, the certificate on another curve", testCase{version: iana.TLS12, group: iana.X25519, key: pki.P384},
			[]iana.Group{iana.X25519, iana.Secp384r1}, []iana.Group{iana.X25519, iana.Secp384r1}},
		{"TLS 1.2, the certificate on the same curve", testCase{version: iana.TLS12, group: iana.Secp384r1, key: pki.P384}, []iana.Group{iana.Secp384r1}, []iana.Group{iana.Secp384r1}},
		{"TLS 1.2, RSA", testCase{version: iana.TLS12, group: iana.Secp384r1, key: pki.RSA2048}, []iana.Group{iana.Secp384r1}, []iana.Group{iana.Secp384r1}},
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
	all := allCases(true)
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
	c := testCase{version: iana.TLS13, suite: iana.TLS_AES_128_GCM_SHA256, group: iana.X25519}
	good := handclasp.Info{Version: c.version, CipherSuite: c.suite, Group: c.group}
	if err := c.settled(good); err != nil {
		t.Error(err)
	}
	for name, change := range map[string]func(*handclasp.Info){
		"version": func(i *handclasp.Info) { i.Version = iana.TLS12 },
		"suite":   func(i *handclasp.Info) { i.CipherSuite = iana.TLS_AES_256_GCM_SHA384 },
		"group":   func(i *handclasp.Info) { i.Group = iana.Secp256r1 },
		"retry":   func(i *handclasp.Info) { i.Retried = true },
	} {
		i := good
		if change(&i); c.settled(i) == nil {
			t.Errorf("another %s goes unnoticed", name)
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
		for _, c := range slices.Concat(allCases(false), allCases(true)) {
			if p.name != "crypto/tls" && p.name != "chromium" && p.can(c) == "" && slices.Contains(strings.Split(opensslGroups(c.theirs()), ":"), "") {
				t.Errorf("%s: no name for a group of %v", p.name, c)
			}
		}
	}
	if all, err := choose(""); err != nil || len(all) != len(peers) {
		t.Errorf("%d peers, %v", len(all), err)
	}
	if _, err := choose("openssl,wolfsssl"); err == nil || !strings.Contains(err.Error(), `"wolfsssl"`) {
		t.Errorf("an unknown peer: %v", err)
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
		can:     except(lacks{groups: hybrids, why: "no hybrids"}),
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
		{"all fail", stub(func(context.Context, testCase) error { return broken }), false, true, []string{"FAIL  stub  our server", "it broke", "gave up after 8 failures in a row"}},
		{"not there", gone, false, false, []string{"skipped: stub is not installed"}},
		{"not there, in CI", gone, true, true, []string{"FAIL  stub: stub is not installed"}},
		{"does not start", stuck, false, true, []string{"FAIL  stub does not start: it broke"}},
		{"listens everywhere", everywhere, false, false, []string{"skipped: stub-serv listens on every interface"}},
		{"listens everywhere, in CI", everywhere, true, true, []string{"FAIL  stub: stub-serv listens on every interface"}},
	}
	for _, tt := range tests {
		var out strings.Builder
		r := runner{out: &out, ci: tt.ci, data: 100}
		if err := r.summary([]tally{r.peer(t.Context(), nil, tt.p)}, time.Second); (err != nil) != tt.fail {
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
	f, err := newFiles()
	if err != nil {
		t.Fatal(err)
	}
	k := &kit{files: f, data: 50_000}
	defer os.RemoveAll(f.dir)
	c := testCase{version: iana.TLS13, suite: iana.TLS_AES_128_GCM_SHA256, group: iana.X25519, key: pki.P256}
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
	done := make(chan error, 1)
	go func() {
		raw, err := l.Accept()
		if err != nil {
			done <- err
			return
		}
		conn := handclasp.Server(raw, f.serverConfig(c))
		_, err = io.Copy(conn, conn)
		done <- errors.Join(err, conn.Close())
	}()
	if err := k.asClient(ctx, c, portOf(l), farewell(echo(k.data))); err != nil {
		t.Error("echo: ", err)
	}
	if err := <-done; err != nil {
		t.Error("echo, its other side: ", err)
	}
	err = k.serveHTTP(ctx, c, func(url string) error {
		return k.asClient(ctx, c, strings.Trim(url[strings.LastIndexByte(url, ':')+1:], "/"), post)
	})
	if err != nil {
		t.Error("page: ", err)
	}
}
