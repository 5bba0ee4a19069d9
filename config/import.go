package config

import (
	"encoding/binary"
	"fmt"

	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/iana"
	"github.com/handclasp/handclasp/internal/keys"
)

// Import makes of an external key those that stand for it in TLS 1.3, one for each
// hash of the cipher suites there, so that one key serves with all suites and what
// is made for one use is good for no other (RFC 9258). Context, up to 65,535 bytes
// that may be empty, binds them to it besides: to the names of the two peers, say. Hash
// is the one that the key came with. Both peers must import the same key with the
// same context; what crosses the wire in the clear holds Identity and context. TLS 1.2
// does not use imported keys. The error is a *fault.Error of rule ConfigValue.
func (p *PSK) Import(context []byte) ([]PSK, error) {
	if err := p.check(); err != nil {
		return nil, err
	}
	if len(p.Identity) == 0 || p.imported {
		return nil, fault.ConfigValue.In("PSKs").Saw("a key without identity, or that is imported", "an external key with an identity")
	}
	if n := len(context); n > 1<<16-1 {
		return nil, fault.ConfigValue.In("PSKs").Saw(fmt.Sprintf("a context of %d bytes", n), "at most 65,535 bytes")
	}
	var made []PSK
	for _, to := range []struct {
		kdf  uint16 // of the registry "TLS KDF Identifiers"
		hash keys.Hash
	}{{1, keys.SHA256}, {2, keys.SHA384}} {
		id := importedIdentity(p.Identity, context, to.kdf)
		made = append(made, PSK{Identity: id, Key: p.KDF().Import(p.Key, id, to.hash), Hash: to.hash.Crypto(), imported: true})
		if err := made[len(made)-1].check(); err != nil {
			return nil, err
		}
	}
	return made, nil
}

// importedIdentity is ImportedIdentity (RFC 9258, Section 4.1):
//
//	opaque external_identity<1..2^16-1>;
//	opaque context<0..2^16-1>;
//	uint16 target_protocol;
//	uint16 target_kdf;
func importedIdentity(external, context []byte, kdf uint16) []byte {
	var b []byte
	for _, field := range [][]byte{external, context} {
		b = binary.BigEndian.AppendUint16(b, uint16(len(field)))
		b = append(b, field...)
	}
	b = binary.BigEndian.AppendUint16(b, uint16(iana.TLS13))
	return binary.BigEndian.AppendUint16(b, kdf)
}

// Imported reports whether the key is what Import made.
func (p *PSK) Imported() bool { return p.imported }

// PSK12 is the key of list that a client of TLS 1.2 and below uses: the first that is
// not imported; nil if there is none.
func PSK12(list []PSK) *PSK {
	for i := range list {
		if !list[i].imported {
			return &list[i]
		}
	}
	return nil
}
