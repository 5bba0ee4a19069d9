package fault_test

import (
	"errors"
	"io"
	"net"
	"syscall"
	"testing"
	"time"

	"github.com/handclasp/handclasp"
	"github.com/handclasp/handclasp/config"
	"github.com/handclasp/handclasp/engine"
	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/iana"
	"github.com/handclasp/handclasp/internal/pki"
	"github.com/handclasp/handclasp/sign"
)

// A dead conn takes everything and gives nothing but an error.
type dead struct {
	net.Conn
	err error
}

func (d dead) Read([]byte) (int, error)        { return 0, d.err }
func (d dead) Write(b []byte) (int, error)     { return len(b), nil }
func (d dead) Close() error                    { return nil }
func (d dead) SetReadDeadline(time.Time) error { return nil }

func (d dead) SetWriteDeadline(time.Time) error { return nil }

// dying is a client whose transport ends in err after the ClientHello.
func dying(err error) scenario {
	return scenario{run: func(t *testing.T) error {
		return handclasp.Client(dead{err: err}, &newPair(t).client).Handshake()
	}, role: fault.Client}
}

var ofTransport = map[*fault.Rule]scenario{
	fault.ClosedEarly: dying(io.EOF),
	fault.PeerReset:   dying(&net.OpError{Op: "read", Err: syscall.ECONNRESET}),
	fault.PeerSilent: {run: func(t *testing.T) error {
		ours, theirs := net.Pipe()
		defer ours.Close()
		go io.Copy(io.Discard, theirs)
		check(t, ours.SetReadDeadline(time.Now().Add(time.Millisecond)))
		err := handclasp.Client(ours, &newPair(t).client).Handshake()
		var timeout net.Error
		if !errors.As(err, &timeout) || !timeout.Timeout() {
			t.Error("it does not count as a timeout")
		}
		return err
	}, role: fault.Client},
	fault.TransportFailed: dying(errBroken),
	fault.HandshakeTooSlow: {run: func(t *testing.T) error {
		ours, theirs := net.Pipe()
		defer ours.Close()
		go io.Copy(io.Discard, theirs)
		p := newPair(t)
		p.client.Limits.HandshakeTime = time.Millisecond
		return handclasp.Client(ours, &p.client).Handshake()
	}, role: fault.Client},
	fault.HandshakeCrowded: {run: func(t *testing.T) error {
		inner, err := net.Listen("tcp", "127.0.0.1:0")
		check(t, err)
		p := newPair(t)
		p.server.Limits.HalfOpen = 1
		l := handclasp.NewListener(inner, &p.server)
		defer l.Close()
		var oldest *handclasp.Conn
		for range 2 {
			raw, err := net.Dial("tcp", l.Addr().String())
			check(t, err)
			defer raw.Close()
			conn, err := l.Accept()
			check(t, err)
			defer conn.Close()
			if oldest == nil {
				oldest = conn.(*handclasp.Conn)
			}
		}
		return oldest.Handshake()
	}, role: fault.Server},
	fault.Truncated: {run: func(t *testing.T) error {
		p := newPair(t)
		ours, theirs := net.Pipe()
		done := make(chan error)
		go func() {
			err := handclasp.Server(theirs, &p.server).Handshake()
			theirs.Close() // without close_notify
			done <- err
		}()
		_, err := io.ReadAll(handclasp.Client(ours, &p.client))
		if !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Error("it does not count as an unexpected EOF")
		}
		check(t, <-done)
		return err
	}, role: fault.Client},
}

var ofCallers = map[*fault.Rule]scenario{
	fault.NotConnected: {run: func(t *testing.T) error {
		p := newPair(t)
		p.connect()
		_, err := p.c.Send(nil, []byte("data"))
		return err
	}, role: fault.Client},
	fault.WriteClosed: {run: func(t *testing.T) error {
		p := newPair(t)
		p.connect()
		p.pump()
		p.s.Close()
		_, err := p.s.Send(nil, []byte("data"))
		return err
	}, role: fault.Server},

	fault.ConfigValue: alone(func(t *testing.T) error {
		_, err := engine.NewClient(&config.ClientConfig{ServerName: host, CurvePreferences: []iana.Group{iana.X448}})
		return err
	}),
	fault.ConfigNoCertificate: alone(func(t *testing.T) error {
		_, err := handclasp.Listen("tcp", "127.0.0.1:0", &handclasp.ServerConfig{})
		return err
	}),
	fault.ConfigCertificate: alone(func(t *testing.T) error {
		_, err := handclasp.X509KeyPair([]byte("no PEM"), nil)
		return err
	}),
	fault.ConfigKeyMismatch: alone(func(t *testing.T) error {
		h, err := theHouse()
		check(t, err)
		other, err := pki.P256.Generate()
		check(t, err)
		signer, err := sign.FromCrypto(other)
		check(t, err)
		_, err = config.NewCertificate([][]byte{h.good.Leaf().Raw}, signer)
		return err
	}),
	fault.ConfigServerName: alone(func(t *testing.T) error {
		return handclasp.Client(dead{}, nil).Handshake()
	}),
}
