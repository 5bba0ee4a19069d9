package main

import (
	"context"
	"debug/elf"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/handclasp/handclasp"
	"github.com/handclasp/handclasp/iana"
	"github.com/handclasp/handclasp/internal/kex"
	"github.com/handclasp/handclasp/internal/pki"
)

// frontLacks are what web servers can't do, nor can be brought to do.
var frontLacks = []lack{
	{hasSecret, "web servers take no pre-shared keys, nor psk_ke"},
	{hasScheme, "web servers can't be told signature schemes"},
	{acts, "web servers change no keys by themselves, ask for nothing later and answer whole requests"},
	{replays, "OpenSSL's defence against replays is off in web servers, which leave it to the application"},
}

var nginxCan = except(opensslLacks, frontLacks, []lack{
	{func(c testCase) bool { return c.mutual.refused() || c.mutual.policy == handclasp.RequireAnyClientCert }, "nginx lets everybody in, and answers 400 to who lacks a certificate that is good"},
})

// dheBelow13 are the cases with finite fields in TLS 1.2 and below.
func dheBelow13(c testCase) bool { return c.version < iana.TLS13 && (finite(c) || ownDH(c)) }

var haproxyCan = except(opensslLacks, frontLacks, []lack{
	{dheBelow13, "haproxy has one file of Diffie-Hellman parameters for all"},
	{macsFirst, "haproxy can't refuse encrypt-then-MAC"},
	{func(c testCase) bool { return c.mutual.asked() && !c.mutual.policy.Verifies() }, "haproxy verifies what clients show"},
})

// lighttpdLacks are what it can't be told of, whatever does its TLS.
var lighttpdLacks = []lack{
	{asks, "lighttpd asks for certificates in the whole process or nowhere"},
	{usesEarly, "lighttpd has no 0-RTT"},
	{dheBelow13, "lighttpd has one set of Diffie-Hellman parameters for all"},
	{func(c testCase) bool { return c.resume == byID }, "lighttpd keeps no sessions"},
}

var lighttpdOpenSSLCan = except(opensslLacks, frontLacks, lighttpdLacks)

// otherLacks are those of lighttpd's other modules, which know few of OpenSSL's
// commands.
var otherLacks = []lack{
	{func(c testCase) bool { return c.weak() || c.group != 0 && !slices.Contains(kex.Groups(), c.group) }, "lighttpd's module takes neither old versions nor suites and groups that must be named"},
}

var lighttpdGnuTLSCan = except(gnutlsLacks, frontLacks, lighttpdLacks, otherLacks)

func nginxOpen(ctx context.Context, k *kit) (*player, error) {
	return front{conf: "nginx.conf", curves: opensslGroups, command: func(conf string) []string {
		return []string{"nginx", "-c", conf, "-p", k.files.dir, "-e", "stderr"}
	}}.open(ctx, k)
}

func haproxyOpen(ctx context.Context, k *kit) (*player, error) {
	return front{conf: "haproxy.cfg", curves: opensslGroups, command: func(conf string) []string {
		return []string{"haproxy", "-db", "-f", conf}
	}}.open(ctx, k)
}

// --- lighttpd, by the module that does its TLS ---

func lighttpdOpen(module string, curves func([]iana.Group) string) func(context.Context, *kit) (*player, error) {
	return front{conf: "lighttpd.conf", module: module, curves: curves, command: func(conf string) []string {
		return []string{"lighttpd", "-D", "-f", conf}
	}}.open
}

// lighttpdVersion names the library that the module is linked with, too.
func lighttpdVersion(module, library string) func(context.Context) (string, error) {
	return func(ctx context.Context) (string, error) {
		version, err := program("lighttpd", "-v")(ctx)
		if err != nil {
			return "", err
		}
		version, _, _ = strings.Cut(version, " ")
		f, err := elf.Open("/usr/lib/lighttpd/" + module + ".so")
		if err != nil {
			return "", fmt.Errorf("lighttpd's %s is not installed", module)
		}
		defer f.Close()
		linked, err := f.ImportedLibraries()
		if err != nil {
			return "", err
		}
		for _, name := range linked {
			if strings.HasPrefix(name, library) {
				return version + " with " + realName(name), nil
			}
		}
		return version, nil
	}
}

// realName follows libwolfssl.so.35 to libwolfssl.so.35.3.0.
func realName(soname string) string {
	found, _ := filepath.Glob("/usr/lib/*/" + soname)
	for _, path := range found {
		if real, err := filepath.EvalSymlinks(path); err == nil {
			return filepath.Base(real)
		}
	}
	return soname
}

// mbedtlsCan: Mbed TLS 2.28 of Debian 12.
var mbedtlsCan = except([]lack{
	{func(c testCase) bool { return c.version == iana.TLS13 }, "Mbed TLS has TLS 1.3 from 3.2 on, Debian 12 has 2.28"},
	{certified(pki.Ed25519), "Mbed TLS has no Ed25519"},
	{shapedAs(limited), "Mbed TLS 2.28 has no record_size_limit"},
	{func(c testCase) bool { return c.chain == many }, "Mbed TLS sends no message that is longer than a record"},
	{func(c testCase) bool { return c.wire == fragments }, "Mbed TLS 2.28 takes no ClientHello that comes in several records"},
}, frontLacks, lighttpdLacks, otherLacks)

// wolfsslCan: wolfSSL 5.5 of Debian 12. The module can't be told more than one
// NIST curve, so it takes its own list.
var wolfsslCan = except([]lack{
	{postQuantum, "Debian 12's wolfSSL has no ML-KEM"},
	{shapedAs(limited), "wolfSSL has no record_size_limit"},
	{certified(pki.Ed25519), "lighttpd's mod_wolfssl loads no Ed25519 certificate (\"inactive/expired\")"},
	{func(c testCase) bool { return c.chain == deep }, "wolfSSL can't judge a chain of 10, its own neither"},
	{func(c testCase) bool { return c.wire == fragments }, "wolfSSL 5.5 takes no message whose header comes in several records"},
	{func(c testCase) bool { return c.chain == long }, "Debian 12's wolfSSL loads no RSA key of 8,192 bits"},
	{func(c testCase) bool { return c.retry }, "lighttpd's mod_wolfssl can't be told which groups to take"},
	{func(c testCase) bool {
		return c.version < iana.TLS13 && curve(c.key) != 0 && c.group != iana.X25519 && c.group > curve(c.key)
	}, "in TLS 1.2 wolfSSL takes the smallest NIST curve offered, here the certificate's"},
}, frontLacks, lighttpdLacks, otherLacks)

func noCurves([]iana.Group) string { return "" }
