package cert

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"hash/maphash"
	"runtime"
	"sync"
	"weak"
)

// Certificates that connections have in use are parsed once: whoever meets the
// same bytes gets the same certificate. The table belongs to the process, since
// nobody can tell by a certificate that does not change for whom it was parsed;
// it holds nothing alive, so it is as large as what is in use.
var inUse = table{seed: maphash.MakeSeed(), certs: make(map[uint64]shared)}

type table struct {
	seed  maphash.Seed
	mu    sync.RWMutex
	certs map[uint64]shared // by a hash of the certificate's bytes, which are compared as well
}

// A shared certificate is in use as long as somebody else holds it.
type shared struct {
	cert weak.Pointer[x509.Certificate]
	sum  [sha256.Size]byte // of its bytes
}

// find gives the certificate with these bytes, nil if none is in use.
func (t *table) find(at uint64, der []byte) (*x509.Certificate, [sha256.Size]byte) {
	t.mu.RLock()
	s := t.certs[at]
	t.mu.RUnlock()
	if c := s.cert.Value(); c != nil && bytes.Equal(c.Raw, der) {
		return c, s.sum
	}
	return nil, [sha256.Size]byte{}
}

// parse is x509.ParseCertificate, or what it gave before. The certificate shares
// no memory with der.
func (t *table) parse(der []byte) (*x509.Certificate, error) {
	at := maphash.Bytes(t.seed, der)
	if c, _ := t.find(at, der); c != nil {
		return c, nil
	}
	// crypto/x509 keeps what it parses, and der may be a buffer that is read into
	// again before the verdict.
	c, err := x509.ParseCertificate(bytes.Clone(der))
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(der)
	t.mu.Lock()
	defer t.mu.Unlock()
	if first := t.certs[at].cert.Value(); first != nil {
		if bytes.Equal(first.Raw, der) {
			return first, nil // somebody was quicker
		}
		return c, nil // another one with the same hash has the place
	}
	t.certs[at] = shared{weak.Make(c), sum}
	runtime.AddCleanup(c, t.forget, at)
	return c, nil
}

// sum is the SHA-256 of a certificate, which of one in use is known.
func (t *table) sum(c *x509.Certificate) [sha256.Size]byte {
	if known, sum := t.find(maphash.Bytes(t.seed, c.Raw), c.Raw); known != nil {
		return sum
	}
	return sha256.Sum256(c.Raw)
}

// forget takes out a certificate that nobody has any more.
func (t *table) forget(at uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.certs[at].cert.Value() == nil { // it may have come again meanwhile
		delete(t.certs, at)
	}
}
