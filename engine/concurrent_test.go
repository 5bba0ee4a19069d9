package engine

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"sync"
	"testing"
	"time"

	"github.com/handclasp/handclasp/fault"
)

// A pipe carries bytes one way. It never blocks who writes.
type pipe struct {
	mu    sync.Mutex
	more  sync.Cond
	buf   []byte
	ended bool
}

func newPipe() *pipe {
	p := new(pipe)
	p.more.L = &p.mu
	return p
}

func (p *pipe) write(b []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.buf = append(p.buf, b...)
	p.more.Signal()
}

func (p *pipe) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ended = true
	p.more.Signal()
}

// read appends what is there to dst, and waits until there is something.
func (p *pipe) read(dst []byte) ([]byte, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for len(p.buf) == 0 {
		if p.ended {
			return dst, io.ErrUnexpectedEOF
		}
		p.more.Wait()
	}
	dst = append(dst, p.buf...)
	p.buf = p.buf[:0]
	return dst, nil
}

// A talker is a connected engine that one goroutine reads from while another
// writes. The order of the wire is the order of Output and Send.
type talker struct {
	*Engine
	in, out *pipe
	write   sync.Mutex
	sent    hash.Hash
	heard   hash.Hash
	size    int // bytes heard
}

// flush puts on the wire what f makes, and what is due before it.
func (t *talker) flush(f func(dst []byte) ([]byte, error)) error {
	t.write.Lock()
	defer t.write.Unlock()
	b, err := f(nil)
	if b = t.Output(b); len(b) > 0 {
		t.out.write(b)
	}
	return err
}

const (
	total  = 20 << 20
	burst  = 40_000
	notify = 1 << 20 // bytes between two KeyUpdates of one goroutine
)

func (t *talker) talk() error {
	data := bytes.Repeat([]byte("from the writing side "), burst/22)
	for n := 0; n < total; {
		piece := data[:min(len(data), total-n)]
		if n/notify != (n+len(piece))/notify {
			if err := t.KeyUpdate(n/notify%2 == 0); err != nil {
				return fmt.Errorf("%v, KeyUpdate: %w", t.role, err)
			}
		}
		data[0]++
		t.sent.Write(piece)
		if err := t.flush(func(dst []byte) ([]byte, error) { return t.Send(dst, piece) }); err != nil {
			return fmt.Errorf("%v, Send: %w", t.role, err)
		}
		n += len(piece)
		// These may be asked by anybody at any time.
		if t.Pending(); t.Ask() != nil || t.Err() != nil || !t.Connected() {
			return fmt.Errorf("%v: an Ask or an error out of nowhere: %v", t.role, t.Err())
		}
		if _, err := t.ExportKeyingMaterial("EXPORTER-x", nil, 16); err != nil {
			return err
		}
		t.Info()
	}
	t.Close()
	return t.flush(func(dst []byte) ([]byte, error) { return dst, nil })
}

func (t *talker) listen() error {
	var buf []byte
	for {
		n, data, err := t.Recv(buf)
		t.heard.Write(data)
		before := t.size
		t.size += len(data)
		buf = buf[n:]
		switch {
		case err == io.EOF:
			return nil
		case err != nil:
			return fmt.Errorf("%v, Recv: %w", t.role, err)
		}
		if before/notify != t.size/notify {
			// The writing goroutine may have closed by now.
			if err := t.KeyUpdate(before/notify%3 == 0); err != nil && !errors.Is(err, fault.WriteClosed) {
				return fmt.Errorf("%v, KeyUpdate: %w", t.role, err)
			}
		}
		if t.Pending() {
			if err := t.flush(func(dst []byte) ([]byte, error) { return dst, nil }); err != nil {
				return err
			}
		}
		if n == 0 {
			if buf, err = t.in.read(append([]byte(nil), buf...)); err != nil {
				return fmt.Errorf("%v: %w", t.role, err)
			}
		}
	}
}

// One Recv and one Send at a time on both sides, each with KeyUpdates of its
// own: what arrives is what was sent.
func TestConcurrent(t *testing.T) {
	p := newPair(t).connect(t)
	up, down := newPipe(), newPipe()
	talkers := []*talker{
		{Engine: p.client.Engine, in: down, out: up, sent: sha256.New(), heard: sha256.New()},
		{Engine: p.server.Engine, in: up, out: down, sent: sha256.New(), heard: sha256.New()},
	}
	var all sync.WaitGroup
	failed := make(chan error, 4)
	for _, k := range talkers {
		for _, work := range []func() error{k.talk, k.listen} {
			all.Go(func() {
				if err := work(); err != nil {
					failed <- err
					up.end()
					down.end()
				}
			})
		}
	}
	all.Wait()
	close(failed)
	for err := range failed {
		t.Error(err)
	}
	for i, k := range talkers {
		peer := talkers[1-i]
		if k.size != total || !bytes.Equal(k.heard.Sum(nil), peer.sent.Sum(nil)) {
			t.Errorf("the %v heard %d bytes of %d, or not those that were sent", k.role, k.size, total)
		}
		if epoch := k.outEpoch; epoch < 20 {
			t.Errorf("the %v changed its keys only to epoch %d", k.role, epoch)
		}
	}
}

// Fail may come from anywhere, for instance from a deadline, while Recv follows
// the peer's KeyUpdates.
func TestFailWhileReceiving(t *testing.T) {
	p := newPair(t).connect(t)
	for range limits.KeyUpdates {
		must(t, p.client.KeyUpdate(false))
	}
	in := p.client.Output(nil)
	var all sync.WaitGroup
	all.Go(func() {
		for {
			n, _, err := p.server.Recv(in)
			if in = in[n:]; n == 0 || err != nil {
				return
			}
		}
	})
	all.Go(func() {
		// Meant to come last. A lock or a channel would hide a race.
		time.Sleep(5 * time.Millisecond)
		p.server.Fail(fault.PeerSilent.New())
	})
	all.Wait()
	var f *fault.Error
	if err := p.server.Err(); !errors.Is(err, fault.PeerSilent) || !errors.As(err, &f) || f.State != fault.Connected || f.Role != fault.Server {
		t.Errorf("got %v", err)
	}
}
