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

// A ResumeAsk wants to know what a client's tickets hold.
type ResumeAsk struct {
	Tickets session.Tickets
	Offered [][]byte // as the client sent them

	reply func([]*session.State, error)
}

func (*ResumeAsk) ask() {}

// Reply gives as many states as tickets are Offered, which then belong to the
// machine; nil where a ticket is not ours, too old, or damaged. An error costs
// what it left nil and is told in an event.
func (a *ResumeAsk) Reply(states []*session.State, err error) { a.reply(states, err) }

// Answer opens the tickets, and replies. After the first error no more are tried:
// a store that fails once would only take longer to fail again.
func (a *ResumeAsk) Answer(ctx context.Context) {
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
func NewResumeAsk(tickets session.Tickets, offered [][]byte, reply func([]*session.State, error)) *ResumeAsk {
	return &ResumeAsk{tickets, offered, reply}
}

// An Errand is something that a connection wants done and does not wait for.
// What it does wrong costs a later resumption, never the connection.
type Errand interface {
	// Run does it, once. The error is a *fault.Error.
	Run(ctx context.Context) error
}
