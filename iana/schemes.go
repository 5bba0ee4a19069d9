package iana

// String is the registry's name, such as "rsa_pss_rsae_sha256", or the number
// in hex.
func (s SignatureScheme) String() string { return name(schemes, uint16(s)) }

// Known reports whether the scheme has a name.
func (s SignatureScheme) Known() bool { _, ok := find(schemes, uint16(s)); return ok }

// Status is the registry's recommendation. RFC 9846, Section 11 gives the
// recommended ones. It does not discourage SHA-1 by this column: RFC 9155 does
// so in words, and RFC 9846 allows it in certificates alone.
func (s SignatureScheme) Status() Status { return status(schemes, uint16(s)) }

// ParseSignatureScheme understands the registry's names, and those of OpenSSL
// ("ECDSA+SHA256", "RSA-PSS+SHA256") and of Go ("PSSWithSHA256"), in any case,
// and "0x0804". For among see ParseVersion.
func ParseSignatureScheme(s string, among ...SignatureScheme) (SignatureScheme, error) {
	return parseAmong(registry{"signature scheme", "ecdsa_secp256r1_sha256", schemes}, s, among)
}

// In TLS 1.2 the first byte is a hash and the second a signature algorithm
// (RFC 5246, Section 7.4.1.4.1). Pairs that TLS 1.3 has no name for, such as
// 0x0303, are named here in its manner, because old peers still offer them;
// their status is Unregistered.
var schemes = []entry{
	{0x0101, "rsa_pkcs1_md5", "RSA+MD5", Unregistered},
	{0x0201, "rsa_pkcs1_sha1", "RSA+SHA1 PKCS1WithSHA1", Neutral},
	{0x0202, "dsa_sha1", "DSA+SHA1", Unregistered},
	{0x0203, "ecdsa_sha1", "ECDSA+SHA1 ECDSAWithSHA1", Neutral},
	{0x0301, "rsa_pkcs1_sha224", "RSA+SHA224", Unregistered},
	{0x0302, "dsa_sha224", "DSA+SHA224", Unregistered},
	{0x0303, "ecdsa_sha224", "ECDSA+SHA224", Unregistered},
	{0x0401, "rsa_pkcs1_sha256", "RSA+SHA256 PKCS1WithSHA256", Neutral},
	{0x0402, "dsa_sha256", "DSA+SHA256", Unregistered},
	{0x0403, "ecdsa_secp256r1_sha256", "ECDSA+SHA256 ECDSAWithP256AndSHA256", Recommended},
	{0x0420, "rsa_pkcs1_sha256_legacy", "", Neutral},
	{0x0501, "rsa_pkcs1_sha384", "RSA+SHA384 PKCS1WithSHA384", Neutral},
	{0x0502, "dsa_sha384", "DSA+SHA384", Unregistered},
	{0x0503, "ecdsa_secp384r1_sha384", "ECDSA+SHA384 ECDSAWithP384AndSHA384", Recommended},
	{0x0520, "rsa_pkcs1_sha384_legacy", "", Neutral},
	{0x0601, "rsa_pkcs1_sha512", "RSA+SHA512 PKCS1WithSHA512", Neutral},
	{0x0602, "dsa_sha512", "DSA+SHA512", Unregistered},
	{0x0603, "ecdsa_secp521r1_sha512", "ECDSA+SHA512 ECDSAWithP521AndSHA512", Neutral},
	{0x0620, "rsa_pkcs1_sha512_legacy", "", Neutral},
	{0x0704, "eccsi_sha256", "", Neutral},
	{0x0705, "iso_ibs1", "", Neutral},
	{0x0706, "iso_ibs2", "", Neutral},
	{0x0707, "iso_chinese_ibs", "", Neutral},
	{0x0708, "sm2sig_sm3", "SM2+SM3", Neutral},
	{0x0709, "gostr34102012_256a", "", Neutral},
	{0x070a, "gostr34102012_256b", "", Neutral},
	{0x070b, "gostr34102012_256c", "", Neutral},
	{0x070c, "gostr34102012_256d", "", Neutral},
	{0x070d, "gostr34102012_512a", "", Neutral},
	{0x070e, "gostr34102012_512b", "", Neutral},
	{0x070f, "gostr34102012_512c", "", Neutral},
	{0x0804, "rsa_pss_rsae_sha256", "RSA-PSS+SHA256 PSS+SHA256 PSSWithSHA256", Recommended},
	{0x0805, "rsa_pss_rsae_sha384", "RSA-PSS+SHA384 PSS+SHA384 PSSWithSHA384", Recommended},
	{0x0806, "rsa_pss_rsae_sha512", "RSA-PSS+SHA512 PSS+SHA512 PSSWithSHA512", Recommended},
	{0x0807, "ed25519", "", Recommended},
	{0x0808, "ed448", "", Neutral},
	{0x0809, "rsa_pss_pss_sha256", "", Recommended},
	{0x080a, "rsa_pss_pss_sha384", "", Recommended},
	{0x080b, "rsa_pss_pss_sha512", "", Recommended},
	{0x081a, "ecdsa_brainpoolP256r1tls13_sha256", "", Neutral},
	{0x081b, "ecdsa_brainpoolP384r1tls13_sha384", "", Neutral},
	{0x081c, "ecdsa_brainpoolP512r1tls13_sha512", "", Neutral},
	{0x0904, "mldsa44", "", Neutral},
	{0x0905, "mldsa65", "", Neutral},
	{0x0906, "mldsa87", "", Neutral},
	{0x0911, "slhdsa_sha2_128s", "", Neutral},
	{0x0912, "slhdsa_sha2_128f", "", Neutral},
	{0x0913, "slhdsa_sha2_192s", "", Neutral},
	{0x0914, "slhdsa_sha2_192f", "", Neutral},
	{0x0915, "slhdsa_sha2_256s", "", Neutral},
	{0x0916, "slhdsa_sha2_256f", "", Neutral},
	{0x0917, "slhdsa_shake_128s", "", Neutral},
	{0x0918, "slhdsa_shake_128f", "", Neutral},
	{0x0919, "slhdsa_shake_192s", "", Neutral},
	{0x091a, "slhdsa_shake_192f", "", Neutral},
	{0x091b, "slhdsa_shake_256s", "", Neutral},
	{0x091c, "slhdsa_shake_256f", "", Neutral},
	{0xff01, "rsa_pkcs1_md5_sha1", "", Unregistered}, // ours: see the constant
}
