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
	"crypto/des"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"io"
	"slices"

	"golang.org/x/crypto/chacha20poly1305"

	"github.com/handclasp/handclasp/iana"
	"github.com/handclasp/handclasp/internal/keys"
	"github.com/handclasp/handclasp/internal/pool"
	"github.com/handclasp/handclasp/internal/record"
)

// A Suite is one row of the table. It is shared and must not be changed.
type Suite struct {
	ID       iana.CipherSuite
	Min, Max iana.Version     // versions of TLS that may negotiate it, both ends included
	Exchange iana.KeyExchange // how the secret comes about; in TLS 1.3 the suite does not say
	Auth     Auth
	Hash     keys.Hash // in TLS 1.1 and below there is another: see PRF
	Cipher
}

// A Cipher is how records are protected: by an AEAD, or by a block cipher and a
// MAC.
type Cipher struct {
	KeyLen   int    // bytes
	IVLen    int    // bytes of the IV that comes from the key schedule
	Explicit int    // bytes of the nonce that travel with each record
	Limit    uint64 // full-size records that one key may protect (RFC 9846, Section 5.5; RFC 9325, Section 4.4)
	AEAD     func(key []byte) (cipher.AEAD, error)
	Block    func(key []byte) (cipher.Block, error) // CBC; nil with an AEAD
	MAC      crypto.Hash                            // likewise
}

// Auth is the kind of key that a suite has the server sign with. In TLS 1.3 the
// suite does not say.
type Auth uint8

const (
	AnyKey Auth = iota
	ECDSA       // or EdDSA (RFC 8422, Section 5.10)
	RSA
	NoKey // a pre-shared key stands for the certificate
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
	return [...]string{"any key", "an ECDSA or Ed25519 key", "an RSA key", "no key"}[a]
}

const (
	gcmLimit    = 23_726_566 // 2^24.5
	chachaLimit = 1 << 62    // its sequence number would end first
	ccmLimit    = 1 << 23    // 2^23, by the analysis of RFC 9147, Appendix B.1
	cbcLimit    = 1 << 34    // 2^48 blocks: two of them are equal with a probability of 2^-33
	desLimit    = 1 << 16    // 1 GiB, 2^27 blocks: two of them are equal with a probability of 2^-11 (Sweet32)
)

var (
	//                       key IV Explicit Limit      AEAD
	aes128gcm13  = Cipher{16, 12, 0, gcmLimit, gcm, nil, 0}
	aes256gcm13  = Cipher{32, 12, 0, gcmLimit, gcm, nil, 0}
	chacha       = Cipher{32, 12, 0, chachaLimit, chacha20poly1305.New, nil, 0}
	aes128ccm13  = Cipher{16, 12, 0, ccmLimit, ccm, nil, 0}
	aes128ccm813 = Cipher{16, 12, 0, ccmLimit, ccm8, nil, 0}

	aes128gcm  = Cipher{16, 4, 8, gcmLimit, gcm, nil, 0}
	aes256gcm  = Cipher{32, 4, 8, gcmLimit, gcm, nil, 0}
	aes128ccm  = Cipher{16, 4, 8, ccmLimit, ccm, nil, 0}
	aes256ccm  = Cipher{32, 4, 8, ccmLimit, ccm, nil, 0}
	aes128ccm8 = Cipher{16, 4, 8, ccmLimit, ccm8, nil, 0}
	aes256ccm8 = Cipher{32, 4, 8, ccmLimit, ccm8, nil, 0}

	aes128cbcSHA1   = Cipher{16, 16, 0, cbcLimit, nil, aes.NewCipher, crypto.SHA1}
	aes256cbcSHA1   = Cipher{32, 16, 0, cbcLimit, nil, aes.NewCipher, crypto.SHA1}
	aes128cbcSHA256 = Cipher{16, 16, 0, cbcLimit, nil, aes.NewCipher, crypto.SHA256}
	aes256cbcSHA256 = Cipher{32, 16, 0, cbcLimit, nil, aes.NewCipher, crypto.SHA256}
	aes256cbcSHA384 = Cipher{32, 16, 0, cbcLimit, nil, aes.NewCipher, crypto.SHA384}
	tripleDES       = Cipher{24, 8, 0, desLimit, nil, des.NewTripleDESCipher, crypto.SHA1}
)

// defaults are offered by who names no suites. The order is the default
// preference. It is the same on every machine: which suite is faster depends on
// both ends, and a hello should not tell the hardware it comes from.
var defaults = []*Suite{
	// ID, versions, key exchange, Auth, Hash, Cipher
	{iana.TLS_AES_128_GCM_SHA256, iana.TLS13, iana.TLS13, iana.NoKeyExchange, AnyKey, keys.SHA256, aes128gcm13},
	{iana.TLS_AES_256_GCM_SHA384, iana.TLS13, iana.TLS13, iana.NoKeyExchange, AnyKey, keys.SHA384, aes256gcm13},
	{iana.TLS_CHACHA20_POLY1305_SHA256, iana.TLS13, iana.TLS13, iana.NoKeyExchange, AnyKey, keys.SHA256, chacha},

	{iana.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, iana.TLS12, iana.TLS12, iana.ECDHE, ECDSA, keys.SHA256, aes128gcm},
	{iana.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, iana.TLS12, iana.TLS12, iana.ECDHE, RSA, keys.SHA256, aes128gcm},
	{iana.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, iana.TLS12, iana.TLS12, iana.ECDHE, ECDSA, keys.SHA384, aes256gcm},
	{iana.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384, iana.TLS12, iana.TLS12, iana.ECDHE, RSA, keys.SHA384, aes256gcm},
	{iana.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, iana.TLS12, iana.TLS12, iana.ECDHE, ECDSA, keys.SHA256, chacha},
	{iana.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256, iana.TLS12, iana.TLS12, iana.ECDHE, RSA, keys.SHA256, chacha},
}

func gcm(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

func ccm(key []byte) (cipher.AEAD, error)  { return newCCM(key, 16) }
func ccm8(key []byte) (cipher.AEAD, error) { return newCCM(key, 8) }

func newCCM(key []byte, tag int) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return record.NewCCM(block, tag), nil
}

// ByID returns the suite, or nil if it is not supported.
func ByID(id iana.CipherSuite) *Suite {
	for _, table := range [][]*Suite{defaults, named} {
		for _, s := range table {
			if s.ID == id {
				return s
			}
		}
	}
	return nil
}

// Defaults lists what is offered by who names nothing, in order of preference.
func Defaults() []*Suite { return slices.Clone(defaults) }

// All lists every suite that works, in order of preference.
func All() []*Suite { return slices.Concat(defaults, named) }

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
	if limit == 0 || limit > s.Limit {
		limit = s.Limit
	}
	return s.withKeys(secret, func(aead cipher.AEAD, iv []byte) { h.Install(aead, iv, limit) })
}

// Restore gives h the keys back that Idle has let go of. It fails as Install does.
func (s *Suite) Restore(h *record.Half, secret keys.Secret) error {
	if h.Wake() {
		return nil
	}
	return s.withKeys(secret, h.Restore)
}

// withKeys makes the cipher and the IV of a traffic secret. The IV lives during use alone.
func (s *Suite) withKeys(secret keys.Secret, use func(aead cipher.AEAD, iv []byte)) error {
	room := pool.Get(s.KeyLen + s.IVLen)
	defer pool.Put(room)
	key, iv := room[:s.KeyLen], room[s.KeyLen:s.KeyLen+s.IVLen]
	defer clear(key)
	defer clear(iv)
	s.Hash.Key(secret, key, iv)
	aead, err := s.AEAD(key)
	if err == nil {
		use(aead, iv)
	}
	return err
}

// ForwardSecret reports whether the keys of a connection are safe from who later
// gets hold of a certificate's key or a pre-shared key. In TLS 1.3 the suite
// alone does not decide: a pre-shared key may be used without key shares.
func (s *Suite) ForwardSecret() bool {
	return s.Exchange == iana.NoKeyExchange || s.Exchange.Curve() || s.Exchange.Finite()
}

// CBC reports whether records are protected by a block cipher and a MAC.
func (s *Suite) CBC() bool { return s.Block != nil }

// PRF is the hash of v's key schedule and transcript: before TLS 1.2 it does not
// depend on the suite (RFC 4346, Section 5).
func (s *Suite) PRF(v iana.Version) keys.Hash {
	if v < iana.TLS12 {
		return keys.MD5SHA1
	}
	return s.Hash
}

// Lengths are those of one side's keys in the key block, in bytes. The IV of a
// block cipher comes from there in TLS 1.0 alone (RFC 4346, Section 6.3).
func (s *Suite) Lengths(v iana.Version) (mac, key, iv int) {
	switch {
	case !s.CBC():
		return 0, s.KeyLen, s.IVLen
	case v > iana.TLS10:
		return s.MAC.Size(), s.KeyLen, 0
	}
	return s.MAC.Size(), s.KeyLen, s.IVLen
}

// Options12 are what besides suite and keys decides how records of TLS 1.2 and
// below look.
type Options12 struct {
	Version        iana.Version
	EncryptThenMAC bool      // RFC 7366; of a block cipher
	Rand           io.Reader // of a block cipher's IVs
	Open           bool      // this side reads
}

// Install12 gives h one side's keys of TLS 1.2 or below (RFC 5246, Section 6.3).
// It fails as Install does.
func (s *Suite) Install12(h *record.Half, k keys.WriteKeys, o Options12, limit uint64) error {
	if limit == 0 || limit > s.Limit {
		limit = s.Limit
	}
	if s.CBC() {
		block, err := s.Block(k.Key)
		if err != nil {
			return err
		}
		h.InstallCBC(record.CBC{
			Version: o.Version, Block: block, Hash: s.MAC.New, MACKey: k.MAC, IV: k.IV,
			EncryptThenMAC: o.EncryptThenMAC, Rand: o.Rand, Open: o.Open,
		}, limit)
		return nil
	}
	aead, err := s.AEAD(k.Key)
	if err != nil {
		return err
	}
	h.Install12(aead, k.IV, s.Explicit, limit)
	return nil
}
