package main

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"runtime"
	"slices"

	"github.com/handclasp/handclasp/iana"
)

// crypto/tls runs in this process.

var stdCan = except([]lack{
	{func(c testCase) bool { return !stdSuite(c.suite) }, "crypto/tls does not have the suite"},
	{func(c testCase) bool { return finite(c) || ownDH(c) }, "crypto/tls has no finite-field groups"},
	{groups(iana.MLKEM768, iana.MLKEM1024), "crypto/tls has ML-KEM in hybrids alone"},
	{shapedAs(limited, cut), "crypto/tls has neither record_size_limit nor max_fragment_length"},
	{macsLast, "crypto/tls has no encrypt-then-MAC"},
	{func(c testCase) bool { return c.psk || c.alone }, "crypto/tls has neither external pre-shared keys nor psk_ke"},
	{func(c testCase) bool { return c.resume == byID }, "crypto/tls resumes by ticket alone"},
	{usesEarly, "crypto/tls has 0-RTT for QUIC alone"},
	{func(c testCase) bool { return c.then == rekeyPeer }, "crypto/tls sends KeyUpdate only when it is asked to"},
	{func(c testCase) bool { return c.then.later() }, "crypto/tls has no post-handshake authentication, and as a server no renegotiation"},
	{as(peerServes, func(c testCase) bool { return c.scheme == iana.ECDSA_SHA1 }), "crypto/tls signs nothing with SHA-1 and ECDSA"},
})

func stdSuite(id iana.CipherSuite) bool {
	has := func(s *tls.CipherSuite) bool { return s.ID == uint16(id) }
	return slices.ContainsFunc(tls.CipherSuites(), has) || slices.ContainsFunc(tls.InsecureCipherSuites(), has)
}

func stdVersion(context.Context) (string, error) { return runtime.Version(), nil }

func stdOpen(_ context.Context, k *kit) (*player, error) {
	return &player{client: k.stdPlay, server: k.stdPlay}, nil
}

func (k *kit) stdPlay(ctx context.Context, c testCase) error {
	l, err := listen(ctx)
	if err != nil {
		return err
	}
	defer l.Close()
	e, err := k.end(c)
	if err != nil {
		return err
	}
	cfg := k.stdConfig(c)
	for range c.rounds() {
		dialled, err := dial(ctx, portOf(l))
		if err != nil {
			return err
		}
		accepted, err := l.Accept()
		if err != nil {
			return errors.Join(err, dialled.Close())
		}
		if c.server {
			err = k.stdMeets(ctx, e, accepted, tls.Client(dialled, cfg))
		} else {
			err = k.stdMeets(ctx, e, dialled, tls.Server(accepted, cfg))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// stdMeets is one connection.
func (k *kit) stdMeets(ctx context.Context, e *end, raw net.Conn, theirs *tls.Conn) error {
	t := stream(theirs, k.amount(e.c))
	switch e.c.then {
	case closeUs:
		go func() { io.Copy(theirs, theirs); theirs.Close() }()
		t = answered(k.amount(e.c))
	case closePeer:
		t = func(o *ours) error {
			if err := theirs.HandshakeContext(ctx); err != nil {
				return err
			}
			return closedFirst(theirs, k.amount(e.c))(o)
		}
	}
	done := make(chan error, 1)
	go func() { done <- theirs.HandshakeContext(ctx) }()
	err := e.meet(ctx, raw, acted(ctx, t))
	theirs.Close()
	if theirErr := <-done; !e.c.mutual.refused() {
		err = errors.Join(err, theirErr)
	}
	return err
}

func (k *kit) stdConfig(c testCase) *tls.Config {
	cfg := &tls.Config{
		MinVersion: uint16(c.version), MaxVersion: uint16(c.version), ServerName: "localhost", RootCAs: k.files.roots,
		Certificates: []tls.Certificate{k.stdCertificate(c)},
		ClientAuth:   tls.ClientAuthType(c.mutual.policy), ClientCAs: k.files.roots, // the policies have the same numbers
		ClientSessionCache: tls.NewLRUClientSessionCache(1),
	}
	if c.server && !c.mutual.proves() {
		cfg.Certificates = nil
	}
	if c.version < iana.TLS13 {
		cfg.CipherSuites = []uint16{uint16(c.suite)} // those of TLS 1.3 can't be chosen
	}
	if c.retry && c.server {
		return cfg // its first shares are for X25519MLKEM768 and X25519
	}
	for _, g := range c.theirs() {
		cfg.CurvePreferences = append(cfg.CurvePreferences, tls.CurveID(g))
	}
	return cfg
}

// stdCertificate is the peer's certificate, which signs as the case says.
func (k *kit) stdCertificate(c testCase) tls.Certificate {
	key := c.key
	if c.server {
		key = c.mutual.shows
	}
	cert := k.files.id(key, c.chain).std
	for _, s := range c.signing() {
		cert.SupportedSignatureAlgorithms = append(cert.SupportedSignatureAlgorithms, tls.SignatureScheme(s))
	}
	return cert
}
