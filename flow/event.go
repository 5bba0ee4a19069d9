// Package flow holds the words that the state machine speaks: Events, which
// tell a watcher what happens, and Asks, which tell the driver what the
// machine waits for besides bytes.
//
// Policy: an Event is built only when somebody watches and never holds a
// secret; its bytes live only during the call. An Ask is a value with a Reply;
// the machine never calls out.
package flow

import (
	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/iana"
)

// A Kind says which fields of an Event are set.
type Kind uint8

const (
	State   Kind = iota + 1 // From, To
	Message                 // Type, Retry, Bytes, Epoch, Sent
	Choice                  // Decision
	Key                     // Secret
	Record                  // Content, Bytes, Size, Epoch, Sent
	Alert                   // Alert, Bytes, Epoch, Sent
	Proof                   // Proven
	Failure                 // Err: the connection ends
	Trouble                 // Err: something failed that the connection does without
)

// An Epoch names the keys that protect a record. Application is the first
// generation of application keys; each KeyUpdate adds one.
type Epoch uint64

const (
	Clear       Epoch = iota // no protection
	Early                    // 0-RTT keys
	Handshake                // handshake traffic keys
	Application              // application traffic keys, generation 0
)

func (e Epoch) String() string {
	switch e {
	case Clear:
		return "clear"
	case Early:
		return "early"
	case Handshake:
		return "handshake"
	}
	return "application"
}

// An Event is something that happened on a connection. It and what it points
// to may be used only during the call that hands it out.
type Event struct {
	Kind Kind
	Role fault.Role // the side that tells
	Sent bool       // true: by this side; false: by the peer

	From, To fault.State

	Type  iana.HandshakeType
	Retry bool   // a ServerHello that is a HelloRetryRequest
	Bytes []byte // the message with its 4-byte header; of a record its 5-byte header; of an alert level and description
	Epoch Epoch

	Content iana.ContentType // outer type of a record
	Size    int              // bytes on the wire, with the 5-byte header

	Alert    iana.Alert
	Decision *Decision
	Secret   *Secret
	Proven   *Proven
	Err      *fault.Error
}

// A Decision is a choice with its reason.
type Decision struct {
	What     string     // "version", "cipher_suite", "group", "signature_scheme", "certificate", "application_protocol", "key_share", "key_exchange", "retry", "session", "early_data"
	By       fault.Role // who decided
	Chosen   string     // "" if nothing was chosen
	Offered  []string   // in the order of the side that offered
	Unfit    []string   // of Offered: what the version, suite or key that was chosen rules out, whoever accepts it
	Accepted []string   // in the order of the side that chose, if known
	Reason   string     // one sentence
}

// A Secret is the birth of a key, by label and never by value.
type Secret struct {
	Label    string     // as in RFC 9850: CLIENT_HANDSHAKE_TRAFFIC_SECRET
	Derived  string     // where it stands in the key schedule: "Handshake Secret"
	Protects string     // what it is for, one phrase
	Writer   fault.Role // the side that writes with it; NoRole for an exporter
	Epoch    Epoch
	Suite    iana.CipherSuite
}

// A Proven is a check of identity or integrity that passed, or that was waved
// through.
type Proven struct {
	What    string     // "signature", "certificate", "finished", "binder"
	Of      fault.Role // whose
	Scheme  iana.SignatureScheme
	Verdict *Verdict // of a certificate
}
