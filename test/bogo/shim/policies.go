package main

import (
	"slices"

	"github.com/handclasp/handclasp/iana"
)

// A policy is what BoringSSL's compliance policies come down to: lists, which this
// module's configurations hold as they are. What is nil stays as it was.
type policy struct {
	lowest  iana.Version
	suites  []iana.CipherSuite
	groups  []iana.Group
	schemes []iana.SignatureScheme
}

var (
	aes256 = []iana.CipherSuite{
		iana.TLS_AES_256_GCM_SHA384,
		iana.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, iana.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
	}
	sha384 = []iana.SignatureScheme{iana.ECDSA_SECP384R1_SHA384, iana.RSA_PSS_RSAE_SHA384, iana.RSA_PKCS1_SHA384}

	fips202205 = policy{
		iana.TLS12,
		[]iana.CipherSuite{
			iana.TLS_AES_128_GCM_SHA256, iana.TLS_AES_256_GCM_SHA384,
			iana.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, iana.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
			iana.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, iana.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
		},
		[]iana.Group{iana.Secp256r1, iana.Secp384r1},
		slices.Concat(sha384, []iana.SignatureScheme{
			iana.ECDSA_SECP256R1_SHA256, iana.RSA_PSS_RSAE_SHA256, iana.RSA_PKCS1_SHA256, iana.RSA_PSS_RSAE_SHA512, iana.RSA_PKCS1_SHA512,
		}),
	}
	wpa202304 = policy{
		iana.TLS12, aes256, []iana.Group{iana.Secp384r1},
		slices.Concat(sha384, []iana.SignatureScheme{iana.RSA_PSS_RSAE_SHA512, iana.RSA_PKCS1_SHA512}),
	}
	cnsa202407 = policy{suites: []iana.CipherSuite{iana.TLS_AES_256_GCM_SHA384, iana.TLS_AES_128_GCM_SHA256, iana.TLS_CHACHA20_POLY1305_SHA256}}
	cnsa1      = policy{
		iana.TLS12, slices.Concat(aes256, []iana.CipherSuite{iana.TLS_RSA_WITH_AES_256_GCM_SHA384}),
		[]iana.Group{iana.MLKEM1024, iana.Secp384r1}, sha384,
	}
	cnsa2 = policy{iana.TLS13, aes256[:1], []iana.Group{iana.MLKEM1024}, sha384}
)

// policy is the one that the flags name; the empty one if they name none.
func (s *settings) policy() policy {
	switch {
	case s.FIPS202205:
		return fips202205
	case s.WPA202304:
		return wpa202304
	case s.CNSA202407:
		return cnsa202407
	case s.CNSA1:
		return cnsa1
	case s.CNSA2:
		return cnsa2
	}
	return policy{}
}
