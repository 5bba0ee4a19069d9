package main

import (
	"crypto/x509"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/pflag"

	"github.com/handclasp/handclasp"
	"github.com/handclasp/handclasp/fault"
)

// files reads what --cert and --key name, and has each change of them, or what is
// wrong with it, told in a line.
func (s *serve) files(log *lines) ([]*handclasp.CertificateFiles, error) {
	list, err := s.pairs.files()
	for i, files := range list {
		cert, key := s.certs[i], s.keys[i]
		files.OnReload = func(err error) { log.printf("handclasp: %s", reloaded(err, cert, key)) }
	}
	return list, err
}

// pairs are the flags that name certificates and their keys.
type pairs struct{ certs, keys []string }

func (p *pairs) declare(f *pflag.FlagSet, use string) {
	f.StringArrayVar(&p.certs, "cert", nil, use+" in `FILE` (PEM, leaf first); repeatable")
	f.StringArrayVar(&p.keys, "key", nil, "key in `FILE` (PEM) of the --cert at the same place")
}

func (p *pairs) check() error {
	if len(p.certs) != len(p.keys) {
		return &usageError{fmt.Sprintf("--cert is given %d times and --key %d times.", len(p.certs), len(p.keys)), "Give each certificate its key: --cert FILE --key FILE."}
	}
	return nil
}

// files reads the pairs.
func (p *pairs) files() (list []*handclasp.CertificateFiles, err error) {
	for i, cert := range p.certs {
		key := p.keys[i]
		for _, f := range []struct{ flag, file string }{{"--cert", cert}, {"--key", key}} {
			if _, err := os.Stat(f.file); err != nil {
				return nil, fileError(f.flag, f.file, err)
			}
		}
		files, err := handclasp.NewCertificateFiles(cert, key)
		if err != nil {
			return nil, ofFiles(err, cert, key)
		}
		list = append(list, files)
	}
	return list, nil
}

// authorities reads the files of a flag that names whom to trust; nil if there
// are none.
func authorities(flag string, files []string) (pool *x509.CertPool, err error) {
	for _, file := range files {
		pem, err := os.ReadFile(file)
		if err != nil {
			return nil, fileError(flag, file, err)
		}
		if pool == nil {
			pool = x509.NewCertPool()
		}
		if !pool.AppendCertsFromPEM(pem) {
			return nil, &usageError{fmt.Sprintf("The file %s of %s holds no certificate.", quote(file), flag),
				"Give a PEM file that begins with -----BEGIN CERTIFICATE-----; convert DER with 'openssl x509 -inform der -in FILE'."}
		}
	}
	return pool, nil
}

// reloaded says what became of files that changed.
func reloaded(err error, cert, key string) string {
	if err == nil {
		return fmt.Sprintf("read %s and %s again; new connections get this certificate", quote(cert), quote(key))
	}
	f := *inWords(ofFiles(err, cert, key), fault.Server)
	f.During, f.State, f.Side = "", "", "" // it is no connection's
	return "the files of a certificate changed and can't be used, so the one before stays. " + inLine(&f)
}

// follow has each handshake use what is newest in the files. The choice among
// them stays the engine's.
func follow(cfg *handclasp.ServerConfig, files []*handclasp.CertificateFiles) {
	if len(files) == 0 {
		return
	}
	base := *cfg
	cfg.GetConfigForClient = func(*handclasp.HelloInfo) (*handclasp.ServerConfig, error) {
		now := base
		now.Certificates = current(files)
		return &now, nil
	}
}

func current(files []*handclasp.CertificateFiles) []handclasp.Certificate {
	list := make([]handclasp.Certificate, len(files))
	for i, f := range files {
		list[i] = f.Current()
	}
	return list
}

// ofFiles says which files an error is about, if it does not say so itself.
func ofFiles(err error, cert, key string) error {
	if e, ok := errors.AsType[*fault.Error](err); ok && e.Got == "" {
		return e.Saw(fmt.Sprintf("certificate %s with key %s", quote(cert), quote(key)), e.Want)
	}
	return err
}
