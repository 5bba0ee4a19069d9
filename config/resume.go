package config

import (
	"bytes"
	"crypto"
	"fmt"
	"slices"
	"time"

	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/iana"
	"github.com/handclasp/handclasp/internal/keys"
	"github.com/handclasp/handclasp/internal/suite"
	"github.com/handclasp/handclasp/session"
)

// A PSK is a key that both sides were given by other means, for TLS 1.3 (RFC
// 9846, Section 4.3.11). Who holds it is believed to be the peer: certificates
// play no part, nor does a hook that looks at them.
type PSK struct {
	// Identity names the key, in the clear and for everybody on the path to
	// see. 1 to 65,000 bytes.
	Identity []byte

	// Key is the secret: at least 16 bytes, random. What a person can remember
	// can be guessed by who watches one handshake (RFC 9257, Section 6).
	Key []byte

	// Hash is what the key was made for: crypto.SHA256, which 0 means, or
	// crypto.SHA384. Both sides must agree, and it decides which cipher suites
	// go with the key.
	Hash crypto.Hash
}

// KDF is the hash with its default filled in.
func (p *PSK) KDF() keys.Hash {
	if p.Hash == 0 {
		return keys.SHA256
	}
	return keys.Hash(p.Hash)
}

// Format implements fmt.Formatter: the key is never printed.
func (p PSK) Format(f fmt.State, _ rune) {
	fmt.Fprintf(f, "[PSK %s]", fault.Quote(p.Identity))
}

const (
	leastKey     = 16     // bytes of a PSK
	mostIdentity = 65_000 // bytes of all identities, so that they fit into one extension
)

// checkPSKs refuses keys that can't be used with the versions and suites of p.
func (p *Params) checkPSKs(list []PSK) error {
	if len(list) == 0 {
		return nil
	}
	if !slices.Contains(p.Versions, iana.TLS13) {
		return fault.ConfigValue.In("PSKs").Saw("some, without TLS 1.3", "a MaxVersion of TLS 1.3")
	}
	total := 0
	for i := range list {
		k := &list[i]
		total += len(k.Identity) + 2 + 4 + 1 + k.KDF().Size()
		switch {
		case len(k.Identity) == 0:
			return fault.ConfigValue.In("PSKs").Saw("an empty Identity", "a name for the key")
		case len(k.Key) < leastKey:
			return fault.ConfigValue.In("PSKs").Saw(fmt.Sprintf("a Key of %d bytes", len(k.Key)), fmt.Sprintf("at least %d", leastKey))
		case k.KDF() != keys.SHA256 && k.KDF() != keys.SHA384:
			return fault.ConfigValue.In("PSKs").Saw(k.Hash, "crypto.SHA256 or crypto.SHA384")
		case !p.hasSuite(k.KDF()):
			return fault.ConfigValue.In("CipherSuites").Saw(p.Suites, "one of TLS 1.3 with "+k.KDF().String()+", for which a PSK was made")
		case slices.ContainsFunc(list[:i], func(o PSK) bool { return bytes.Equal(o.Identity, k.Identity) }):
			return fault.ConfigValue.In("PSKs").Saw(fault.Quote(k.Identity)+" twice", "each Identity once")
		}
	}
	if total > mostIdentity {
		return fault.ConfigValue.In("PSKs").Saw(fmt.Sprintf("%d bytes of identities and binders", total), fmt.Sprintf("at most %d", mostIdentity))
	}
	return nil
}

// hasSuite reports whether TLS 1.3 can be spoken with hash h.
func (p *Params) hasSuite(h keys.Hash) bool {
	return slices.ContainsFunc(p.Suites, func(id iana.CipherSuite) bool {
		s := suite.ByID(id)
		return s.For(iana.TLS13) && s.Hash == h
	})
}

// ticketLife is how long a ticket is good for if nothing else is said.
const ticketLife = 24 * time.Hour

// checkTickets refuses what tickets can't be given with.
func (c *ServerConfig) checkTickets() error {
	if c.Tickets != nil && c.Time == nil {
		return fault.ConfigValue.In("Time").Saw("no clock", "one, since tickets expire")
	}
	if c.TicketLifetime < 0 || c.TicketLifetime > session.MaxLifetime {
		return fault.ConfigValue.In("TicketLifetime").Saw(c.TicketLifetime, "0 for 24 hours, or up to 7 days")
	}
	if c.TicketCount > mostTickets {
		return fault.ConfigValue.In("TicketCount").Saw(c.TicketCount, fmt.Sprintf("at most %d", mostTickets))
	}
	return nil
}

// mostTickets bounds what each connection costs.
const mostTickets = 16

// TicketPlan is how many tickets a client is given after a full or resumed
// handshake, and how long each is good for.
func (c *ServerConfig) TicketPlan() (count int, life time.Duration) {
	count, life = c.TicketCount, c.TicketLifetime
	switch {
	case c.Tickets == nil || count < 0:
		count = 0
	case count == 0:
		count = 2
	}
	if life == 0 {
		life = ticketLife
	}
	return count, life
}
