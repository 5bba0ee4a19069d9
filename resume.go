package handclasp

import (
	"context"
	"time"
)

// errandTime bounds how long a connection is held up by what it could do without,
// such as storing a session.
const errandTime = 5 * time.Second

// runErrands does what the engine wants done besides. What fails is an event.
func (c *Conn) runErrands() {
	for _, errand := range c.engine.Errands() {
		ctx, cancel := context.WithTimeout(context.Background(), errandTime)
		if err := errand.Run(ctx); err != nil {
			c.engine.Trouble(err)
		}
		cancel()
	}
}
