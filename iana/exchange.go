package iana

import "strings"

// A KeyExchange is how the two sides of TLS 1.2 and below come by a premaster
// secret. There the cipher suite names it, and with it what ServerKeyExchange and
// ClientKeyExchange hold. In TLS 1.3 the suite does not say.
type KeyExchange uint8

const (
	NoKeyExchange   KeyExchange = iota // a suite of TLS 1.3, or one of which we know no more
	ECDHE                              // ephemeral elliptic-curve keys, signed (RFC 8422)
	DHE                                // ephemeral finite-field keys, signed (RFC 5246)
	RSAKeyTransport                    // the client's secret under the server's RSA key (RFC 5246)
	PSK                                // a pre-shared key alone (RFC 4279)
	DHEPSK                             // with ephemeral finite-field keys (RFC 4279)
	ECDHEPSK                           // with ephemeral elliptic-curve keys (RFC 5489)
	RSAPSK                             // with the client's secret under the server's RSA key (RFC 4279)
)

// String is the exchange as the names of suites have it, "RSA" for key transport.
func (x KeyExchange) String() string {
	if x > RSAPSK {
		x = NoKeyExchange
	}
	return [...]string{"none", "ECDHE", "DHE", "RSA", "PSK", "DHE_PSK", "ECDHE_PSK", "RSA_PSK"}[x]
}

// Curve reports whether both sides send a point on a curve.
func (x KeyExchange) Curve() bool { return x == ECDHE || x == ECDHEPSK }

// Finite reports whether both sides send a number of a finite field.
func (x KeyExchange) Finite() bool { return x == DHE || x == DHEPSK }

// Transport reports whether the client encrypts a secret to the server's key.
func (x KeyExchange) Transport() bool { return x == RSAKeyTransport || x == RSAPSK }

// Signed reports whether the server signs its ServerKeyExchange.
func (x KeyExchange) Signed() bool { return x == ECDHE || x == DHE }

// PreShared reports whether a pre-shared key takes part.
func (x KeyExchange) PreShared() bool { return x >= PSK && x <= RSAPSK }

// KeyExchange is the one that the registry's name of the suite tells. It is
// NoKeyExchange for suites of TLS 1.3, without a name, or with an exchange that is
// none of ours: static or anonymous Diffie-Hellman, Kerberos, SRP, export.
func (s CipherSuite) KeyExchange() KeyExchange {
	e, ok := find(suites, uint16(s))
	if !ok {
		return NoKeyExchange
	}
	exchange, _, _ := strings.Cut(strings.TrimPrefix(e.name, "TLS_"), "_WITH_")
	switch exchange {
	case "ECDHE_ECDSA", "ECDHE_RSA":
		return ECDHE
	case "DHE_RSA", "DHE_DSS":
		return DHE
	case "RSA":
		return RSAKeyTransport
	case "PSK":
		return PSK
	case "DHE_PSK", "PSK_DHE": // RFC 6655 swapped two words
		return DHEPSK
	case "ECDHE_PSK":
		return ECDHEPSK
	case "RSA_PSK":
		return RSAPSK
	}
	return NoKeyExchange
}
