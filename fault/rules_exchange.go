package fault

import "github.com/handclasp/handclasp/iana"

// Key exchange in TLS 1.2 and below.
var (
	KexPublicRange = rule("kex-public-range", iana.IllegalParameter, Peer, "RFC 7919, Section 5.1",
		"The peer's Diffie-Hellman public value is not between 2 and p-2, so the secret would be no secret.",
		"The peer's TLS stack breaks the protocol or is under attack; report it to its vendor.")
	KexEncrypt = rule("kex-encrypt", iana.IllegalParameter, Peer, "RFC 5246, Section 7.4.7.1",
		"The premaster secret can't be encrypted to the key of the server's certificate.",
		"Give the server a certificate with an RSA key of 2048 bits or more.")
	DHWeak = rule("dh-weak", iana.InsufficientSecurity, Peer, "RFC 9325, Section 4.3",
		"The server's Diffie-Hellman modulus is too short to be safe.",
		"Give the server parameters of 2048 bits or more, such as ffdhe2048, or let it use ECDHE; a client that must can lower MinDHBits to 1024.")
	DHTooLarge = rule("dh-too-large", iana.IllegalParameter, Peer, "RFC 5246, Section 7.4.3",
		"The server's Diffie-Hellman modulus is so long that computing with it would take seconds.",
		"Give the server parameters of at most 8192 bits.")
	DHParams = rule("dh-params", iana.IllegalParameter, Peer, "RFC 5246, Section 7.4.3",
		"The server's Diffie-Hellman parameters are not a prime and a generator.",
		"Give the server one of the groups of RFC 7919, such as ffdhe2048.")
	EncryptThenMACSuite = rule("encrypt-then-mac-suite", iana.IllegalParameter, Peer, "RFC 7366, Section 3",
		"The server agreed to encrypt-then-MAC with a cipher suite that has no MAC of its own.",
		"The server's TLS stack breaks the protocol; report it to its vendor.")
)
