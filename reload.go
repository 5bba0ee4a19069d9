package handclasp

import (
	"fmt"
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
	// failure of one. After a failure the certificate that worked stays in use,
	// and each second is another chance; the same failure is told once.
	OnReload func(error)

	certFile, keyFile string

	mu      sync.Mutex
	current Certificate
	seen    [2]stamp // of what is current
	failed  string   // why the last attempt failed, if it did
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
	current, tell, err := f.look(time.Now())
	f.mu.Unlock()
	if tell && f.OnReload != nil {
		f.OnReload(err) // unlocked: it may ask for the certificate
	}
	return current
}

// look reads the files again if a second has passed and they are not what they
// were. It says whether OnReload is to hear of it: of the same failure once.
func (f *CertificateFiles) look(now time.Time) (current Certificate, tell bool, err error) {
	if now.Sub(f.checked) < time.Second {
		return f.current, false, nil
	}
	f.checked = now
	found, err := f.stamps()
	if err == nil && found == f.seen {
		f.failed = ""
		return f.current, false, nil
	}
	var c Certificate
	if err == nil {
		c, err = LoadX509KeyPair(f.certFile, f.keyFile)
	}
	if err != nil {
		tell = err.Error() != f.failed
		f.failed = err.Error()
		return f.current, tell, err
	}
	f.current, f.seen, f.failed = c, found, ""
	return c, true, nil
}

// stamps looks at both files; one that can't be looked at has the zero stamp.
func (f *CertificateFiles) stamps() (s [2]stamp, err error) {
	for i, name := range []string{f.certFile, f.keyFile} {
		info, e := os.Stat(name)
		if e != nil {
			if err != nil {
				e = fmt.Errorf("%w; %w", err, e)
			}
			err = e
			continue
		}
		s[i] = stamp{info.Size(), info.ModTime()}
	}
	return s, err
}
