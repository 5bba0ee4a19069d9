package diagnose_test

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"github.com/handclasp/handclasp/diagnose"
	"github.com/handclasp/handclasp/internal/lab"
)

// recorded is the ClientHello that crypto/tls makes.
func recorded(t *testing.T, cfg *tls.Config) []byte {
	t.Helper()
	ours, theirs := net.Pipe()
	defer ours.Close()
	defer theirs.Close()
	ours.SetDeadline(time.Now().Add(5 * time.Second))
	go tls.Client(theirs, cfg).Handshake()
	head := make([]byte, 5)
	if _, err := io.ReadFull(ours, head); err != nil {
		t.Fatal(err)
	}
	msg := make([]byte, int(head[3])<<8|int(head[4]))
	if _, err := io.ReadFull(ours, msg); err != nil {
		t.Fatal(err)
	}
	return msg
}

// TestHello: a hello that was recorded goes out as it is, and its handshake works;
// what in it is disliked is found.
func TestHello(t *testing.T) {
	t.Parallel()
	hello := recorded(t, &tls.Config{ServerName: "localhost", NextProtos: []string{"h2", "http/1.1"}})
	replay := func(o *diagnose.Options) { o.Hello = hello }
	for name, want := range map[string]string{
		"good": "nothing-wrong", "only-tls12": "nothing-wrong", "retry": "nothing-wrong", "expired": "cert-expired", "only-tls11": "no-common-version",
	} {
		c, err := lab.Find(name)
		if err != nil {
			t.Fatal(err)
		}
		if r := examine(t, c, replay); found(r) != want {
			t.Errorf("%s:\n%s", name, tell(r))
		}
	}
	for _, condition := range []string{
		"sigalg=ecdsa_secp521r1_sha512", "extension=extended_master_secret", "suite=TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA", "share=X25519MLKEM768", "length>1000",
	} {
		c, err := lab.Find("resets-if " + condition)
		if err != nil {
			t.Fatal(err)
		}
		if r := examine(t, c, replay); len(r.Findings) != 1 || r.Findings[0].Trigger != condition {
			t.Errorf("%s:\n%s", condition, tell(r))
		}
	}
}

// TestRecords: a hello that came in several records goes out so, and a server that
// minds it is found out.
func TestRecords(t *testing.T) {
	t.Parallel()
	hello := recorded(t, &tls.Config{ServerName: "localhost", NextProtos: []string{"h2", "http/1.1"}})
	for server, want := range map[string]string{
		"good": "", "resets-if records>1": "records>1", "resets-if records>2": "records>2", "closes-if records>1 & session-id": "records>1 & session-id",
		"alerts-if records>1 | sigalg=ecdsa_secp521r1_sha512": "records>1 | sigalg=ecdsa_secp521r1_sha512", "resets-if length>1000 & records>1": "length>1000 & records>1",
		"resets-if records>1 & segments>1": "records>1 & segments>1", "resets-if sigalg=ecdsa_secp521r1_sha512": "sigalg=ecdsa_secp521r1_sha512",
	} {
		t.Run(server, func(t *testing.T) {
			t.Parallel()
			c, err := lab.Find(server)
			if err != nil {
				t.Fatal(err)
			}
			r := examine(t, c, func(o *diagnose.Options) { o.Hello, o.Records = hello, 3 })
			if len(r.Findings) != 1 || r.Findings[0].Trigger != want || r.Connections > 60 {
				t.Fatalf("%d connections\n%s", r.Connections, tell(r))
			}
			if want == "" && r.Works {
				return
			}
			decided(t, r)
			if id := r.Findings[0].ID; (id == "record-split") != (want == "records>1" || want == "records>2") {
				t.Errorf("%s is called %s", want, id)
			}
		})
	}
}

// TestHelloAsIs: but for what must be fresh, a recorded hello is sent byte for byte.
func TestHelloAsIs(t *testing.T) {
	t.Parallel()
	hello := recorded(t, &tls.Config{ServerName: "localhost", NextProtos: []string{"h2"}})
	sent := seen(t, diagnose.Options{Host: "localhost", Hello: hello, MaxConnections: 1})
	if len(sent) != len(hello) {
		t.Fatalf("%d bytes were sent instead of %d", len(sent), len(hello))
	}
	const behindRandom = 4 + 2 + 32 // header, version, random
	blank := func(b []byte) []byte {
		b = bytes.Clone(b)
		clear(b[behindRandom-32 : behindRandom+1+32]) // random and session ID
		return b
	}
	a, b := blank(hello), blank(sent)
	shares := bytes.Index(a, []byte{0, 51})
	if !bytes.Equal(a[:shares], b[:shares]) {
		t.Errorf("sent %x\ninstead of %x", b[:shares], a[:shares])
	}
}

// seen is the first hello that a diagnosis sends.
func seen(t *testing.T, o diagnose.Options) []byte {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	got := make(chan []byte, 1)
	go func() {
		raw, err := l.Accept()
		if err != nil {
			got <- nil
			return
		}
		defer raw.Close()
		head := make([]byte, 5)
		io.ReadFull(raw, head)
		msg := make([]byte, int(head[3])<<8|int(head[4]))
		io.ReadFull(raw, msg)
		got <- msg
	}()
	o.Host, o.Port = "127.0.0.1", port(l.Addr())
	if _, err := diagnose.Run(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	return <-got
}

// TestBadOptions: what can't be diagnosed at all is an error.
func TestBadOptions(t *testing.T) {
	t.Parallel()
	if _, err := diagnose.Run(t.Context(), diagnose.Options{Host: "127.0.0.1", Port: "1", Hello: []byte{1, 0, 0, 1, 0}}); err == nil {
		t.Error("a hello that is none was taken")
	}
	if _, err := diagnose.Run(t.Context(), diagnose.Options{Host: "127.0.0.1", Port: "1", Without: "moon"}); !errors.Is(err, diagnose.ErrWithout) {
		t.Errorf("%v", err)
	}
}
