package handclasp

import (
	"errors"
	"os"
	"sync"
	"time"
)

// CertificateFiles is a certificate and key in PEM files that are read again
// when they change, without a restart and without dropping a connection: each
// handshake uses what is newest, connections that stand keep what they have.
//
//	files, err := handclasp.NewCertificateFiles("cert.pem", "key.pem")
//	cfg := &handclasp.ServerConfig{GetCertificate: files.GetCertificate}
//
// The files are looked at when a handshake asks, at most once a second, by size
// and time of change; there is nothing to stop or to wait for.
type CertificateFiles struct {
	// OnReload, if set before first use, is told of each reload and of each
	// failure of one. After a failure the certificate that worked stays in use;
	// the next change of a file is another chance.
	OnReload func(error)

	certFile, keyFile string

	mu      sync.Mutex
	current Certificate
	seen    [2]stamp
	checked time.Time
}

// A stamp tells one content of a file from another.
type stamp struct {
	size    int64
	changed time.Time
}

// NewCertificateFiles reads the files for the first time.
func NewCertificateFiles(certFile, keyFile string) (*CertificateFiles, error) {
	f := &CertificateFiles{certFile: certFile, keyFile: keyFile, checked: time.Now()}
	f.seen, _ = f.stamps() // whatever is wrong with the files, loading them says it better
	var err error
	if f.current, err = LoadX509KeyPair(certFile, keyFile); err != nil {
		return nil, err
	}
	return f, nil
}

// GetCertificate is the hook for ServerConfig. It never fails: there is always
// the certificate that worked last.
func (f *CertificateFiles) GetCertificate(*HelloInfo) (*Certificate, error) {
	c := f.Current()
	return &c, nil
}

// Current is the certificate that a handshake would use now, for a
// GetConfigForClient that has several files to choose from: with all of them in
// Certificates of its answer, the choice by name and by what the client can
// verify works as without files.
func (f *CertificateFiles) Current() Certificate {
	f.mu.Lock()
	defer f.mu.Unlock()
	if now := time.Now(); now.Sub(f.checked) >= time.Second {
		f.checked = now
		f.reload()
	}
	return f.current
}

// reload reads the files if they changed.
func (f *CertificateFiles) reload() {
	now, err := f.stamps()
	if now == f.seen {
		return
	}
	f.seen = now
	if err == nil {
		var c Certificate
		if c, err = LoadX509KeyPair(f.certFile, f.keyFile); err == nil {
			f.current = c
		}
	}
	if f.OnReload != nil {
		f.OnReload(err)
	}
}

// stamps looks at both files; one that can't be looked at has the zero stamp.
func (f *CertificateFiles) stamps() (s [2]stamp, err error) {
	for i, name := range []string{f.certFile, f.keyFile} {
		info, e := os.Stat(name)
		if e != nil {
			err = errors.Join(err, e)
			continue
		}
		s[i] = stamp{info.Size(), info.ModTime()}
	}
	return s, err
}
