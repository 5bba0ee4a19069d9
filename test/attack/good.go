package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"
)

// visitors are good clients: each opens a connection, wants the page, and comes
// again.
type visitors struct {
	address string
	roots   *x509.CertPool
}

const (
	onFastLink = 12
	onSlowLink = 12
	slowLink   = 100 * time.Millisecond // that each flight of the client takes
	patience   = 10 * time.Second       // then a client gives up
	between    = 20 * time.Millisecond
)

// A crowd is what became of good clients.
type crowd struct{ Fast, Slow class }

// A class of clients has the same kind of link.
type class struct {
	Tried, Served int
	First         string // what went wrong first
	times         []time.Duration
}

func (c class) share() float64 { return float64(c.Served) / float64(max(c.Tried, 1)) }

func (c crowd) String() string {
	return fmt.Sprintf("%v; on a link with delays of %v, %v", c.Fast, slowLink, c.Slow)
}

func (c class) String() string {
	slices.Sort(c.times)
	at := func(share float64) time.Duration {
		if len(c.times) == 0 {
			return 0
		}
		return c.times[int(share*float64(len(c.times)-1))].Round(100 * time.Microsecond)
	}
	s := fmt.Sprintf("%d of %d good clients, %.2f %%, in %v (median) and %v (99 %%)", c.Served, c.Tried, 100*c.share(), at(0.5), at(0.99))
	if c.First != "" {
		s += ", the first that was not: " + c.First
	}
	return s
}

// visit has them come for so long.
func (v visitors) visit(ctx context.Context, long time.Duration) (c crowd) {
	end := time.Now().Add(long)
	var mu sync.Mutex
	var all sync.WaitGroup
	come := func(class *class, delay time.Duration) {
		for time.Now().Before(end) && ctx.Err() == nil {
			began := time.Now()
			err := v.once(ctx, delay)
			mu.Lock()
			class.Tried++
			if err == nil {
				class.Served++
				class.times = append(class.times, time.Since(began))
			} else if class.First == "" {
				class.First = err.Error()
			}
			mu.Unlock()
			time.Sleep(between)
		}
	}
	for range onFastLink {
		all.Go(func() { come(&c.Fast, 0) })
	}
	for range onSlowLink {
		all.Go(func() { come(&c.Slow, slowLink) })
	}
	all.Wait()
	return c
}

// once is one connection with one request.
func (v visitors) once(ctx context.Context, delay time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	raw, err := new(net.Dialer).DialContext(ctx, "tcp", v.address)
	if err != nil {
		return err
	}
	defer raw.Close()
	deadline, _ := ctx.Deadline()
	raw.SetDeadline(deadline)
	conn := tls.Client(&link{raw, delay}, &tls.Config{ServerName: "localhost", RootCAs: v.roots})
	if err := conn.HandshakeContext(ctx); err != nil {
		return err
	}
	if _, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"); err != nil {
		return err
	}
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if b, err := io.ReadAll(res.Body); err != nil || string(b) != page {
		return fmt.Errorf("not the page: %s, %q, %v", res.Status, b, err)
	}
	return nil
}

// A link delays what is written.
type link struct {
	net.Conn
	delay time.Duration
}

func (l *link) Write(b []byte) (int, error) {
	time.Sleep(l.delay)
	return l.Conn.Write(b)
}
