package explain

import (
	"bytes"
	"fmt"
	"strings"
	"time"

	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/flow"
	"github.com/handclasp/handclasp/iana"
	"github.com/handclasp/handclasp/internal/wire"
)

// message takes the event of a handshake message.
func (r *Recorder) message(ev *flow.Event, at time.Duration) {
	msg := bytes.Clone(ev.Bytes)
	s := &Step{Kind: KindMessage, Title: title(ev.Type, ev.Retry), Message: ev.Type.String(), Direction: direction(ev.Sent), Size: len(msg), Bytes: msg}
	if ev.Retry {
		s.Message = "hello_retry_request"
	}
	epoch := ev.Epoch
	if ev.Sent {
		r.sent.waiting = append(r.sent.waiting, waiting{s, len(msg), !r.facts.connected})
	} else {
		if r.refuses() {
			r.drop(len(msg), at)
		}
		if records, e, ok := r.claim(len(msg)); ok {
			s.Records, epoch = records, e
		}
	}
	s.protected(epoch)
	s.Fields, _ = Annotate(msg, r.facts.version, r.facts.suite)
	r.tell(s, ev.Type, r.sender(ev), msg)
	r.add(s, at)
}

func (s *Step) protected(e flow.Epoch) {
	s.Encrypted, s.Epoch = e != flow.Clear, e.String()
	if e > flow.Application {
		s.KeyUpdate = uint64(e - flow.Application)
	}
}

// title is the message's name as the RFCs write it.
func title(t iana.HandshakeType, retry bool) string {
	switch {
	case retry:
		return "HelloRetryRequest"
	case !t.Known():
		return fmt.Sprintf("Unknown message (type %d)", uint8(t))
	}
	var b strings.Builder
	for _, word := range strings.Split(t.String(), "_") {
		b.WriteString(strings.ToUpper(word[:1]) + word[1:])
	}
	return b.String()
}

// empty is an empty message of type t in a connection that speaks v with suite id,
// or nil if v has no such message. Before the version is settled, v is 0 and all
// do.
func empty(t iana.HandshakeType, v iana.Version, id iana.CipherSuite) wire.Message {
	form := wire.Form{Version: v, Exchange: id.KeyExchange()}
	if v != 0 {
		return wire.NewFor(t, form)
	}
	if m := wire.New(t); m != nil {
		return m
	}
	return wire.NewFor(t, form)
}

// old reports whether v is a version before TLS 1.3.
func old(v iana.Version) bool { return v != 0 && v < iana.TLS13 }

// tell says what is in the message. A message that does not parse is told by
// its size and bytes; the failure that follows says what is wrong with it.
func (r *Recorder) tell(s *Step, t iana.HandshakeType, sender fault.Role, msg []byte) {
	m := empty(t, r.facts.version, r.facts.suite)
	if m == nil {
		s.say("%s", meaning(t))
		return
	}
	if err := wire.Decode(msg, m); err != nil {
		s.say("%s", meaning(t))
		s.Outcome = Broken
		s.say("This one does not parse: %s", malformed(err))
		return
	}
	switch m := m.(type) {
	case *wire.ClientHello:
		r.clientHello(s, m)
	case *wire.ServerHello:
		if m.IsRetry() {
			r.helloRetryRequest(s, m)
		} else {
			r.serverHello(s, m)
		}
	case *wire.EncryptedExtensions:
		r.encryptedExtensions(s, m, sender)
	case *wire.CertificateRequest:
		r.certificateRequest(s, m)
	case *wire.Certificate:
		r.certificate(s, m, sender)
	case *wire.CompressedCertificate:
		r.compressedCertificate(s, m, sender)
	case *wire.CertificateVerify:
		r.certificateVerify(s, m, sender)
	case *wire.Finished:
		if old(r.facts.version) {
			r.finished12(s, m, sender)
		} else {
			r.finished(s, m, sender)
		}
	case *wire.NewSessionTicket:
		r.newSessionTicket(s, m)
	case *wire.EndOfEarlyData:
		r.endOfEarlyData(s)
	case *wire.KeyUpdate:
		r.keyUpdate(s, m, sender)
	default:
		r.tell12(s, m, sender)
	}
}

func meaning(t iana.HandshakeType) string {
	if m := t.Meaning(); m != "" {
		return m
	}
	return "No registry that we know has a message of this type."
}

func malformed(err error) string {
	if e, ok := err.(*fault.Error); ok {
		return fmt.Sprintf("%s Field %s, byte %d.", e.Text, escape(e.Field), e.Offset)
	}
	return sentence(escape(err.Error()))
}
