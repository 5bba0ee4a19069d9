package main

import (
	"crypto/rand"
	"fmt"
	"io"
	mrand "math/rand/v2"
	"net"
	"regexp"
	"sync/atomic"
	"time"

	"github.com/handclasp/handclasp/config"
	"github.com/handclasp/handclasp/engine"
	"github.com/handclasp/handclasp/iana"
	"github.com/handclasp/handclasp/internal/wire"
)

// An attackOrder is what the attackers' process is to do.
type attackOrder struct {
	Address   string
	Count     int           // connections at once
	Rate      int           // and new ones in a second, at most
	Handshake time.Duration // what the server gives one
	Kinds     string        // of attack, as a regular expression
}

// A tally counts what the attackers did.
type tally struct {
	Opened, Most int // connections in all, and at once
	Kinds        int
	Failed       string // why one could not be opened at all
}

func (t tally) String() string {
	s := fmt.Sprintf("%d connections at once, %d in all, of %d kinds", t.Most, t.Opened, t.Kinds)
	if t.Failed != "" {
		s += ", some could not be opened: " + t.Failed
	}
	return s
}

// An army is the attackers.
type army struct {
	attackOrder
	kinds     []kind
	hellos    [][]byte     // of TLS 1.3 and 1.2, as records
	long      []byte       // of TLS 1.2, with a list that is gone through for each suite
	open      atomic.Int64 // connections, those that are being opened included
	connected atomic.Int64
	most      atomic.Int64 // of those at once
	opened    atomic.Int64
	failed    atomic.Pointer[string]
}

// A kind is a way to attack a server in a handshake. It gets a new connection, which
// is closed when it returns.
type kind struct {
	name string
	do   func(a *army, c *net.TCPConn)
}

var kinds = []kind{
	{"silent", func(a *army, c *net.TCPConn) { wait(c) }},
	{"a byte a second", func(a *army, c *net.TCPConn) {
		for _, b := range a.hellos[0] {
			if _, err := c.Write([]byte{b}); err != nil {
				return
			}
			time.Sleep(time.Second)
		}
	}},
	{"garbage", func(a *army, c *net.TCPConn) {
		b := make([]byte, 1+mrand.IntN(4000))
		rand.Read(b)
		c.Write(b)
		wait(c)
	}},
	{"plain HTTP", func(a *army, c *net.TCPConn) {
		io.WriteString(c, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
		wait(c)
	}},
	{"a huge hello that never ends", func(a *army, c *net.TCPConn) {
		const size = 65000
		b := append([]byte{1, 0, size >> 8, size & 0xff}, make([]byte, size-1)...)
		for len(b) > 0 {
			n := min(len(b), 1<<14)
			c.Write(append([]byte{22, 3, 1, byte(n >> 8), byte(n)}, b[:n]...))
			b = b[n:]
		}
		wait(c)
	}},
	{"a hello with 31,000 groups that nobody has", func(a *army, c *net.TCPConn) {
		c.Write(a.long)
		wait(c)
	}},
	{"a hello that says it is larger than any", func(a *army, c *net.TCPConn) {
		c.Write([]byte{22, 3, 1, 0, 4, 1, 0xff, 0xff, 0xff})
		wait(c)
	}},
	{"a hello in records of one byte", func(a *army, c *net.TCPConn) {
		for _, b := range a.hellos[0][5:] {
			if _, err := c.Write([]byte{22, 3, 1, 0, 1, b}); err != nil {
				return
			}
			time.Sleep(5 * time.Millisecond)
		}
		wait(c)
	}},
	{"a hello, then silence", func(a *army, c *net.TCPConn) {
		c.Write(a.hello())
		c.SetReadBuffer(1) // and nothing is read
		time.Sleep(2 * a.Handshake)
	}},
	{"handshakes that are given up", func(a *army, c *net.TCPConn) {
		c.Write(a.hello())
		c.SetReadDeadline(time.Now().Add(2 * a.Handshake))
		c.Read(make([]byte, 1))
	}},
	{"half-closed", func(a *army, c *net.TCPConn) {
		c.Write(a.hello())
		c.CloseWrite()
		wait(c)
	}},
	{"half-closed in the hello", func(a *army, c *net.TCPConn) {
		c.Write(a.hello()[:100])
		c.CloseWrite()
		wait(c)
	}},
	{"reset", func(a *army, c *net.TCPConn) {
		c.Write(a.hello())
		c.SetLinger(0)
	}},
	{"a flood of ChangeCipherSpecs", func(a *army, c *net.TCPConn) {
		c.Write(a.hellos[0])
		for range 1000 {
			if _, err := c.Write([]byte{20, 3, 3, 0, 1, 1}); err != nil {
				return
			}
			time.Sleep(10 * time.Millisecond)
		}
	}},
	{"records that nobody can decrypt", func(a *army, c *net.TCPConn) {
		c.Write(a.hellos[0])
		b := make([]byte, 1000)
		rand.Read(b)
		c.Write(append([]byte{23, 3, 3, byte(len(b) >> 8), byte(len(b) & 0xff)}, b...))
		wait(c)
	}},
}

// wait reads until the server has had enough.
func wait(c net.Conn) { io.Copy(io.Discard, c) }

func (a *army) hello() []byte { return a.hellos[mrand.IntN(len(a.hellos))] }

// attack begins, and returns when as many connections are open as are to be, or the
// server has had time to throw out what is too much for it.
func (o attackOrder) attack() (*army, error) {
	match, err := regexp.Compile(o.Kinds)
	if err != nil {
		return nil, err
	}
	a := &army{attackOrder: o}
	for _, k := range kinds {
		if match.MatchString(k.name) {
			a.kinds = append(a.kinds, k)
		}
	}
	if len(a.kinds) == 0 {
		return nil, fmt.Errorf("no kind of attack matches %q", o.Kinds)
	}
	for _, v := range []iana.Version{iana.TLS13, iana.TLS12} {
		e, err := engine.NewClient(&config.ClientConfig{ServerName: "localhost", MaxVersion: v, Time: time.Now})
		if err != nil {
			return nil, err
		}
		a.hellos = append(a.hellos, e.Output(nil))
	}
	if a.long, err = longHello(); err != nil {
		return nil, err
	}
	go a.campaign()
	for end := time.Now().Add(o.Handshake); a.open.Load() < int64(o.Count) && time.Now().Before(end); {
		time.Sleep(10 * time.Millisecond)
	}
	return a, nil
}

// longHello is as long as a server lets it be.
func longHello() ([]byte, error) {
	e, err := engine.NewClient(&config.ClientConfig{ServerName: "localhost", MaxVersion: iana.TLS12, Time: time.Now})
	if err != nil {
		return nil, err
	}
	e.Edit(func(m wire.Message) {
		if h, ok := m.(*wire.ClientHello); ok {
			var groups []iana.Group
			for i := range 31000 {
				groups = append(groups, iana.Group(0x2000+i))
			}
			h.Groups = wire.MakeList16(groups...)
		}
	})
	return e.Output(nil), nil
}

// campaign opens a connection for each that is lost, of every kind in turn. Time in
// which this process did not get to run is not made up for.
func (a *army) campaign() {
	last, due := time.Now(), 0.0
	for sent := 0; ; time.Sleep(time.Millisecond) {
		now := time.Now()
		due = min(due+float64(a.Rate)*now.Sub(last).Seconds(), float64(a.Rate)/20)
		last = now
		for ; due >= 1 && a.open.Load() < int64(a.Count); due-- {
			a.open.Add(1)
			go a.assault(a.kinds[sent%len(a.kinds)].do)
			sent++
		}
	}
}

func (a *army) assault(do func(*army, *net.TCPConn)) {
	defer a.open.Add(-1)
	c, err := net.Dial("tcp", a.Address)
	if err != nil {
		text := err.Error()
		a.failed.CompareAndSwap(nil, &text)
		return
	}
	defer c.Close()
	a.opened.Add(1)
	n := a.connected.Add(1)
	defer a.connected.Add(-1)
	for most := a.most.Load(); n > most && !a.most.CompareAndSwap(most, n); most = a.most.Load() {
	}
	do(a, c.(*net.TCPConn))
}

func (a *army) report() tally {
	t := tally{Opened: int(a.opened.Load()), Most: int(a.most.Load()), Kinds: len(a.kinds)}
	if f := a.failed.Load(); f != nil {
		t.Failed = *f
	}
	return t
}
