package fault

import (
	"fmt"

	"github.com/handclasp/handclasp/iana"
)

// Explain says what a received alert can mean for the side role that was in
// state s when it arrived: an alert names what its sender dislikes, and only
// together with our last message does that point at a cause. The causes are
// sentences, likeliest first, never none; the hint says what to do now.
//
// An alert without a name, or one that the peer's role never sends, gets a
// general answer. Explain knows neither our configuration nor what was
// offered; who does should put that beside it.
func Explain(a iana.Alert, role Role, s State) (causes []string, hint string) {
	now := momentOf(s)
	for i := range explanations {
		x := &explanations[i]
		if x.alert == a && (x.role == NoRole || x.role == role) && x.when&now != 0 {
			return x.causes, x.hint + misnamed(a)
		}
	}
	if now == atStart && a.Known() {
		return early(a)
	}
	return general(a, role)
}

// A moment is a time in a connection, told by which of our messages the peer
// may be answering. Moments are bits, so that an explanation can hold at several.
type moment uint8

const (
	atStart   moment = 1 << iota // server: the peer has seen no message of ours
	atHello                      // it has seen our ClientHello, the first
	atRetry                      // client: it has seen our second ClientHello; server: our HelloRetryRequest
	inFlight                     // certificates and signatures go to and fro
	connected                    // our side of the handshake was complete
)

// anytime leaves out atStart: who has seen nothing of ours cannot complain of it.
const anytime = atHello | atRetry | inFlight | connected

// momentOf never fails: in a state that tells nothing, such as FAILED, any
// explanation of the alert may hold, and the first one, the commonest, is taken.
func momentOf(s State) moment {
	switch s {
	case WaitCH, Choosing:
		return atStart
	case WaitSH:
		return atHello
	case WaitSH2, WaitCH2:
		return atRetry
	case WaitEE, WaitCertCR, WaitCert, WaitCV, Verifying, WaitFinished, Signing,
		WaitStatusSKE, WaitSKE, WaitCRSHD, WaitSHD, WaitCCS, ChoosingCert, WaitCKE, WaitCKECV:
		return inFlight
	case Connected, PostChoosing, PostSigning, PostWaitCV, PostVerifying, PostWaitFinished:
		return connected
	}
	return anytime
}

// An explanation holds for an alert that reached role at one of the moments.
// The first that fits counts, so the special ones stand before the general.
type explanation struct {
	alert  iana.Alert
	role   Role // NoRole: either
	when   moment
	causes []string
	hint   string
}

// early is for a client that begins with an alert.
func early(a iana.Alert) (causes []string, hint string) {
	return []string{
		fmt.Sprintf("The client sent %v before any message of ours, so it does not answer us: its own program failed, or the bytes belong to another connection.", a),
		"It is a scanner or a health check and no real client.",
	}, "Look at the client's log; if its address is a load balancer's or a scanner's, nothing needs to be done." + misnamed(a)
}

func general(a iana.Alert, role Role) (causes []string, hint string) {
	if !a.Known() {
		return []string{
			fmt.Sprintf("The peer sent alert %d, which has no meaning in the IANA registry; it may be newer than this program, private, or not TLS at all.", uint8(a)),
		}, "Look at the peer's log for the time of this connection, and check that the address and port belong to a TLS service."
	}
	peer := "peer"
	if role != NoRole {
		peer = role.Peer().String()
	}
	return []string{
		fmt.Sprintf("The %s complains: %s", peer, a.Meaning()),
		fmt.Sprintf("It is unusual that a %s sends this alert; its software may be at fault, or something on the path answered for it.", peer),
	}, fmt.Sprintf("Look at the %s's log for the time of this connection.", peer) + misnamed(a)
}

// misnamed guards against a wrong trail. OpenSSL, and so curl and many others,
// words the alerts that SSL 3.0 already had as "sslv3 alert …" on every
// version of TLS (before OpenSSL 3.2; since then "ssl/tls alert …").
func misnamed(a iana.Alert) string {
	text := OpenSSLText(a)
	if text == "" {
		return ""
	}
	return fmt.Sprintf(" (OpenSSL and curl may call this alert %q; that does not mean that SSL 3.0 is in use.)", text)
}

// OpenSSLText is the text with which OpenSSL before 3.2 reports an alert that
// dates from SSL 3.0, such as "sslv3 alert handshake failure"; "" for all
// others. The text does not say which version the connection uses.
func OpenSSLText(a iana.Alert) string {
	switch a {
	case iana.UnexpectedMessage:
		return "sslv3 alert unexpected message"
	case iana.BadRecordMAC:
		return "sslv3 alert bad record mac"
	case iana.DecompressionFailure:
		return "sslv3 alert decompression failure"
	case iana.HandshakeFailure:
		return "sslv3 alert handshake failure"
	case iana.NoCertificate:
		return "sslv3 alert no certificate"
	case iana.BadCertificate:
		return "sslv3 alert bad certificate"
	case iana.UnsupportedCertificate:
		return "sslv3 alert unsupported certificate"
	case iana.CertificateRevoked:
		return "sslv3 alert certificate revoked"
	case iana.CertificateExpired:
		return "sslv3 alert certificate expired"
	case iana.CertificateUnknown:
		return "sslv3 alert certificate unknown"
	case iana.IllegalParameter:
		return "sslv3 alert illegal parameter"
	}
	return ""
}
