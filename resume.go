package handclasp

import (
	"context"
	"sync"
	"time"
)

// errandTime bounds how long a connection is held up by what it could do without,
// such as storing a session.
const errandTime = 5 * time.Second

// runErrands does what the engine wants done besides. What fails is an event.
func (c *Conn) runErrands() {
	for _, errand := range c.engine.Errands() {
		ctx := &patience{until: time.Now().Add(errandTime)}
		if err := errand.Run(ctx); err != nil {
			c.engine.Trouble(err)
		}
		ctx.forget()
	}
}

// patience is a context with a deadline. Its timer is started by the first who
// waits for it; stores in memory never do.
type patience struct {
	until  time.Time
	mu     sync.Mutex
	inner  context.Context // nil until somebody waits
	cancel context.CancelFunc

	closing sync.WaitGroup // of a handshake's: until the connection is closed because it is over
}

func (p *patience) real() context.Context {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.inner == nil {
		p.inner, p.cancel = context.WithDeadline(context.Background(), p.until)
	}
	return p.inner
}

func (p *patience) Deadline() (time.Time, bool) { return p.until, true }
func (p *patience) Done() <-chan struct{}       { return p.real().Done() }
func (p *patience) Value(any) any               { return nil }

// Err starts no timer: who only asks whether it is over, before it begins, has no use
// for one.
func (p *patience) Err() error {
	p.mu.Lock()
	inner := p.inner
	p.mu.Unlock()
	if inner == nil && time.Now().Before(p.until) {
		return nil
	}
	return p.real().Err()
}

// forget stops the timer. Who kept the context finds it canceled.
func (p *patience) forget() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.inner == nil {
		p.inner, p.cancel = canceled, func() {}
	}
	p.cancel()
}

var canceled = func() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}()
