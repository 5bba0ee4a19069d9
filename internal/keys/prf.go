package keys

import (
	"bytes"
	"crypto/hmac"
	"encoding/binary"
	"fmt"
	"hash"
	"slices"

	"github.com/handclasp/handclasp/fault"
)

// The key schedule of TLS 1.2 and below, after RFC 5246, Sections 6.3, 7.4.9 and
// 8.1, which RFC 4346 and RFC 2246 have in the same places. Each arrow is one use
// of the PRF, with its label and seed. CR and SR stand for the
// random of the ClientHello and of the ServerHello, CH..CKE for the hash of the
// transcript from ClientHello to ClientKeyExchange, and CH..<F for that of
// everything before the Finished that is made.
//
//	premaster secret
//	      |
//	      +-- "master secret",          CR + SR    = MasterSecret
//	      +-- "extended master secret", CH..CKE    = ExtendedMasterSecret (RFC 7627)
//	      |
//	   Master12
//	      |
//	      +-- "key expansion",          SR + CR    = KeyBlock
//	      +-- "client finished",        CH..<F     = Finished
//	      +-- "server finished",        CH..<F     = Finished
//	      +-- an exporter's label,      CR + SR    = Export (RFC 5705)
//	                                    [+ context]
//
// The versions differ in PRF and transcript hash alone, which Hash holds.

const (
	MasterLen     = 48 // bytes of a master secret (RFC 5246, Section 8.1)
	verifyDataLen = 12 // bytes of verify_data (RFC 5246, Section 7.4.9)
)

// PRF is the pseudorandom function, n bytes of PRF(secret, label, seed). In TLS
// 1.2 that is P_hash with the cipher suite's hash (RFC 5246, Section 5), in TLS
// 1.0 and 1.1, with MD5SHA1, the sum of two (RFC 2246 and RFC 4346, Section 5).
func (h Hash) PRF(secret []byte, label string, seed []byte, n int) []byte {
	out := make([]byte, n)
	h.prf(out, secret, label, seed)
	return out
}

// prf is PRF into dst.
func (h Hash) prf(dst, secret []byte, label string, seed []byte) {
	if h == MD5SHA1 {
		copy(dst, sumMD5SHA1(bytes.Clone(secret), slices.Concat([]byte(label), seed), len(dst)))
		return
	}
	var k *keyed
	if maxSize+len(label)+len(seed) <= maxShort {
		k = h.keyed(secret)
		defer k.giveBack()
	}
	if k == nil {
		copy(dst, expand(h.New, bytes.Clone(secret), slices.Concat([]byte(label), seed), len(dst)))
		return
	}
	k.prf(dst, label, seed)
}

// prf is P_hash into dst: A(0) = label || seed, A(i) = HMAC(A(i-1)), and the output
// HMAC(A(i) || label || seed). Label and seed are not too long together.
func (k *keyed) prf(dst []byte, label string, seed []byte) {
	var room [maxShort]byte
	labelled := append(append(room[:0], label...), seed...)
	var a digest
	defer clear(a[:])
	size := copy(a[:], k.mac(labelled, nil))
	for {
		if dst = dst[copy(dst, k.mac(a[:size], labelled)):]; len(dst) == 0 {
			return
		}
		copy(a[:], k.mac(a[:size], nil))
	}
}

// expand is n bytes of P_hash(secret, seed), the data expansion under the PRF of
// TLS 1.0 and 1.1.
func expand(newHash func() hash.Hash, secret, seed []byte, n int) []byte {
	mac := hmac.New(newHash, secret)
	sum := func(dst []byte, parts ...[]byte) []byte {
		mac.Reset()
		for _, p := range parts {
			mac.Write(p)
		}
		return mac.Sum(dst)
	}
	out := make([]byte, 0, n+mac.Size())
	for a := sum(nil, seed); len(out) < n; a = sum(nil, a) {
		out = sum(out, a, seed)
	}
	clear(out[n:])
	return out[:n:n]
}

// MasterSecret is the master secret, 48 bytes, without the extension
// extended_master_secret (RFC 5246, Section 8.1). The caller wipes premaster.
func (h Hash) MasterSecret(premaster, clientRandom, serverRandom []byte) Secret {
	var room [64]byte
	return h.PRF(premaster, "master secret", append(append(room[:0], clientRandom...), serverRandom...), MasterLen)
}

// ExtendedMasterSecret is the master secret, 48 bytes, where both sides sent
// extended_master_secret. Session hash is the transcript hash from ClientHello
// to ClientKeyExchange (RFC 7627, Sections 3 and 4). The caller wipes premaster.
func (h Hash) ExtendedMasterSecret(premaster, sessionHash []byte) Secret {
	return h.PRF(premaster, "extended master secret", sessionHash, MasterLen)
}

// Master12 is the stage of TLS 1.2 and below that has a master secret, be it fresh
// or that of a session which is resumed.
type Master12 struct {
	stage
	client, server [32]byte // randoms of this connection, not of the session
	mac            *keyed   // with the secret, while a handshake goes on; nil without
}

// NewMaster12 goes on from a master secret, 48 bytes, which it keeps: Wipe wipes
// it too. The randoms are those of this connection's hellos, 32 bytes each.
func NewMaster12(h Hash, master Secret, clientRandom, serverRandom []byte) *Master12 {
	s := &Master12{stage: stage{hash: h, secret: master}}
	if h != MD5SHA1 {
		s.mac = h.keyed(master)
	}
	copy(s.client[:], clientRandom)
	copy(s.server[:], serverRandom)
	return s
}

// Master is a copy of the master secret, for a session.
func (s *Master12) Master() Secret { return slices.Clone(s.use()) }

// Rest ends the handshake: what only that needs is let go of. From then on any number
// of goroutines may call Export.
func (s *Master12) Rest() {
	s.mac.giveBack()
	s.mac = nil
}

// Wipe is stage's.
func (s *Master12) Wipe() {
	s.Rest()
	s.stage.Wipe()
}

func (s *Master12) prf(label string, n int, a, b []byte) []byte {
	var room [128]byte
	seed := append(append(room[:0], a...), b...)
	if s.mac == nil {
		return s.hash.PRF(s.use(), label, seed, n)
	}
	out := make([]byte, n)
	s.mac.prf(out, label, seed)
	return out
}

// WriteKeys is what one side protects its records with. An AEAD has no MAC key.
type WriteKeys struct{ MAC, Key, IV Secret }

// Wipe wipes all three.
func (k WriteKeys) Wipe() {
	k.MAC.Wipe()
	k.Key.Wipe()
	k.IV.Wipe()
}

// KeyBlock divides the key_block; the lengths are in bytes, those of one side's
// keys (RFC 5246, Section 6.3).
func (s *Master12) KeyBlock(macLen, keyLen, ivLen int) (client, server WriteKeys) {
	block := s.prf("key expansion", 2*(macLen+keyLen+ivLen), s.server[:], s.client[:])
	next := func(n int) Secret {
		k := block[:n:n]
		block = block[n:]
		return k
	}
	client.MAC, server.MAC = next(macLen), next(macLen)
	client.Key, server.Key = next(keyLen), next(keyLen)
	client.IV, server.IV = next(ivLen), next(ivLen)
	return client, server
}

// Finished is the verify_data, 12 bytes, of the Finished that sender sends; th
// covers all messages before it (RFC 5246, Section 7.4.9). Compare it with
// hmac.Equal.
func (s *Master12) Finished(sender fault.Role, th []byte) []byte {
	label := "client finished"
	if sender == fault.Server {
		label = "server finished"
	}
	return s.prf(label, verifyDataLen, th, nil)
}

// reserved are the labels that TLS itself uses (RFC 5705, Section 6; RFC 7627).
var reserved = []string{"master secret", "extended master secret", "key expansion", "client finished", "server finished"}

// Export is the exporter of TLS 1.2 and below (RFC 5705, Section 4): length bytes
// of keying material. A nil context is absent and gives something else than an
// empty one; it has at most 65,535 bytes. Label and length have the limits of TLS 1.3, so
// that what works does not depend on the version, and labels that TLS itself
// uses are refused. It fails with fault.ExportLabel or fault.ExportLength.
func (s *Master12) Export(label string, context []byte, length int) ([]byte, error) {
	if err := s.hash.checkExport(label, length); err != nil {
		return nil, err
	}
	if slices.Contains(reserved, label) {
		return nil, fault.ExportLabel.New().Saw(fmt.Sprintf("%q", label), "one that TLS does not use itself")
	}
	if len(context) > 1<<16-1 {
		return nil, fault.ExportLength.New().Saw(fmt.Sprintf("a context of %d bytes", len(context)), "at most 65535 bytes")
	}
	seed := slices.Concat(s.client[:], s.server[:])
	if context != nil {
		seed = binary.BigEndian.AppendUint16(seed, uint16(len(context)))
	}
	return s.hash.PRF(s.use(), label, append(seed, context...), length), nil
}
