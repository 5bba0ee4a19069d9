package cert

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"runtime"
	"sync"
	"weak"
)

// Certificates that connections have in use are parsed once: whoever meets the
// same bytes gets the same certificate. The table belongs to the process, since
// nobody can tell by a certificate that does not change for whom it was parsed;
// it holds nothing alive, so it is as large as what is in use.
var inUse = table{certs: make(map[[32]byte]weak.Pointer[x509.Certificate])}

type table struct {
	mu    sync.RWMutex
	certs map[[32]byte]weak.Pointer[x509.Certificate] // by SHA-256
}

// parse is x509.ParseCertificate, or what it gave before. The certificate shares
// no memory with der.
func (t *table) parse(der []byte) (*x509.Certificate, error) {
	sum := sha256.Sum256(der)
	t.mu.RLock()
	c := t.certs[sum].Value()
	t.mu.RUnlock()
	if c != nil {
		return c, nil
	}
	// crypto/x509 keeps what it parses, and der may be a buffer that is read into
	// again before the verdict.
	c, err := x509.ParseCertificate(bytes.Clone(der))
	if err != nil {
		return nil, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if first := t.certs[sum].Value(); first != nil {
		return first, nil // somebody was quicker
	}
	t.certs[sum] = weak.Make(c)
	runtime.AddCleanup(c, t.forget, sum)
	return c, nil
}

// forget takes out a certificate that nobody has any more.
func (t *table) forget(sum [32]byte) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.certs[sum].Value() == nil { // it may have come again meanwhile
		delete(t.certs, sum)
	}
}
