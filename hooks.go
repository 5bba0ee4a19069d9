package handclasp

import (
	"crypto/tls"
	"net"
)

// TLSGetCertificate makes a GetCertificate hook from one that was written for
// crypto/tls, such as that of golang.org/x/crypto/acme/autocert:
//
//	cfg := &handclasp.ServerConfig{
//		GetCertificate: handclasp.TLSGetCertificate(manager.GetCertificate),
//		NextProtos:     []string{"http/1.1", acme.ALPNProto},
//	}
//
// The hook's ClientHelloInfo has no Context, which only crypto/tls can set: its
// method gives nil.
func TLSGetCertificate(hook func(*tls.ClientHelloInfo) (*tls.Certificate, error)) func(*HelloInfo) (*Certificate, error) {
	return func(h *HelloInfo) (*Certificate, error) {
		found, err := hook(tlsHelloInfo(h))
		if err != nil || found == nil {
			return nil, err
		}
		cert, err := FromTLS(*found)
		return &cert, err
	}
}

// TLSGetClientCertificate makes a GetClientCertificate hook from one that was
// written for crypto/tls. As there, an empty certificate means none; so the
// configuration should have no Certificates besides. The hook's
// CertificateRequestInfo has no Context.
func TLSGetClientCertificate(hook func(*tls.CertificateRequestInfo) (*tls.Certificate, error)) func(*CertificateRequestInfo) (*Certificate, error) {
	return func(r *CertificateRequestInfo) (*Certificate, error) {
		found, err := hook(&tls.CertificateRequestInfo{
			AcceptableCAs: r.Authorities, SignatureSchemes: numbers[tls.SignatureScheme](r.SignatureSchemes), Version: uint16(r.Version),
		})
		if err != nil || found == nil || len(found.Certificate) == 0 {
			return nil, err
		}
		cert, err := FromTLS(*found)
		return &cert, err
	}
}

// tlsHelloInfo is a hello in the words of crypto/tls.
func tlsHelloInfo(h *HelloInfo) *tls.ClientHelloInfo {
	conn, _ := h.Conn.(net.Conn)
	return &tls.ClientHelloInfo{
		Conn:              conn,
		ServerName:        h.ServerName,
		CipherSuites:      numbers[uint16](h.CipherSuites),
		SupportedCurves:   numbers[tls.CurveID](h.Groups),
		SupportedPoints:   []uint8{0},
		SignatureSchemes:  numbers[tls.SignatureScheme](h.SignatureSchemes),
		SupportedProtos:   h.NextProtos,
		SupportedVersions: numbers[uint16](h.Versions),
		Extensions:        numbers[uint16](h.Extensions),
	}
}

// numbers gives code points the type that crypto/tls has for them.
func numbers[To, From ~uint16](list []From) []To {
	out := make([]To, len(list))
	for i, v := range list {
		out[i] = To(v)
	}
	return out
}
