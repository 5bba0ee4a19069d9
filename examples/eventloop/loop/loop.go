// Package loop drives any number of TLS connections on one goroutine.
//
// Policy: it shows how an event loop uses package engine: the loop moves bytes, the
// engine decides. A connection that waits holds what the engine holds and nothing
// else: all read into one buffer, and only what is left of a record that has not
// arrived as a whole is kept. What takes long here takes long for all, so a loop
// with remote keys would hand its Asks to others and Reply later.
package loop

import (
	"context"
	"errors"
	"time"

	"github.com/handclasp/handclasp/config"
	"github.com/handclasp/handclasp/engine"
	"github.com/handclasp/handclasp/flow"
)

// A Server answers data of its clients with data.
type Server struct {
	Config *config.ServerConfig
	Answer func(data []byte) []byte // what to send for what came; may be nil for nothing
}

// A conn is one connection, of which somebody else reads and writes the bytes.
type conn struct {
	engine *engine.Engine
	rest   []byte // received, and not a whole record yet
	unsent []byte
}

func (s *Server) newConn() (*conn, error) {
	e, err := engine.NewServer(s.Config, engine.WithClock(time.Now))
	return &conn{engine: e}, err
}

// take processes what has arrived: in, which begins with c.rest. What is to be sent
// is in c.unsent afterwards, even if the connection is over, which an error says.
func (s *Server) take(c *conn, in []byte) error {
	var data []byte
	var err error
	for n := -1; n != 0 && err == nil; {
		n, data, err = c.engine.Recv(in)
		in = in[n:]
		for ask := c.engine.Ask(); ask != nil && err == nil; ask = c.engine.Ask() {
			err = answer(c.engine, ask)
			n = -1 // there may be more in what it has
		}
		for _, errand := range c.engine.Errands() {
			if failed := errand.Run(context.Background()); failed != nil {
				c.engine.Trouble(failed)
			}
		}
		if len(data) > 0 && err == nil {
			c.unsent, err = c.engine.Send(c.unsent, s.Answer(data))
		}
		c.unsent = c.engine.Output(c.unsent)
	}
	if c.rest = nil; len(in) > 0 {
		c.rest = append(c.rest, in...)
	}
	c.engine.Idle()
	return err
}

// answer does what the engine waits for, as far as this server may be asked.
func answer(e *engine.Engine, ask flow.Ask) error {
	switch a := ask.(type) {
	case *flow.SignAsk:
		a.Reply(a.Signer.Sign(context.Background(), a.Scheme, a.Message))
	case flow.Answerer:
		a.Answer(context.Background())
	default:
		return e.Fail(errors.New("a question that this loop has no answer to"))
	}
	return e.Err()
}
