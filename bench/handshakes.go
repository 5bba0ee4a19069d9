package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/handclasp/handclasp"
	"github.com/handclasp/handclasp/iana"
)

const (
	aes128   = iana.TLS_AES_128_GCM_SHA256
	chacha20 = iana.TLS_CHACHA20_POLY1305_SHA256
)

// A bout is a case of the first part: a handshake of a shape. Name is what
// OpenSSL's program calls it, "" if that can't do it.
type bout struct {
	title string
	name  string
	shape
}

func (m *material) bouts() []bout {
	full := shape{version: iana.TLS13, suite: aes128, group: iana.X25519, id: m.ecdsa}
	hybrid, rsa, mutual, resumed := full, full, full, full
	hybrid.group, rsa.id, mutual.mutual, resumed.resume, resumed.remember = iana.X25519MLKEM768, m.rsa, true, true, true
	early, remembered, hybridAgain := resumed, full, hybrid
	early.early, remembered.remember, hybridAgain.remember = true, true, true

	old := shape{version: iana.TLS12, suite: iana.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, group: iana.X25519, id: m.ecdsa}
	oldRSA, transport, oldResumed := old, old, old
	oldRSA.id, oldRSA.suite = m.rsa, iana.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256
	transport.id, transport.suite = m.rsa, iana.TLS_RSA_WITH_AES_128_GCM_SHA256
	oldResumed.resume, oldResumed.remember = true, true
	return []bout{
		{"1.3 full, X25519, ECDSA P-256", "full", full},
		{"1.3 full, X25519, ECDSA P-256, verdict remembered", "", remembered},
		{"1.3 full, X25519, RSA-2048", "full-rsa", rsa},
		{"1.3 full, X25519MLKEM768, ECDSA P-256", "full-hybrid", hybrid},
		{"1.3 full, X25519MLKEM768, ECDSA P-256, verdict remembered", "", hybridAgain},
		{"1.3 mutual, X25519, ECDSA P-256", "mutual", mutual},
		{"1.3 resumption, PSK with X25519", "resumed", resumed},
		{"1.3 resumption with 0-RTT data", "", early},
		{"1.3 full, as configured by default", "", shape{version: iana.TLS13, id: m.ecdsa}},
		{"1.2 full, ECDHE-ECDSA", "full-12", old},
		{"1.2 full, ECDHE-RSA-2048", "full-12-rsa", oldRSA},
		{"1.2 full, RSA key transport, RSA-2048", "transport-12", transport},
		{"1.2 resumption by ticket", "resumed-12", oldResumed},
	}
}

func (b *bench) runHandshakes(ctx context.Context) error {
	defer alone()()
	var contests []*contest
	for _, x := range b.bouts() {
		c := &contest{part: "handshakes", name: x.title, unit: "µs"}
		way, err := ourWay(x.shape)
		if err != nil {
			return err
		}
		b.addHandshake(c, ours, way, x.shape)
		if x.early {
			c.add(std, nil, errors.New("crypto/tls has no 0-RTT over TCP"))
		} else {
			b.addHandshake(c, std, stdWay(x.shape), x.shape)
		}
		if x.name != "" {
			b.openssl.add(c, "handshake "+x.name, b.handshakesEach())
		}
		contests = append(contests, c)
	}
	return b.hold(ctx, contests)
}

// handshakesEach is how long a sample takes.
func (b *bench) handshakesEach() time.Duration { return 60 * time.Millisecond }

func (b *bench) addHandshake(c *contest, stack string, w way, s shape) {
	if !b.wants(c.name, stack) {
		return
	}
	h := newHandshaker(w, s)
	n, why := 0, h.prepare()
	if why == nil {
		n, why = b.enough(b.handshakesEach(), h.once)
	}
	c.add(stack, func() (sample, error) { return h.sample(n) }, why)
}

// A handshaker does handshakes over one link, the server in a goroutine of its
// own.
type handshaker struct {
	way
	shape
	link *link
	next chan struct{}
	done chan error
	last conn // the client's end
	took time.Duration
}

func newHandshaker(w way, s shape) *handshaker {
	h := &handshaker{way: w, shape: s, link: newLink(0), next: make(chan struct{}), done: make(chan error)}
	go func() {
		for range h.next {
			h.done <- h.serve()
		}
	}()
	return h
}

// request is what a client sends in 0-RTT.
var request = make([]byte, 100)

func (h *handshaker) serve() error {
	end := &h.link.b
	end.start()
	defer end.stop()
	c := h.server(end)
	if err := c.Handshake(); err != nil {
		end.Close()
		return err
	}
	if h.early {
		var got [100]byte
		if _, err := io.ReadFull(c, got[:]); err != nil {
			return err
		}
	}
	if h.resume { // a byte, behind which the client's ticket has come
		_, err := c.Write([]byte{1})
		return err
	}
	return nil
}

// once does one handshake; where sessions are resumed, up to when the client has
// its next ticket.
func (h *handshaker) once() error {
	h.link.reset()
	began := time.Now()
	h.next <- struct{}{}
	err := h.dial()
	if err != nil {
		h.link.a.Close()
	}
	err = errors.Join(err, <-h.done)
	h.took = time.Since(began)
	return err
}

func (h *handshaker) dial() error {
	h.last = h.client(&h.link.a)
	if h.early && h.took > 0 { // not the first one, which has no session
		if _, err := h.last.(*handclasp.Conn).WriteEarly(request); err != nil {
			return err
		}
	}
	if err := h.last.Handshake(); err != nil {
		return err
	}
	if h.early && h.took == 0 {
		if _, err := h.last.Write(request); err != nil {
			return err
		}
	}
	if h.resume {
		var got [1]byte
		_, err := io.ReadFull(h.last, got[:])
		return err
	}
	return nil
}

// prepare does handshakes until the next one is as it should be.
func (h *handshaker) prepare() error {
	for range 3 {
		if err := h.once(); err != nil {
			return err
		}
	}
	return h.check()
}

// check holds the last handshake against the shape.
func (h *handshaker) check() error {
	s := h.last.ConnectionState()
	switch {
	case s.Version != uint16(h.version):
		return fmt.Errorf("it negotiated %v", iana.Version(s.Version))
	case h.suite != 0 && s.CipherSuite != uint16(h.suite):
		return fmt.Errorf("it negotiated %v", iana.CipherSuite(s.CipherSuite))
	case s.DidResume != h.resume:
		return fmt.Errorf("resumed: %t", s.DidResume)
	case h.group != 0 && h.version == iana.TLS13 && s.CurveID != 0 && uint16(s.CurveID) != uint16(h.group):
		return fmt.Errorf("it negotiated %v", iana.Group(s.CurveID))
	case s.HelloRetryRequest != h.retry:
		return fmt.Errorf("asked for a second hello: %t", s.HelloRetryRequest)
	}
	if c, ok := h.last.(*handclasp.Conn); ok && h.early && c.Info().EarlyData.Max == 0 {
		return errors.New("no 0-RTT data was sent")
	}
	return nil
}

// sample does n handshakes.
func (h *handshaker) sample(n int) (s sample, err error) {
	for range warm(n) {
		if err := h.once(); err != nil {
			return s, err
		}
	}
	shares := make([]float64, n)
	var cost time.Duration
	s.objects, s.bytes, err = allocated(func() error {
		began := used()
		defer func() { cost = used() - began }()
		for i := range shares {
			if err := h.once(); err != nil {
				return err
			}
			shares[i] = float64(h.link.b.busy) / float64(h.took)
		}
		return nil
	})
	s.value = micros(cost, n)
	s.server = s.value * spreadOf(shares).Median
	s.objects /= float64(n)
	s.bytes /= float64(n)
	if err == nil {
		err = h.check()
	}
	return s, err
}

func micros(d time.Duration, n int) float64 { return float64(d.Nanoseconds()) / 1000 / float64(n) }
