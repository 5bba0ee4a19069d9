package diagnose_test

import (
	"bytes"
	"slices"
	"testing"

	"github.com/handclasp/handclasp"
	"github.com/handclasp/handclasp/diagnose"
	"github.com/handclasp/handclasp/iana"
	"github.com/handclasp/handclasp/internal/clients"
	"github.com/handclasp/handclasp/internal/lab"
	"github.com/handclasp/handclasp/internal/wire"
)

// decoded is a hello in its fields.
func decoded(t *testing.T, msg []byte) *wire.ClientHello {
	t.Helper()
	h := new(wire.ClientHello)
	if err := wire.Decode(msg, h); err != nil {
		t.Fatal(err)
	}
	return h
}

// blank takes out of a hello what is to be fresh, GREASE included.
func blank(t *testing.T, h *wire.ClientHello) []byte {
	t.Helper()
	clear(h.Random[:])
	clear(h.SessionID)
	for i, s := range h.KeyShares {
		h.KeyShares[i].Key = make([]byte, len(s.Key))
	}
	codes := func(in []uint16) (out []uint16) {
		for _, c := range in {
			if iana.IsGREASE(c) {
				c = 0x0a0a
			}
			out = append(out, c)
		}
		return out
	}
	h.CipherSuites = wire.MakeList16(as[iana.CipherSuite](codes(as[uint16](h.CipherSuites.Slice())))...)
	h.Groups = wire.MakeList16(as[iana.Group](codes(as[uint16](h.Groups.Slice())))...)
	h.SupportedVersions = wire.MakeList16(as[iana.Version](codes(as[uint16](h.SupportedVersions.Slice())))...)
	h.SignatureSchemes = wire.MakeList16(as[iana.SignatureScheme](codes(as[uint16](h.SignatureSchemes.Slice())))...)
	for i, s := range h.KeyShares {
		h.KeyShares[i].Group = iana.Group(codes([]uint16{uint16(s.Group)})[0])
	}
	out, err := wire.Append(nil, h)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func as[T, S ~uint16](in []S) (out []T) {
	for _, v := range in {
		out = append(out, T(v))
	}
	return out
}

// TestAsIs: a client's recorded hello goes out byte for byte, but for what must be
// fresh and the server's name.
func TestAsIs(t *testing.T) {
	for _, name := range clients.Names {
		c, err := clients.Find(name)
		if err != nil {
			t.Fatal(err)
		}
		const host = "server.example.com" // as it was recorded
		sent := seen(t, diagnose.Options{As: name, Client: &handclasp.ClientConfig{ServerName: host}, MaxConnections: 1})
		fresh := decoded(t, sent)
		was := decoded(t, c.Hello)
		if bytes.Equal(fresh.Random[:], was.Random[:]) || len(was.SessionID) > 0 && bytes.Equal(fresh.SessionID, was.SessionID) {
			t.Errorf("%s: an old random or session ID", name)
		}
		for i, s := range was.KeyShares {
			if !iana.IsGREASE(uint16(s.Group)) && bytes.Equal(fresh.KeyShares[i].Key, s.Key) {
				t.Errorf("%s: an old share of %v", name, s.Group)
			}
		}
		if a, b := blank(t, was), blank(t, fresh); !bytes.Equal(a, b) {
			t.Errorf("%s sends\n%x\ninstead of\n%x", name, b, a)
		}
	}
}

// TestAsName: the server's name stands in the hello as each client has it.
func TestAsName(t *testing.T) {
	for _, tt := range []struct {
		as, host, want string
	}{
		{"curl", "example.org", "example.org"}, {"curl", "localhost", "localhost"}, {"curl", "example.org.", "example.org"},
		{"java", "example.org", "example.org"}, {"java", "localhost", ""}, {"java", "example.org.", ""},
		{"chromium", "localhost", "localhost"}, {"openssl", "127.0.0.1", ""}, {"python", "::1", ""},
	} {
		h := decoded(t, seen(t, diagnose.Options{As: tt.as, Client: &handclasp.ClientConfig{ServerName: tt.host}, MaxConnections: 1}))
		if string(h.ServerName) != tt.want || h.Extensions.Has(iana.ExtServerName) != (tt.want != "") {
			t.Errorf("%s for %s: %q", tt.as, tt.host, h.ServerName)
		}
	}
	padded := seen(t, diagnose.Options{As: "curl", Client: &handclasp.ClientConfig{ServerName: "a.example"}, MaxConnections: 1})
	if len(padded) != 512 {
		t.Errorf("a padded hello has %d bytes", len(padded))
	}
}

// TestStale: what belongs to an earlier connection is left out.
func TestStale(t *testing.T) {
	c, err := clients.Find("openssl")
	if err != nil {
		t.Fatal(err)
	}
	h := decoded(t, c.Hello)
	h.Ticket = []byte("of another day")
	h.Extensions.Add(iana.ExtEarlyData)
	h.Cookie = []byte("of another server")
	h.Extensions.Add(iana.ExtCookie)
	old, err := wire.Append(nil, h)
	if err != nil {
		t.Fatal(err)
	}
	got := decoded(t, seen(t, diagnose.Options{Hello: old, MaxConnections: 1}))
	if len(got.Ticket) > 0 || got.Extensions.Has(iana.ExtEarlyData) || got.Extensions.Has(iana.ExtCookie) || !got.Extensions.Has(iana.ExtSessionTicket) {
		t.Errorf("%v %q", got.Extensions.Types(), got.Ticket)
	}
}

// TestAs: each client's handshake is completed, with either version and a retry,
// and what its hello lacks or has too much is found.
func TestAs(t *testing.T) {
	for _, name := range clients.Names {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			want := map[string]string{
				"good": "nothing-wrong", "only-tls12": "nothing-wrong", "retry": "nothing-wrong", "expired": "cert-expired", "resets-if version=1.3": "hello-content",
				"h2-only": "nothing-wrong", "rsa-only": "nothing-wrong", "client-cert-required-13": "client-cert-required",
			}
			switch name {
			case "java": // sends no name without a dot
				want["sni-default"] = "sni-required"
			case "go":
				want["rsa-only"] = "no-common-suite"
			case "python":
				want["rsa-only"], want["h2-only"] = "no-common-suite", "alpn-mismatch"
			case "chromium":
				want["resets-if grease & extension=compress_certificate"] = "hello-content"
				want["resets-if extension=encrypted_client_hello"] = "hello-content"
			}
			for server, cause := range want {
				c, err := lab.Find(server)
				if err != nil {
					t.Fatal(err)
				}
				r := examine(t, c, func(o *diagnose.Options) {
					o.As = name
					if server == "sni-default" {
						o.Client.ServerName = "localhost"
					}
				})
				if found(r) != cause {
					t.Errorf("%s: want %s\n%s", server, cause, tell(r))
				}
				if _, condition, ok := bytes.Cut([]byte(server), []byte("-if ")); ok && !slices.ContainsFunc(r.Findings, func(f diagnose.Finding) bool { return len(f.Trigger) == len(condition) }) {
					t.Errorf("%s: %s", server, tell(r))
				}
			}
		})
	}
	if _, err := diagnose.Run(t.Context(), diagnose.Options{Host: "127.0.0.1", Port: "1", As: "netscape"}); err == nil {
		t.Error("a client that there is no recording of")
	}
}
