package flow

import (
	"context"

	"github.com/handclasp/handclasp/session"
)

// A SessionAsk wants the session that a client kept of its server, if there is
// one. Whether it is good for anything the machine decides.
type SessionAsk struct {
	Store session.ClientStore
	Key   string // what the store knows the server by

	reply func(*session.Session, error)
}

func (*SessionAsk) ask() {}

// Reply gives the session, which then belongs to the machine, or nil. An error
// costs a resumption and is told in an event.
func (a *SessionAsk) Reply(s *session.Session, err error) { a.reply(s, err) }

// Answer asks the store, and replies.
func (a *SessionAsk) Answer(ctx context.Context) { a.Reply(a.Store.Take(ctx, a.Key)) }

// NewSessionAsk is for state machines: reply receives the answer.
func NewSessionAsk(store session.ClientStore, key string, reply func(*session.Session, error)) *SessionAsk {
	return &SessionAsk{store, key, reply}
}

// A ResumeAsk wants to know what a client's tickets hold, or which session has its
// session ID.
type ResumeAsk struct {
	Tickets session.Tickets
	Offered [][]byte // tickets as the client sent them

	Cache *session.Cache // TLS 1.2 and below; nil where the client has tickets
	ID    []byte

	reply func([]*session.State, error)
}

func (*ResumeAsk) ask() {}

// Reply gives as many states as tickets are Offered, or the one of the ID, which
// then belong to the machine; nil where a ticket is not ours, too old, or
// damaged, and where nothing is stored. An error costs what it left nil and is
// told in an event.
func (a *ResumeAsk) Reply(states []*session.State, err error) { a.reply(states, err) }

// Answer opens the tickets, and replies. After the first error no more are tried:
// a store that fails once would only take longer to fail again.
func (a *ResumeAsk) Answer(ctx context.Context) {
	if a.Cache != nil {
		s, err := a.Cache.Get(ctx, a.ID)
		a.Reply([]*session.State{s}, err)
		return
	}
	states := make([]*session.State, len(a.Offered))
	for i, ticket := range a.Offered {
		s, err := a.Tickets.Open(ctx, ticket)
		if err != nil {
			a.Reply(states, err)
			return
		}
		states[i] = s
	}
	a.Reply(states, nil)
}

// NewResumeAsk is for state machines: reply receives the answer.
func NewResumeAsk(a ResumeAsk, reply func([]*session.State, error)) *ResumeAsk {
	a.reply = reply
	return &a
}

// A KeepAsk wants a session of TLS 1.2 or below to be kept: sealed into a ticket,
// which the client gets before the server's Finished, or stored under the session
// ID that it has been told.
type KeepAsk struct {
	State   *session.State
	Tickets session.Tickets
	Cache   *session.Cache // nil where a ticket is wanted
	ID      []byte

	reply func([]byte, error)
}

func (*KeepAsk) ask() {}

// Reply gives the ticket, or nil where there is none to give. An error costs a
// later resumption and is told in an event.
func (a *KeepAsk) Reply(ticket []byte, err error) { a.reply(ticket, err) }

// Answer seals or stores the state, and replies.
func (a *KeepAsk) Answer(ctx context.Context) {
	if a.Cache != nil {
		a.Reply(nil, a.Cache.Put(ctx, a.ID, a.State))
		return
	}
	a.Reply(a.Tickets.Seal(ctx, a.State))
}

// NewKeepAsk is for state machines: reply receives the answer.
func NewKeepAsk(a KeepAsk, reply func([]byte, error)) *KeepAsk {
	a.reply = reply
	return &a
}

// An Errand is something that a connection wants done and does not wait for.
// What it does wrong costs a later resumption, never the connection.
type Errand interface {
	// Run does it, once. The error is a *fault.Error.
	Run(ctx context.Context) error
}
