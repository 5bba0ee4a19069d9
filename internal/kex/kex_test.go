package kex

import (
	"bytes"
	"crypto/ecdh"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"io"
	"testing"

	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/iana"
)

// Lengths in bytes as the RFCs give them, by hand and not from the table.
var lengths = []struct {
	group                  iana.Group
	client, server, secret int
}{
	{iana.X25519MLKEM768, 1216, 1120, 64},
	{iana.X25519, 32, 32, 32},
	{iana.Secp256r1, 65, 65, 32},
	{iana.Secp384r1, 97, 97, 48},
	{iana.Secp521r1, 133, 133, 66},
	{iana.SecP256r1MLKEM768, 1249, 1153, 64},
	{iana.SecP384r1MLKEM1024, 1665, 1665, 80},

	// Only where they are named.
	{iana.MLKEM768, 1184, 1088, 32},
	{iana.MLKEM1024, 1568, 1568, 32},
}

func TestGroups(t *testing.T) {
	ids := append(Groups(), iana.MLKEM768, iana.MLKEM1024)
	if len(ids) != len(lengths) {
		t.Fatalf("%d groups, want %d", len(ids), len(lengths))
	}
	for i, l := range lengths {
		if ids[i] != l.group || !Supported(l.group) {
			t.Errorf("group %d is %v, want %v", i, ids[i], l.group)
		}
		row, err := find(l.group)
		if err != nil {
			t.Fatal(err)
		}
		if c, s := row.shareLen(fault.Client), row.shareLen(fault.Server); c != l.client || s != l.server {
			t.Errorf("%v: shares of %d and %d bytes, want %d and %d", l.group, c, s, l.client, l.server)
		}
		if mlkem := l.client > 1000; PostQuantum(l.group) != mlkem { // no curve's share is as long
			t.Errorf("%v: PostQuantum is not %v", l.group, mlkem)
		}
	}
	if Supported(iana.X448) || PostQuantum(iana.X448) {
		t.Error("X448 is supported")
	}
}

func TestAgreement(t *testing.T) {
	for _, l := range lengths {
		t.Run(name(l.group), func(t *testing.T) {
			for range 4 {
				client := generate(t, l.group)
				share, server, err := Respond(l.group, rand.Reader, client.Public())
				if err != nil {
					t.Fatal(err)
				}
				secret, err := client.Shared(share)
				if err != nil {
					t.Fatal(err)
				}
				if client.Group() != l.group || len(client.Public()) != l.client || len(share) != l.server || len(secret) != l.secret {
					t.Errorf("lengths %d, %d, %d; want %d, %d, %d", len(client.Public()), len(share), len(secret), l.client, l.server, l.secret)
				}
				if !bytes.Equal(secret, server) {
					t.Error("the two sides disagree")
				}
			}
		})
	}
}

// Each part of a hybrid secret stands where the RFC puts it: the same private
// key alone gives the same bytes.
func TestHybridOrder(t *testing.T) {
	for _, c := range []struct {
		hybrid, alone iana.Group
		first         bool // the curve comes first
		scalar        int
	}{
		{iana.X25519MLKEM768, iana.X25519, false, 32},
		{iana.SecP256r1MLKEM768, iana.Secp256r1, true, 32},
		{iana.SecP384r1MLKEM1024, iana.Secp384r1, true, 48},
	} {
		seed, scalar := bytes.Repeat([]byte{3}, 64), bytes.Repeat([]byte{5}, c.scalar)
		order := append(bytes.Clone(seed), scalar...)
		if c.first {
			order = append(bytes.Clone(scalar), seed...)
		}
		hybrid, err := Generate(c.hybrid, bytes.NewReader(order))
		if err != nil {
			t.Fatal(err)
		}
		alone, err := Generate(c.alone, bytes.NewReader(scalar))
		if err != nil {
			t.Fatal(err)
		}
		part := func(whole []byte, n int) []byte {
			if c.first {
				return whole[:n]
			}
			return whole[len(whole)-n:]
		}
		n := len(alone.Public())
		if !bytes.Equal(part(hybrid.Public(), n), alone.Public()) {
			t.Errorf("%v: the curve's share is not where it belongs", c.hybrid)
		}
		share, _, err := Respond(c.hybrid, rand.Reader, hybrid.Public())
		if err != nil {
			t.Fatal(err)
		}
		both, err := hybrid.Shared(share)
		if err != nil {
			t.Fatal(err)
		}
		one, err := alone.Shared(part(share, n))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(part(both, len(one)), one) {
			t.Errorf("%v: the curve's secret is not where it belongs", c.hybrid)
		}
	}
}

// RFC 8448, Sections 3 (X25519) and 5 (P-256): private keys from the reader
// give the recorded shares and secrets.
func TestRFC8448(t *testing.T) {
	for _, c := range []struct {
		group                                iana.Group
		private, public, peer, peerS, secret string
	}{
		{iana.X25519,
			"49af42ba7f7994852d713ef2784bcbcaa7911de26adc5642cb634540e7ea5005",
			"99381de560e4bd43d23d8e435a7dbafeb3c06e51c13cae4d5413691e529aaf2c",
			"c9828876112095fe66762bdbf7c672e156d6cc253b833df1dd69b1b04e751f0f",
			"b1580eeadf6dd589b8ef4f2d5652578cc810e9980191ec8d058308cea216a21e",
			"8bd4054fb55b9d63fdfbacf9f04b9f0d35e6d63f537563efd46272900f89492d"},
		{iana.Secp256r1,
			"ab5473467e19346ceb0a0414e41da21d4d2445bc3025afe97c4e8dc8d513da39",
			"04a6da7392ec591e17abfd535964b99894d13befb221b3def2ebe3830eac8f0151812677c4d6d2237e85cf01d6910cfb83954e76ba7352830534159897e8065780",
			"04583e054b7a66672ae020ad9d2686fcc85b5ad41a134a0f03ee72b893052bd85b4c8de6776f5b04ac07d83540eab3e3d9c547bc6528c4317d294686093a6cad7d",
			"8c510601f9765bfb8ed693449a48989859b5cfa879cb9f5443c41c5ff10634ed",
			"c142ce13ca11b5c2233652e63ad3d97844f1621fbfb9de69d547dc8fedeabeb4"},
	} {
		client, err := Generate(c.group, bytes.NewReader(unhex(c.private)))
		if err != nil {
			t.Fatal(err)
		}
		if got := hex.EncodeToString(client.Public()); got != c.public {
			t.Errorf("%v: share\n got %s\nwant %s", c.group, got, c.public)
		}
		share, secret, err := Respond(c.group, bytes.NewReader(unhex(c.peerS)), client.Public())
		if err != nil {
			t.Fatal(err)
		}
		if hex.EncodeToString(share) != c.peer || hex.EncodeToString(secret) != c.secret {
			t.Errorf("%v: server gives share %x and secret %x", c.group, share, secret)
		}
		if secret, err = client.Shared(unhex(c.peer)); err != nil || hex.EncodeToString(secret) != c.secret {
			t.Errorf("%v: client gives secret %x, %v", c.group, secret, err)
		}
	}
}

func TestSharedOnce(t *testing.T) {
	client := generate(t, iana.X25519)
	share, _, err := Respond(iana.X25519, rand.Reader, client.Public())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.Shared(share); err != nil {
		t.Fatal(err)
	}
	if _, err := client.Shared(share); !errors.Is(err, fault.KexReuse) {
		t.Errorf("second use: %v", err)
	}
}

func TestBadShares(t *testing.T) {
	short := func(b []byte) []byte { return b[:len(b)-1] }
	long := func(b []byte) []byte { return append(b, 0) }
	empty := func([]byte) []byte { return nil }
	set := func(at int, v byte) func([]byte) []byte {
		return func(b []byte) []byte { b[at] = v; return b }
	}
	fill := func(from, to int, v byte) func([]byte) []byte {
		return func(b []byte) []byte {
			for i := range b[from:to] {
				b[from+i] = v
			}
			return b
		}
	}
	for _, c := range []struct {
		name           string
		group          iana.Group
		bad            func([]byte) []byte
		server, client *fault.Rule // what Respond and Shared say
	}{
		{"short", iana.X25519, short, fault.KexShareLength, fault.KexShareLength},
		{"long", iana.Secp384r1, long, fault.KexShareLength, fault.KexShareLength},
		{"empty", iana.X25519MLKEM768, empty, fault.KexShareLength, fault.KexShareLength},
		{"short hybrid", iana.SecP256r1MLKEM768, short, fault.KexShareLength, fault.KexShareLength},
		{"compressed", iana.Secp256r1, func(b []byte) []byte { b[0] = 2; return b[:33] }, fault.KexShareLength, fault.KexShareLength},
		{"compressed form, full length", iana.Secp256r1, set(0, 2), fault.KexPointInvalid, fault.KexPointInvalid},
		{"hybrid form", iana.Secp384r1, set(0, 6), fault.KexPointInvalid, fault.KexPointInvalid},
		{"infinity", iana.Secp521r1, fill(0, 133, 0), fault.KexPointInvalid, fault.KexPointInvalid},
		{"coordinate beyond p", iana.Secp256r1, fill(1, 65, 0xff), fault.KexPointInvalid, fault.KexPointInvalid},
		{"off the curve", iana.SecP384r1MLKEM1024, fill(1, 97, 1), fault.KexPointInvalid, fault.KexPointInvalid},
		{"zero", iana.X25519, fill(0, 32, 0), fault.KexZeroSecret, fault.KexZeroSecret},
		{"ML-KEM modulus", iana.SecP256r1MLKEM768, fill(65, 68, 0xff), fault.KexMLKEMKeyInvalid, nil},
		{"ML-KEM-1024 modulus", iana.SecP384r1MLKEM1024, fill(97, 100, 0xff), fault.KexMLKEMKeyInvalid, nil},
		{"ML-KEM modulus, first", iana.X25519MLKEM768, fill(0, 3, 0xff), fault.KexMLKEMKeyInvalid, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			share := c.bad(bytes.Clone(generate(t, c.group).Public()))
			if _, _, err := Respond(c.group, rand.Reader, share); !errors.Is(err, c.server) {
				t.Errorf("Respond: %v, want %v", err, c.server)
			}
			client := generate(t, c.group)
			share, _, err := Respond(c.group, rand.Reader, client.Public())
			if err != nil {
				t.Fatal(err)
			}
			_, err = client.Shared(c.bad(share))
			if c.client == nil && err == nil { // implicit rejection: no error, another secret
				return
			}
			if !errors.Is(err, c.client) {
				t.Errorf("Shared: %v, want %v", err, c.client)
			}
		})
	}
}

// A hybrid whose curve half is degenerate is refused although ML-KEM holds.
func TestZeroInHybrid(t *testing.T) {
	share := bytes.Clone(generate(t, iana.X25519MLKEM768).Public())
	clear(share[1184:])
	if _, _, err := Respond(iana.X25519MLKEM768, rand.Reader, share); !errors.Is(err, fault.KexZeroSecret) {
		t.Errorf("got %v", err)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func TestBadRandom(t *testing.T) {
	for _, g := range Groups() {
		if _, err := Generate(g, bytes.NewReader(nil)); !errors.Is(err, fault.KexRandom) || !errors.Is(err, io.EOF) {
			t.Errorf("%v: Generate from an empty source: %v", g, err)
		}
	}
	share := generate(t, iana.Secp256r1).Public()
	if _, _, err := Respond(iana.Secp256r1, zeros{}, share); !errors.Is(err, fault.KexRandom) {
		t.Errorf("a source of zeros: %v", err)
	}
}

// A scalar out of range is drawn again and the next one taken, as the reader's
// order promises.
func TestRejectionSampling(t *testing.T) {
	scalar := bytes.Repeat([]byte{1}, 32)
	source := append(bytes.Repeat([]byte{0xff}, 32), scalar...)
	drawn, err := Generate(iana.Secp256r1, bytes.NewReader(source))
	if err != nil {
		t.Fatal(err)
	}
	want, err := ecdh.P256().NewPrivateKey(scalar)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(drawn.Public(), want.PublicKey().Bytes()) {
		t.Error("not the second draw")
	}
}

func TestUnsupported(t *testing.T) {
	if _, err := Generate(iana.X448, rand.Reader); !errors.Is(err, fault.KexGroupUnsupported) {
		t.Errorf("Generate: %v", err)
	}
	if _, _, err := Respond(iana.X448, rand.Reader, nil); !errors.Is(err, fault.KexGroupUnsupported) {
		t.Errorf("Respond: %v", err)
	}
}

func generate(t *testing.T, g iana.Group) *Private {
	t.Helper()
	p, err := Generate(g, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return p
}
