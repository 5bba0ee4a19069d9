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
