package fault

// A State is a state of a handshake state machine. Names follow the diagrams
// of RFC 9846, Appendix A; the ones it lacks are states in which we wait for
// something besides bytes: a signature or a verdict.
type State uint8

const (
	Start State = iota

	// client
	Recalling        // waits for the session that it may have kept of the server
	WaitSH           // sent ClientHello
	WaitSH2          // sent the second ClientHello, after a HelloRetryRequest
	WaitEE           // 1.3: waits for EncryptedExtensions
	WaitCertCR       // 1.3: waits for Certificate or CertificateRequest
	WaitCert         // waits for Certificate; a server too
	WaitCV           // waits for CertificateVerify; a server too
	Verifying        // waits for the verdict on the peer's certificate chain
	WaitFinished     // waits for the peer's Finished
	WaitStatusSKE    // 1.2: waits for CertificateStatus or ServerKeyExchange
	WaitSKE          // 1.2: waits for ServerKeyExchange
	WaitCRSHD        // 1.2: waits for CertificateRequest or ServerHelloDone
	WaitStatusCRSHD  // 1.2: likewise, or for CertificateStatus: RSA key transport has no ServerKeyExchange
	WaitSKESHD       // 1.2: waits for ServerKeyExchange or ServerHelloDone: RSA_PSK
	WaitStatusSKESHD // 1.2: likewise, or for CertificateStatus
	WaitPSKSKE       // 1.2: waits for ServerKeyExchange; a pre-shared key stands for certificates
	WaitPSKSKESHD    // 1.2: likewise, or for ServerHelloDone
	WaitPSKSHD       // 1.2: likewise, waits for ServerHelloDone
	WaitSHD          // 1.2: waits for ServerHelloDone
	WaitNST          // 1.2: waits for the NewSessionTicket that the server promised
	WaitCCS          // 1.2: waits for the peer's ChangeCipherSpec
	ChoosingCert     // waits for the hook that chooses a client's certificate

	// server
	WaitCH       // waits for a ClientHello
	Choosing     // waits for the hooks that choose by the ClientHello
	Resuming     // waits for what the client's tickets hold, or the cache
	WaitCH2      // sent HelloRetryRequest, waits for the second ClientHello
	Guarding     // 1.3: waits for the guard against replayed 0-RTT data
	WaitEOED     // 1.3: waits for EndOfEarlyData
	WaitCKE      // 1.2: waits for ClientKeyExchange
	WaitCKECV    // 1.2: likewise, of a client that was asked for a certificate: CertificateVerify may follow
	Decrypting   // 1.2: waits for the premaster secret that the client encrypted to our key
	DecryptingCV // 1.2: likewise, of a client that was asked for a certificate
	Keeping      // 1.2: waits for the session to be sealed into a ticket, or stored
	Renewing     // 1.2: waits for the session that is resumed to be sealed into a new ticket
	Signing      // waits for the signature in its CertificateVerify; a client too
	Judging      // waits for the verdict on the chain of an earlier connection, which is to be resumed; a client too

	// after the handshake of TLS 1.3 (RFC 9846, Section 4.7.2)
	PostChoosing     // client: waits for the hook that chooses a certificate
	PostSigning      // client: waits for the signature in its CertificateVerify
	PostWaitCV       // server: waits for CertificateVerify
	PostVerifying    // server: waits for the verdict on the client's certificate chain
	PostWaitFinished // server: waits for the client's Finished

	Renegotiating // 1.2, client: the server asked for another handshake; waits until nothing else is sent

	Connected // the handshake is complete
	Failed    // an error ended it
	numStates
)

// states have a name and a sentence for who sees it for the first time. "It" is the
// side that is in the state.
var states = [numStates]struct{ name, meaning string }{
	Start: {"START", "Nothing has happened yet."},

	Recalling:        {"RECALLING", "It looks whether it has kept a session with this server that could go on."},
	WaitSH:           {"WAIT_SH", "It has sent its ClientHello and waits for the server's answer, the ServerHello."},
	WaitSH2:          {"WAIT_SH2", "It has sent a second ClientHello, as the HelloRetryRequest asked, and waits for the ServerHello."},
	WaitEE:           {"WAIT_EE", "It waits for EncryptedExtensions, the first message that comes encrypted."},
	WaitCertCR:       {"WAIT_CERT_CR", "It waits for the server's Certificate, or for a CertificateRequest before that: the server may want to know who the client is."},
	WaitCert:         {"WAIT_CERT", "It waits for the other side's Certificate."},
	WaitCV:           {"WAIT_CV", "It has the other side's Certificate and waits for the CertificateVerify, which proves that the other side holds the private key."},
	Verifying:        {"VERIFYING", "It judges the other side's certificate: whether somebody whom it trusts vouches for it, now and for this use."},
	WaitFinished:     {"WAIT_FINISHED", "It waits for the other side's Finished, a checksum over the whole handshake."},
	WaitStatusSKE:    {"WAIT_STATUS_SKE", "It waits for the ServerKeyExchange, the server's half of the key exchange, or for a CertificateStatus before that: whether the certificate was revoked."},
	WaitSKE:          {"WAIT_SKE", "It waits for the ServerKeyExchange, the server's half of the key exchange."},
	WaitCRSHD:        {"WAIT_CR_SHD", "It waits for the ServerHelloDone, which ends what the server has to say, or for a CertificateRequest before that: the server may want to know who the client is."},
	WaitStatusCRSHD:  {"WAIT_STATUS_CR_SHD", "It waits for the ServerHelloDone, which ends what the server has to say; before that a CertificateStatus and a CertificateRequest may come."},
	WaitSKESHD:       {"WAIT_SKE_SHD", "It waits for the ServerHelloDone, which ends what the server has to say, or for a ServerKeyExchange before that: a hint which pre-shared key to use."},
	WaitStatusSKESHD: {"WAIT_STATUS_SKE_SHD", "It waits for the ServerHelloDone, which ends what the server has to say; before that a CertificateStatus and a ServerKeyExchange may come."},
	WaitPSKSKE:       {"WAIT_PSK_SKE", "It waits for the ServerKeyExchange, the server's half of the key exchange. There are no certificates: a pre-shared key stands for them."},
	WaitPSKSKESHD:    {"WAIT_PSK_SKE_SHD", "It waits for the ServerHelloDone, which ends what the server has to say, or for a ServerKeyExchange before that: a hint which pre-shared key to use. There are no certificates: that key stands for them."},
	WaitPSKSHD:       {"WAIT_PSK_SHD", "It waits for the ServerHelloDone, which ends what the server has to say. There are no certificates: a pre-shared key stands for them."},
	WaitSHD:          {"WAIT_SHD", "It waits for the ServerHelloDone, which ends what the server has to say."},
	WaitNST:          {"WAIT_NST", "It waits for the session ticket that the server has promised, with which a later connection can go on from this one."},
	WaitCCS:          {"WAIT_CCS", "It waits for the other side's ChangeCipherSpec: what follows that is encrypted."},
	ChoosingCert:     {"CHOOSING_CERT", "It asks its program which certificate to show, for the server wants one."},

	WaitCH:       {"WAIT_CH", "It waits for a ClientHello, with which every handshake begins."},
	Choosing:     {"CHOOSING", "It asks its program how to answer this ClientHello: with which certificate, by which rules."},
	Resuming:     {"RESUMING", "It looks up the earlier session that the client wants to go on with, or opens the ticket that holds it."},
	WaitCH2:      {"WAIT_CH2", "It has sent a HelloRetryRequest and waits for the second ClientHello."},
	Guarding:     {"GUARDING", "It asks whether this hello was seen before: 0-RTT data that somebody recorded and plays again must not be taken twice."},
	WaitEOED:     {"WAIT_EOED", "It reads 0-RTT data and waits for EndOfEarlyData, which ends it."},
	WaitCKE:      {"WAIT_CKE", "It waits for the ClientKeyExchange, the client's half of the key exchange."},
	WaitCKECV:    {"WAIT_CKE_CV", "It waits for the ClientKeyExchange, the client's half of the key exchange, after which the client may prove that it holds the key of its certificate."},
	Decrypting:   {"DECRYPTING", "It has its private key decrypt the secret that the client sent."},
	DecryptingCV: {"DECRYPTING_CV", "It has its private key decrypt the secret that the client sent; then the client has yet to prove that it holds the key of its certificate."},
	Keeping:      {"KEEPING", "It puts the session away, in a store of its own or sealed into a ticket, so that a later connection can go on from it."},
	Renewing:     {"RENEWING", "It goes on with the earlier session and seals it into a new ticket for the next time."},
	Signing:      {"SIGNING", "It has its private key sign something that fits this handshake alone, which proves that its certificate is its own."},
	Judging:      {"JUDGING", "It judges the other side's certificate of the earlier connection anew, for it may have become bad meanwhile."},

	PostChoosing:     {"POST_CHOOSING_CERT", "The handshake is over, and the server has asked who the client is. It asks its program which certificate to show."},
	PostSigning:      {"POST_SIGNING", "The handshake is over, and the server has asked who the client is. It has its private key sign, which proves that its certificate is its own."},
	PostWaitCV:       {"POST_WAIT_CV", "It has the client's Certificate, which it asked for after the handshake, and waits for the proof that the client holds the private key."},
	PostVerifying:    {"POST_VERIFYING", "It judges the client's certificate, which it asked for after the handshake."},
	PostWaitFinished: {"POST_WAIT_FINISHED", "It waits for the client's Finished, which ends what it asked for after the handshake."},

	Renegotiating: {"RENEGOTIATING", "The server has asked for another handshake on this connection. It begins that as soon as nothing else is being sent."},

	Connected: {"CONNECTED", "To this side the handshake is complete: it has checked all that the other side must prove, and data may flow."},
	Failed:    {"FAILED", "An error has ended the connection."},
}

func (s State) String() string {
	if s < numStates {
		return states[s].name
	}
	return "UNKNOWN"
}

// Meaning is a sentence for who sees the state for the first time. "It" is the side
// that is in it.
func (s State) Meaning() string {
	if s < numStates {
		return states[s].meaning
	}
	return ""
}
