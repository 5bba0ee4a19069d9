// Package suite is the table of cipher suites: how each protects records and
// which hash its keys come from.
//
// Policy: everything that depends on the cipher suite is a column here, so that
// no other code compares suite numbers. The table says what works; what is
// wanted, and in which order, is the configuration's.
package suite

import (
	"crypto/aes"
	"crypto/cipher"
	"slices"

	"golang.org/x/crypto/chacha20poly1305"

	"github.com/handclasp/handclasp/iana"
	"github.com/handclasp/handclasp/internal/keys"
	"github.com/handclasp/handclasp/internal/record"
)

// A Suite is one row of the table. It is shared and must not be changed.
type Suite struct {
	ID     iana.CipherSuite
	Min    iana.Version // versions of TLS that may negotiate it, both ends included
	Max    iana.Version
	Hash   keys.Hash
	KeyLen int    // bytes
	IVLen  int    // bytes
	Limit  uint64 // full-size records that one key may protect (RFC 9846, Section 5.5)
	AEAD   func(key []byte) (cipher.AEAD, error)
}

const (
	gcmLimit    = 23_726_566 // 2^24.5
	chachaLimit = 1 << 62    // its sequence number would end first
)

// The order is the default preference. It is the same on every machine: which
// suite is faster depends on both ends, and a hello should not tell the
// hardware it comes from.
var suites = []*Suite{
	// ID, Min, Max, Hash, KeyLen, IVLen, Limit, AEAD
	{iana.TLS_AES_128_GCM_SHA256, iana.TLS13, iana.TLS13, keys.SHA256, 16, 12, gcmLimit, gcm},
	{iana.TLS_AES_256_GCM_SHA384, iana.TLS13, iana.TLS13, keys.SHA384, 32, 12, gcmLimit, gcm},
	{iana.TLS_CHACHA20_POLY1305_SHA256, iana.TLS13, iana.TLS13, keys.SHA256, 32, 12, chachaLimit, chacha20poly1305.New},
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
