package iana

// Cipher suites of TLS 1.2 and below that are never offered unless somebody names
// them (RFC 5246, 4279, 5288, 5289, 5487, 5489, 6655, 7251, 7905, 8422, 8442).
const ()
