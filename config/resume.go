package config

import (
	"context"
	"fmt"
	"time"

	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/session"
)

// A ReplayGuard refuses 0-RTT data that may be a replay; *session.Guard is one.
// Check is called once for each ClientHello with 0-RTT data, after its binder was
// validated, by many connections at once. An error refuses the data.
type ReplayGuard interface {
	Check(ctx context.Context, use session.Use) (session.Refusal, error)
}

// ticketLife is how long a ticket is good for if nothing else is said.
const ticketLife = 24 * time.Hour

// checkTickets refuses what tickets can't be given with.
func (c *ServerConfig) checkTickets() error {
	if c.TicketLifetime < 0 || c.TicketLifetime > session.MaxLifetime {
		return fault.ConfigValue.In("TicketLifetime").Saw(c.TicketLifetime, "0 for 24 hours, or up to 7 days")
	}
	if c.EarlyData > 0 && (c.Tickets == nil || c.Guard == nil) {
		return fault.ConfigValue.In("EarlyData").Saw(c.EarlyData, "0 without Tickets and a Guard, since 0-RTT data can be replayed")
	}
	if c.TicketCount > mostTickets {
		return fault.ConfigValue.In("TicketCount").Saw(c.TicketCount, fmt.Sprintf("at most %d", mostTickets))
	}
	return nil
}

// mostTickets bounds what each connection costs.
const mostTickets = 16

// TicketPlan is how many tickets a client is given after a full or resumed
// handshake, and how long each is good for.
func (c *ServerConfig) TicketPlan() (count int, life time.Duration) {
	count, life = c.TicketCount, c.TicketLifetime
	switch {
	case c.Tickets == nil || count < 0:
		count = 0
	case count == 0:
		count = 2
	}
	if life == 0 {
		life = ticketLife
	}
	return count, life
}
