package main

import (
	"crypto/tls"
	"crypto/x509"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestServeMakesUpKeys: without certificate files a server has one for each kind of
// suite that it was told to speak, so that it can speak them all.
func TestServeMakesUpKeys(t *testing.T) {
	const (
		rsa, ecdhe = tls.TLS_RSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256
		ecdsa      = tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256
	)
	for _, c := range []struct {
		flags []string
		works []uint16
		fails map[uint16]string // what the server says
	}{
		{[]string{"--suites", "all"}, []uint16{rsa, ecdhe, ecdsa}, nil},
		{[]string{"--suites", "AES128-GCM-SHA256"}, []uint16{rsa}, map[uint16]string{ecdsa: "no cipher suite in common"}},
		{[]string{"--sigalgs", "rsa_pss_rsae_sha256"}, []uint16{ecdhe}, map[uint16]string{ecdsa: "no certificate for any cipher suite"}},
		{nil, []uint16{ecdsa}, map[uint16]string{rsa: "no cipher suite in common", ecdhe: "no certificate for any cipher suite"}},
	} {
		ca := filepath.Join(t.TempDir(), "ca.pem")
		said, port := serving(t, append(c.flags, "--ca-out", ca)...)
		pem, err := os.ReadFile(ca)
		if err != nil {
			t.Fatal(err)
		}
		roots := x509.NewCertPool()
		roots.AppendCertsFromPEM(pem)
		dial := func(suite uint16) error {
			conn, err := tls.Dial("tcp", "127.0.0.1:"+port, &tls.Config{RootCAs: roots, ServerName: "localhost", MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{suite}})
			if err == nil {
				conn.Close()
			}
			return err
		}
		for _, suite := range c.works {
			if err := dial(suite); err != nil {
				t.Errorf("serve %s: %s: %v", strings.Join(c.flags, " "), tls.CipherSuiteName(suite), err)
			}
		}
		for suite, why := range c.fails {
			if err := dial(suite); err == nil {
				t.Errorf("serve %s: %s works", strings.Join(c.flags, " "), tls.CipherSuiteName(suite))
			}
			await(t, said, regexp.MustCompile(regexp.QuoteMeta(why)))
		}
	}
}
