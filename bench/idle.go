package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"runtime"
	"sync"

	"github.com/handclasp/handclasp"
	"github.com/handclasp/handclasp/examples/eventloop/loop"
)

// Idle connections: a server in this process and clients in another, since one
// process may not have enough files for both. Each connection carries a request
// of 100 bytes and an answer of 16 kB; then both sides wait in Read. What is
// counted is the live heap, less that of as many connections of TCP alone, and
// beside it the stacks of the goroutines that wait.

// idleRole is the environment variable that makes this program the client process.
const idleRole = "HANDCLASP_BENCH_IDLE"

// An idleOrder is what the client process is to do.
type idleOrder struct {
	Stack   string
	Address string
	Count   int
	Roots   []byte // PEM
}

// held is the memory of a process that its connections hold, in bytes each.
type held struct{ Heap, Stack float64 }

const answerLen = 16 << 10

func (b *bench) runIdle(ctx context.Context) error {
	n := 10000
	if b.short {
		n = 20
	}
	b.note("idle: %d connections", n)
	sides := []*contest{
		{part: "idle", name: fmt.Sprintf("heap of a server's connection, one of %d", n), unit: "bytes"},
		{part: "idle", name: fmt.Sprintf("heap of a client's connection, one of %d", n), unit: "bytes"},
	}
	rounds := min(b.rounds, 3) // it is memory, not time: there is little noise
	var bare [2][]held
	if _, err := b.idle(ctx, plain, n); err != nil { // the runtime keeps goroutines that have ended, and those of the first are paid for here
		return err
	}
	for _, stack := range []string{plain, ours, looped, std} {
		if stack == looped && runtime.GOOS != "linux" {
			continue
		}
		var samples [2][]sample
		for i := range rounds {
			b.note("idle: %d connections, %s, round %d of %d", n, stack, i+1, rounds)
			both, err := b.idle(ctx, stack, n)
			if err != nil {
				return fmt.Errorf("%s: %w", stack, err)
			}
			for side, h := range both {
				if stack == plain {
					bare[side] = append(bare[side], h)
					continue
				}
				samples[side] = append(samples[side], sample{value: h.Heap - bare[side][i].Heap, stack: h.Stack})
			}
		}
		for side, c := range sides {
			if stack != plain && !(stack == looped && side == 1) { // whose clients are the usual ones
				c.entrants = append(c.entrants, &entrant{stack: stack, rounds: samples[side]})
			}
		}
	}
	b.openssl.addIdle(sides[0], sides[1], n, rounds)
	for _, c := range sides {
		b.report.add(c)
	}
	return nil
}

// idle is what n connections hold: the server's ends, and the client's.
func (b *bench) idle(ctx context.Context, stack string, n int) (both [2]held, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return both, err
	}
	defer l.Close()
	order := idleOrder{stack, l.Addr().String(), n, b.ecdsa.rootPEM}
	if stack == looped {
		order.Stack = ours
	}
	before := memory()
	s := crew{n: n, failed: make(chan error, 1)}
	if stack == looped {
		defer s.loop(ctx, b.looped(), l.(*net.TCPListener))()
	} else {
		defer s.dismiss()
		go s.accept(l, b.idleServer(stack))
	}
	clients, err := startClients(ctx, order)
	if err != nil {
		return both, err
	}
	defer clients.stop()
	select {
	case err = <-s.failed:
	case both[1] = <-clients.held: // so all of ours have answered
	case err = <-clients.failed:
	}
	if err != nil {
		return both, err
	}
	after := memory()
	both[0] = held{(after.Heap - before.Heap) / float64(n), (after.Stack - before.Stack) / float64(n)}
	return both, nil
}

func (b *bench) idleServer(stack string) func(net.Conn) net.Conn {
	switch stack {
	case ours:
		cfg := &handclasp.ServerConfig{Certificates: []handclasp.Certificate{b.ecdsa.ours}}
		return func(c net.Conn) net.Conn { return handclasp.Server(c, cfg) }
	case std:
		cfg := &tls.Config{Certificates: []tls.Certificate{b.ecdsa.std}, SessionTicketsDisabled: true}
		return func(c net.Conn) net.Conn { return tls.Server(c, cfg) }
	}
	return func(c net.Conn) net.Conn { return c }
}

// looped is a server on one goroutine, which answers each request likewise.
func (b *bench) looped() *loop.Server {
	answer := make([]byte, answerLen)
	return &loop.Server{
		Config: &handclasp.ServerConfig{Certificates: []handclasp.Certificate{b.ecdsa.ours}},
		Answer: func([]byte) []byte { return answer },
	}
}

// memory is what is live on the heap, and in stacks.
func memory() held {
	var m runtime.MemStats
	for range 3 { // what finalizers and pools let go of goes the next time
		runtime.GC()
	}
	runtime.ReadMemStats(&m)
	return held{float64(m.HeapAlloc), float64(m.StackInuse)}
}

// A crew is the connections of a server, with a goroutine for each.
type crew struct {
	n      int
	failed chan error
	all    sync.WaitGroup
	mu     sync.Mutex
	raw    []net.Conn
}

func (s *crew) accept(l net.Listener, wrap func(net.Conn) net.Conn) {
	for range s.n {
		raw, err := l.Accept()
		if err != nil {
			s.fail(err)
			return
		}
		s.mu.Lock()
		s.raw = append(s.raw, raw)
		s.mu.Unlock()
		s.all.Go(func() {
			c := wrap(raw)
			var got [100]byte
			_, err := io.ReadFull(c, got[:])
			if err == nil {
				_, err = c.Write(make([]byte, answerLen))
			}
			if err != nil {
				s.fail(err)
				return
			}
			c.Read(got[:]) // until the connection is closed
		})
	}
}

// loop has server hold the connections of l. What it returns ends that.
func (s *crew) loop(ctx context.Context, server *loop.Server, l *net.TCPListener) (end func()) {
	ctx, cancel := context.WithCancel(ctx)
	s.all.Go(func() {
		if err := server.Serve(ctx, l); err != nil {
			s.fail(err)
		}
	})
	return func() {
		cancel()
		s.all.Wait()
	}
}

func (s *crew) fail(err error) {
	select {
	case s.failed <- err:
	default:
	}
}

func (s *crew) dismiss() {
	s.mu.Lock()
	for _, c := range s.raw {
		c.Close()
	}
	s.mu.Unlock()
	s.all.Wait()
}

// A clientProcess is the other process, from here.
type clientProcess struct {
	cmd    *exec.Cmd
	stdin  io.Closer
	held   chan held
	failed chan error
}

func startClients(ctx context.Context, o idleOrder) (*clientProcess, error) {
	exe, err := os.Executable()
	if err != nil {
		return nil, err
	}
	order, err := json.Marshal(o)
	if err != nil {
		return nil, err
	}
	p := &clientProcess{cmd: exec.CommandContext(ctx, exe), held: make(chan held, 1), failed: make(chan error, 1)}
	p.cmd.Env = append(os.Environ(), idleRole+"="+string(order))
	p.cmd.Stderr = os.Stderr
	if p.stdin, err = p.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		var h held
		line, err := bufio.NewReader(out).ReadBytes('\n')
		if err == nil {
			err = json.Unmarshal(line, &h)
		}
		if err != nil {
			p.failed <- fmt.Errorf("the clients' process: %w", err)
			return
		}
		p.held <- h
	}()
	return p, nil
}

func (p *clientProcess) stop() {
	p.stdin.Close()
	p.cmd.Wait()
}

// idleClients is the client process: it obeys, says what it holds, and waits for
// the end of its input.
func idleClients(order string) {
	var o idleOrder
	err := json.Unmarshal([]byte(order), &o)
	if err == nil {
		err = o.obey()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench: clients:", err)
		os.Exit(1)
	}
}

func (o *idleOrder) obey() error {
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(o.Roots) {
		return errors.New("no roots")
	}
	wrap := o.client(roots)
	before := memory()
	conns := make([]net.Conn, o.Count)
	for i := range conns {
		raw, err := net.Dial("tcp", o.Address)
		if err != nil {
			return err
		}
		conns[i] = wrap(raw)
		if err := converse(conns[i]); err != nil {
			return err
		}
		go func() {
			var end [1]byte
			conns[i].Read(end[:]) // until this process ends
		}()
	}
	after, n := memory(), float64(o.Count)
	err := json.NewEncoder(os.Stdout).Encode(held{(after.Heap - before.Heap) / n, (after.Stack - before.Stack) / n})
	io.Copy(io.Discard, os.Stdin)
	runtime.KeepAlive(conns)
	return err
}

func (o *idleOrder) client(roots *x509.CertPool) func(net.Conn) net.Conn {
	switch o.Stack {
	case ours:
		cfg := &handclasp.ClientConfig{ServerName: serving, RootCAs: roots}
		return func(c net.Conn) net.Conn { return handclasp.Client(c, cfg) }
	case std:
		cfg := &tls.Config{ServerName: serving, RootCAs: roots}
		return func(c net.Conn) net.Conn { return tls.Client(c, cfg) }
	}
	return func(c net.Conn) net.Conn { return c }
}

// converse sends a request and takes the answer.
func converse(c net.Conn) error {
	if _, err := c.Write(request); err != nil {
		return err
	}
	_, err := io.CopyN(io.Discard, c, answerLen)
	return err
}
