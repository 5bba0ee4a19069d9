package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/handclasp/handclasp/iana"
)

// runCrowd measures many handshakes at once, which all begin before the first one
// ends: the time for each.
func (b *bench) runCrowd(ctx context.Context) error {
	defer alone()()
	s := shape{version: iana.TLS13, suite: aes128, group: iana.X25519, id: b.ecdsa}
	way, err := ourWay(s)
	if err != nil {
		return err
	}
	var contests []*contest
	for _, n := range []int{1, 10, 100, 1000, 10000} {
		if b.short && n > 10 {
			break
		}
		c := &contest{part: "crowd", name: fmt.Sprintf("%d at once, 1.3 full, for each", n), unit: "µs"}
		c.add(ours, func() (sample, error) { return crowd(way, n, b.short) }, nil)
		c.add(std, func() (sample, error) { return crowd(stdWay(s), n, b.short) }, nil)
		contests = append(contests, c)
	}
	return b.hold(ctx, contests)
}

// crowd does n handshakes at once, and again until there were a few hundred.
func crowd(w way, n int, short bool) (s sample, err error) {
	times := max(1, 400/n)
	if short {
		times = 1
	}
	links := make([]*link, n)
	for i := range links {
		links[i] = newLink(0)
	}
	var took time.Duration
	s.objects, s.bytes, err = allocated(func() error {
		began := used()
		defer func() { took = used() - began }()
		for range times {
			if err := together(w, links); err != nil {
				return err
			}
		}
		return nil
	})
	each := float64(n * times)
	s.value, s.objects, s.bytes = float64(took.Nanoseconds())/1000/each, s.objects/each, s.bytes/each
	return s, err
}

func together(w way, links []*link) error {
	var all sync.WaitGroup
	errs := make([]error, 2*len(links))
	for i, l := range links {
		l.reset()
		all.Go(func() { errs[2*i] = handshakeOr(w.server(&l.b), l) })
	}
	for i, l := range links { // behind all servers, which wait by then
		all.Go(func() { errs[2*i+1] = handshakeOr(w.client(&l.a), l) })
	}
	all.Wait()
	return errors.Join(errs...)
}

// handshakeOr leaves nobody waiting for who has failed.
func handshakeOr(c conn, l *link) error {
	err := c.Handshake()
	if err != nil {
		l.a.Close()
	}
	return err
}
