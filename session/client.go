package session

import (
	"bytes"
	"container/list"
	"context"
	"slices"
	"sync"
	"time"

	"github.com/handclasp/handclasp/iana"
)

// ClientOptions are what a client's store needs.
type ClientOptions struct {
	Clock func() time.Time // must be set

	// PerKey bounds the TLS 1.3 tickets that are kept for one server; 0 means 4.
	// Servers often send two, of which each serves one connection.
	PerKey int

	// MaxKeys bounds the servers; 0 means 256. The one that was used least
	// recently goes.
	MaxKeys int
}

func (o *ClientOptions) check() error {
	err := needClock(o.Clock)
	if err == nil {
		o.PerKey, err = atLeast("PerKey", o.PerKey, 4)
	}
	if err == nil {
		o.MaxKeys, err = atLeast("MaxKeys", o.MaxKeys, 256)
	}
	return err
}

// A shelf holds the sessions of one server, the newest first: up to PerKey
// tickets of TLS 1.3, and one session of a lower version, which serves many
// connections. It owns their secrets.
type shelf []*Session

// put adds s and wipes what has to go.
func (h *shelf) put(s *Session, perKey int, now time.Time) {
	h.sweep(now)
	old, tickets := *h, 0
	*h = shelf{s}
	if !usedOnce(s) {
		perKey++ // s is none of them
	}
	for _, x := range old {
		once := usedOnce(x)
		if once {
			tickets++
		}
		if once && tickets < perKey || !once && usedOnce(s) {
			*h = append(*h, x)
		} else {
			x.Wipe()
		}
	}
}

// take gives the newest session, or nil; one that may be used again is a copy.
func (h *shelf) take(now time.Time) *Session {
	h.sweep(now)
	if len(*h) == 0 {
		return nil
	}
	s := (*h)[0]
	if !usedOnce(s) {
		return s.clone()
	}
	*h = slices.Delete(*h, 0, 1)
	return s
}

func (h *shelf) drop(s *Session) {
	*h = slices.DeleteFunc(*h, func(x *Session) bool { return x.same(s) && x.gone() })
}

// sweep forgets what is too old.
func (h *shelf) sweep(now time.Time) {
	*h = slices.DeleteFunc(*h, func(x *Session) bool { return !x.Fresh(now) && x.gone() })
}

// gone wipes s on its way out of a list.
func (s *Session) gone() bool {
	s.Wipe()
	return true
}

// usedOnce reports whether s must not resume two connections.
func usedOnce(s *Session) bool { return s.Version >= iana.TLS13 }

// same reports whether s and o are one session, not only of one server.
func (s *Session) same(o *Session) bool {
	return s.Version == o.Version && bytes.Equal(s.ID, o.ID) && bytes.Equal(s.Ticket, o.Ticket)
}

// clone copies s with a secret of its own, so that either can be wiped. What else
// is behind pointers is never written to, and shared.
func (s *Session) clone() *Session {
	c := *s
	c.Secret = bytes.Clone(s.Secret)
	return &c
}

// A ClientMemory is a ClientStore in this process. Put keeps a copy of the secret
// and wipes it when the session goes.
type ClientMemory struct {
	o ClientOptions

	mu   sync.Mutex
	keys map[string]*list.Element // whose Value is a *server
	used list.List                // the least recently used last
}

type server struct {
	key string
	shelf
}

// NewClientMemory makes an empty store. The error is a *fault.Error, of
// ConfigValue.
func NewClientMemory(o ClientOptions) (*ClientMemory, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	c := &ClientMemory{o: o, keys: make(map[string]*list.Element)}
	c.used.Init()
	return c, nil
}

func (c *ClientMemory) Put(_ context.Context, key string, s *Session) error {
	now := c.o.Clock()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.keys[key] == nil {
		c.keys[key] = c.used.PushFront(&server{key: key})
	}
	at := c.keys[key]
	c.used.MoveToFront(at)
	at.Value.(*server).put(s.clone(), c.o.PerKey, now)
	if c.used.Len() > c.o.MaxKeys {
		c.forget(c.used.Back())
	}
	return nil
}

func (c *ClientMemory) Take(_ context.Context, key string) (*Session, error) {
	now := c.o.Clock()
	c.mu.Lock()
	defer c.mu.Unlock()
	at := c.keys[key]
	if at == nil {
		return nil, nil
	}
	c.used.MoveToFront(at)
	s := at.Value.(*server).take(now)
	if len(at.Value.(*server).shelf) == 0 {
		c.forget(at)
	}
	return s, nil
}

func (c *ClientMemory) Drop(_ context.Context, key string, s *Session) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	at := c.keys[key]
	if at == nil {
		return nil
	}
	at.Value.(*server).drop(s)
	if len(at.Value.(*server).shelf) == 0 {
		c.forget(at)
	}
	return nil
}

func (c *ClientMemory) forget(at *list.Element) {
	s := c.used.Remove(at).(*server)
	delete(c.keys, s.key)
	for _, x := range s.shelf {
		x.Wipe()
	}
}
