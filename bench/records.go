package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/handclasp/handclasp/iana"
)

var (
	recordSizes  = []int{64, 1 << 10, 16 << 10}
	recordSuites = []struct {
		title, name string
		suite       iana.CipherSuite
	}{
		{"AES-128-GCM", "aes", aes128},
		{"ChaCha20-Poly1305", "chacha", chacha20},
	}
)

// runRecords measures a client that writes and reads, record by record. Its server
// is ours in both cases, for it can choose the suite; it takes no part in what is
// measured, since it works before or after.
func (b *bench) runRecords(ctx context.Context) error {
	defer alone()()
	var contests []*contest
	for _, x := range recordSuites {
		for _, size := range recordSizes {
			write := &contest{part: "records", name: fmt.Sprintf("%s, %s, write", x.title, sizeName(size)), unit: "GB/s", higher: true}
			read := &contest{part: "records", name: fmt.Sprintf("%s, %s, read", x.title, sizeName(size)), unit: "GB/s", higher: true}
			s := shape{version: iana.TLS13, suite: x.suite, group: iana.X25519, id: b.ecdsa}
			way, err := ourWay(s)
			if err != nil {
				return err
			}
			for _, stack := range []string{ours, std} {
				if stack == std {
					way.client = stdWay(s).client
				}
				r, err := b.newRecorder(way, s, size)
				write.add(stack, r.write, err)
				read.add(stack, r.read, err)
			}
			b.openssl.addRecords(write, read, x.name, size, b.volume(size))
			contests = append(contests, write, read)
		}
	}
	return b.hold(ctx, contests)
}

func sizeName(n int) string {
	if n < 1<<10 {
		return fmt.Sprintf("%d B", n)
	}
	return fmt.Sprintf("%d kB", n>>10)
}

// volume is how many records of a size make a sample.
func (b *bench) volume(size int) int {
	switch {
	case b.short:
		return 16
	case size < 1<<10:
		return 1 << 15
	}
	return 16 << 20 / size
}

// A recorder moves records of one size over one connection.
type recorder struct {
	link           *link
	client, server conn
	data, into     []byte
	records        int
}

func (b *bench) newRecorder(w way, s shape, size int) (*recorder, error) {
	h := newHandshaker(w, s)
	r := &recorder{link: newLink(0), data: make([]byte, size), into: make([]byte, 16<<10), records: b.volume(size)}
	h.link = r.link
	r.client, r.server = w.client(&r.link.a), w.server(&r.link.b)
	done := make(chan error)
	go func() { done <- r.server.Handshake() }()
	if err := errors.Join(r.client.Handshake(), <-done); err != nil {
		return r, err
	}
	h.last = r.client
	if err := h.check(); err != nil {
		return r, err
	}
	// crypto/tls makes the first records of a connection short.
	for range 2 << 20 / 16 >> 10 {
		if _, err := r.client.Write(r.into); err != nil {
			return r, err
		}
		if _, err := io.ReadFull(r.server, r.into); err != nil {
			return r, err
		}
	}
	return r, nil
}

// write measures the client's writing; what comes out is dropped.
func (r *recorder) write() (sample, error) {
	r.link.a.out.sink = true
	return r.measure(func() error { return nil }, func() error { return r.fill(r.client) })
}

// read measures the client's reading of what the server wrote before.
func (r *recorder) read() (sample, error) {
	return r.measure(func() error { return r.fill(r.server) }, func() error {
		for left := r.records * len(r.data); left > 0; {
			n, err := r.client.Read(r.into)
			if err != nil {
				return err
			}
			left -= n
		}
		return nil
	})
}

// fill writes the records of a pass.
func (r *recorder) fill(c conn) error {
	for range r.records {
		if _, err := c.Write(r.data); err != nil {
			return err
		}
	}
	return nil
}

// passes are how often a sample does its work, the first time unmeasured: a pass takes a few
// milliseconds, and in the first of them a processor that has slept is still slow.
const passes = 5

// measure measures f, and before it prepares each time what f needs.
func (r *recorder) measure(prepare, f func() error) (s sample, err error) {
	var took time.Duration
	for pass := range passes {
		if err := prepare(); err != nil {
			return s, err
		}
		var cost time.Duration
		objects, bytes, err := allocated(func() error {
			began := used()
			defer func() { cost = used() - began }()
			return f()
		})
		if err != nil {
			return s, err
		}
		if pass > 0 {
			took += cost
			s.objects += objects
			s.bytes += bytes
		}
	}
	records := float64((passes - 1) * r.records)
	s.value = records * float64(len(r.data)) / float64(max(took, time.Microsecond).Nanoseconds())
	s.objects /= records
	s.bytes /= records
	return s, nil
}
