package session

import (
	"context"
	"time"

	"github.com/handclasp/handclasp/fault"
)

// A Dated store can say since when it has kept every promise of First. A KV that
// does not is taken to be as old as the Guard's Started.
type Dated interface {
	Since() time.Time
}

// GuardOptions are what NewGuard needs.
type GuardOptions struct {
	KV    KV               // must be set; all servers that take a ticket must share it
	Clock func() time.Time // must be set

	// Window is how far a ClientHello may arrive from when its ticket's age says
	// that it should; 0 means 10 seconds.
	Window time.Duration

	// Started is since when the KV remembers, if it is not Dated; zero means the
	// moment of NewGuard, which is right for a store that ends with the process
	// and careful for others.
	Started time.Time
}

// A Guard refuses 0-RTT data that may be a replay, with all defences of RFC 9846,
// Section 8: a ticket serves once, a ClientHello is taken once, and only about when
// it was to be expected. What it can't be sure of it refuses; that costs the
// client a round trip.
type Guard struct{ o GuardOptions }

// A Use is what a ClientHello with early_data says of itself.
type Use struct {
	Unique       [16]byte      // of the ticket
	Binder       []byte        // of the PSK that was chosen; it must have been validated
	TicketIssued time.Time     // by our clock
	Age          time.Duration // of the ticket, as the client claims, without age_add
	Lifetime     time.Duration // of the ticket, after TicketIssued
}

// A Refusal says whether 0-RTT is taken, and if not why. The zero value refuses.
type Refusal uint8

const (
	Unchecked Refusal = iota
	Accepted
	TicketOver
	HelloLate
	HelloEarly
	StoreYoung
	HelloSeen
	TicketUsed
	NoAnswer
)

func (r Refusal) String() string {
	return [...]string{
		Unchecked:  "not checked",
		Accepted:   "accepted",
		TicketOver: "not fresh: the ticket has ended",
		HelloLate:  "not fresh: the ClientHello comes later than its ticket's age says",
		HelloEarly: "not fresh: the ClientHello comes earlier than its ticket's age says",
		StoreYoung: "start-up quarantine",
		HelloSeen:  "hello seen before",
		TicketUsed: "ticket used before",
		NoAnswer:   "the replay store failed",
	}[r]
}

// NewGuard makes a Guard. The error is a *fault.Error, of ConfigValue.
func NewGuard(o GuardOptions) (*Guard, error) {
	if o.KV == nil {
		return nil, fault.ConfigValue.In("KV").Saw("nil", "a store")
	}
	if err := needClock(o.Clock); err != nil {
		return nil, err
	}
	var err error
	if o.Window, err = atLeast("Window", o.Window, 10*time.Second); err != nil {
		return nil, err
	}
	if o.Started.IsZero() {
		o.Started = o.Clock()
	}
	return &Guard{o}, nil
}

// Check says whether the 0-RTT data of a ClientHello may be taken, and remembers
// the hello and its ticket. It must be called once for each ClientHello, after its
// binder was validated. The error says why the store failed.
func (g *Guard) Check(ctx context.Context, use Use) (Refusal, error) {
	if len(use.Binder) == 0 {
		return Unchecked, fault.ConfigValue.In("Binder").Saw("none", "the binder that was validated")
	}
	now := g.o.Clock()
	arrival := use.TicketIssued.Add(use.Age)
	end := use.TicketIssued.Add(min(use.Lifetime, MaxLifetime))
	since := g.since()
	switch late := now.Sub(arrival); {
	case !now.Before(end):
		return TicketOver, nil
	case late > g.o.Window:
		return HelloLate, nil
	case late < -g.o.Window:
		return HelloEarly, nil
	case arrival.Add(-g.o.Window).Before(since):
		return StoreYoung, nil // it was fresh before the store began, and may have been taken then
	}
	// A hello is fresh until a Window after arrival, however early it came.
	fresh := arrival.Add(g.o.Window).Sub(now) + time.Millisecond
	if r, err := g.first(ctx, "0-rtt-hello/"+string(use.Binder), fresh, HelloSeen); r != Accepted {
		return r, err
	}
	if r, err := g.first(ctx, "0-rtt-ticket/"+string(use.Unique[:]), end.Sub(now), TicketUsed); r != Accepted {
		return r, err
	}
	if g.since().After(since) {
		return StoreYoung, nil // it was emptied just now
	}
	return Accepted, nil
}

func (g *Guard) since() time.Time {
	if d, ok := g.o.KV.(Dated); ok {
		return d.Since()
	}
	return g.o.Started
}

func (g *Guard) first(ctx context.Context, key string, ttl time.Duration, seen Refusal) (Refusal, error) {
	first, err := g.o.KV.First(ctx, key, ttl)
	switch {
	case err != nil:
		return NoAnswer, err
	case !first:
		return seen, nil
	}
	return Accepted, nil
}
