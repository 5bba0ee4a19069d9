package main

import (
	"context"
	"debug/elf"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/handclasp/handclasp/iana"
	"github.com/handclasp/handclasp/internal/pki"
)

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
	{beyond, "not tried yet"},
})

// wolfsslCan: wolfSSL 5.5 of Debian 12. The module can't be told more than one
// NIST curve, so it takes its own list.
var wolfsslCan = except([]lack{
	{postQuantum, "Debian 12's wolfSSL has no ML-KEM"},
	{certified(pki.Ed25519), "lighttpd's mod_wolfssl loads no Ed25519 certificate (\"inactive/expired\")"},
	{func(c testCase) bool { return c.retry }, "lighttpd's mod_wolfssl can't be told which groups to take"},
	{func(c testCase) bool {
		return c.version < iana.TLS13 && curve(c.key) != 0 && c.group != iana.X25519 && c.group > curve(c.key)
	}, "in TLS 1.2 wolfSSL takes the smallest NIST curve offered, here the certificate's"},
	{beyond, "not tried yet"},
})

func noCurves([]iana.Group) string { return "" }
