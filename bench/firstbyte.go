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

// runFirstByte measures from the client's first step to the first byte of the
// server's answer to its request, over a link with a delay. What TCP needs before
// is not counted.
func (b *bench) runFirstByte(ctx context.Context) error {
	full := shape{version: iana.TLS13, suite: aes128, group: iana.X25519, id: b.ecdsa}
	resumed, retried := full, full
	resumed.resume, retried.retry, retried.group = true, true, iana.Secp256r1
	early := resumed
	early.early = true
	old := shape{version: iana.TLS12, suite: iana.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, group: iana.X25519, id: b.ecdsa}
	oldResumed := old
	oldResumed.resume = true
	delay := 10 * time.Millisecond
	if b.short {
		delay = time.Millisecond
	}
	var contests []*contest
	for _, x := range []struct {
		title string
		shape
	}{
		{"1.3 full", full}, {"1.3 with a HelloRetryRequest", retried}, {"1.3 resumption", resumed}, {"1.3 with 0-RTT data", early},
		{"1.2 full", old}, {"1.2 resumption", oldResumed},
	} {
		c := &contest{part: "first byte", name: fmt.Sprintf("%s, %v each way", x.title, delay), unit: "ms"}
		way, err := ourWay(x.shape)
		if err != nil {
			return err
		}
		b.addFirstByte(c, ours, way, x.shape, delay)
		if x.early {
			c.add(std, nil, errors.New("crypto/tls has no 0-RTT over TCP"))
		} else {
			b.addFirstByte(c, std, stdWay(x.shape), x.shape, delay)
		}
		contests = append(contests, c)
	}
	return b.hold(ctx, contests)
}

func (b *bench) addFirstByte(c *contest, stack string, w way, s shape, delay time.Duration) {
	h := newHandshaker(w, s)
	why := h.prepare() // and leaves the client with a session, if it may have one
	c.add(stack, func() (sample, error) { return h.firstByte(delay) }, why)
}

func (h *handshaker) firstByte(delay time.Duration) (s sample, err error) {
	slow := newLink(delay)
	client, server := h.client(&slow.a), h.server(&slow.b)
	h.last = client
	done := make(chan error, 1)
	go func() {
		var got [100]byte
		n, err := readEarly(server, h.early, got[:])
		if err == nil {
			_, err = writeEarly(server, h.early, got[:n])
		}
		if err == nil && h.early { // a byte, behind which the client's next ticket has come
			_, err = server.Write(got[:1])
		}
		if err != nil {
			slow.a.Close()
		}
		done <- err
	}()
	began := time.Now()
	if h.early {
		_, err = client.(*handclasp.Conn).WriteEarly(request)
	} else {
		_, err = client.Write(request)
	}
	var got [1]byte
	if err == nil {
		_, err = client.Read(got[:])
	}
	s.value = float64(time.Since(began).Microseconds()) / 1000
	s.trips = float64(slow.a.depth) / 2
	if err == nil && h.early {
		_, err = io.ReadFull(client, make([]byte, len(request)))
	}
	if err != nil {
		slow.a.Close()
	}
	if err = errors.Join(err, <-done); err == nil {
		err = h.check()
	}
	return s, err
}

// writeEarly answers before the client has finished its handshake if it may.
func writeEarly(c conn, early bool, p []byte) (int, error) {
	if early {
		return c.(*handclasp.Conn).WriteEarly(p)
	}
	return c.Write(p)
}

// readEarly reads what comes first, before the handshake is complete if it may.
func readEarly(c conn, early bool, into []byte) (int, error) {
	if early {
		return c.(*handclasp.Conn).ReadEarly(into)
	}
	return c.Read(into)
}
