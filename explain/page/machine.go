package page

import (
	"github.com/handclasp/handclasp/explain"
	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/iana"
)

// A machine follows the side that does not tell, by what it sends and gets (RFC
// 9846, Appendix A; RFC 5246, Section 7.3).
type machine struct {
	story    *explain.Story
	old      bool // TLS 1.2 and below
	retried  bool
	asked    bool // the client, for a certificate
	shown    bool // by the client
	finished bool // one side has sent its Finished
	over     bool
}

// none is where a side stays that enters no other state.
const none = fault.Start

// after is the state that the other side enters with a step, or none.
func (m *machine) after(step *explain.Step) (state fault.State) {
	if m.over {
		return none
	}
	what := step.Message
	switch {
	case step.Kind == explain.KindCCS:
		what = step.Kind
	case step.Kind != explain.KindMessage:
		return none
	case what == "server_hello":
		m.old = m.story.Summary.Version != "" && m.story.Summary.Version != iana.TLS13.String()
	case what == "hello_retry_request":
		m.retried = true
	case what == "certificate_request":
		m.asked = true
	}
	client := (step.Direction == explain.Sent) == (m.story.Role == fault.Client.String()) // it sent this
	switch {
	case m.story.Role == fault.Client.String() && m.old:
		state = m.server12(step, what, client)
	case m.story.Role == fault.Client.String():
		state = m.server13(step, what, client)
	case m.old:
		state = m.client12(what, client)
	default:
		state = m.client13(what, client)
	}
	if client && what == "certificate" {
		m.shown = len(step.Certificates) > 0
	}
	m.finished = m.finished || what == "finished"
	m.over = state == fault.Connected
	return state
}

func (m *machine) server13(step *explain.Step, what string, client bool) fault.State {
	switch {
	case what == "hello_retry_request":
		return fault.WaitCH2
	case what == "finished" && !client && m.story.Summary.EarlyAccepted:
		return fault.WaitEOED
	case what == "finished" && !client, what == "end_of_early_data":
		if m.asked {
			return fault.WaitCert
		}
		return fault.WaitFinished
	case what == "certificate" && client && len(step.Certificates) > 0:
		return fault.WaitCV
	case what == "certificate" && client, what == "certificate_verify" && client:
		return fault.WaitFinished
	case what == "finished":
		return fault.Connected
	}
	return none
}

func (m *machine) server12(step *explain.Step, what string, client bool) fault.State {
	switch {
	case what == "server_hello_done" && m.asked:
		return fault.WaitCert
	case what == "certificate" && client && len(step.Certificates) > 0:
		return fault.WaitCKECV
	case what == "server_hello_done", what == "certificate" && client:
		return fault.WaitCKE
	case what == "client_key_exchange" && m.shown:
		return fault.WaitCV
	case what == "client_key_exchange", what == "certificate_verify" && client:
		return fault.WaitCCS
	case what == "change_cipher_spec" && client:
		return fault.WaitFinished
	case what == "finished" && m.finished:
		return fault.Connected
	case what == "finished" && !client: // a resumed session
		return fault.WaitCCS
	}
	return none
}

func (m *machine) client13(what string, client bool) fault.State {
	switch {
	case what == "client_hello" && m.retried:
		return fault.WaitSH2
	case what == "client_hello":
		return fault.WaitSH
	case what == "server_hello":
		return fault.WaitEE
	case what == "encrypted_extensions" && m.story.Summary.Signature == "":
		return fault.WaitFinished
	case what == "encrypted_extensions":
		return fault.WaitCertCR
	case what == "certificate_request":
		return fault.WaitCert
	case what == "certificate" && !client:
		return fault.WaitCV
	case what == "certificate_verify" && !client:
		return fault.WaitFinished
	case what == "finished" && client:
		return fault.Connected
	}
	return none
}

func (m *machine) client12(what string, client bool) fault.State {
	exchange := m.story.Summary.KeyExchange
	shared := exchange == iana.PSK.String() || exchange == iana.DHEPSK.String() || exchange == iana.ECDHEPSK.String()
	switch {
	case what == "client_hello":
		return fault.WaitSH
	case what == "server_hello" && m.story.Summary.Resumed:
		return fault.WaitCCS
	case what == "server_hello" && exchange == iana.PSK.String():
		return fault.WaitPSKSKESHD
	case what == "server_hello" && shared:
		return fault.WaitPSKSKE
	case what == "server_hello":
		return fault.WaitCert
	case what == "server_key_exchange" && shared:
		return fault.WaitPSKSHD
	case what == "server_key_exchange" && exchange == iana.RSAPSK.String():
		return fault.WaitSHD
	case what == "certificate" && !client && exchange == iana.RSAPSK.String():
		return fault.WaitSKESHD
	case what == "certificate" && !client && exchange != iana.RSAKeyTransport.String():
		return fault.WaitSKE
	case what == "certificate" && !client, what == "server_key_exchange":
		return fault.WaitCRSHD
	case what == "certificate_request":
		return fault.WaitSHD
	case what == "change_cipher_spec" && !client:
		return fault.WaitFinished
	case what == "finished" && m.finished:
		return fault.Connected
	case what == "finished" && client:
		return fault.WaitCCS
	}
	return none
}
