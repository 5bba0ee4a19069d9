package hs

import (
	"context"
	"encoding/binary"
	"time"

	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/flow"
	"github.com/handclasp/handclasp/iana"
	"github.com/handclasp/handclasp/internal/keys"
	"github.com/handclasp/handclasp/internal/pool"
	"github.com/handclasp/handclasp/internal/wire"
	"github.com/handclasp/handclasp/session"
)

// giveTickets makes the tickets that a client may resume with (RFC 9846, Section
// 4.7.1). Sealing them may take long, so it is an errand. The transcript ends with
// the client's Finished.
func (s *server) giveTickets(main *keys.Main) error {
	defer main.Wipe()
	n, life := s.cfg.TicketPlan()
	if n == 0 || !s.canResume() {
		return nil
	}
	now := s.now(s.cfg.Time)
	began := now
	if s.found != nil {
		began = s.found.state.Began
	}
	life = min(life, session.MaxLifetime-now.Sub(began)).Truncate(time.Second)
	if life <= 0 {
		return nil
	}
	resumption := main.Resumption(s.transcript.Sum())
	defer resumption.Wipe()
	for i := range n {
		if err := s.giveTicket(resumption, byte(i), session.State{Began: began, Issued: now, Lifetime: life}); err != nil {
			return err
		}
	}
	return nil
}

// canResume reports whether the client has asked for tickets, and is one that
// they are for: who has an external key needs none.
func (s *server) canResume() bool {
	modes := &s.hello.PSKModes
	asked := modes.Has(wire.PSKDHE) || s.cfg.AllowPSKWithoutDHE && modes.Has(wire.PSKOnly)
	return asked && (s.found == nil || !s.found.external)
}

// giveTicket fills in what the state begins with, and has it sealed.
func (s *server) giveTicket(resumption keys.Secret, nonce byte, begun session.State) error {
	e := &sealTicket{tickets: s.cfg.Tickets, state: begun, nonce: [1]byte{nonce}, from: &s.core}
	m, st := &e.message, &e.state
	var random [4 + 1]byte // ticket_age_add, and an extension that means nothing
	if err := s.random(s.work.finished[:len(random)]); err != nil {
		return err
	}
	copy(random[:], s.work.finished[:])
	if err := s.random(st.Unique[:]); err != nil {
		return err
	}
	m.Lifetime, m.AgeAdd, m.Nonce = uint32(st.Lifetime/time.Second), binary.BigEndian.Uint32(random[:4]), e.nonce[:]
	m.Extensions.Present = true
	if s.cfg.GREASE {
		m.Extensions.AddRaw(iana.ExtensionType(greaseValue(random[4])), nil) // RFC 8701, Section 4.1
	}
	if s.cfg.EarlyData > 0 {
		m.MaxEarlyData, st.MaxEarlyData = s.cfg.EarlyData, s.cfg.EarlyData
		m.Extensions.Add(iana.ExtEarlyData)
	}
	st.Version, st.CipherSuite, st.Secret = s.info.Version, s.suite.ID, s.suite.Hash.PSK(resumption, m.Nonce)
	st.AgeAdd, st.ServerName, st.ALPN = m.AgeAdd, s.info.ServerName, s.info.ALPN
	st.SignatureScheme, st.Group = s.info.SignatureScheme, s.info.Group
	st.ClientAuth, st.ClientScheme = uint8(s.askedBy()), s.info.ClientScheme
	for _, x := range s.chain {
		st.Peer = append(st.Peer, x.Raw)
	}
	s.errands = append(s.errands, e)
	return nil
}

// post sends a message of its own accord once the handshake is complete. An errand
// may call it while the machine is at work.
func (c *core) post(m wire.Message) error {
	if c.Edit != nil {
		c.Edit(m)
	}
	msg, err := wire.Append(pool.Get(pool.Message), m)
	defer func() { pool.Put(msg) }()
	if err != nil {
		return fault.Internal.Because(err)
	}
	if c.Watch != nil {
		c.Watch(&flow.Event{Kind: flow.Message, Role: c.role, Sent: true, Epoch: flow.Application, Type: m.Type(), Bytes: msg})
	}
	c.Layer.WriteMessage(msg)
	return nil
}

// sealTicket is the errand of a server that gives a ticket.
type sealTicket struct {
	tickets session.Tickets
	state   session.State
	message wire.NewSessionTicket
	nonce   [1]byte
	from    *core
}

func (e *sealTicket) Run(ctx context.Context) error {
	defer clear(e.state.Secret)
	ticket, err := e.tickets.Seal(ctx, &e.state)
	if err != nil {
		return fault.TicketSeal.Because(err)
	}
	e.message.Ticket = ticket
	return e.from.post(&e.message)
}
