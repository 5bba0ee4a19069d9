package main

import (
	"crypto"
	"crypto/rsa"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/handclasp/handclasp/config"
	"github.com/handclasp/handclasp/engine"
	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/flow"
	"github.com/handclasp/handclasp/iana"
	"github.com/handclasp/handclasp/internal/pki"
	"github.com/handclasp/handclasp/internal/record"
	"github.com/handclasp/handclasp/internal/wire"
	"github.com/handclasp/handclasp/sign"
)

// key is a pre-shared one: a handshake with it alone needs no arithmetic, and so
// leaves less noise.
var key = []config.PSK{{Identity: []byte("somebody"), Key: []byte("a key of thirty-two bytes, as is")}}

// withKey are configurations of a client and a server that share nothing but key.
func withKey(v iana.Version) (*config.ClientConfig, *config.ServerConfig) {
	c := &config.ClientConfig{
		ServerName: "localhost", PSKs: key, MinVersion: v, MaxVersion: v, Time: time.Now, NoMiddleboxCompat: true,
		CurvePreferences: []iana.Group{iana.X25519}, KeyShares: []iana.Group{}, AllowPSKWithoutDHE: true,
	}
	s := &config.ServerConfig{PSKs: key, MinVersion: v, MaxVersion: v, Time: time.Now, CurvePreferences: []iana.Group{iana.Secp256r1}, AllowPSKWithoutDHE: true}
	if v == iana.TLS12 {
		c.KeyShares = nil
		c.CipherSuites = []iana.CipherSuite{iana.TLS_PSK_WITH_AES_128_GCM_SHA256}
		s.CipherSuites = c.CipherSuites
	}
	return c, s
}

// feed gives b to e, which must take all of it.
func feed(e *engine.Engine, b []byte) error {
	for len(b) > 0 {
		n, _, err := e.Recv(b)
		if err != nil {
			return err
		}
		if n == 0 {
			return fmt.Errorf("%d bytes are left over", len(b))
		}
		b = b[n:]
	}
	return nil
}

// lastRecord splits records into the last one and those before it.
func lastRecord(b []byte) (before, last []byte) {
	for at := 0; at < len(b); {
		before, last = b[:at], b[at:]
		at += record.HeaderLen + int(b[at+3])<<8 + int(b[at+4])
	}
	return before, last
}

// flip changes a bit of the first byte, or of the last.
func flip(b []byte, class int) {
	b[class*(len(b)-1)] ^= 1
}

// refuses gives b to e, which must break rule r of it.
func refuses(e *engine.Engine, b []byte, r *fault.Rule) {
	if _, _, err := e.Recv(b); !errors.Is(err, r) {
		panic(fmt.Sprintf("got %v, want %s", err, r.ID))
	}
}

// finished times what a server does with a client's Finished that is wrong.
func finished(v iana.Version) func() (func(int) (func(), error), error) {
	return func() (func(int) (func(), error), error) {
		clientConfig, serverConfig := withKey(v)
		return func(class int) (func(), error) {
			c, err := engine.NewClient(clientConfig)
			if err != nil {
				return nil, err
			}
			s, err := engine.NewServer(serverConfig)
			if err != nil {
				return nil, err
			}
			c.Edit(func(m wire.Message) {
				if m, ok := m.(*wire.Finished); ok {
					m.VerifyData = slices.Clone(m.VerifyData)
					flip(m.VerifyData, class)
				}
			})
			if err := feed(s, c.Output(nil)); err != nil {
				return nil, err
			}
			if err := feed(c, s.Output(nil)); err != nil {
				return nil, err
			}
			before, last := lastRecord(c.Output(nil))
			if err := feed(s, before); err != nil {
				return nil, err
			}
			return func() { refuses(s, last, fault.FinishedWrong) }, nil
		}, nil
	}
}

// binder times what a server does with a ClientHello whose binder is wrong. It
// stands at the end of the message.
func binder() (func(int) (func(), error), error) {
	clientConfig, serverConfig := withKey(iana.TLS13)
	c, err := engine.NewClient(clientConfig)
	if err != nil {
		return nil, err
	}
	hello := c.Output(nil)
	wrong := [2][]byte{slices.Clone(hello), slices.Clone(hello)}
	for class := range wrong {
		flip(wrong[class][len(hello)-32:], class)
	}
	return func(class int) (func(), error) {
		s, err := engine.NewServer(serverConfig)
		if err != nil {
			return nil, err
		}
		copy(hello, wrong[class]) // not the byte alone: who reads it soon would notice which was just written
		return func() { refuses(s, hello, fault.PSKBinder) }, nil
	}, nil
}

// cookie times what a server without memory does with a cookie that is wrong.
func cookie() (func(int) (func(), error), error) {
	h, err := newHouse(pki.P256)
	if err != nil {
		return nil, err
	}
	h.client.KeyShares, h.client.CurvePreferences = []iana.Group{}, []iana.Group{iana.X25519}
	h.server.CookieKey = make([]byte, 32)
	return func(class int) (func(), error) {
		c, err := engine.NewClient(h.client)
		if err != nil {
			return nil, err
		}
		s, err := engine.NewServer(h.server)
		if err != nil {
			return nil, err
		}
		c.Edit(func(m wire.Message) {
			if m, ok := m.(*wire.ClientHello); ok && len(m.Cookie) > 0 {
				m.Cookie = slices.Clone(m.Cookie)
				flip(m.Cookie[len(m.Cookie)-32:], class) // its MAC
			}
		})
		if err := feed(s, c.Output(nil)); err != nil {
			return nil, err
		}
		if err := feed(c, s.Output(nil)); err != nil {
			return nil, err
		}
		again := c.Output(nil)
		fresh, err := engine.NewServer(h.server)
		if err != nil {
			return nil, err
		}
		return func() { refuses(fresh, again, fault.CookieWrong) }, nil
	}, nil
}

// A house is a server with a certificate and a client that trusts it.
type house struct {
	client *config.ClientConfig
	server *config.ServerConfig
	key    crypto.Signer
}

func newHouse(kind pki.Key) (*house, error) {
	now := time.Now()
	a, err := pki.NewAuthority("Timed", pki.Options{Now: now})
	if err != nil {
		return nil, err
	}
	issued, err := a.Issue(pki.Leaf{Names: []string{"localhost"}, Key: kind})
	if err != nil {
		return nil, err
	}
	signer, err := sign.FromCrypto(issued.Key)
	if err != nil {
		return nil, err
	}
	cert, err := config.NewCertificate(issued.Chain, signer)
	if err != nil {
		return nil, err
	}
	clock := func() time.Time { return now }
	return &house{
		&config.ClientConfig{ServerName: "localhost", RootCAs: a.Pool(), Time: clock, NoMiddleboxCompat: true},
		&config.ServerConfig{Certificates: []config.Certificate{cert}, Time: clock},
		issued.Key,
	}, nil
}

// How many ciphertexts of a kind there are to choose from.
const ciphertexts = 64

// transport times what a server does from a ClientKeyExchange to the keys, with
// RSA key transport, where decrypt does what kex.DecryptPremaster is there for. One
// class is good, the other of a kind that is not.
func transport(decrypt func(crypto.Decrypter, []byte, iana.Version, []byte) []byte, kind int) func() (func(int) (func(), error), error) {
	return func() (func(int) (func(), error), error) {
		h, err := newHouse(pki.RSA2048)
		if err != nil {
			return nil, err
		}
		h.client.MaxVersion = iana.TLS12
		h.client.CipherSuites = []iana.CipherSuite{iana.TLS_RSA_WITH_AES_128_GCM_SHA256}
		h.server.CipherSuites = h.client.CipherSuites
		private := h.key.(*rsa.PrivateKey)
		var pools [2][][]byte
		for class, kind := range []int{good, kind} {
			if pools[class], err = premasters(private, kind, ciphertexts); err != nil {
				return nil, err
			}
		}
		return func(class int) (func(), error) {
			s, last, err := h.exchange(pick(pools[class]))
			if err != nil {
				return nil, err
			}
			return func() {
				if _, _, err := s.Recv(last); err != nil {
					panic(err)
				}
				a, ok := s.Ask().(*flow.DecryptAsk)
				if !ok {
					panic("nothing is to be decrypted")
				}
				if secret := decrypt(private, a.Ciphertext, a.Offered, a.Substitute); secret != nil {
					a.Reply(secret)
				}
			}, nil
		}, nil
	}
}

// exchange is a server that waits for a ClientKeyExchange, and the record with one.
func (h *house) exchange(ciphertext []byte) (*engine.Engine, []byte, error) {
	c, err := engine.NewClient(h.client)
	if err != nil {
		return nil, nil, err
	}
	s, err := engine.NewServer(h.server)
	if err != nil {
		return nil, nil, err
	}
	c.Edit(func(m wire.Message) {
		if m, ok := m.(*wire.ClientKeyExchange); ok {
			m.Encrypted = ciphertext
		}
	})
	if err := feed(s, c.Output(nil)); err != nil {
		return nil, nil, err
	}
	if err := feed(c, s.Output(nil)); err != nil {
		return nil, nil, err
	}
	if a, ok := c.Ask().(*flow.VerifyAsk); ok {
		a.Reply(new(flow.Verdict), nil) // what the client thinks is of no matter
	}
	out := c.Output(nil)
	if len(out) < record.HeaderLen {
		return nil, nil, fmt.Errorf("the client does not go on: %v", c.Err())
	}
	n := record.HeaderLen + int(out[3])<<8 + int(out[4])
	return s, out[:n], nil
}
