package config

import (
	"fmt"
	"slices"

	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/internal/expand"
)

// An ALPNMismatch says what a server does with a client that offers application
// protocols and none that it speaks.
type ALPNMismatch uint8

const (
	// ALPNRefuse refuses the client with no_application_protocol (RFC 7301,
	// Section 3.2): a client must not take one protocol for another (ALPACA).
	ALPNRefuse ALPNMismatch = iota

	// ALPNGoOn answers as if the client had offered none. It is for servers
	// with a protocol of old that needs no name.
	ALPNGoOn
)

// checkExtras refuses what fields that only some users set can't mean.
func (c *ClientConfig) checkExtras() error {
	if c.SendAuthorities && c.RootCAs == nil {
		return fault.ConfigValue.In("SendAuthorities").Saw("no RootCAs", "RootCAs, whose names it sends")
	}
	if c.RequireALPN && len(c.NextProtos) == 0 {
		return fault.ConfigValue.In("RequireALPN").Saw("no NextProtos", "NextProtos, of which it wants one")
	}
	for i, a := range c.CertificateCompression {
		if !slices.Contains(expand.All, a) || slices.Contains(c.CertificateCompression[:i], a) {
			return fault.ConfigValue.In("CertificateCompression").Saw(a, fmt.Sprintf("each of %v once", expand.All))
		}
	}
	if n := c.PadHello; n < 0 || n > 1<<14 {
		return fault.ConfigValue.In("PadHello").Saw(n, "0 to 16384 bytes")
	}
	if n := c.MaxFragmentLength; n != 0 && n != 512 && n != 1024 && n != 2048 && n != 4096 {
		return fault.ConfigValue.In("MaxFragmentLength").Saw(n, "512, 1024, 2048 or 4096")
	}
	return checkRecords(c.RecordSizeLimit, c.PadRecords)
}

// checkRecords refuses sizes that no record can have.
func checkRecords(limit, pad int) error {
	if limit != 0 && (limit < 64 || limit > 1<<14+1) {
		return fault.ConfigValue.In("RecordSizeLimit").Saw(limit, "64 to 16385 bytes")
	}
	if pad != 0 && (pad < 2 || pad > 1<<14) {
		return fault.ConfigValue.In("PadRecords").Saw(pad, "2 to 16384 bytes")
	}
	return nil
}

// checkExtras refuses what fields that only some users set can't mean.
func (c *ServerConfig) checkExtras() error {
	if c.ALPNMismatch > ALPNGoOn {
		return fault.ConfigValue.In("ALPNMismatch").Saw(fmt.Sprint(uint8(c.ALPNMismatch)), "ALPNRefuse or ALPNGoOn")
	}
	return checkRecords(c.RecordSizeLimit, c.PadRecords)
}
