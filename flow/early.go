package flow

import (
	"context"

	"github.com/handclasp/handclasp/config"
	"github.com/handclasp/handclasp/session"
)

// EarlyData is what became of 0-RTT on a connection (RFC 9846, Section 4.3.10).
type EarlyData struct {
	State  EarlyState
	Max    uint32 // bytes that the server takes, while it is offered or once it is accepted
	ALPN   string // the session's application protocol, which the data speaks, likewise
	Reason string // of none and rejected: why, one sentence; "" where nobody thought of 0-RTT
}

// An EarlyState says how far 0-RTT has come.
type EarlyState uint8

const (
	EarlyNone     EarlyState = iota // not offered
	EarlyOffered                    // the client may send, and the server has not answered
	EarlyAccepted                   // the server takes what the client sends
	EarlyRejected                   // the server drops it, unread
)

func (s EarlyState) String() string {
	return [...]string{"none", "offered", "accepted", "rejected"}[s]
}

// A ReplayAsk wants to know whether a ClientHello with 0-RTT data is the first of
// its kind (RFC 9846, Section 8). Its binder has been validated.
type ReplayAsk struct {
	Guard config.ReplayGuard
	Use   session.Use

	reply func(session.Refusal, error)
}

func (*ReplayAsk) ask() {}

// Reply says whether the 0-RTT data is taken, and if not why. An error refuses it,
// and is told in an event.
func (a *ReplayAsk) Reply(r session.Refusal, err error) { a.reply(r, err) }

// Answer asks the guard, and replies.
func (a *ReplayAsk) Answer(ctx context.Context) { a.Reply(a.Guard.Check(ctx, a.Use)) }

// NewReplayAsk is for state machines: reply receives the answer.
func NewReplayAsk(g config.ReplayGuard, use session.Use, reply func(session.Refusal, error)) *ReplayAsk {
	return &ReplayAsk{g, use, reply}
}
