package session

import (
	"bytes"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/iana"
)

// begin is where the tests' clocks start.
var begin = time.Date(2026, 3, 14, 15, 9, 26, 535e6, time.UTC)

// A ticker is a clock that stands until it is moved.
type ticker struct{ now time.Time }

func newTicker() *ticker                  { return &ticker{begin} }
func (c *ticker) clock() time.Time        { return c.now }
func (c *ticker) advance(d time.Duration) { c.now = c.now.Add(d) }
func secret(n int, b byte) []byte         { return bytes.Repeat([]byte{b}, n) }

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func aSession() *Session {
	return &Session{
		Version: iana.TLS13, CipherSuite: iana.TLS_AES_256_GCM_SHA384, Secret: secret(48, 7),
		ID: []byte{1, 2, 3}, Ticket: []byte("ticket"),
		Received: begin, Lifetime: 2 * time.Hour, AgeAdd: 0xfedcba98, MaxEarlyData: 16384,
		ServerName: "host.example", ALPN: "h2", ExtendedMasterSecret: true, MaxFragment: 2, DHBits: 3072,
		SignatureScheme: iana.ECDSA_SECP256R1_SHA256, Group: iana.X25519,
		Peer: [][]byte{[]byte("leaf"), []byte("root")}, OCSP: []byte("good"), SCTs: [][]byte{[]byte("seen")},
		Identity: [32]byte{9},
	}
}

func aState() *State {
	return &State{
		Version: iana.TLS12, CipherSuite: iana.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, Secret: secret(48, 8),
		Began: begin.Add(-time.Hour), Issued: begin, Lifetime: 3 * time.Hour, AgeAdd: 0x01020304, Unique: [16]byte{5},
		ServerName: "host.example", ALPN: "http/1.1", ExtendedMasterSecret: true, MaxFragment: 1, MaxEarlyData: 77,
		SignatureScheme: iana.RSA_PSS_RSAE_SHA256, Group: iana.Secp256r1,
		ClientAuth: 4, Peer: [][]byte{[]byte("client")}, ClientScheme: iana.ED25519, PSK: []byte{6},
	}
}

// TestStored: what is written is read again, to the last field.
func TestStored(t *testing.T) {
	for _, s := range []*Session{aSession(), {Secret: secret(32, 1), Received: begin}} {
		b := must(s.Append([]byte("before")))
		got, err := ParseSession(bytes.TrimPrefix(b, []byte("before")))
		if err != nil || !reflect.DeepEqual(got, s) {
			t.Errorf("got %+v, %v\nwant %+v", got, err, s)
		}
	}
	for _, s := range []*State{aState(), {Secret: secret(32, 1), Began: begin, Issued: begin}} {
		got, err := ParseState(must(s.Append(nil)))
		if err != nil || !reflect.DeepEqual(got, s) {
			t.Errorf("got %+v, %v\nwant %+v", got, err, s)
		}
	}
}

// TestNoFieldForgotten: each field of the types changes what is stored.
func TestNoFieldForgotten(t *testing.T) {
	for i := range reflect.TypeFor[Session]().NumField() {
		s := aSession()
		reflect.ValueOf(s).Elem().Field(i).SetZero()
		b, err := s.Append(nil)
		if err == nil && bytes.Equal(b, must(aSession().Append(nil))) {
			t.Errorf("Session.%s is not stored", reflect.TypeFor[Session]().Field(i).Name)
		}
	}
	for i := range reflect.TypeFor[State]().NumField() {
		s := aState()
		reflect.ValueOf(s).Elem().Field(i).SetZero()
		b, err := s.Append(nil)
		if err == nil && bytes.Equal(b, must(aState().Append(nil))) {
			t.Errorf("State.%s is not stored", reflect.TypeFor[State]().Field(i).Name)
		}
	}
}

func TestBounds(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*Session)
		rule   *fault.Rule // nil where it is within bounds
	}{
		"secret too short":  {func(s *Session) { s.Secret = secret(31, 1) }, fault.SessionFormat},
		"secret too long":   {func(s *Session) { s.Secret = secret(49, 1) }, fault.SessionTooLarge},
		"largest ID":        {func(s *Session) { s.ID = make([]byte, 32) }, nil},
		"ID":                {func(s *Session) { s.ID = make([]byte, 33) }, fault.SessionTooLarge},
		"largest ticket":    {func(s *Session) { s.Ticket = make([]byte, 65535) }, nil},
		"ticket":            {func(s *Session) { s.Ticket = make([]byte, 65536) }, fault.SessionTooLarge},
		"name":              {func(s *Session) { s.ServerName = strings.Repeat("a", 256) }, fault.SessionTooLarge},
		"most certificates": {func(s *Session) { s.Peer = slices.Repeat([][]byte{{1}}, 32) }, nil},
		"certificates":      {func(s *Session) { s.Peer = slices.Repeat([][]byte{{1}}, 33) }, fault.SessionTooLarge},
		"empty certificate": {func(s *Session) { s.Peer = [][]byte{{}} }, fault.SessionFormat},
		"large chain":       {func(s *Session) { s.Peer = [][]byte{make([]byte, 256<<10-3)} }, nil},
		"larger chain":      {func(s *Session) { s.Peer = [][]byte{make([]byte, 256<<10-2)} }, fault.SessionTooLarge},
		"year 10000":        {func(s *Session) { s.Received = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC) }, fault.SessionFormat},
		"year 1":            {func(s *Session) { s.Received = time.Time{} }, nil},
	} {
		t.Run(name, func(t *testing.T) {
			s := aSession()
			test.change(s)
			b, err := s.Append([]byte("x"))
			if test.rule == nil {
				if err != nil {
					t.Fatal(err)
				}
				if got, err := ParseSession(b[1:]); err != nil || !reflect.DeepEqual(got, s) {
					t.Errorf("read again: %v", err)
				}
			} else if !errors.Is(err, test.rule) || string(b) != "x" {
				t.Errorf("got %d bytes, %v; want %s", len(b), err, test.rule.ID)
			}
		})
	}
	s := aSession()
	s.Lifetime = 30 * 24 * time.Hour
	if got := must(ParseSession(must(s.Append(nil)))); got.Lifetime != MaxLifetime {
		t.Errorf("a lifetime of 30 days was read as %v", got.Lifetime)
	}
}

// TestDamaged: each shortened, lengthened or renumbered form is refused.
func TestDamaged(t *testing.T) {
	session, state := must(aSession().Append(nil)), must(aState().Append(nil))
	for n := range session {
		if _, err := ParseSession(session[:n]); !errors.Is(err, fault.SessionFormat) {
			t.Fatalf("%d bytes of a session: %v", n, err)
		}
	}
	for n := range state {
		if _, err := ParseState(state[:n]); !errors.Is(err, fault.SessionFormat) {
			t.Fatalf("%d bytes of a state: %v", n, err)
		}
	}
	if _, err := ParseState(append(state, 0)); !errors.Is(err, fault.SessionFormat) {
		t.Errorf("with a byte more: %v", err)
	}
	session[0] = 1
	if _, err := ParseSession(session); !errors.Is(err, fault.SessionFormat) {
		t.Errorf("format 1: %v", err)
	}
}

// TestSecretsStayOut: no error shows the secret.
func TestSecretsStayOut(t *testing.T) {
	s := aState()
	s.Secret = []byte(strings.Repeat("hunter2!", 6))
	b := must(s.Append(nil))
	for n := range b {
		if _, err := ParseState(b[:n]); strings.Contains(err.Error(), "hunter2") {
			t.Fatal(err)
		}
	}
}
