package flow

import (
	"crypto/x509"

	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/iana"
)

// Settled is an Info that does not change any more, as a connection keeps it for as
// long as it lives: a third as large, for what few have lies apart.
type Settled struct {
	version     iana.Version
	suite       iana.CipherSuite
	group       iana.Group
	scheme      iana.SignatureScheme
	client      iana.SignatureScheme
	compression iana.CertCompression
	exchange    iana.KeyExchange
	role        fault.Role
	state       fault.State

	forwardSecrecy, clientAuth, postHandshakeAuth, retried, extendedMasterSecret bool
	encryptThenMAC, secureRenegotiation, compat, resumed                         bool

	serverName, alpn string
	peer             *Verdict
	certificate      *x509.Certificate
	random           [32]byte
	few              *few // nil: all of them are zero
}

// few is what few connections have.
type few struct {
	dhBits, renegotiations       int
	recordLimit, peerRecordLimit int
	psk, unique, ocsp            []byte
	scts                         [][]byte
	early                        EarlyData
}

// Settle is i as it is kept.
func (i *Info) Settle() *Settled {
	s := &Settled{
		i.Version, i.CipherSuite, i.Group, i.SignatureScheme, i.ClientScheme, i.CertCompression, i.KeyExchange, i.Role, i.State,
		i.ForwardSecrecy, i.ClientAuth, i.PostHandshakeAuth, i.Retried, i.ExtendedMasterSecret,
		i.EncryptThenMAC, i.SecureRenegotiation, i.Compat, i.Resumed,
		i.ServerName, i.ALPN, i.Peer, i.ServerCertificate, i.ClientRandom, nil,
	}
	if i.DHBits != 0 || i.Renegotiations != 0 || i.RecordLimit != 0 || i.PeerRecordLimit != 0 || i.EarlyData != (EarlyData{}) ||
		i.PSKIdentity != nil || i.TLSUnique != nil || i.OCSPResponse != nil || i.SCTs != nil {
		s.few = &few{i.DHBits, i.Renegotiations, i.RecordLimit, i.PeerRecordLimit, i.PSKIdentity, i.TLSUnique, i.OCSPResponse, i.SCTs, i.EarlyData}
	}
	return s
}

// Info is what Settle was given.
func (s *Settled) Info() Info {
	i := Info{
		Version: s.version, CipherSuite: s.suite, Group: s.group, SignatureScheme: s.scheme, ClientScheme: s.client,
		CertCompression: s.compression, KeyExchange: s.exchange, Role: s.role, State: s.state,
		ForwardSecrecy: s.forwardSecrecy, ClientAuth: s.clientAuth, PostHandshakeAuth: s.postHandshakeAuth, Retried: s.retried,
		ExtendedMasterSecret: s.extendedMasterSecret, EncryptThenMAC: s.encryptThenMAC, SecureRenegotiation: s.secureRenegotiation,
		Compat: s.compat, Resumed: s.resumed, ServerName: s.serverName, ALPN: s.alpn, Peer: s.peer, ServerCertificate: s.certificate,
		ClientRandom: s.random,
	}
	if f := s.few; f != nil {
		i.DHBits, i.Renegotiations, i.RecordLimit, i.PeerRecordLimit = f.dhBits, f.renegotiations, f.recordLimit, f.peerRecordLimit
		i.PSKIdentity, i.TLSUnique, i.OCSPResponse, i.SCTs, i.EarlyData = f.psk, f.unique, f.ocsp, f.scts, f.early
	}
	return i
}

// Version is Info's, which is asked for often.
func (s *Settled) Version() iana.Version { return s.version }
