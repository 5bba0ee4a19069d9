package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"syscall"
	"time"

	"github.com/handclasp/handclasp/explain"
	"github.com/handclasp/handclasp/fault"
)

// reach looks the target up and opens a TCP connection to the first of its
// addresses that takes one. rec hears of each step.
func (a *app) reach(ctx context.Context, t target, rec *explain.Recorder) (net.Conn, error) {
	ips, err := a.resolve(ctx, t.host, rec)
	if err != nil {
		return nil, err
	}
	var failed *fault.Error
	var tried []string
	for i, ip := range ips {
		addr := net.JoinHostPort(ip.String(), t.port)
		conn, err := dial(ctx, addr, len(ips)-i, rec)
		if err == nil {
			return conn, nil
		}
		if failed == nil || rank(err.Rule) < rank(failed.Rule) {
			failed = err
		}
		tried = append(tried, fmt.Sprintf("%s: %v", addr, err.Cause))
		if ctx.Err() != nil {
			break
		}
	}
	failed.Cause = nil // the list has it
	return nil, failed.Saw(strings.Join(tried, "; "), nil)
}

// resolve gives the addresses of a host in the order in which to try them.
func (a *app) resolve(ctx context.Context, host string, rec *explain.Recorder) ([]netip.Addr, error) {
	if ip, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{ip}, nil
	}
	start := time.Now()
	ips, err := a.lookup(ctx, "ip", host)
	names := make([]string, len(ips))
	for i := range ips {
		ips[i] = ips[i].Unmap()
		names[i] = ips[i].String()
	}
	if err == nil && len(ips) == 0 {
		err = &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
	}
	if err == nil {
		rec.Resolved(host, names, time.Since(start), nil)
		return ips, nil
	}
	rule := dnsFailed
	if e, ok := errors.AsType[*net.DNSError](err); ok {
		err = errors.New(e.Err)
		if e.IsNotFound {
			rule = dnsNotFound
		}
	}
	rec.Resolved(host, nil, time.Since(start), err)
	return nil, stopped(ctx, rule.Because(err).Saw(quote(host), nil))
}

// dial opens a TCP connection to one address. left is how many are still to be
// tried: each gets its part of the time that remains.
func dial(ctx context.Context, addr string, left int, rec *explain.Recorder) (net.Conn, *fault.Error) {
	within := ctx
	if end, ok := ctx.Deadline(); ok {
		var cancel context.CancelFunc
		within, cancel = context.WithTimeout(ctx, time.Until(end)/time.Duration(left))
		defer cancel()
	}
	rec.Connecting(addr)
	start := time.Now()
	conn, err := new(net.Dialer).DialContext(within, "tcp", addr)
	took := time.Since(start)
	if err != nil {
		e := unreachable(err)
		rec.Unreachable(addr, took, e.Cause)
		return nil, stopped(ctx, e)
	}
	rec.Connected(conn.LocalAddr().String(), conn.RemoteAddr().String(), took)
	return conn, nil
}

// unreachable gives the failure of a TCP connection its rule. The cause is what
// the system says, without what we know anyhow.
func unreachable(err error) *fault.Error {
	rule := tcpFailed
	var timeout net.Error
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		rule = tcpRefused
	case errors.As(err, &timeout) && timeout.Timeout():
		rule = tcpTimeout
	case errors.Is(err, syscall.ENETUNREACH), errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.EADDRNOTAVAIL), errors.Is(err, syscall.EAFNOSUPPORT):
		rule = tcpUnreachable
	}
	if e, ok := errors.AsType[*net.OpError](err); ok {
		err = e.Err
	}
	if e, ok := errors.AsType[syscall.Errno](err); ok {
		err = e
	}
	return rule.Because(err)
}

// rank says how much an address's failure tells of the target: a server that
// refuses says more than a network without IPv6.
func rank(r *fault.Rule) int {
	for i, known := range []*fault.Rule{interrupted, tcpRefused, tcpTimeout, tcpFailed} {
		if r == known {
			return i
		}
	}
	return 4
}

// stopped is e, or that somebody stopped us, if that is the reason.
func stopped(ctx context.Context, e *fault.Error) *fault.Error {
	if errors.Is(ctx.Err(), context.Canceled) {
		return interrupted.Because(ctx.Err())
	}
	return e
}
