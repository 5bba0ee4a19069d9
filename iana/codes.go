// Package iana holds the code points of TLS and what the IANA registries say
// of them: names, the messages an extension may stand in, and whether a value
// is recommended.
//
// Policy: this package knows names and registry facts, never what the engine
// supports (that is internal/suite, internal/kex and sign) nor what a
// configuration allows. A value without a name prints as its number, so unknown
// and GREASE values are never lost. It imports nothing of this module.
package iana

// A ContentType is the type of a record (RFC 9846, Section 5.1).
type ContentType uint8

const (
	ContentChangeCipherSpec ContentType = 20
	ContentAlert            ContentType = 21
	ContentHandshake        ContentType = 22
	ContentApplicationData  ContentType = 23
)

// A HandshakeType is the type of a handshake message (RFC 9846, Section 4).
// A HelloRetryRequest travels as a ServerHello with a fixed random.
type HandshakeType uint8

const (
	HelloRequest        HandshakeType = 0
	ClientHello         HandshakeType = 1
	ServerHello         HandshakeType = 2
	NewSessionTicket    HandshakeType = 4
	EndOfEarlyData      HandshakeType = 5
	EncryptedExtensions HandshakeType = 8
	Certificate         HandshakeType = 11
	ServerKeyExchange   HandshakeType = 12
	CertificateRequest  HandshakeType = 13
	ServerHelloDone     HandshakeType = 14
	CertificateVerify   HandshakeType = 15
	ClientKeyExchange   HandshakeType = 16
	Finished            HandshakeType = 20
	CertificateURL      HandshakeType = 21
	CertificateStatus   HandshakeType = 22
	SupplementalData    HandshakeType = 23
	KeyUpdate           HandshakeType = 24
	CompressedCert      HandshakeType = 25
	MessageHash         HandshakeType = 254
)

// An Alert is an alert description (RFC 9846, Section 6).
type Alert uint8

const (
	CloseNotify                  Alert = 0
	UnexpectedMessage            Alert = 10
	BadRecordMAC                 Alert = 20
	DecryptionFailed             Alert = 21
	RecordOverflow               Alert = 22
	DecompressionFailure         Alert = 30
	HandshakeFailure             Alert = 40
	NoCertificate                Alert = 41
	BadCertificate               Alert = 42
	UnsupportedCertificate       Alert = 43
	CertificateRevoked           Alert = 44
	CertificateExpired           Alert = 45
	CertificateUnknown           Alert = 46
	IllegalParameter             Alert = 47
	UnknownCA                    Alert = 48
	AccessDenied                 Alert = 49
	DecodeError                  Alert = 50
	DecryptError                 Alert = 51
	TooManyCIDsRequested         Alert = 52
	ExportRestriction            Alert = 60
	ProtocolVersion              Alert = 70
	InsufficientSecurity         Alert = 71
	InternalError                Alert = 80
	InappropriateFallback        Alert = 86
	UserCanceled                 Alert = 90
	NoRenegotiation              Alert = 100
	MissingExtension             Alert = 109
	UnsupportedExtension         Alert = 110
	CertificateUnobtainable      Alert = 111
	UnrecognizedName             Alert = 112
	BadCertificateStatusResponse Alert = 113
	BadCertificateHashValue      Alert = 114
	UnknownPSKIdentity           Alert = 115
	CertificateRequired          Alert = 116
	GeneralError                 Alert = 117
	NoApplicationProtocol        Alert = 120
	ECHRequired                  Alert = 121

	// NoAlert is our own mark for "no alert belongs here": the connection is
	// already lost, or the fault lies before the first byte. Never sent.
	NoAlert Alert = 255
)

// A Version is a ProtocolVersion (RFC 9846, Section 4.3.1).
type Version uint16

const (
	SSL20 Version = 0x0002
	SSL30 Version = 0x0300
	TLS10 Version = 0x0301
	TLS11 Version = 0x0302
	TLS12 Version = 0x0303
	TLS13 Version = 0x0304
)

// A CipherSuite is a TLS cipher suite. In TLS 1.3 it names only the AEAD and
// the hash (RFC 9846, Appendix B.4).
type CipherSuite uint16

const (
	TLS_AES_128_GCM_SHA256       CipherSuite = 0x1301
	TLS_AES_256_GCM_SHA384       CipherSuite = 0x1302
	TLS_CHACHA20_POLY1305_SHA256 CipherSuite = 0x1303
	TLS_AES_128_CCM_SHA256       CipherSuite = 0x1304
	TLS_AES_128_CCM_8_SHA256     CipherSuite = 0x1305
)

// A Group is a NamedGroup: a way to agree on a secret (RFC 9846, Section 4.3.7).
type Group uint16

const (
	Secp256r1          Group = 0x0017
	Secp384r1          Group = 0x0018
	Secp521r1          Group = 0x0019
	X25519             Group = 0x001d
	X448               Group = 0x001e
	FFDHE2048          Group = 0x0100
	FFDHE3072          Group = 0x0101
	FFDHE4096          Group = 0x0102
	FFDHE6144          Group = 0x0103
	FFDHE8192          Group = 0x0104
	MLKEM512           Group = 0x0200
	MLKEM768           Group = 0x0201
	MLKEM1024          Group = 0x0202
	SecP256r1MLKEM768  Group = 0x11eb
	X25519MLKEM768     Group = 0x11ec
	SecP384r1MLKEM1024 Group = 0x11ed
)

// A SignatureScheme names a signature algorithm with its hash and, for ECDSA
// in TLS 1.3, its curve (RFC 9846, Section 4.3.3).
type SignatureScheme uint16

const (
	RSA_PKCS1_SHA1         SignatureScheme = 0x0201
	ECDSA_SHA1             SignatureScheme = 0x0203
	RSA_PKCS1_SHA256       SignatureScheme = 0x0401
	RSA_PKCS1_SHA384       SignatureScheme = 0x0501
	RSA_PKCS1_SHA512       SignatureScheme = 0x0601
	ECDSA_SECP256R1_SHA256 SignatureScheme = 0x0403
	ECDSA_SECP384R1_SHA384 SignatureScheme = 0x0503
	ECDSA_SECP521R1_SHA512 SignatureScheme = 0x0603
	RSA_PSS_RSAE_SHA256    SignatureScheme = 0x0804
	RSA_PSS_RSAE_SHA384    SignatureScheme = 0x0805
	RSA_PSS_RSAE_SHA512    SignatureScheme = 0x0806
	ED25519                SignatureScheme = 0x0807
	ED448                  SignatureScheme = 0x0808
	RSA_PSS_PSS_SHA256     SignatureScheme = 0x0809
	RSA_PSS_PSS_SHA384     SignatureScheme = 0x080a
	RSA_PSS_PSS_SHA512     SignatureScheme = 0x080b
	MLDSA44                SignatureScheme = 0x0904
	MLDSA65                SignatureScheme = 0x0905
	MLDSA87                SignatureScheme = 0x0906

	// RSA_PKCS1_MD5_SHA1 is our own mark for what an RSA key signs with in TLS 1.0
	// and 1.1, where no scheme is on the wire (RFC 4346, Section 4.7). The value is
	// from the range for private use; from a peer it means nothing.
	RSA_PKCS1_MD5_SHA1 SignatureScheme = 0xff01
)

// An ExtensionType is the type of a hello, certificate or ticket extension
// (RFC 9846, Section 4.3).
type ExtensionType uint16

const (
	ExtServerName              ExtensionType = 0
	ExtMaxFragmentLength       ExtensionType = 1
	ExtStatusRequest           ExtensionType = 5
	ExtSupportedGroups         ExtensionType = 10
	ExtECPointFormats          ExtensionType = 11
	ExtSignatureAlgorithms     ExtensionType = 13
	ExtUseSRTP                 ExtensionType = 14
	ExtHeartbeat               ExtensionType = 15
	ExtALPN                    ExtensionType = 16
	ExtStatusRequestV2         ExtensionType = 17
	ExtSCT                     ExtensionType = 18
	ExtClientCertificateType   ExtensionType = 19
	ExtServerCertificateType   ExtensionType = 20
	ExtPadding                 ExtensionType = 21
	ExtEncryptThenMAC          ExtensionType = 22
	ExtExtendedMasterSecret    ExtensionType = 23
	ExtCompressCertificate     ExtensionType = 27
	ExtRecordSizeLimit         ExtensionType = 28
	ExtDelegatedCredential     ExtensionType = 34
	ExtSessionTicket           ExtensionType = 35
	ExtPreSharedKey            ExtensionType = 41
	ExtEarlyData               ExtensionType = 42
	ExtSupportedVersions       ExtensionType = 43
	ExtCookie                  ExtensionType = 44
	ExtPSKKeyExchangeModes     ExtensionType = 45
	ExtCertificateAuthorities  ExtensionType = 47
	ExtOIDFilters              ExtensionType = 48
	ExtPostHandshakeAuth       ExtensionType = 49
	ExtSignatureAlgorithmsCert ExtensionType = 50
	ExtKeyShare                ExtensionType = 51
	ExtTransparencyInfo        ExtensionType = 52
	ExtExternalIDHash          ExtensionType = 55
	ExtExternalSessionID       ExtensionType = 56
	ExtQUICTransportParameters ExtensionType = 57
	ExtTicketRequest           ExtensionType = 58
	ExtApplicationSettingsOld  ExtensionType = 0x4469
	ExtApplicationSettings     ExtensionType = 0x44cd
	ExtECHOuterExtensions      ExtensionType = 0xfd00
	ExtEncryptedClientHello    ExtensionType = 0xfe0d
	ExtRenegotiationInfo       ExtensionType = 0xff01
)
