// Package suite is the table of cipher suites: how each protects records and
// which hash its keys come from.
//
// Policy: everything that depends on the cipher suite is a column here, so that
// no other code compares suite numbers. The table says what works; what is
// wanted, and in which order, is the configuration's.
package suite

import (
	"crypto"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"slices"

	"golang.org/x/crypto/chacha20poly1305"

	"github.com/handclasp/handclasp/iana"
	"github.com/handclasp/handclasp/internal/keys"
	"github.com/handclasp/handclasp/internal/record"
)

// A Suite is one row of the table. It is shared and must not be changed.
type Suite struct {
	ID       iana.CipherSuite
	Min, Max iana.Version // versions of TLS that may negotiate it, both ends included
	Auth     Auth
	Hash     keys.Hash
	KeyLen   int    // bytes
	IVLen    int    // bytes of the IV that comes from the key schedule
	Explicit int    // bytes of the nonce that travel with each record
	Limit    uint64 // full-size records that one key may protect (RFC 9846, Section 5.5; RFC 9325, Section 4.4)
	AEAD     func(key []byte) (cipher.AEAD, error)
}

// Auth is the kind of key that a suite has the server sign with. In TLS 1.3 the
// suite does not say.
type Auth uint8

const (
	AnyKey Auth = iota
	ECDSA       // or EdDSA (RFC 8422, Section 5.10)
	RSA
)

// Fits reports whether a key is of the kind.
func (a Auth) Fits(pub crypto.PublicKey) bool {
	switch pub.(type) {
	case *rsa.PublicKey:
		return a != ECDSA
	case *ecdsa.PublicKey, ed25519.PublicKey:
		return a != RSA
	}
	return false
}

func (a Auth) String() string {
	return [...]string{"any key", "an ECDSA or Ed25519 key", "an RSA key"}[a]
}

const (
	gcmLimit    = 23_726_566 // 2^24.5
	chachaLimit = 1 << 62    // its sequence number would end first
)

// The order is the default preference. It is the same on every machine: which
// suite is faster depends on both ends, and a hello should not tell the
// hardware it comes from.
var suites = []*Suite{
	// ID, versions                                                                Auth   Hash         Key IV Explicit Limit    AEAD
	{iana.TLS_AES_128_GCM_SHA256, iana.TLS13, iana.TLS13, AnyKey, keys.SHA256, 16, 12, 0, gcmLimit, gcm},
	{iana.TLS_AES_256_GCM_SHA384, iana.TLS13, iana.TLS13, AnyKey, keys.SHA384, 32, 12, 0, gcmLimit, gcm},
	{iana.TLS_CHACHA20_POLY1305_SHA256, iana.TLS13, iana.TLS13, AnyKey, keys.SHA256, 32, 12, 0, chachaLimit, chacha20poly1305.New},

	{iana.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, iana.TLS12, iana.TLS12, ECDSA, keys.SHA256, 16, 4, 8, gcmLimit, gcm},
	{iana.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, iana.TLS12, iana.TLS12, RSA, keys.SHA256, 16, 4, 8, gcmLimit, gcm},
	{iana.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, iana.TLS12, iana.TLS12, ECDSA, keys.SHA384, 32, 4, 8, gcmLimit, gcm},
	{iana.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384, iana.TLS12, iana.TLS12, RSA, keys.SHA384, 32, 4, 8, gcmLimit, gcm},
	{iana.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, iana.TLS12, iana.TLS12, ECDSA, keys.SHA256, 32, 12, 0, chachaLimit, chacha20poly1305.New},
	{iana.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256, iana.TLS12, iana.TLS12, RSA, keys.SHA256, 32, 12, 0, chachaLimit, chacha20poly1305.New},
}

func gcm(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

// ByID returns the suite, or nil if it is not supported.
func ByID(id iana.CipherSuite) *Suite {
	for _, s := range suites {
		if s.ID == id {
			return s
		}
	}
	return nil
}

// All lists the suites in the default order of preference.
func All() []*Suite { return slices.Clone(suites) }

// ForVersion lists those that v may negotiate.
func ForVersion(v iana.Version) []*Suite {
	return slices.DeleteFunc(All(), func(s *Suite) bool { return !s.For(v) })
}

// For reports whether v may negotiate the suite.
func (s *Suite) For(v iana.Version) bool { return s.Min <= v && v <= s.Max }

// Install gives h the keys of a traffic secret (RFC 9846, Section 7.3). Limit
// replaces the suite's own where it is above 0 and below it. It fails only if
// the crypto library refuses the algorithm, as FIPS-only builds may.
func (s *Suite) Install(h *record.Half, secret keys.Secret, limit uint64) error {
	key, iv := s.Hash.Key(secret, s.KeyLen, s.IVLen)
	defer clear(key)
	defer clear(iv)
	aead, err := s.AEAD(key)
	if err != nil {
		return err
	}
	if limit == 0 || limit > s.Limit {
		limit = s.Limit
	}
	h.Install(aead, iv, limit)
	return nil
}

// Install12 gives h one side's keys of TLS 1.2 (RFC 5246, Section 6.3). It fails
// as Install does.
func (s *Suite) Install12(h *record.Half, k keys.WriteKeys, limit uint64) error {
	aead, err := s.AEAD(k.Key)
	if err != nil {
		return err
	}
	if limit == 0 || limit > s.Limit {
		limit = s.Limit
	}
	h.Install12(aead, k.IV, s.Explicit, limit)
	return nil
}
