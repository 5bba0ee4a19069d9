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

// after is the state that the other side is in once a step is done; "" if it
// stays where it is.
func (m *machine) after(step *explain.Step) (state string) {
	if m.over {
		return ""
	}
	what := step.Message
	switch {
	case step.Kind == explain.KindCCS:
		what = step.Kind
	case step.Kind != explain.KindMessage:
		return ""
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
		state = m.server12(what, client)
	case m.story.Role == fault.Client.String():
		state = m.server13(what, client)
	case m.old:
		state = m.client12(what, client)
	default:
		state = m.client13(what, client)
	}
	if client && what == "certificate" {
		m.shown = len(step.Certificates) > 0
	}
	m.finished = m.finished || what == "finished"
	m.over = state == fault.Connected.String()
	return state
}

func (m *machine) server13(what string, client bool) string {
	switch {
	case what == "hello_retry_request":
		return "WAIT_CH2"
	case what == "finished" && !client && m.story.Summary.EarlyAccepted:
		return "WAIT_EOED"
	case what == "finished" && !client, what == "end_of_early_data":
		if m.asked {
			return "WAIT_CERT"
		}
		return "WAIT_FINISHED"
	case what == "certificate" && client:
		return "WAIT_CV"
	case what == "certificate_verify" && client:
		return "WAIT_FINISHED"
	case what == "finished":
		return "CONNECTED"
	}
	return ""
}

func (m *machine) server12(what string, client bool) string {
	switch {
	case what == "server_hello_done" && m.asked:
		return "WAIT_CERT"
	case what == "server_hello_done", what == "certificate" && client:
		return "WAIT_CKE"
	case what == "client_key_exchange" && m.shown:
		return "WAIT_CV"
	case what == "client_key_exchange", what == "certificate_verify" && client:
		return "WAIT_CCS"
	case what == "change_cipher_spec" && client:
		return "WAIT_FINISHED"
	case what == "finished" && m.finished:
		return "CONNECTED"
	case what == "finished" && !client: // a resumed session
		return "WAIT_CCS"
	}
	return ""
}

func (m *machine) client13(what string, client bool) string {
	switch {
	case what == "client_hello" && m.retried:
		return "WAIT_SH2"
	case what == "client_hello":
		return "WAIT_SH"
	case what == "server_hello":
		return "WAIT_EE"
	case what == "encrypted_extensions" && m.story.Summary.Signature == "":
		return "WAIT_FINISHED"
	case what == "encrypted_extensions":
		return "WAIT_CERT_CR"
	case what == "certificate_request":
		return "WAIT_CERT"
	case what == "certificate" && !client:
		return "WAIT_CV"
	case what == "certificate_verify" && !client:
		return "WAIT_FINISHED"
	case what == "finished" && client:
		return "CONNECTED"
	}
	return ""
}

func (m *machine) client12(what string, client bool) string {
	transport := m.story.Summary.KeyExchange == iana.RSAKeyTransport.String()
	switch {
	case what == "client_hello":
		return "WAIT_SH"
	case what == "server_hello" && m.story.Summary.Resumed:
		return "WAIT_CCS"
	case what == "server_hello":
		return "WAIT_CERT"
	case what == "certificate" && !client && !transport:
		return "WAIT_SKE"
	case what == "certificate" && !client, what == "server_key_exchange":
		return "WAIT_CR_SHD"
	case what == "certificate_request":
		return "WAIT_SHD"
	case what == "change_cipher_spec" && !client:
		return "WAIT_FINISHED"
	case what == "finished" && m.finished:
		return "CONNECTED"
	case what == "finished" && client:
		return "WAIT_CCS"
	}
	return ""
}
