package config

import (
	"crypto"
	"fmt"
	"slices"

	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/iana"
	"github.com/handclasp/handclasp/internal/keys"
	"github.com/handclasp/handclasp/internal/suite"
)

// A PSK is a key that both sides have got by other means (RFC 9846, Section 4.3.11;
// RFC 4279; RFC 9257 says how not to choose it). Who holds it is believed to be
// the peer: unless the cipher suite is one of RSA_PSK, certificates play no part,
// nor does a hook that looks at them.
type PSK struct {
	// Identity names the key, in the clear and for everybody on the path to
	// see: at most 65,535 bytes. In TLS 1.3 all of a client's identities go into
	// one message and may have 60,000 bytes together; a key without identity is not
	// for that version.
	Identity []byte

	// Key is the secret, 16 to 65,535 bytes, as random as a key must be: a
	// password can be guessed from a recording.
	Key []byte

	// Weak lets Key be as short as 1 byte, for a peer that can't have a better one.
	// Who records a connection can find such a key by trying them all.
	Weak bool

	// Hash is what TLS 1.3 uses the key with: crypto.SHA256, which 0 means, or
	// crypto.SHA384. Both sides must agree, and it decides which cipher suites
	// go with the key.
	Hash crypto.Hash

	imported bool
}

// KDF is the hash with its default filled in.
func (p *PSK) KDF() keys.Hash {
	if p.Hash == 0 {
		return keys.SHA256
	}
	return keys.Hash(p.Hash)
}

// Format implements fmt.Formatter: a PSK never prints its key.
func (p PSK) Format(f fmt.State, _ rune) { fmt.Fprintf(f, "PSK %s", fault.Quote(p.Identity)) }

const (
	leastPSK    = 16     // bytes of a key
	mostOffered = 60_000 // bytes of identities and binders: with them a ClientHello stays below 65,536
)

// checkPSKs refuses keys that can't be used, and suites that need one where there
// is none.
func (p *Params) checkPSKs(list []PSK) error {
	for i := range list {
		if err := list[i].check(); err != nil {
			return err
		}
	}
	for _, id := range p.Suites {
		if suite.ByID(id).Exchange.PreShared() && PSK12(list) == nil {
			return fault.ConfigValue.In("CipherSuites").Saw(id, "a suite without pre-shared key, or a key in PSKs (--psk) that is not imported")
		}
	}
	return nil
}

// checkOffer refuses more keys than fit into a ClientHello of TLS 1.3.
func (p *Params) checkOffer(list []PSK) error {
	if !slices.Contains(p.Versions, iana.TLS13) {
		return nil
	}
	total := 0
	for i := range list {
		total += len(list[i].Identity) + 2 + 4 + 1 + list[i].KDF().Size()
	}
	if total > mostOffered {
		return fault.ConfigValue.In("PSKs").Saw(fmt.Sprintf("%d bytes of identities and binders", total), fmt.Sprintf("at most %d", mostOffered))
	}
	return nil
}

func (p *PSK) check() error {
	switch id, key := len(p.Identity), len(p.Key); {
	case id > 1<<16-1:
		return fault.ConfigValue.In("PSKs").Saw(fmt.Sprintf("an identity of %d bytes", id), "at most 65,535 bytes")
	case key == 0 || key < leastPSK && !p.Weak || key > 1<<16-1:
		return fault.ConfigValue.In("PSKs").Saw(fmt.Sprintf("a key of %d bytes", key), "16 to 65,535 bytes, or less if it is marked as Weak")
	case p.KDF() != keys.SHA256 && p.KDF() != keys.SHA384:
		return fault.ConfigValue.In("PSKs").Saw(p.Hash, "crypto.SHA256 or crypto.SHA384")
	}
	return nil
}

// UsesPSK reports whether a handshake can go by a key of list: in TLS 1.3 by one that has
// an identity, if there is a suite of its hash, and below by a suite with PSK in its
// name. A suite of RSA_PSK counts only together with certificates.
func (p *Params) UsesPSK(list []PSK, certificates bool) bool {
	if len(list) == 0 {
		return false
	}
	old := slices.ContainsFunc(p.Suites, func(id iana.CipherSuite) bool {
		s := suite.ByID(id)
		return s.Exchange.PreShared() && (certificates || s.Auth == suite.NoKey)
	})
	return old || slices.Contains(p.Versions, iana.TLS13) && slices.ContainsFunc(list, func(k PSK) bool {
		return len(k.Identity) > 0 && p.Speaks(k.KDF())
	})
}

// Speaks reports whether a cipher suite of TLS 1.3 with hash h is among p's.
func (p *Params) Speaks(h keys.Hash) bool {
	return slices.ContainsFunc(p.Suites, func(id iana.CipherSuite) bool {
		s := suite.ByID(id)
		return s.For(iana.TLS13) && s.Hash == h
	})
}
