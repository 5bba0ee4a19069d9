package fault

import "github.com/handclasp/handclasp/iana"

// What our own side was asked to do and can't. Nothing is sent.
var (
	ConfigValue = rule("config-value", iana.NoAlert, Local, "",
		"The configuration holds a value that can't be used.",
		"Set the named field to one of the accepted values.")
	ConfigNoCertificate = rule("config-no-certificate", iana.NoAlert, Local, "",
		"A server needs a certificate, and the configuration has none.",
		"Set Certificates, for example from LoadX509KeyPair, or give --cert and --key.")
	ConfigCertificate = rule("config-certificate", iana.NoAlert, Local, "",
		"A certificate of the configuration can't be used.",
		"Give a PEM file with the leaf certificate first, then its intermediates, and a key of type ECDSA, RSA or Ed25519.")
	ConfigKeyMismatch = rule("config-key-mismatch", iana.NoAlert, Local, "",
		"The private key does not belong to the certificate.",
		"Give the key that the certificate was issued for: their public keys must be equal. 'openssl x509 -noout -pubkey -in CERT' and 'openssl pkey -pubout -in KEY' show both.")
	ConfigServerName = rule("config-server-name", iana.NoAlert, Local, "",
		"A client needs to know which name to check the server's certificate for, and has none.",
		"Set ServerName, or InsecureSkipVerify to go without that check, or give --name.")
	ConfigHook = rule("config-hook", iana.InternalError, Local, "",
		"GetConfigForClient, a hook of this configuration, gave no usable configuration.",
		"See the cause, which is the hook's own error.")
	CertificateHook = rule("certificate-hook", iana.UnrecognizedName, Local, "RFC 6066, Section 3",
		"GetCertificate, a hook of this configuration, has no certificate for this client.",
		"See the cause, which is the hook's own error; it often means a name that this server does not serve.")
	ClientCertificateHook = rule("client-certificate-hook", iana.InternalError, Local, "",
		"GetClientCertificate, a hook of this configuration, gave no usable certificate.",
		"See the cause, which is the hook's own error; to show no certificate the hook returns nil and Certificates stays empty.")
)
