package config

import (
	"fmt"

	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/iana"
	"github.com/handclasp/handclasp/internal/suite"
)

// A PSK is a key that both sides have got by other means (RFC 4279; RFC 9257 says
// how not to choose it).
type PSK struct {
	// Identity names the key, in the clear: 1 to 65,535 bytes.
	Identity []byte

	// Key is the secret, 16 to 65,535 bytes, as random as a key must be: a
	// password can be guessed from a recording.
	Key []byte
}

// Format implements fmt.Formatter: a PSK never prints its key.
func (p PSK) Format(f fmt.State, _ rune) { fmt.Fprintf(f, "PSK %s", fault.Quote(p.Identity)) }

const leastPSK = 16 // bytes

// checkPSKs refuses keys that can't be used, and suites that need one where there
// is none.
func checkPSKs(list []PSK, suites []iana.CipherSuite) error {
	for i := range list {
		p := &list[i]
		switch id, key := len(p.Identity), len(p.Key); {
		case id == 0 || id > 1<<16-1:
			return fault.ConfigValue.In("PSKs").Saw(fmt.Sprintf("an identity of %d bytes", id), "1 to 65,535 bytes")
		case key < leastPSK || key > 1<<16-1:
			return fault.ConfigValue.In("PSKs").Saw(fmt.Sprintf("a key of %d bytes", key), "16 to 65,535 bytes")
		}
	}
	for _, id := range suites {
		if suite.ByID(id).Exchange.PreShared() && len(list) == 0 {
			return fault.ConfigValue.In("CipherSuites").Saw(id, "a suite without pre-shared key, or a key in PSKs")
		}
	}
	return nil
}
