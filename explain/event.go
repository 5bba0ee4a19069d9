package explain

import (
	"encoding/json"
	"time"

	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/flow"
	"github.com/handclasp/handclasp/iana"
)

// line is an event as --events writes it. A pointer tells a zero that is meant
// from a field that the kind does not have.
type line struct {
	At   int64  `json:"at_us"`
	Kind string `json:"kind"`
	Role string `json:"role"`

	Sent  *bool  `json:"sent,omitempty"`
	Epoch string `json:"epoch,omitempty"`
	Keys  uint64 `json:"key_updates,omitempty"`

	From string `json:"from,omitempty"`
	To   string `json:"to,omitempty"`

	Message string `json:"message,omitempty"`
	Content string `json:"content,omitempty"`
	Size    int    `json:"size,omitempty"`
	Bytes   Hex    `json:"bytes,omitempty"`

	Alert string `json:"alert,omitempty"`
	Code  *int   `json:"code,omitempty"`

	Choice *Choice  `json:"choice,omitempty"`
	Key    *Key     `json:"key,omitempty"`
	Proof  *proof   `json:"proof,omitempty"`
	Error  *Failure `json:"error,omitempty"`
}

type proof struct {
	What     string  `json:"what"`
	Of       string  `json:"of"`
	Scheme   string  `json:"signature_scheme,omitempty"`
	Verified *bool   `json:"verified,omitempty"`
	Checks   []Check `json:"checks,omitempty"`
}

var kinds = map[flow.Kind]string{
	flow.State: "state", flow.Message: "message", flow.Choice: "choice", flow.Key: "key",
	flow.Record: "record", flow.Alert: "alert", flow.Proof: "proof", flow.Failure: "failure",
	flow.Trouble: "trouble",
}

// EventJSON is ev as one JSON object on one line, without a line feed. at is the
// time since the start of the connection. It is documented in
// docs/explain-json.md. It has no secret, and what came from the peer is escaped.
func EventJSON(ev *flow.Event, at time.Duration) ([]byte, error) {
	l := line{At: at.Microseconds(), Kind: kinds[ev.Kind], Role: ev.Role.String()}
	switch ev.Kind {
	case flow.State:
		l.From, l.To = ev.From.String(), ev.To.String()
	case flow.Message:
		l.on(ev)
		l.Message, l.Size, l.Bytes = ev.Type.String(), len(ev.Bytes), ev.Bytes
		if ev.Retry {
			l.Message = "hello_retry_request"
		}
	case flow.Choice:
		d := copyDecision(ev.Decision)
		l.Choice = choice(&d)
	case flow.Key:
		k := ev.Secret
		l.Key = &Key{Label: k.Label, Derived: k.Derived, Protects: k.Protects, Epoch: k.Epoch.String(), Suite: k.Suite.String()}
		if k.Writer != fault.NoRole {
			l.Key.Writer = k.Writer.String()
		}
	case flow.Record:
		l.on(ev)
		l.Content, l.Size, l.Bytes = ev.Content.String(), ev.Size, ev.Bytes
	case flow.Alert:
		l.on(ev)
		code := int(ev.Alert)
		l.Alert, l.Code, l.Bytes = ev.Alert.String(), &code, ev.Bytes
	case flow.Proof:
		l.Proof = prove(ev.Proven)
	case flow.Failure, flow.Trouble:
		l.Error = Words(ev.Err, ev.Role)
	}
	return json.Marshal(l)
}

// on sets what an event on the wire has.
func (l *line) on(ev *flow.Event) {
	var s Step
	s.protected(ev.Epoch)
	l.Sent, l.Epoch, l.Keys = &ev.Sent, s.Epoch, s.KeyUpdate
}

func prove(p *flow.Proven) *proof {
	out := &proof{What: p.What, Of: p.Of.String()}
	if p.Scheme != 0 {
		out.Scheme = p.Scheme.String()
	}
	if v := p.Verdict; v != nil {
		ok := v.Verified()
		out.Verified = &ok
		for _, c := range v.Checks() {
			out.Checks = append(out.Checks, check(c, true))
		}
	}
	return out
}

func messageType(msg []byte) iana.HandshakeType { return iana.HandshakeType(msg[0]) }
