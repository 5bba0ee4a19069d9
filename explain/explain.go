// Package explain turns the events of one connection into a story that somebody
// who has never seen a TLS handshake can follow, and that an expert finds right
// and complete.
//
// Policy: the story is told once, as a Story, whose sentences, facts and bytes
// serve terminal, JSON and HTML alike. A meaning that a registry or the
// catalogue of faults already has is taken from there. What came from the peer
// enters the story escaped, and the terminal's writer escapes once more
// whatever it prints. Keys appear by label; by value only where a key log was
// asked for. There is no clock: the time comes from New's caller. A message that
// does not parse is a fact to tell, never a reason to stop.
package explain

import (
	"encoding/hex"
	"encoding/json"
	"slices"
)

// Schema is the value of Story.Schema. It changes when a reader of the JSON
// would have to.
const Schema = "handclasp.explain/1"

// A Story is what happened on one connection, in order. Its JSON is stable and
// documented in docs/explain-json.md. Times are in microseconds since the start,
// sizes in bytes; what came from the peer is escaped.
type Story struct {
	Schema  string       `json:"schema"`
	Target  string       `json:"target"` // as it was asked for; "" if nobody said
	Role    string       `json:"role"`   // "client" or "server": the side that tells
	Began   string       `json:"began"`  // RFC 3339, UTC; "" if nothing happened
	Steps   []Step       `json:"steps"`
	Omitted int          `json:"omitted,omitempty"` // steps that were dropped after the first 1,000
	States  []Transition `json:"states"`
	Others  []Transition `json:"other_states,omitempty"` // of the server at the other end, when it is our own
	Summary Summary      `json:"summary"`
	Error   *Failure     `json:"error,omitempty"`
}

// Kinds of a Step.
const (
	KindResolve  = "resolve"
	KindConnect  = "connect"
	KindStartTLS = "starttls"
	KindMessage  = "message"
	KindCCS      = "change_cipher_spec"
	KindKeys     = "keys"
	KindVerify   = "verify"
	KindAlert    = "alert"
	KindData     = "data"
	KindTrouble  = "trouble"
	KindFailure  = "failure"
)

// Directions of a Step, as the side that tells sees them.
const (
	Sent     = "sent"
	Received = "received"
)

// Outcomes of a Step or a Check.
const (
	Passed = "passed"
	Broken = "failed"
	Waived = "waived" // it failed, and the connection went on because it was told to (--insecure) or can do without it
)

// A Step is one thing that happened.
type Step struct {
	Number    int      `json:"number"` // from 1
	Kind      string   `json:"kind"`
	Title     string   `json:"title"`
	At        int64    `json:"at_us"`
	Took      int64    `json:"took_us,omitempty"`
	State     string   `json:"state,omitempty"` // of the side that tells, before the step
	Direction string   `json:"direction,omitempty"`
	Outcome   string   `json:"outcome,omitempty"`
	Text      []string `json:"text"` // sentences

	Message   string   `json:"message,omitempty"` // the registry's name of a message's type, or hello_retry_request
	Encrypted bool     `json:"encrypted"`
	Epoch     string   `json:"epoch,omitempty"` // "clear", "early", "handshake", "application"
	KeyUpdate uint64   `json:"key_updates,omitempty"`
	Size      int      `json:"size,omitempty"` // of a message with its header, or of data
	Records   []Record `json:"records,omitempty"`

	Facts        []Fact        `json:"facts,omitempty"`
	Choices      []Choice      `json:"choices,omitempty"`
	Certificates []Certificate `json:"certificates,omitempty"`
	Keys         []Key         `json:"keys,omitempty"`
	Checks       []Check       `json:"checks,omitempty"`
	Alert        *Alert        `json:"alert,omitempty"`

	Lines []PreambleLine `json:"lines,omitempty"` // said before TLS began

	Bytes  Hex     `json:"bytes,omitempty"`  // of a message with its header, an alert or a ChangeCipherSpec
	Fields []Field `json:"fields,omitempty"` // what each of them means
}

// A Record carries one message or several, or a part of one. Steps that share a
// record give the same number.
type Record struct {
	Number  int     `json:"number"`            // from 1, for each direction
	Size    int     `json:"size"`              // on the wire, with its 5-byte header
	Padding int     `json:"padding,omitempty"` // of Size, as far as it shows
	Header  Hex     `json:"header,omitempty"`  // the first 5 bytes
	Fields  []Field `json:"fields,omitempty"`  // what each byte of the whole record is
}

// A Fact is something that a step says, under its RFC name.
type Fact struct {
	Topic  string   `json:"topic"` // one verb: "offers", "asks for", "sets", …
	Name   string   `json:"name"`  // stable; of a field or extension, the RFC's
	Label  string   `json:"label"` // the same for people
	Values []string `json:"values,omitempty"`
	Note   string   `json:"note,omitempty"` // a sentence
}

// A Choice is what one side chose of what the other offered.
type Choice struct {
	What     string   `json:"what"`
	By       string   `json:"by"`
	Chosen   string   `json:"chosen"`
	Offered  []string `json:"offered,omitempty"`
	Unfit    []string `json:"unfit,omitempty"`    // of Offered: ruled out by the version, suite or key that was chosen
	Accepted []string `json:"accepted,omitempty"` // by the side that chose, in its order; only where that is known
	Reason   string   `json:"reason"`
}

// A Certificate is one certificate of a chain as it was sent.
type Certificate struct {
	Subject   string   `json:"subject"`
	Issuer    string   `json:"issuer"`
	Serial    string   `json:"serial"` // hex
	Names     []string `json:"names,omitempty"`
	NotBefore string   `json:"not_before"` // RFC 3339, UTC
	NotAfter  string   `json:"not_after"`
	Key       string   `json:"key"`
	KeyBits   int      `json:"key_bits,omitempty"`
	Signature string   `json:"signature"`
	Authority bool     `json:"authority"`
	Size      int      `json:"size"`
	SHA256    string   `json:"sha256"` // fingerprint, hex
	OCSP      int      `json:"ocsp,omitempty"`
	SCTs      int      `json:"scts,omitempty"`
	Problem   string   `json:"problem,omitempty"` // why it could not be read; then the rest is empty
}

// A Key is a secret of the key schedule that now exists.
type Key struct {
	Label    string `json:"label"`
	Derived  string `json:"derived_from"`
	Protects string `json:"protects"`
	Writer   string `json:"writer,omitempty"`
	Epoch    string `json:"epoch"`
	Suite    string `json:"cipher_suite"`
	Value    Hex    `json:"value,omitempty"` // only if a key log was asked for
}

// A Check is one thing that was looked at before the peer was believed.
type Check struct {
	Name    string `json:"name"`
	Outcome string `json:"outcome"`
	Detail  string `json:"detail"`
	Rule    string `json:"rule,omitempty"` // of the fault catalogue, if it failed
	Hint    string `json:"hint,omitempty"`
}

// An Alert is what one side said in the end.
type Alert struct {
	Name    string   `json:"name"`
	Code    int      `json:"code"`
	Meaning string   `json:"meaning"`
	Causes  []string `json:"causes,omitempty"` // of a received one, likeliest first
	Hint    string   `json:"hint,omitempty"`
}

// A Transition is a step of the state machine (RFC 9846, Appendix A; for TLS 1.2
// the names are ours).
type Transition struct {
	At      int64  `json:"at_us"`
	Step    int    `json:"step,omitempty"` // the number of the last step before it; 0 if there is none
	From    string `json:"from"`
	To      string `json:"to"`
	Meaning string `json:"meaning"` // of To
}

// A Failure is the error that ended the connection.
type Failure struct {
	Rule     string   `json:"rule,omitempty"`
	Text     string   `json:"text"`
	During   string   `json:"during"`          // the step, in words
	Step     int      `json:"step,omitempty"`  // number of the step that broke the rule
	Fault    string   `json:"fault,omitempty"` // "peer", "local", "both", "network"
	Side     string   `json:"side,omitempty"`  // the same in words: "the server"
	State    string   `json:"state,omitempty"`
	Field    string   `json:"field,omitempty"`
	Offset   *int     `json:"offset,omitempty"` // of the field in its message
	Got      string   `json:"got,omitempty"`
	Want     string   `json:"want,omitempty"`
	Offered  []Fact   `json:"offered,omitempty"` // by our ClientHello, of what a received alert may complain of
	Cause    string   `json:"cause,omitempty"`
	Source   string   `json:"source,omitempty"` // "RFC 9846, Section 4.3.8"
	Alert    string   `json:"alert,omitempty"`
	Received bool     `json:"received"` // the peer sent the alert
	Causes   []string `json:"causes,omitempty"`
	Hint     string   `json:"hint,omitempty"`
	Other    *Failure `json:"other_side,omitempty"` // what the server says of it, when it is our own
}

// A Summary is what one wants to know in the end.
type Summary struct {
	Connected          bool     `json:"connected"`
	Version            string   `json:"version,omitempty"`
	CipherSuite        string   `json:"cipher_suite,omitempty"`
	Group              string   `json:"group,omitempty"`
	KeyExchange        string   `json:"key_exchange,omitempty"` // TLS 1.2 and below: "ECDHE", "DHE", "RSA", "PSK" …
	DHBits             int      `json:"dh_bits,omitempty"`      // of a finite field
	Session            string   `json:"session,omitempty"`      // what became of an earlier session or a pre-shared key
	Resumed            bool     `json:"resumed"`                // an earlier session went on
	External           bool     `json:"external_psk,omitempty"` // TLS 1.3: a pre-shared key that came from no ticket went in
	EarlyData          string   `json:"early_data,omitempty"`   // what became of 0-RTT data
	EarlyBytes         int      `json:"early_data_bytes,omitempty"`
	EarlyAccepted      bool     `json:"early_data_accepted,omitempty"`
	Before             *Full    `json:"full_handshake,omitempty"` // in which the session began, if it was told
	PostQuantum        bool     `json:"post_quantum"`             // the key exchange
	Signature          string   `json:"signature_scheme,omitempty"`
	ClientSignature    string   `json:"client_signature_scheme,omitempty"`
	Extended           *bool    `json:"extended_master_secret,omitempty"` // only in TLS 1.2, as the next
	Renegotiation      *bool    `json:"secure_renegotiation,omitempty"`
	EncryptThenMAC     *bool    `json:"encrypt_then_mac,omitempty"` // only with a block cipher
	ServerName         string   `json:"server_name,omitempty"`      // as sent in SNI
	Peer               string   `json:"peer,omitempty"`
	Verified           *bool    `json:"verified,omitempty"` // absent if no certificate was judged
	Root               string   `json:"root,omitempty"`
	ALPN               string   `json:"alpn,omitempty"`
	Retried            bool     `json:"retried"`
	ForwardSecrecy     bool     `json:"forward_secrecy"`
	MasterSecretKept   string   `json:"master_secret_kept,omitempty"` // TLS 1.2 and below, by the server to resume: in a "ticket", or under a "session ID"
	RoundTripsTCP      int      `json:"round_trips_tcp"`
	RoundTripsStartTLS int      `json:"round_trips_starttls,omitempty"` // of the plain text before TLS
	RoundTripsTLS      int      `json:"round_trips_tls"`
	Time               Times    `json:"time"`
	Sent               int      `json:"bytes_sent"`     // all records up to CONNECTED, but for 0-RTT data
	Received           int      `json:"bytes_received"` // likewise
	Signatures         int      `json:"signatures"`     // that the two sides made
	Failed             []string `json:"failed_checks,omitempty"`
}

// Full is what the full handshake took that made a session.
type Full struct {
	Sent          int `json:"bytes_sent"`
	Received      int `json:"bytes_received"`
	RoundTripsTLS int `json:"round_trips_tls"`
	Signatures    int `json:"signatures"`
}

// Times is where the time went, in microseconds. If TLS began, the parts make up the
// total.
type Times struct {
	DNS      int64 `json:"dns_us"`
	TCP      int64 `json:"tcp_us"`
	StartTLS int64 `json:"starttls_us,omitempty"` // the plain text before TLS
	Hello    int64 `json:"hello_us"`              // until the first byte of the handshake: a client makes its ClientHello, a server waits for it
	TLS      int64 `json:"tls_us"`                // from the first byte of the handshake to CONNECTED, or to its failure
	Total    int64 `json:"total_us"`
}

// Hex is bytes that print as hexadecimal digits.
type Hex []byte

// MarshalText implements encoding.TextMarshaler.
func (h Hex) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, h), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (h *Hex) UnmarshalText(text []byte) (err error) {
	*h, err = hex.AppendDecode(nil, text)
	return err
}

// JSON is the story as indented JSON with a final line feed.
func (s *Story) JSON() ([]byte, error) {
	b, err := json.MarshalIndent(s, "", "  ")
	return append(b, '\n'), err
}

// WithoutBytes is a copy of s without the bytes of the messages, the headers of
// the records, and the fields of both.
func (s *Story) WithoutBytes() *Story {
	c := *s
	c.Steps = slices.Clone(s.Steps)
	for i := range c.Steps {
		step := &c.Steps[i]
		step.Bytes, step.Fields, step.Records = nil, nil, slices.Clone(step.Records)
		for j := range step.Records {
			step.Records[j].Header, step.Records[j].Fields = nil, nil
		}
	}
	return &c
}
