package httptls

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"sync"

	"golang.org/x/net/http/httpguts"
	"golang.org/x/net/http2"

	"github.com/handclasp/handclasp"
)

//lint:file-ignore SA1019 http.Transport, to which the deprecations point, takes HTTP/2 only from crypto/tls; http2.Transport takes it from anyone.

// errHTTP1 turns a request over to HTTP/1.1.
var errHTTP1 = errors.New("httptls: the server chose HTTP/1.1")

// overHTTP2 tries HTTP/2 for the requests of an http.Transport.
type overHTTP2 struct{ t *Transport }

func (o *overHTTP2) RoundTrip(req *http.Request) (*http.Response, error) {
	p := o.t.shared
	if req.Close || httpguts.HeaderValuesContainsToken(req.Header["Connection"], "close") {
		p = o.t.singles
	}
	res, err := p.http2.RoundTrip(req)
	if errors.Is(err, errHTTP1) {
		return nil, http.ErrSkipAltProtocol
	}
	return res, err
}

// A pool keeps HTTP/2 connections for an http2.Transport, and knows which hosts
// prefer HTTP/1.1. At most one dial to a host is under way, for all requests
// that wait, and it offers both protocols: nothing is dialed twice to find out.
type pool struct {
	t      *Transport
	http2  *http2.Transport
	single bool // each connection serves one request

	mu    sync.Mutex
	hosts map[string]*host // by "host:port"
}

type host struct {
	conns   []*http2.ClientConn
	dialing *attempt
	http1   int // open connections of a server that prefers HTTP/1.1
}

// An attempt is a dial and who waits for it.
type attempt struct {
	cancel  context.CancelFunc
	waiting int               // under pool.mu; at zero the attempt is given up
	owner   *exchange         // that may take begun; nil if nothing goes early
	begun   chan struct{}     // closed when eager is set
	eager   *http2.ClientConn // nil if the owner has a spare
	done    chan struct{}     // closed when the rest is set
	again   bool              // nothing came of it, and who waits should try again
	conn    *http2.ClientConn
	spare   *http1Conn // under pool.mu, for the first who takes it
	err     error
}

func newPool(t *Transport, base *http.Transport, single bool) *pool {
	// An http2.Transport takes its limits and timeouts from the
	// http.Transport it is configured with, which does nothing else.
	settings := base.Clone()
	settings.TLSClientConfig, settings.TLSNextProto, settings.Protocols = nil, nil, nil
	settings.DisableKeepAlives = settings.DisableKeepAlives || single
	h2, err := http2.ConfigureTransports(settings)
	if err != nil {
		panic(err) // a Clone has no protocols registered, which is all it minds
	}
	p := &pool{t: t, http2: h2, single: single, hosts: make(map[string]*host)}
	h2.ConnPool = p
	return p
}

// GetClientConn is http2.ClientConnPool's: it gives a connection with room for
// req. It fails with errHTTP1 if the server prefers that.
func (p *pool) GetClientConn(req *http.Request, addr string) (*http2.ClientConn, error) {
	cc, err := p.conn(req.Context(), addr)
	if err != nil && err != errHTTP1 && req.Body != nil {
		req.Body.Close() // nobody else does
	}
	return cc, err
}

func (p *pool) conn(ctx context.Context, addr string) (*http2.ClientConn, error) {
	for {
		cc, a, err := p.find(ctx, addr)
		if a == nil {
			return cc, err
		}
		if cc, err := p.await(ctx, addr, a); cc != nil || err != nil {
			return cc, err
		}
	}
}

// find gives a connection with room, or errHTTP1, or an attempt to wait for.
func (p *pool) find(ctx context.Context, addr string) (*http2.ClientConn, *attempt, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.single {
		a := p.start(ctx, addr)
		a.waiting = 1
		return nil, a, nil
	}
	h := p.hosts[addr]
	if h == nil {
		h = new(host)
		p.hosts[addr] = h
	}
	for _, cc := range h.conns {
		if cc.ReserveNewRequest() {
			return cc, nil, nil
		}
	}
	if h.http1 > 0 {
		return nil, nil, errHTTP1
	}
	if h.dialing == nil {
		h.dialing = p.start(ctx, addr)
	}
	h.dialing.waiting++
	return nil, h.dialing, nil
}

// start dials. The context of the request that needed it first gives its
// values, but must not end what others wait for.
func (p *pool) start(ctx context.Context, addr string) *attempt {
	a := &attempt{done: make(chan struct{}), begun: make(chan struct{})}
	if x, ok := ctx.Value(exchangeKey{}).(*exchange); ok && x.early && !p.single {
		a.owner = x
	}
	ctx, a.cancel = context.WithCancel(context.WithoutCancel(ctx))
	go p.dial(ctx, addr, a)
	return a
}

// dial ends soon after the last who waited has left.
func (p *pool) dial(ctx context.Context, addr string, a *attempt) {
	defer a.cancel()
	var cc *http2.ClientConn
	var conn *handclasp.Conn
	var err error
	if a.owner == nil {
		conn, err = p.t.dial(ctx, addr, p.t.offer)
	} else {
		var early *eagerConn
		if conn, early, err = p.t.dialEarly(ctx, addr, p.t.offer); early != nil {
			p.goEarly(addr, a, early)
			return
		}
	}
	if err == nil && conn.Info().ALPN == protoHTTP2 {
		if cc, err = p.http2.NewClientConn(conn); err != nil {
			conn.Close()
		}
	}
	if !p.settle(addr, a, conn, cc, err) && err == nil {
		conn.Close()
	}
}

// goEarly gives the owner of an attempt a connection whose handshake is not yet
// complete, and the others who wait the same one when it is.
func (p *pool) goEarly(addr string, a *attempt, c *eagerConn) {
	var err error
	a.owner.eager.Store(c)
	if c.speaks == protoHTTP2 {
		c.begin()
		a.eager, err = p.http2.NewClientConn(c)
	} else {
		p.mu.Lock()
		closed := p.count(addr)
		p.mu.Unlock()
		a.owner.spare.Store(&http1Conn{Conn: c, closed: closed})
	}
	if err != nil {
		c.Close()
		p.settle(addr, a, c.tls, nil, err)
		return
	}
	p.mu.Lock()
	a.waiting++ // we do too
	p.mu.Unlock()
	close(a.begun)
	<-c.done
	a.again = c.err != nil || a.eager == nil
	p.settle(addr, a, c.tls, a.eager, nil)
	p.leave(addr, a)
}

// settle tells those who wait how the attempt went; cc is nil if the server
// chose HTTP/1.1. It is false if nobody waits, and then has taken nothing.
func (p *pool) settle(addr string, a *attempt, conn *handclasp.Conn, cc *http2.ClientConn, err error) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	defer close(a.done)
	if a.waiting == 0 {
		return false
	}
	h := p.hosts[addr] // nil if single
	switch {
	case err != nil:
		a.err = err
	case a.again:
	case cc != nil:
		a.conn = cc
		if h != nil {
			h.conns = append(h.conns, cc)
		}
	default:
		a.err = errHTTP1
		a.spare = &http1Conn{Conn: conn, closed: p.count(addr)}
	}
	if h != nil {
		h.dialing = nil
		p.tidy(addr)
	}
	return true
}

// await waits for an attempt, but not longer than the request lives. It gives
// nothing if others who waited have filled the connection.
func (p *pool) await(ctx context.Context, addr string, a *attempt) (*http2.ClientConn, error) {
	defer p.leave(addr, a)
	x, _ := ctx.Value(exchangeKey{}).(*exchange)
	var begun chan struct{}
	if x != nil && x == a.owner {
		begun = a.begun
	}
	select {
	case <-begun:
		if a.eager == nil {
			return nil, errHTTP1
		}
		a.eager.ReserveNewRequest() // it is new, and nobody else has it
		return a.eager, nil
	case <-a.done:
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	if a.again {
		return nil, nil
	}
	if a.err == errHTTP1 {
		p.mu.Lock()
		defer p.mu.Unlock()
		if x != nil && a.spare != nil && x.spare.CompareAndSwap(nil, a.spare) {
			a.spare = nil
		}
	}
	if a.err != nil || !a.conn.ReserveNewRequest() {
		return nil, a.err
	}
	return a.conn, nil
}

// leave gives an attempt up when nobody waits for it any more, and closes what
// nobody took.
func (p *pool) leave(addr string, a *attempt) {
	p.mu.Lock()
	a.waiting--
	if a.waiting > 0 {
		p.mu.Unlock()
		return
	}
	spare, single := a.spare, a.conn
	a.spare = nil
	if h := p.hosts[addr]; h != nil && h.dialing == a {
		h.dialing = nil
		p.tidy(addr)
	}
	p.mu.Unlock()
	a.cancel()
	if spare != nil {
		spare.Close()
	}
	if p.single && single != nil && unused(single) {
		single.Close()
	}
}

// another is count, if the server is known to prefer HTTP/1.1: a connection
// that was made for an upgrade, say to WebSocket, proves nothing.
func (p *pool) another(addr string) (closed func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if h := p.hosts[addr]; h == nil || h.http1 == 0 {
		return func() {}
	}
	return p.count(addr)
}

// count counts one more HTTP/1.1 connection to addr, until closed is called.
// The caller holds mu.
func (p *pool) count(addr string) (closed func()) {
	if p.single {
		return func() {}
	}
	p.hosts[addr].http1++
	return sync.OnceFunc(func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.hosts[addr].http1--
		p.tidy(addr)
	})
}

// tidy forgets a host of which there is nothing to remember. The caller holds mu.
func (p *pool) tidy(addr string) {
	if h := p.hosts[addr]; h != nil && len(h.conns) == 0 && h.dialing == nil && h.http1 == 0 {
		delete(p.hosts, addr)
	}
}

// MarkDead is http2.ClientConnPool's: cc takes no more requests.
func (p *pool) MarkDead(cc *http2.ClientConn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for addr, h := range p.hosts {
		h.conns = slices.DeleteFunc(h.conns, func(c *http2.ClientConn) bool { return c == cc })
		p.tidy(addr)
	}
}

// closeIdle closes the connections that no request uses. It asks them without
// holding mu, since a connection answers only once it is not writing.
func (p *pool) closeIdle() {
	p.mu.Lock()
	var all []*http2.ClientConn
	for _, h := range p.hosts {
		all = append(all, h.conns...)
	}
	p.mu.Unlock()
	for _, cc := range all {
		if !unused(cc) {
			continue
		}
		cc.SetDoNotReuse()
		if unused(cc) { // else a request was quicker, and cc closes after it
			cc.Close()
		}
	}
}

func unused(cc *http2.ClientConn) bool {
	s := cc.State()
	return s.StreamsActive+s.StreamsReserved+s.StreamsPending == 0
}
