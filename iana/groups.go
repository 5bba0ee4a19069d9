package iana

// Groups of the registry that only old or special peers name.
const (
	Secp256k1            Group = 0x0016
	BrainpoolP256r1      Group = 0x001a
	BrainpoolP384r1      Group = 0x001b
	BrainpoolP512r1      Group = 0x001c
	BrainpoolP256r1TLS13 Group = 0x001f
	BrainpoolP384r1TLS13 Group = 0x0020
	BrainpoolP512r1TLS13 Group = 0x0021
	CurveSM2             Group = 0x0029
	CurveSM2MLKEM768     Group = 0x11ee
)

// String is the registry's name, such as "x25519", or the number in hex.
func (g Group) String() string { return name(groups, uint16(g)) }

// Known reports whether the group has a name.
func (g Group) Known() bool { _, ok := find(groups, uint16(g)); return ok }

// Status is the registry's recommendation, Unregistered for a group without a
// name. RFC 9847 gives the discouraged ones. Of RFC 10024's hybrids we believe
// that X25519MLKEM768 alone is recommended, but could not look it up.
func (g Group) Status() Status { return status(groups, uint16(g)) }

// ParseGroup understands the registry's names and familiar ones, such as
// "P-256" and "prime256v1", in any case, and "0x001d". For among see ParseVersion.
func ParseGroup(s string, among ...Group) (Group, error) {
	return parseAmong(registry{"group", "x25519", groups}, s, among)
}

// Groups with two NIST names are the Koblitz (K) and pseudo-random (B) curves
// of FIPS 186-4. 0x6399 and 0x639a are the retired experiments that some
// clients still offer.
var groups = []entry{
	{0x0001, "sect163k1", "K-163", Discouraged},
	{0x0002, "sect163r1", "", Discouraged},
	{0x0003, "sect163r2", "B-163", Discouraged},
	{0x0004, "sect193r1", "", Discouraged},
	{0x0005, "sect193r2", "", Discouraged},
	{0x0006, "sect233k1", "K-233", Discouraged},
	{0x0007, "sect233r1", "B-233", Discouraged},
	{0x0008, "sect239k1", "", Discouraged},
	{0x0009, "sect283k1", "K-283", Neutral},
	{0x000a, "sect283r1", "B-283", Neutral},
	{0x000b, "sect409k1", "K-409", Neutral},
	{0x000c, "sect409r1", "B-409", Neutral},
	{0x000d, "sect571k1", "K-571", Neutral},
	{0x000e, "sect571r1", "B-571", Neutral},
	{0x000f, "secp160k1", "", Discouraged},
	{0x0010, "secp160r1", "", Discouraged},
	{0x0011, "secp160r2", "", Discouraged},
	{0x0012, "secp192k1", "", Discouraged},
	{0x0013, "secp192r1", "P-192 prime192v1", Discouraged},
	{0x0014, "secp224k1", "", Discouraged},
	{0x0015, "secp224r1", "P-224", Discouraged},
	{0x0016, "secp256k1", "", Neutral},
	{0x0017, "secp256r1", "P-256 prime256v1 nistp256 CurveP256", Recommended},
	{0x0018, "secp384r1", "P-384 nistp384 CurveP384", Recommended},
	{0x0019, "secp521r1", "P-521 nistp521 CurveP521", Neutral},
	{0x001a, "brainpoolP256r1", "", Neutral},
	{0x001b, "brainpoolP384r1", "", Neutral},
	{0x001c, "brainpoolP512r1", "", Neutral},
	{0x001d, "x25519", "curve25519", Recommended},
	{0x001e, "x448", "curve448", Recommended},
	{0x001f, "brainpoolP256r1tls13", "", Neutral},
	{0x0020, "brainpoolP384r1tls13", "", Neutral},
	{0x0021, "brainpoolP512r1tls13", "", Neutral},
	{0x0022, "GC256A", "", Neutral},
	{0x0023, "GC256B", "", Neutral},
	{0x0024, "GC256C", "", Neutral},
	{0x0025, "GC256D", "", Neutral},
	{0x0026, "GC512A", "", Neutral},
	{0x0027, "GC512B", "", Neutral},
	{0x0028, "GC512C", "", Neutral},
	{0x0029, "curveSM2", "SM2", Neutral},
	{0x0100, "ffdhe2048", "GROUP-FFDHE2048", Neutral},
	{0x0101, "ffdhe3072", "GROUP-FFDHE3072", Neutral},
	{0x0102, "ffdhe4096", "GROUP-FFDHE4096", Neutral},
	{0x0103, "ffdhe6144", "GROUP-FFDHE6144", Neutral},
	{0x0104, "ffdhe8192", "GROUP-FFDHE8192", Neutral},
	{0x0200, "MLKEM512", "", Neutral},
	{0x0201, "MLKEM768", "", Neutral},
	{0x0202, "MLKEM1024", "", Neutral},
	{0x11eb, "SecP256r1MLKEM768", "P256MLKEM768", Neutral},
	{0x11ec, "X25519MLKEM768", "", Recommended},
	{0x11ed, "SecP384r1MLKEM1024", "P384MLKEM1024", Neutral},
	{0x11ee, "curveSM2MLKEM768", "", Neutral},
	{0x6399, "X25519Kyber768Draft00", "X25519Kyber768", Neutral},
	{0x639a, "SecP256r1Kyber768Draft00", "P256Kyber768Draft00", Neutral},
	{0xff01, "arbitrary_explicit_prime_curves", "", Neutral},
	{0xff02, "arbitrary_explicit_char2_curves", "", Neutral},
}
