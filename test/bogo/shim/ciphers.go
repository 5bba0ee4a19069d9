package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/handclasp/handclasp/iana"
)

// tls13 are the suites of TLS 1.3, which a cipher list says nothing about.
var tls13 = []iana.CipherSuite{iana.TLS_AES_128_GCM_SHA256, iana.TLS_AES_256_GCM_SHA384, iana.TLS_CHACHA20_POLY1305_SHA256}

// all is what BoringSSL's list "ALL" stands for, of what there is here, and the two
// that its shim adds. Those of a pre-shared key need one.
var all = []iana.CipherSuite{
	iana.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
	iana.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
	iana.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
	iana.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
	iana.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
	iana.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
	iana.TLS_ECDHE_PSK_WITH_CHACHA20_POLY1305_SHA256,
	iana.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA,
	iana.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA,
	iana.TLS_ECDHE_PSK_WITH_AES_128_CBC_SHA,
	iana.TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA,
	iana.TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA,
	iana.TLS_ECDHE_PSK_WITH_AES_256_CBC_SHA,
	iana.TLS_RSA_WITH_AES_128_GCM_SHA256,
	iana.TLS_RSA_WITH_AES_256_GCM_SHA384,
	iana.TLS_RSA_WITH_AES_128_CBC_SHA,
	iana.TLS_PSK_WITH_AES_128_CBC_SHA,
	iana.TLS_RSA_WITH_AES_256_CBC_SHA,
	iana.TLS_PSK_WITH_AES_256_CBC_SHA,
	iana.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256,
	iana.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256,
}

const tripleDES = iana.TLS_RSA_WITH_3DES_EDE_CBC_SHA

// suites reads as much of OpenSSL's language of cipher lists as the runner speaks:
// names, ALL, DEFAULT, 3DES, AES128 and !AES. What stands in brackets has equal
// preference there; here it is in order.
func (s *settings) suites() ([]iana.CipherSuite, error) {
	if p := s.policy(); p.suites != nil {
		return p.suites, nil
	}
	list := slices.Clone(all)
	if s.Cipher != "" {
		list = nil
	}
	for word := range strings.FieldsFuncSeq(s.Cipher, func(r rune) bool { return strings.ContainsRune(":[]|", r) }) {
		has := func(part string) func(iana.CipherSuite) bool {
			return func(id iana.CipherSuite) bool { return strings.Contains(id.String(), part) }
		}
		switch id, err := iana.ParseCipherSuite(word); {
		case word == "ALL", word == "DEFAULT":
			list = append(list, all...)
		case word == "3DES":
			list = append(list, tripleDES)
		case word == "AES128":
			list = append(list, slices.DeleteFunc(slices.Clone(all), func(id iana.CipherSuite) bool { return !has("AES_128")(id) })...)
		case word == "!AES":
			list = slices.DeleteFunc(list, has("AES"))
		case err != nil:
			return nil, fmt.Errorf("-cipher %s: %w", s.Cipher, err)
		default:
			list = append(list, id)
		}
	}
	if s.PSK == "" {
		list = slices.DeleteFunc(list, func(id iana.CipherSuite) bool { return id.KeyExchange().PreShared() })
	}
	return append(slices.Clone(tls13), list...), nil
}
