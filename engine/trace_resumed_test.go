package engine

import (
	"bytes"
	"context"
	"crypto/sha256"
	"testing"
	"time"

	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/iana"
	"github.com/handclasp/handclasp/internal/wire"
	"github.com/handclasp/handclasp/session"
)

// A recorded store has what the trace before left both sides.
type recorded struct {
	session session.Session
	state   session.State
}

// store reads it from the NewSessionTicket of RFC 8448, Section 3.
func (tr *trace) store(t *testing.T) *recorded {
	t.Helper()
	var m wire.NewSessionTicket
	tr.before.message(t, fault.Server, 0, &m)
	var chain wire.Certificate
	tr.before.message(t, fault.Server, 0, &chain)
	life := time.Duration(m.Lifetime) * time.Second
	return &recorded{session.Session{
		Version: iana.TLS13, CipherSuite: iana.TLS_AES_128_GCM_SHA256, Secret: bytes.Clone(tr.psk), Ticket: m.Ticket,
		Received: birth, Lifetime: life, AgeAdd: m.AgeAdd, MaxEarlyData: m.MaxEarlyData,
		ServerName: "server", SignatureScheme: iana.RSA_PSS_RSAE_SHA256, Peer: [][]byte{chain.List[0].Data},
		Identity: sha256.Sum256(nil), // no certificate
	}, session.State{
		Version: iana.TLS13, CipherSuite: iana.TLS_AES_128_GCM_SHA256, Secret: bytes.Clone(tr.psk),
		Began: birth, Issued: birth, Lifetime: life, AgeAdd: m.AgeAdd, MaxEarlyData: m.MaxEarlyData, ServerName: "server",
		SignatureScheme: iana.RSA_PSS_RSAE_SHA256,
	}}
}

// age is how old the ticket is, by the ClientHello.
func (tr *trace) age(t *testing.T) time.Duration {
	t.Helper()
	var h wire.ClientHello
	tr.message(t, fault.Client, 0, &h)
	var m wire.NewSessionTicket
	tr.before.message(t, fault.Server, 0, &m)
	return time.Duration(h.PSKIdentities[0].TicketAge-m.AgeAdd) * time.Millisecond
}

func (r *recorded) Put(context.Context, string, *session.Session) error  { return nil }
func (r *recorded) Drop(context.Context, string, *session.Session) error { return nil }
func (r *recorded) Take(context.Context, string) (*session.Session, error) {
	return &r.session, nil
}

func (r *recorded) Seal(context.Context, *session.State) ([]byte, error) { return nil, nil }
func (r *recorded) Open(_ context.Context, ticket []byte) (*session.State, error) {
	if !bytes.Equal(ticket, r.session.Ticket) {
		return nil, nil
	}
	return &r.state, nil
}
