package main

import (
	"context"
	"errors"
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
	switch {
	case m.policy == handclasp.NoClientCert:
		return ""
	case m.empty:
		return fmt.Sprintf("  %v, client without certificate", m.policy)
	}
	return fmt.Sprintf("  %v, client with %v", m.policy, m.shows)
}

// asked tells whether the client is asked, proves whether it has an answer, and
// refused whether that ends the connection.
func (m mutual) asked() bool   { return m.policy != handclasp.NoClientCert }
func (m mutual) proves() bool  { return m.asked() && !m.empty }
func (m mutual) refused() bool { return m.empty && m.policy.Requires() }

// curve is the group of an ECDSA certificate of the client. OpenSSL's servers of
// TLS 1.2 refuse one that the client's hello does not list.
func (m mutual) curve() iana.Group {
	if !m.proves() {
		return 0
	}
	return curve(m.shows)
}

// mutualCases are, for each version, every policy with every kind of client
// certificate and without one.
func mutualCases(server bool) (cases []testCase) {
	for _, v := range underTest() {
		c := testCase{version: v, server: server, suite: iana.TLS_AES_128_GCM_SHA256, group: iana.X25519, key: pki.P256}
		if v == iana.TLS12 {
			c.suite = iana.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256
		}
		for policy := handclasp.RequestClientCert; policy <= handclasp.RequireAndVerifyClientCert; policy++ {
			for _, k := range keyKinds {
				c.mutual = mutual{policy: policy, shows: k}
				cases = append(cases, c)
			}
			c.mutual = mutual{policy: policy, empty: true}
			cases = append(cases, c)
		}
	}
	return cases
}

// settled checks what our side knows of the client.
func (m mutual) settled(i handclasp.Info) error {
	known := i.ClientScheme != 0
	if i.Role == fault.Server {
		known = known && i.Peer != nil && i.Peer.Verified()
	}
	if i.ClientAuth != m.asked() || known != m.proves() {
		return fmt.Errorf("asked: %v, proved: %v with %v", i.ClientAuth, known, i.ClientScheme)
	}
	return nil
}

// refuse sees that a client without a certificate is refused: by us with our
// reason, by the peer in whatever words it has.
func refuse(ctx context.Context, ours *handclasp.Conn) error {
	err := ours.WaitVerdict(ctx)
	if err == nil {
		return errors.New("a client without a certificate is let in")
	}
	missing := errors.Is(err, fault.ClientCertificateMissing) || errors.Is(err, fault.ClientCertificateMissing12)
	if ours.Info().Role == fault.Server && !missing || !errors.As(err, new(*fault.Error)) {
		return err
	}
	ours.Close()
	return nil
}
