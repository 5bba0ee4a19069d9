package engine

import (
	"github.com/handclasp/handclasp/flow"
)

// Errands gives what the connection wants done and does not wait for: tickets to
// seal, sessions to store or forget. Each is given once. Ask for them when the
// handshake is complete or has failed, and after each Recv from then on, the one that
// fails too, run each,
// tell Trouble of those that fail, and call Output again. Like Recv, it belongs to
// the reading side.
func (e *Engine) Errands() []flow.Errand { return e.machine.Errands(e.Err() != nil) }

// Trouble tells watchers of an errand that failed. The connection goes on.
func (e *Engine) Trouble(err error) {
	if e.watch != nil {
		e.tell(&flow.Event{Kind: flow.Trouble, Role: e.role, Err: e.placed(err)})
	}
}
