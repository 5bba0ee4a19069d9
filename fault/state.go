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

var stateNames = [numStates]string{
	"START", "RECALLING", "WAIT_SH", "WAIT_SH2", "WAIT_EE", "WAIT_CERT_CR", "WAIT_CERT", "WAIT_CV", "VERIFYING", "WAIT_FINISHED",
	"WAIT_STATUS_SKE", "WAIT_SKE", "WAIT_CR_SHD", "WAIT_STATUS_CR_SHD", "WAIT_SKE_SHD", "WAIT_STATUS_SKE_SHD", "WAIT_PSK_SKE", "WAIT_PSK_SKE_SHD", "WAIT_PSK_SHD", "WAIT_SHD", "WAIT_NST", "WAIT_CCS", "CHOOSING_CERT",
	"WAIT_CH", "CHOOSING", "RESUMING", "WAIT_CH2", "GUARDING", "WAIT_EOED", "WAIT_CKE", "WAIT_CKE_CV", "DECRYPTING", "DECRYPTING_CV", "KEEPING", "RENEWING", "SIGNING", "JUDGING",
	"POST_CHOOSING_CERT", "POST_SIGNING", "POST_WAIT_CV", "POST_VERIFYING", "POST_WAIT_FINISHED", "RENEGOTIATING", "CONNECTED", "FAILED",
}

func (s State) String() string {
	if s < numStates {
		return stateNames[s]
	}
	return "UNKNOWN"
}
