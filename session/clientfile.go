//go:build !js && !wasip1 && !plan9

package session

import (
	"context"
	"encoding/binary"
	"time"

	"go.etcd.io/bbolt"

	"github.com/handclasp/handclasp/fault"
)

// A ClientFile is a ClientStore in a file that several processes may use, one
// after another or at once: a TLS 1.3 ticket goes to one of them. It holds secrets
// in clear, has mode 0600, and is refused if others may read it. Calls cost what
// they cost in a File with NoSync: after a crash of the machine tickets may be
// lost, or the file be damaged, which costs full handshakes.
type ClientFile struct {
	*database
	o ClientOptions
}

const clientTitle = "Handclasp client sessions, format 1. HOLDS SECRETS: keep it to yourself."

// A bucket maps a key to the sessions of its shelf, the newest first, each behind
// its length:
//
//	uint64 last use; { opaque session<0..2^32-1>; } sessions;
var shelves = []byte("sessions")

// NewClientFile opens the store at path and makes the file if there is none. The
// error is a *fault.Error; its field names the file.
func NewClientFile(path string, o ClientOptions) (*ClientFile, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	c := &ClientFile{o: o, database: &database{
		path:   path,
		title:  []byte(clientTitle),
		tables: [][]byte{shelves},
		clock:  o.Clock,
		noSync: true,
	}}
	if err := c.start(); err != nil {
		return nil, err
	}
	return c, nil
}

func (c *ClientFile) Put(ctx context.Context, key string, s *Session) error {
	return c.change(ctx, key, func(h *shelf, now time.Time) { h.put(s.clone(), c.o.PerKey, now) })
}

func (c *ClientFile) Take(ctx context.Context, key string) (s *Session, err error) {
	err = c.change(ctx, key, func(h *shelf, now time.Time) { s = h.take(now) })
	if err != nil {
		return nil, err
	}
	return s, nil
}

func (c *ClientFile) Drop(ctx context.Context, key string, s *Session) error {
	return c.change(ctx, key, func(h *shelf, _ time.Time) { h.drop(s) })
}

// change reads the shelf of key, lets do work on it and writes it back.
func (c *ClientFile) change(ctx context.Context, key string, do func(*shelf, time.Time)) error {
	now := c.clock()
	var out []byte // bbolt reads it until the transaction ends
	defer func() { clear(out) }()
	return c.update(ctx, func(tx *bbolt.Tx) error {
		b := tx.Bucket(shelves)
		h, err := parseShelf(b.Get([]byte(key)))
		if err != nil {
			return c.fail(fault.StoreDamaged, err)
		}
		defer func() {
			for _, s := range h {
				s.Wipe()
			}
		}()
		do(&h, now)
		if len(h) == 0 {
			return b.Delete([]byte(key))
		}
		out, err = h.append(binary.BigEndian.AppendUint64(nil, uint64(max(0, now.UnixNano()))))
		if err != nil {
			return err
		}
		if err := b.Put([]byte(key), out); err != nil {
			return err
		}
		return c.bound(b)
	})
}

// bound removes the key that was used least recently, if there are too many.
func (c *ClientFile) bound(b *bbolt.Bucket) error {
	var oldest []byte
	var use uint64
	keys := 0
	err := b.ForEach(func(k, v []byte) error {
		keys++
		if len(v) < endLen {
			v = make([]byte, endLen)
		}
		if at := binary.BigEndian.Uint64(v); oldest == nil || at < use {
			oldest, use = k, at
		}
		return nil
	})
	if err != nil || keys <= c.o.MaxKeys {
		return err
	}
	return b.Delete(append([]byte(nil), oldest...))
}

func (h shelf) append(dst []byte) ([]byte, error) {
	for _, s := range h {
		at := len(dst)
		var err error
		if dst, err = s.Append(append(dst, 0, 0, 0, 0)); err != nil {
			return dst, err
		}
		binary.BigEndian.PutUint32(dst[at:], uint32(len(dst)-at-4))
	}
	return dst, nil
}

func parseShelf(b []byte) (h shelf, err error) {
	if b == nil {
		return nil, nil
	}
	r := reader{s: b}
	r.fixed("last use", endLen)
	for len(r.s) > 0 && r.err == nil {
		n := int(r.uint32("session"))
		s, err := ParseSession(r.fixed("session", n))
		if err != nil {
			return h, err
		}
		h = append(h, s)
	}
	if r.err != nil {
		return h, r.err
	}
	return h, nil
}
