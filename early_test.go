package handclasp_test

import (
	"context"
	"errors"
	"io"
	"testing"
	"time"

	"github.com/handclasp/handclasp"
	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/flow"
	"github.com/handclasp/handclasp/iana"
	"github.com/handclasp/handclasp/session"
)

// eager is a client that sends and a server that takes 0-RTT data, after a first
// connection that left the client a ticket.
func eager(t *testing.T) (*handclasp.ClientConfig, *handclasp.ServerConfig) {
	t.Helper()
	// A store that is an hour old, for a new one may have forgotten a replay.
	kv, err := session.NewMemory(session.MemoryOptions{Clock: func() time.Time { return time.Now().Add(-time.Hour) }})
	if err != nil {
		t.Fatal(err)
	}
	guard, err := session.NewGuard(session.GuardOptions{KV: kv, Clock: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	cc, sc := clientConfig(), serverConfig()
	cc.Sessions, cc.EarlyData = clientStore(t), true
	sc.Tickets, sc.EarlyData, sc.Guard = sealer(t), 1<<16, guard
	c, s := loopback(t)
	if err := exchange(handclasp.Client(c, cc), handclasp.Server(s, sc), 10); err != nil {
		t.Fatal(err)
	}
	return cc, sc
}

// TestEarlyData sends early data and reads it both ways there are.
func TestEarlyData(t *testing.T) {
	for _, way := range []string{"ReadEarly", "Read", "some of each"} {
		t.Run(way, func(t *testing.T) {
			cc, sc := eager(t)
			a, b := loopback(t)
			client, server := handclasp.Client(a, cc), handclasp.Server(b, sc)
			for _, p := range []string{"GET ", "/ HTTP/1.1"} {
				if n, err := client.WriteEarly([]byte(p)); n != len(p) || err != nil {
					t.Fatalf("%d, %v", n, err)
				}
			}
			got := make([]byte, 0, 100)
			if way != "Read" {
				// Before the client has heard of the server.
				n, err := server.ReadEarly(got[:4])
				if got = got[:n]; string(got) != "GET " || err != nil || server.Info().State == fault.Connected {
					t.Fatalf("%q, %v, %v", got, err, server.Info().State)
				}
			}
			all := func() error {
				if way == "ReadEarly" {
					rest, err := io.ReadAll(readEarly{server})
					got = append(got, rest...)
					return err
				}
				n, err := server.Read(got[len(got):cap(got)])
				got = got[:len(got)+n]
				return err
			}
			if err := both(client.Handshake, all); err != nil {
				t.Fatal(err)
			}
			for len(got) < len("GET / HTTP/1.1") {
				if err := all(); err != nil {
					t.Fatal(err)
				}
			}
			if string(got) != "GET / HTTP/1.1" {
				t.Errorf("got %q", got)
			}
			if err := exchange(client, server, 1000); err != nil {
				t.Fatal(err)
			}
			if c, s := client.Info(), server.Info(); c.EarlyData.State != flow.EarlyAccepted || s.EarlyData.State != flow.EarlyAccepted || !c.Resumed {
				t.Errorf("client %+v, server %+v", c.EarlyData, s.EarlyData)
			}
			if n, err := server.ReadEarly(got); n != 0 || err != io.EOF {
				t.Errorf("then %d, %v", n, err)
			}
		})
	}
}

// TestHalfRTT: a server answers before the client has finished.
func TestHalfRTT(t *testing.T) {
	cc, sc := eager(t)
	a, b := loopback(t)
	client, server := handclasp.Client(a, cc), handclasp.Server(b, sc)
	if _, err := client.WriteEarly([]byte("ping")); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, 10)
	if n, err := server.ReadEarly(got); string(got[:n]) != "ping" || err != nil {
		t.Fatalf("%q, %v", got[:n], err)
	}
	if n, err := server.WriteEarly([]byte("pong")); n != 4 || err != nil || server.Info().State == fault.Connected {
		t.Fatalf("%d, %v in %v", n, err, server.Info().State)
	}
	answer := func() error {
		n, err := client.Read(got)
		if string(got[:n]) != "pong" {
			t.Errorf("the client got %q", got[:n])
		}
		return err
	}
	if err := both(answer, server.Handshake); err != nil {
		t.Fatal(err)
	}
	if err := exchange(client, server, 1000); err != nil {
		t.Fatal(err)
	}
}

type readEarly struct{ c *handclasp.Conn }

func (r readEarly) Read(p []byte) (int, error) { return r.c.ReadEarly(p) }

// TestEarlyDataUnwritten: a client that may send early data and has none offers none,
// so that a server without TLS 1.3 costs it nothing.
func TestEarlyDataUnwritten(t *testing.T) {
	for _, version := range []iana.Version{iana.TLS13, iana.TLS12} {
		for _, write := range []bool{false, true} {
			cc, sc := eager(t)
			sc.MaxVersion = version
			a, b := loopback(t)
			client, server := handclasp.Client(a, cc), handclasp.Server(b, sc)
			if write {
				if _, err := client.WriteEarly([]byte("early")); err != nil {
					t.Fatal(err)
				}
			}
			err := both(client.Handshake, func() error { server.Handshake(); return nil })
			if broken := write && version == iana.TLS12; errors.Is(err, fault.EarlyDataVersion) != broken || !broken && err != nil {
				t.Fatalf("%v, written %v: %v", version, write, err)
			}
			if c, s := client.Info().EarlyData, server.Info().EarlyData; !write && (c.State != flow.EarlyNone || c.Reason == "" || s.State != flow.EarlyNone) {
				t.Errorf("%v: client %+v, server %+v", version, c, s)
			}
			client.Close()
			server.Close()
		}
	}
}

// TestEarlyDataRejected: what the server turns down is gone, and the connection is
// as good as any.
func TestEarlyDataRejected(t *testing.T) {
	cc, sc := eager(t)
	sc.EarlyData, sc.Guard = 0, nil
	a, b := loopback(t)
	client, server := handclasp.Client(a, cc), handclasp.Server(b, sc)
	if _, err := client.WriteEarly([]byte("lost")); err != nil {
		t.Fatal(err)
	}
	early := func() error {
		if n, err := server.ReadEarly(make([]byte, 10)); n != 0 || err != io.EOF {
			t.Errorf("ReadEarly gave %d bytes, %v", n, err)
		}
		return server.Handshake()
	}
	if err := both(client.Handshake, early); err != nil {
		t.Fatal(err)
	}
	if err := exchange(client, server, 1000); err != nil {
		t.Fatal(err)
	}
	if c := client.Info(); c.EarlyData.State != flow.EarlyRejected || c.EarlyData.Reason == "" || !c.Resumed {
		t.Errorf("%+v", c.EarlyData)
	}
}

// TestReplay sends one client's first flight twice: the second one is refused, by
// the guard, whatever store it is kept in.
func TestReplay(t *testing.T) {
	cc, sc := eager(t)
	a, b := loopback(t)
	client := handclasp.Client(a, cc)
	if _, err := client.WriteEarly([]byte("pay 5 pounds")); err != nil {
		t.Fatal(err)
	}
	flight := make([]byte, 1<<16)
	n, err := b.Read(flight)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []flow.EarlyState{flow.EarlyAccepted, flow.EarlyRejected} {
		a, b := loopback(t)
		if _, err := a.Write(flight[:n]); err != nil {
			t.Fatal(err)
		}
		a.(closeWriter).CloseWrite()
		server := handclasp.Server(b, sc)
		var reason string
		server.Watch(func(e *handclasp.Event) {
			if e.Decision != nil && e.Decision.What == "early_data" {
				reason = e.Decision.Reason
			}
		})
		got := make([]byte, 100)
		m, err := server.ReadEarly(got)
		if info := server.Info().EarlyData; info.State != want || (m > 0) != (i == 0) || reason == "" {
			t.Errorf("flight %d: %d bytes, %v; %+v; %s", i, m, err, info, reason)
		}
	}
}

// TestWriteEarlyRefuses: nothing is sent where nothing can be.
func TestWriteEarlyRefuses(t *testing.T) {
	cc, sc := eager(t)
	a, b := loopback(t)
	client, server := handclasp.Client(a, cc), handclasp.Server(b, sc)
	if _, err := client.WriteEarly(make([]byte, 1<<16+1)); !errors.Is(err, fault.EarlyDataTooLarge) {
		t.Errorf("too much: %v", err)
	}
	if _, err := server.WriteEarly([]byte("x")); !errors.Is(err, fault.EarlyDataUnavailable) {
		t.Errorf("a server: %v", err)
	}
	if n, err := client.ReadEarly(make([]byte, 1)); n != 0 || err != io.EOF {
		t.Errorf("a client: %d, %v", n, err)
	}
	if err := both(client.Handshake, server.Handshake); err != nil {
		t.Fatal(err)
	}
	if _, err := client.WriteEarly([]byte("x")); !errors.Is(err, fault.EarlyDataUnavailable) {
		t.Errorf("too late: %v", err)
	}
	cc.Sessions = nil
	a, _ = loopback(t)
	if _, err := handclasp.Client(a, cc).WriteEarly([]byte("x")); !errors.Is(err, fault.EarlyDataUnavailable) {
		t.Errorf("without a session: %v", err)
	}
}

// TestReadEarlyMeanwhile: while one goroutine does the handshake, another gets the
// early data as it comes, and not only when the client has completed it.
func TestReadEarlyMeanwhile(t *testing.T) {
	cc, sc := eager(t)
	a, b := loopback(t)
	client, server := handclasp.Client(a, cc), handclasp.Server(b, sc)
	done := make(chan error, 1)
	go func() { done <- server.Handshake() }()
	got := make([]byte, 100)
	for _, p := range []string{"now ", "and then"} {
		time.Sleep(10 * time.Millisecond)
		if _, err := client.WriteEarly([]byte(p)); err != nil {
			t.Fatal(err)
		}
		if n, err := io.ReadFull(readEarly{server}, got[:len(p)]); err != nil || string(got[:n]) != p {
			t.Fatalf("%q, %v", got[:n], err)
		}
		if server.Connected() {
			t.Fatal("the server takes the handshake for complete")
		}
	}
	if err := client.Handshake(); err != nil {
		t.Fatal(err)
	}
	if n, err := server.ReadEarly(got); n != 0 || err != io.EOF {
		t.Errorf("at the end %d, %v", n, err)
	}
	if err := <-done; err != nil || !server.Connected() {
		t.Error(err)
	}
}

// TestHandshakeEarly: it ends at early data if there is some, and else with the
// handshake.
func TestHandshakeEarly(t *testing.T) {
	cc, sc := eager(t)
	for _, send := range []bool{true, false} {
		a, b := loopback(t)
		client, server := handclasp.Client(a, cc), handclasp.Server(b, sc)
		offer, err := client.EarlyOffer(context.Background())
		if err != nil || offer.State != flow.EarlyOffered || offer.Max != sc.EarlyData {
			t.Fatalf("the client can send %+v, %v", offer, err)
		}
		first := func() error {
			if !send {
				return client.Handshake()
			}
			_, err := client.WriteEarly([]byte("early"))
			return err
		}
		var early bool
		if err := both(first, func() (err error) { early, err = server.HandshakeEarly(context.Background()); return err }); err != nil {
			t.Fatal(err)
		}
		if early != send || server.Connected() != !send || server.Info().ALPN != offer.ALPN {
			t.Errorf("sent %v: early %v, connected %v, %q and %q", send, early, server.Connected(), server.Info().ALPN, offer.ALPN)
		}
		if err := both(client.Handshake, server.Handshake); err != nil {
			t.Fatal(err)
		}
		got := make([]byte, 10)
		if send {
			if n, err := server.Read(got); err != nil || string(got[:n]) != "early" {
				t.Errorf("%q, %v", got[:n], err)
			}
		}
		if err := exchange(client, server, 1000); err != nil { // and another ticket
			t.Fatal(err)
		}
	}
	if offer, err := handclasp.Client(nil, clientConfig()).EarlyOffer(context.Background()); err != nil || offer.State != flow.EarlyNone {
		t.Errorf("without a session: %+v, %v", offer, err)
	}
	if _, err := handclasp.Server(nil, sc).EarlyOffer(context.Background()); !errors.Is(err, fault.EarlyDataUnavailable) {
		t.Errorf("a server: %v", err)
	}
}
