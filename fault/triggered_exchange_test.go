package fault_test

import (
	"crypto/rand"
	"crypto/rsa"
	"math/big"
	"testing"

	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/iana"
	"github.com/handclasp/handclasp/internal/kex"
	"github.com/handclasp/handclasp/internal/wire"
)

// inDHE is a client and a server of TLS 1.2 that agree on finite-field
// Diffie-Hellman with a pre-shared key, where nothing is signed, so that the
// server's parameters can be changed on their way.
func inDHE(change func(m *wire.ServerKeyExchange)) scenario {
	return by(fault.Client, func(p *pair) {
		p.client.MaxVersion = iana.TLS12
		p.share(iana.TLS_DHE_PSK_WITH_AES_128_GCM_SHA256)
		p.editServer = only(change)
	})
}

var ofExchange = map[*fault.Rule]scenario{
	fault.KexPublicRange: inDHE(func(m *wire.ServerKeyExchange) { m.Share = []byte{1} }),
	fault.DHWeak:         inDHE(func(m *wire.ServerKeyExchange) { m.P = m.P[:128] }),
	fault.DHTooLarge: inDHE(func(m *wire.ServerKeyExchange) {
		m.P = append(make([]byte, 0), append([]byte{0xff}, make([]byte, 1300)...)...)
	}),
	fault.DHParams: inDHE(func(m *wire.ServerKeyExchange) { m.G = []byte{1} }),
	fault.EncryptThenMACSuite: by(fault.Client, func(p *pair) {
		p.client.MaxVersion = iana.TLS12
		p.client.CipherSuites = []iana.CipherSuite{iana.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, iana.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA}
		p.editServer = only(func(m *wire.ServerHello) { m.Extensions.Add(iana.ExtEncryptThenMAC) })
	}),
	fault.KexEncrypt: alone(func(t *testing.T) error {
		short := &rsa.PublicKey{N: new(big.Int).Add(new(big.Int).Lsh(big.NewInt(1), 511), big.NewInt(1)), E: 65537}
		_, err := kex.EncryptPremaster(rand.Reader, short, make([]byte, kex.PremasterLen))
		return err
	}),
}
