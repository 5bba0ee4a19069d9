package main

import (
	"fmt"

	"github.com/handclasp/handclasp"
	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/iana"
	"github.com/handclasp/handclasp/internal/pki"
)

// A mutual is what a case has of client certificates; the zero value has none.
type mutual struct {
	policy handclasp.ClientAuthType
	shows  pki.Key // the client's certificate
	empty  bool    // it has none
}

func (m mutual) String() string {
	if m.empty {
		return fmt.Sprintf("%v, client without certificate", m.policy)
	}
	return fmt.Sprintf("%v, client with %v", m.policy, m.shows)
}

// asked tells whether the client is asked, proves whether it has an answer, and
// refused whether that ends the connection.
func (m mutual) asked() bool   { return m.policy != handclasp.NoClientCert }
func (m mutual) proves() bool  { return m.asked() && !m.empty }
func (m mutual) refused() bool { return m.empty && m.policy.Requires() }

// curve is the group of an ECDSA certificate of the client. OpenSSL's servers of
// TLS 1.2 and below refuse one that the client's hello does not list.
func (m mutual) curve() iana.Group {
	if !m.proves() {
		return 0
	}
	return curve(m.shows)
}

// mutualCases are, for each version, every policy with every kind of client
// certificate and without one. TLS 1.1 and 1.0 can't sign with Ed25519.
func mutualCases(server bool) []testCase {
	return perVersion(server, iana.TLS10, iana.TLS13, func(c testCase) (cases []testCase) {
		for policy := handclasp.RequestClientCert; policy <= handclasp.RequireAndVerifyClientCert; policy++ {
			for _, k := range keyKinds {
				if c.version >= iana.TLS12 || k != pki.Ed25519 {
					c.mutual = mutual{policy: policy, shows: k}
					cases = append(cases, c)
				}
			}
			c.mutual = mutual{policy: policy, empty: true}
			cases = append(cases, c)
		}
		return cases
	})
}

// settled checks what our side knows of the client.
func (m mutual) settled(i handclasp.Info) error {
	known := i.ClientScheme != 0
	if i.Role == fault.Server {
		known = known && i.Peer != nil && i.Peer.Verified()
	}
	if i.ClientAuth != (m.asked() && !i.Resumed) || known != m.proves() {
		return fmt.Errorf("asked: %v, proved: %v with %v", i.ClientAuth, known, i.ClientScheme)
	}
	return nil
}
