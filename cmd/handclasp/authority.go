package main

import (
	"net"
	"strconv"
	"time"

	"github.com/handclasp/handclasp"
	"github.com/handclasp/handclasp/config"
	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/internal/pki"
	"github.com/handclasp/handclasp/sign"
)

// own is what a server without certificate files proves itself with.
type own struct {
	authority    []byte // certificate of the made-up authority, PEM; its key is gone already
	certificates []handclasp.Certificate
}

// newOwn makes an authority, and a certificate of it for this machine and the
// further names.
func newOwn(authority string, names ...string) (*own, error) {
	a, err := pki.NewAuthority(authority, pki.Options{Now: time.Now()})
	if err != nil {
		return nil, fault.Internal.Because(err)
	}
	issued, err := a.Issue(pki.Leaf{Names: append([]string{"localhost", "127.0.0.1", "::1"}, names...)})
	if err != nil {
		return nil, fault.Internal.Because(err)
	}
	signer, err := sign.FromCrypto(issued.Key)
	if err != nil {
		return nil, fault.Internal.Because(err)
	}
	cert, err := config.NewCertificate(issued.Chain, signer)
	return &own{a.PEM(), []handclasp.Certificate{cert}}, err
}

// port is the port of a listener's address.
func port(addr net.Addr) string {
	if tcp, ok := addr.(*net.TCPAddr); ok {
		return strconv.Itoa(tcp.Port)
	}
	return ""
}
