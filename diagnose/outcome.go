package diagnose

import (
	"bytes"
	"crypto/x509"
	"errors"
	"fmt"
	"time"

	"github.com/handclasp/handclasp"
	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/flow"
	"github.com/handclasp/handclasp/iana"
)

// An Ending is how a connection came to its end.
type Ending string

const (
	Worked   Ending = "worked"
	Alerted  Ending = "alert"
	Closed   Ending = "closed"
	Reset    Ending = "reset"
	Silent   Ending = "silence"
	Garbled  Ending = "not TLS"
	Refused  Ending = "our refusal" // this side found something wrong
	NoAnswer Ending = "no connection"
)

// A stage is how far a handshake came.
type stage uint8

const (
	atHello   stage = iota // nothing of the server's but perhaps an alert
	answered               // its ServerHello, or HelloRetryRequest, came
	connected              // the handshake was complete on this side
)

// An outcome is what became of one probe.
type outcome struct {
	ending Ending
	stage  stage
	alert  iana.Alert        // if alerted
	clear  bool              // the alert came in the clear
	warned bool              // an alert was the last thing that came
	last   string            // the last message of the server's; "" if none came
	err    *fault.Error      // nil if it worked
	info   handclasp.Info    // as far as it came
	leaf   *x509.Certificate // what the server showed
	took   time.Duration
	hungUp bool   // the server closed after a long silence
	length int    // of the ClientHello sent, in bytes
	sent   []byte // it

	request []byte // the server's CertificateRequest; nil if none came
}

// good reports whether the handshake worked and stayed.
func (o *outcome) good() bool { return o.ending == Worked }

// parted reports whether the server ended the connection as is proper, as soon as
// the handshake was complete.
func (o *outcome) parted() bool {
	return o.stage == connected && o.ending == Alerted && o.alert == iana.CloseNotify
}

// refused reports whether the handshake works and the certificate is not good.
func (o *outcome) refused() bool { return o.good() && o.info.Peer != nil && !o.info.Peer.Verified() }

// String says what happened: "alert handshake_failure (40), in the clear, after the
// ClientHello".
func (o *outcome) String() string {
	after := "in answer to the ClientHello"
	switch {
	case o.stage == connected:
		after = "after the handshake was complete"
	case o.last != "":
		after = "after the server's " + o.last
	}
	switch o.ending {
	case Worked:
		return fmt.Sprintf("the handshake worked: %v, %v", o.info.Version, o.info.CipherSuite)
	case Alerted:
		if o.parted() {
			return "the server ended the connection (close_notify) " + after
		}
		how := "encrypted"
		if o.clear {
			how = "in the clear"
		}
		return fmt.Sprintf("alert %v (%d), %s, %s", o.alert, uint8(o.alert), how, after)
	case Closed:
		return "the server closed the connection " + after
	case Reset:
		return "the connection was reset " + after
	case Silent:
		s := "nothing came within " + lasting(o.took.Seconds()) + " " + after
		if o.hungUp {
			s += "; then the server closed the connection"
		}
		return s
	case Refused, Garbled:
		return ofServer(o.err.Text)
	}
	return "no connection"
}

// kind is what alike outcomes have in common, in words.
func (o *outcome) kind() string {
	if o.good() {
		return "the handshake worked"
	}
	if o.ending == Silent { // for however long
		return "no answer"
	}
	return o.String()
}

// lost reports whether it may be the network's doing that nothing came.
func (o *outcome) lost() bool { return o.ending == Silent || o.ending == NoAnswer }

// alike reports whether two failures look the same.
func (o *outcome) alike(p *outcome) bool {
	return o.ending == p.ending && o.stage == p.stage && o.alert == p.alert
}

// watch notes what comes.
func (o *outcome) watch(ev *flow.Event) {
	switch {
	case ev.Kind == flow.Message && ev.Sent && ev.Type == iana.ClientHello && o.sent == nil:
		o.sent = append([]byte(nil), ev.Bytes...)
		o.length = len(ev.Bytes)
	case ev.Kind == flow.Message && !ev.Sent:
		o.last = ev.Type.String()
		if ev.Retry {
			o.last = "hello_retry_request"
		}
		if o.stage, o.warned = max(o.stage, answered), false; ev.Type == iana.CertificateRequest && o.request == nil {
			o.request = bytes.Clone(ev.Bytes)
		}
	case ev.Kind == flow.Alert && !ev.Sent:
		o.alert, o.clear, o.warned = ev.Alert, ev.Epoch == flow.Clear, true
	}
}

// end classifies the error that a connection ended with.
func (o *outcome) end(err error) {
	e, _ := errors.AsType[*fault.Error](err)
	if e == nil {
		e = fault.TransportFailed.Because(err)
	}
	o.err = e
	switch {
	case e.Received, errors.Is(e, fault.AlertInClear):
		o.ending, o.alert, o.clear = Alerted, e.AlertCode(), o.clear || errors.Is(e, fault.AlertInClear)
	case o.warned && o.alert != iana.CloseNotify: // a mere warning, and then nothing more
		o.ending = Alerted
	case errors.Is(e, fault.ClosedEarly), errors.Is(e, fault.Truncated):
		o.ending = Closed
	case errors.Is(e, fault.PeerReset):
		o.ending = Reset
	case errors.Is(e, fault.PeerSilent):
		o.ending = Silent
	case plain[e.Rule] != "":
		o.ending = Garbled
	case errors.Is(e, fault.TransportFailed):
		o.ending = Closed
	default:
		o.ending = Refused
	}
}

// plain are the protocols that a port may speak instead of TLS, by rule, with the
// cause and, after a blank, the protocol in which TLS can begin.
var plain = map[*fault.Rule]string{
	fault.PeerSpeaksHTTP:    "plain-http",
	fault.PeerSpeaksSMTP:    "plain-text smtp",
	fault.PeerSpeaksIMAP:    "plain-text imap",
	fault.PeerSpeaksPOP3:    "plain-text pop3",
	fault.PeerSpeaksMySQL:   "plain-text mysql",
	fault.PeerSpeaksSSH:     "plain-text",
	fault.PeerSpeaksProxy:   "not-tls",
	fault.PeerSpeaksGarbage: "not-tls",
}
