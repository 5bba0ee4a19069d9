// Package session holds what outlives a connection so that the next one needs
// less: the client's sessions, the server's side of them (sealed into tickets or
// kept in a store), the keys that seal, and the guard against replayed 0-RTT
// data.
//
// Policy: stores are small interfaces with their contract in prose. A store that
// fails costs a full handshake and an event, never a connection; a replay check
// that fails refuses 0-RTT. What a session is good for is decided by who resumes
// it, against the configuration of that moment: certificate chains are kept
// whole and judged again, so nothing is resumed that a full handshake would
// refuse. Nothing here starts a goroutine, and clocks are given, not read.
package session

import (
	"context"
	"time"

	"github.com/handclasp/handclasp/iana"
)

// A Session is what a client keeps of a connection in order to resume it. It
// holds a secret: who has it can speak in the client's name.
type Session struct {
	Version     iana.Version
	CipherSuite iana.CipherSuite

	// Secret is the ticket's PSK in TLS 1.3 (RFC 9846, Section 4.7.1), 32 or 48
	// bytes, and the master secret before, 48 bytes.
	Secret []byte

	ID     []byte // session ID that the server gave, TLS 1.2 and below; else nil
	Ticket []byte // nil where there is only an ID

	Received     time.Time
	Lifetime     time.Duration // after Received; at most MaxLifetime
	AgeAdd       uint32        // TLS 1.3: milliseconds that hide the ticket's age
	MaxEarlyData uint32        // TLS 1.3: bytes of 0-RTT data that the server takes; 0 means none

	// What the connection was, which the next one must match or carries on.
	ServerName           string // that the certificate was checked for
	ALPN                 string // "" if none was agreed; 0-RTT data needs the same
	ExtendedMasterSecret bool   // TLS 1.2 and below (RFC 7627, Section 5.3)
	MaxFragment          uint8  // code of the max_fragment_length that was agreed, which holds for the whole session (RFC 6066, Section 4); 0 means none
	SignatureScheme      iana.SignatureScheme
	Group                iana.Group // of the last key exchange: a good guess for the next
	DHBits               uint16     // TLS 1.2 and below: size of the finite-field group, if there was one

	// Peer is the server's chain as it was sent, DER, leaf first, with what was
	// stapled to it. It is judged again before the session is used.
	Peer [][]byte
	OCSP []byte
	SCTs [][]byte

	// Identity names how the client was set up to prove itself; a client set up
	// otherwise does not use the session.
	Identity [32]byte
}

// MaxLifetime bounds every session (RFC 9846, Section 4.7.1).
const MaxLifetime = 7 * 24 * time.Hour

// Fresh reports whether the session can still be used at now.
func (s *Session) Fresh(now time.Time) bool {
	age := now.Sub(s.Received)
	return age >= 0 && age < min(s.Lifetime, MaxLifetime)
}

// A State is what a server needs in order to resume a session. It is sealed into
// a ticket, or kept in a store under a session ID.
type State struct {
	Version     iana.Version
	CipherSuite iana.CipherSuite
	Secret      []byte // as in Session

	Began    time.Time     // of the full handshake that all resumptions go back to
	Issued   time.Time     // of this ticket
	Lifetime time.Duration // after Issued
	AgeAdd   uint32        // TLS 1.3
	Unique   [16]byte      // names this ticket, so that its 0-RTT use can be told from a second one

	ServerName           string // that the client asked for
	ALPN                 string
	ExtendedMasterSecret bool
	MaxFragment          uint8  // as in Session
	MaxEarlyData         uint32 // that was promised with the ticket
	SignatureScheme      iana.SignatureScheme
	Group                iana.Group

	// ClientAuth is the policy under which Peer came, a config.ClientAuthType;
	// Peer the client's chain, DER, leaf first, empty if it showed none.
	ClientAuth   uint8
	Peer         [][]byte
	ClientScheme iana.SignatureScheme

	// PSK names the pre-shared key of the cipher suite, TLS 1.2 and below, by 32 bytes
	// or none if it has no such key: a server that has it no longer does not resume.
	PSK []byte
}

// Fresh reports whether the state may still be resumed at now: neither its ticket
// nor the handshake it goes back to is too old.
func (s *State) Fresh(now time.Time) bool {
	age, whole := now.Sub(s.Issued), now.Sub(s.Began)
	return age >= 0 && age < min(s.Lifetime, MaxLifetime) && whole < MaxLifetime
}

// A ClientStore keeps a client's sessions. Keys are the client's choice and name
// a server. All methods may be called at once, and by several connections. An
// error costs a resumption and is reported in an event.
type ClientStore interface {
	// Put keeps s, and may forget others in its place.
	Put(ctx context.Context, key string, s *Session) error

	// Take gives the session to resume with, the newest first, or nil if there
	// is none. One of TLS 1.3 is gone from the store then: a ticket that is used
	// twice lets who watches the wire link the two connections (RFC 9846,
	// Appendix C.4). Others stay until they are dropped. The caller wipes what it
	// gets.
	Take(ctx context.Context, key string) (*Session, error)

	// Drop forgets s, which the server did not take or whose connection failed. It
	// is known by its version, ID and ticket; its Secret may be gone.
	Drop(ctx context.Context, key string, s *Session) error
}

// Tickets seals a server's State so that the client can keep it (RFC 5077,
// RFC 9846, Section 4.7.1). Both methods may be called by many handshakes at
// once, and give up when ctx ends.
type Tickets interface {
	// Seal gives a ticket of at most 65,535 bytes.
	Seal(ctx context.Context, s *State) (ticket []byte, err error)

	// Open gives back what Seal sealed, here or on another server with the same
	// keys. It is nil without an error for a ticket that is not ours, too old,
	// or damaged: clients offer those all the time.
	Open(ctx context.Context, ticket []byte) (*State, error)
}

// A KV is a store that several servers may share. Entries end by themselves
// after their time to live. All methods may be called at once and give up when
// ctx ends.
type KV interface {
	// Put keeps a copy of value under key.
	Put(ctx context.Context, key string, value []byte, ttl time.Duration) error

	// Get gives the value, or nil if there is none.
	Get(ctx context.Context, key string) ([]byte, error)

	// Take is Get and removes the entry: of all who take it, one gets it.
	Take(ctx context.Context, key string) ([]byte, error)

	// First remembers key and reports whether nobody did before: of all who
	// ask, one is told true. A store that can't keep this promise returns an
	// error.
	First(ctx context.Context, key string, ttl time.Duration) (bool, error)
}
