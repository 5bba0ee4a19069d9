package main

import (
	"fmt"
	"slices"

	"github.com/handclasp/handclasp"
	"github.com/handclasp/handclasp/iana"
	"github.com/handclasp/handclasp/internal/pki"
)

// A shape is what only some ask of hellos and records.
type shape uint8

const (
	unshaped    shape = iota
	limited           // record_size_limit (RFC 8449)
	cut               // max_fragment_length (RFC 6066, Section 4)
	padded            // a long ClientHello (RFC 7685), and padded records in TLS 1.3
	greased           // values that mean nothing (RFC 8701), and extensions in random order
	authorities       // certificate_authorities (RFC 9846, Section 4.3.4) of our client
)

func (s shape) String() string {
	return [...]string{"", "record_size_limit", "max_fragment_length", "padding", "GREASE", "certificate_authorities"}[s]
}

// What is asked for, in bytes.
const (
	ourLimit, theirLimit = 600, 700
	fragmentBytes        = 512
	helloBytes           = 3000
	padBytes             = 400
)

// shapeCases are, for each version, those that it has for our role. In TLS 1.2 and
// below a server of ours neither pads nor greases.
func shapeCases(server bool) []testCase {
	return perVersion(server, iana.TLS10, iana.TLS13, func(c testCase) (cases []testCase) {
		for c.shape = limited; c.shape <= authorities; c.shape++ {
			switch new := c.version == iana.TLS13; {
			case c.shape > cut && server && !new || c.shape == authorities && (server || !new):
				continue
			case c.shape == greased && server:
				c.mutual = mutual{policy: handclasp.RequireAndVerifyClientCert, shows: pki.P256} // it greases what it asks
			default:
				c.mutual = mutual{}
			}
			cases = append(cases, c)
		}
		return cases
	})
}

// shapeClient has our client ask for what the case is about.
func (c testCase) shapeClient(cfg *handclasp.ClientConfig) {
	switch c.shape {
	case limited:
		cfg.RecordSizeLimit = ourLimit
	case cut:
		cfg.MaxFragmentLength = fragmentBytes
	case padded:
		cfg.PadHello, cfg.PadRecords = helloBytes, padBytes
	case greased:
		cfg.GREASE, cfg.PermuteExtensions = true, true
	case authorities:
		cfg.SendAuthorities = true
	}
}

// shapeServer is the same of our server. That records are cut is for the client to
// ask.
func (c testCase) shapeServer(cfg *handclasp.ServerConfig) {
	switch c.shape {
	case limited:
		cfg.RecordSizeLimit = ourLimit
	case padded:
		cfg.PadRecords = padBytes
	case greased:
		cfg.GREASE = true
	}
}

// shaped checks what was agreed of records.
func (c testCase) shaped(i handclasp.Info) error {
	typed := 0 // the content type counts
	if c.version == iana.TLS13 {
		typed = 1
	}
	ok := true
	switch c.shape {
	case limited:
		ok = i.RecordLimit == ourLimit-typed && i.PeerRecordLimit > 0
	case cut:
		ok = i.RecordLimit == fragmentBytes && i.PeerRecordLimit == fragmentBytes
	}
	if !ok {
		return fmt.Errorf("records of %d bytes to %v, of %d bytes to the peer", i.RecordLimit, i.Role, i.PeerRecordLimit)
	}
	return nil
}

// asksToCut are those in which the peer is to ask for short records.
func asksToCut(c testCase) bool { return c.server && c.shape == cut }

// shapedAs are the cases of the shapes.
func shapedAs(list ...shape) func(testCase) bool {
	return func(c testCase) bool { return slices.Contains(list, c.shape) }
}
