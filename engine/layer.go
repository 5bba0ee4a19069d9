package engine

import (
	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/flow"
	"github.com/handclasp/handclasp/iana"
	"github.com/handclasp/handclasp/internal/keys"
	"github.com/handclasp/handclasp/internal/suite"
)

// layer is the record layer as the machine sees it: hs.Layer. Its methods run
// inside the machine's, hence inside Recv, Output or an Ask's Reply.
type layer Engine

func (l *layer) WriteMessage(msg []byte) {
	l.lock()
	defer l.unlock()
	if !l.closed && l.err == nil { // a late answer to an Ask comes too late
		l.queue(msg)
	}
	if !l.connected.Load() {
		l.turnOver = true
	}
}

func (l *layer) ChangeCipherSpec() {
	l.lock()
	defer l.unlock()
	(*Engine)(l).sealFlight()
	if l.again.Load() {
		if !l.closed && l.err == nil {
			(*Engine)(l).put(iana.ContentChangeCipherSpec, []byte{1}) // protected like all else, by the keys of the handshake before
		}
		return
	}
	l.ccs = true
	if e := (*Engine)(l); !l.closed && l.err == nil && e.version() != 0 && e.version() < iana.TLS13 {
		e.putCCS() // not a dummy before whatever comes next, but a message with its own place
	}
}

func (l *layer) SetWrite(epoch flow.Epoch, s *suite.Suite, secret keys.Secret) error {
	l.lock()
	defer l.unlock()
	(*Engine)(l).sealFlight()
	l.outSecret.set(secret)
	l.outSuite, l.outEpoch = s, epoch
	return s.Install(&l.out, secret, uint64(l.limit))
}

func (l *layer) SetRead(epoch flow.Epoch, s *suite.Suite, secret keys.Secret) error {
	l.inSecret.set(secret)
	l.inSuite, l.inEpoch = s, epoch
	l.keysChanged = true
	return s.Install(&l.in, secret, 0)
}

func (l *layer) SetWrite12(s *suite.Suite, k keys.WriteKeys, o suite.Options12) error {
	l.lock()
	defer l.unlock()
	(*Engine)(l).sealFlight()
	l.outSuite, l.outEpoch = s, flow.Application
	return s.Install12(&l.out, k, o, uint64(l.limit))
}

func (l *layer) SetRead12(s *suite.Suite, k keys.WriteKeys, o suite.Options12) error {
	l.inSuite, l.inEpoch = s, flow.Application
	l.keysChanged = true
	o.Open = true
	return s.Install12(&l.in, k, o, 0)
}

func (l *layer) SetVersion(v iana.Version) {
	l.in.SetVersion(v)
	l.lock()
	defer l.unlock()
	(*Engine)(l).sealFlight()
	l.out.SetVersion(v)
}

func (l *layer) Renegotiating() {
	l.spent = 0
	l.again.Store(true)
}

func (l *layer) PeerFinished() { l.peerFinished, l.turnOver, l.empty = true, true, 0 }

// PeerUpdated follows the peer to its next keys. Our own answer waits for the
// next Output or Send, so a silent side answers many updates with one.
func (l *layer) PeerUpdated(requested bool) error {
	l.updates++
	if err := within(fault.KeyUpdateFlood, l.updates, l.options.Limits.KeyUpdates, "in a row"); err != nil {
		return err
	}
	next := l.inSuite.Hash.NextTraffic(l.inSecret.get())
	defer next.Wipe()
	if err := l.SetRead(l.inEpoch+1, l.inSuite, next); err != nil {
		return err
	}
	l.lock()
	defer l.unlock()
	l.asked = false
	l.owed = l.owed || requested
	return nil
}

// Answered goes on with the messages that came behind the question.
func (l *layer) Answered(err error) {
	e := (*Engine)(l)
	if err == nil {
		err = e.checkRest()
	}
	if err == nil {
		e.advanced()
		err = e.messages()
	}
	if err != nil {
		e.fail(err)
	}
}
