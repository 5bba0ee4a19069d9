package main

import (
	"context"
	"crypto/tls"
	"errors"
	"runtime"

	"github.com/handclasp/handclasp"
	"github.com/handclasp/handclasp/iana"
)

// crypto/tls runs in this process.

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
	dialled, err := dial(ctx, portOf(l))
	if err != nil {
		return err
	}
	defer dialled.Close()
	accepted, err := l.Accept()
	if err != nil {
		return err
	}
	defer accepted.Close()
	ours, theirs := handclasp.Client(dialled, k.files.clientConfig(c)), tls.Server(accepted, k.stdConfig(c))
	if c.server {
		ours, theirs = handclasp.Server(accepted, k.files.serverConfig(c)), tls.Client(dialled, k.stdConfig(c))
	}
	done := make(chan error, 1)
	go func() { done <- theirs.HandshakeContext(ctx) }()
	err = finish(ctx, c, ours, stream(theirs, k.data))
	theirs.Close()
	if theirErr := <-done; !c.mutual.refused() {
		err = errors.Join(err, theirErr)
	}
	return err
}

func (k *kit) stdConfig(c testCase) *tls.Config {
	cfg := &tls.Config{
		MinVersion: uint16(c.version), MaxVersion: uint16(c.version), ServerName: "localhost", RootCAs: k.files.roots,
		Certificates: []tls.Certificate{k.files.ids[c.key].std},
		ClientAuth:   tls.ClientAuthType(c.mutual.policy), ClientCAs: k.files.roots, // the policies have the same numbers
	}
	if c.server {
		cfg.Certificates = nil
		if c.mutual.proves() {
			cfg.Certificates = []tls.Certificate{k.files.ids[c.mutual.shows].std}
		}
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
