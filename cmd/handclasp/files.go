package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/handclasp/handclasp"
	"github.com/handclasp/handclasp/fault"
)

// files reads what --cert and --key name, and has each change of them, or what is
// wrong with it, told in a line.
func (s *serve) files(log *lines) ([]*handclasp.CertificateFiles, error) {
	var list []*handclasp.CertificateFiles
	for i, cert := range s.certs {
		key := s.keys[i]
		for _, f := range []struct{ flag, file string }{{"--cert", cert}, {"--key", key}} {
			if _, err := os.Stat(f.file); err != nil {
				return nil, fileError(f.flag, f.file, err)
			}
		}
		files, err := handclasp.NewCertificateFiles(cert, key)
		if err != nil {
			return nil, ofFiles(err, cert, key)
		}
		files.OnReload = func(err error) { log.printf("handclasp: %s", reloaded(err, cert, key)) }
		list = append(list, files)
	}
	return list, nil
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
