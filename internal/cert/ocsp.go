package cert

import (
	"bytes"
	"crypto"
	_ "crypto/sha1" // a CertID is a look-up key, for which SHA-1 is still usual
	_ "crypto/sha256"
	_ "crypto/sha512"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"math/big"
	"time"

	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/flow"
)

// The structures of RFC 6960, Section 4.2.1. golang.org/x/crypto/ocsp parses
// them too, but keeps the issuer's hashes of a CertID to itself, so that the
// answer of a responder for another authority's certificate with the same serial
// number would pass; and it does not know Ed25519.
type (
	ocspResponse struct {
		Status asn1.Enumerated
		Bytes  struct {
			Type     asn1.ObjectIdentifier
			Response []byte
		} `asn1:"explicit,tag:0,optional"`
	}
	basicResponse struct {
		TBS       asn1.RawValue
		Algorithm pkix.AlgorithmIdentifier
		Signature asn1.BitString
		Certs     []asn1.RawValue `asn1:"explicit,tag:0,optional"`
	}
	responseData struct {
		Version     int `asn1:"explicit,tag:0,default:0,optional"`
		ResponderID asn1.RawValue
		ProducedAt  time.Time `asn1:"generalized"`
		Responses   []singleResponse
	}
	singleResponse struct {
		ID         certID
		Status     asn1.RawValue
		ThisUpdate time.Time        `asn1:"generalized"`
		NextUpdate time.Time        `asn1:"generalized,explicit,tag:0,optional"`
		Extensions []pkix.Extension `asn1:"explicit,tag:1,optional"`
	}
	certID struct {
		Hash     pkix.AlgorithmIdentifier
		Name     []byte // hash of the issuer's subject
		Key      []byte // hash of the issuer's public key
		SerialNo *big.Int
	}
	revokedInfo struct {
		At     time.Time       `asn1:"generalized"`
		Reason asn1.Enumerated `asn1:"explicit,tag:0,optional"`
	}
)

// maxResponders bounds the certificates that an answer may bring along. One is
// what the RFC has in mind; some responders add those above it.
const maxResponders = 4

// A response is a BasicOCSPResponse in which every choice is known to be legal.
type response struct {
	responseData
	raw          []byte // what is signed
	algorithm    x509.SignatureAlgorithm
	signature    []byte
	Certificates []*x509.Certificate
}

var oidBasic = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 48, 1, 1}

func malformed(format string, args ...any) *fault.Error {
	// The standard library quotes what it could not read.
	return fault.OCSPMalformed.Because(errors.New(fault.Printable(fmt.Errorf(format, args...).Error())))
}

// parseResponse reads the DER of an OCSPResponse.
func parseResponse(der []byte) (*response, *fault.Error) {
	var outer ocspResponse
	if e := unmarshal(der, &outer, "OCSPResponse"); e != nil {
		return nil, e
	}
	if outer.Status != 0 {
		return nil, fault.OCSPNoAnswer.New().Saw(responderError(int(outer.Status)), "successful")
	}
	if !outer.Bytes.Type.Equal(oidBasic) {
		return nil, malformed("the response type is not id-pkix-ocsp-basic")
	}
	var basic basicResponse
	if e := unmarshal(outer.Bytes.Response, &basic, "BasicOCSPResponse"); e != nil {
		return nil, e
	}
	r := &response{
		raw:       basic.TBS.FullBytes,
		algorithm: algorithmOf(basic.Algorithm),
		signature: basic.Signature.RightAlign(),
	}
	if e := unmarshal(r.raw, &r.responseData, "ResponseData"); e != nil {
		return nil, e
	}
	if len(basic.Certs) > maxResponders {
		return nil, malformed("%d certificates, at most %d are read", len(basic.Certs), maxResponders)
	}
	for _, raw := range basic.Certs {
		c, err := x509.ParseCertificate(raw.FullBytes)
		if err != nil {
			return nil, malformed("enclosed certificate: %w", err)
		}
		r.Certificates = append(r.Certificates, c)
	}
	for i := range r.Responses {
		if e := r.Responses[i].legal(); e != nil {
			return nil, e
		}
	}
	return r, nil
}

func unmarshal(der []byte, v any, what string) *fault.Error {
	rest, err := asn1.Unmarshal(der, v)
	switch {
	case err != nil:
		return malformed("%s: %w", what, err)
	case len(rest) > 0:
		return malformed("%s: %d bytes follow it", what, len(rest))
	}
	return nil
}

// responderError is an OCSPResponseStatus other than successful.
func responderError(status int) string {
	names := map[int]string{1: "malformedRequest", 2: "internalError", 3: "tryLater", 5: "sigRequired", 6: "unauthorized"}
	if name, ok := names[status]; ok {
		return name
	}
	return fmt.Sprintf("status %d", status)
}

// legal checks what the ASN.1 structure alone does not: that the status is one
// of the three, and that no extension is critical, for we know none.
func (s *singleResponse) legal() *fault.Error {
	for _, ext := range s.Extensions {
		if ext.Critical {
			return malformed("critical extension %v", ext.Id)
		}
	}
	if s.Status.Class != asn1.ClassContextSpecific || s.Status.Tag > int(flow.OCSPUnknown) {
		return malformed("certStatus is none of good, revoked and unknown")
	}
	if s.ID.SerialNo == nil {
		return malformed("the CertID has no serial number")
	}
	if flow.OCSPStatus(s.Status.Tag) == flow.OCSPRevoked {
		_, e := s.revoked()
		return e
	}
	return nil
}

// revoked reads the implicitly tagged RevokedInfo.
func (s *singleResponse) revoked() (info revokedInfo, e *fault.Error) {
	_, err := asn1.UnmarshalWithParams(s.Status.FullBytes, &info, fmt.Sprintf("tag:%d", flow.OCSPRevoked))
	if err != nil {
		return info, malformed("RevokedInfo: %w", err)
	}
	return info, nil
}

func (s *singleResponse) staple(producedAt time.Time, responder string) *flow.Staple {
	out := &flow.Staple{
		Status:     flow.OCSPStatus(s.Status.Tag),
		ProducedAt: producedAt,
		ThisUpdate: s.ThisUpdate,
		NextUpdate: s.NextUpdate,
		Responder:  responder,
	}
	if out.Status == flow.OCSPRevoked {
		info, _ := s.revoked() // legal has read it before
		out.RevokedAt, out.Reason = info.At, int(info.Reason)
	}
	return out
}

// find is the part of the answer that is about the certificate.
func (r *response) find(leaf, issuer *x509.Certificate) (*singleResponse, *fault.Error) {
	for i := range r.Responses {
		s := &r.Responses[i]
		if s.ID.SerialNo.Cmp(leaf.SerialNumber) == 0 && s.ID.names(issuer) {
			return s, nil
		}
	}
	got := "nothing"
	if len(r.Responses) > 0 {
		got = "serial number " + r.Responses[0].ID.SerialNo.Text(16)
		if r.Responses[0].ID.SerialNo.Cmp(leaf.SerialNumber) == 0 {
			got += " of another issuer"
		}
	}
	return nil, fault.OCSPWrongCert.New().Saw("it is about "+got, "serial number "+leaf.SerialNumber.Text(16))
}

var hashes = []struct {
	oid  asn1.ObjectIdentifier
	hash crypto.Hash
}{
	{asn1.ObjectIdentifier{1, 3, 14, 3, 2, 26}, crypto.SHA1},
	{asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 1}, crypto.SHA256},
	{asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 2}, crypto.SHA384},
	{asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 3}, crypto.SHA512},
}

// names reports whether the CertID names issuer by both of its hashes.
func (id *certID) names(issuer *x509.Certificate) bool {
	var key struct {
		Algorithm pkix.AlgorithmIdentifier
		Bits      asn1.BitString
	}
	if _, err := asn1.Unmarshal(issuer.RawSubjectPublicKeyInfo, &key); err != nil {
		return false
	}
	for _, h := range hashes {
		if id.Hash.Algorithm.Equal(h.oid) {
			return bytes.Equal(id.Name, sum(h.hash, issuer.RawSubject)) && bytes.Equal(id.Key, sum(h.hash, key.Bits.RightAlign()))
		}
	}
	return false
}

func sum(h crypto.Hash, b []byte) []byte {
	d := h.New()
	d.Write(b)
	return d.Sum(nil)
}

// signedBy reports whether c's key made the signature. SHA-1 is not accepted
// here, as little as in a certificate.
func (r *response) signedBy(c *x509.Certificate) bool {
	return r.algorithm != 0 && c.CheckSignature(r.algorithm, r.raw, r.signature) == nil
}

var algorithms = []struct {
	oid asn1.ObjectIdentifier
	alg x509.SignatureAlgorithm
}{
	{asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 11}, x509.SHA256WithRSA},
	{asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 12}, x509.SHA384WithRSA},
	{asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 13}, x509.SHA512WithRSA},
	{asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 2}, x509.ECDSAWithSHA256},
	{asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 3}, x509.ECDSAWithSHA384},
	{asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 4}, x509.ECDSAWithSHA512},
	{asn1.ObjectIdentifier{1, 3, 101, 112}, x509.PureEd25519},
}

// algorithmOf is 0 for an algorithm that we do not accept.
func algorithmOf(id pkix.AlgorithmIdentifier) x509.SignatureAlgorithm {
	for _, a := range algorithms {
		if id.Algorithm.Equal(a.oid) {
			return a.alg
		}
	}
	return 0
}
