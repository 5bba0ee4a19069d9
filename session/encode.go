package session

import (
	"time"

	"golang.org/x/crypto/cryptobyte"

	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/iana"
)

// The stored form of a Session or State. Numbers are big-endian as in TLS, times
// are milliseconds since 1970, so that a time loses what lies below.
//
//	uint8  format = 2;
//	uint16 version, cipher_suite;
//	opaque secret<32..48>;
//	…
//
// Each value has one form: what parses encodes to the same bytes.
const format = 2

// Bounds of what is stored, in bytes. A chain has the bounds of docs/limits.md.
const (
	minSecret = 32
	maxSecret = 48
	maxID     = 32
	maxName   = 32
	maxText   = 255
	maxTicket = 1<<16 - 1
	maxCerts  = 32
	maxChain  = 256 << 10
	maxOCSP   = 1<<18 - 1
	maxSCTs   = 1<<16 - 1
)

// Times that can be stored: those of the years 1 to 9999.
var (
	firstTime = time.Time{}.UnixMilli()
	lastTime  = time.Date(9999, 12, 31, 23, 59, 59, 999e6, time.UTC).UnixMilli()
)

const flagExtendedMasterSecret = 1

// Append appends the stored form of s, which holds its secret, to dst. Lifetimes
// are cut to MaxLifetime. The error is a *fault.Error for a field that is longer
// than docs/limits.md allows, or a secret that is not of 32 to 48 bytes.
func (s *Session) Append(dst []byte) ([]byte, error) {
	w := writer{b: cryptobyte.NewBuilder(dst)}
	w.head(s.Version, s.CipherSuite, s.Secret)
	w.opaque("ID", 1, 0, maxID, s.ID)
	w.opaque("Ticket", 2, 0, maxTicket, s.Ticket)
	w.time("Received", s.Received)
	w.duration(s.Lifetime)
	w.b.AddUint32(s.AgeAdd)
	w.b.AddUint32(s.MaxEarlyData)
	w.opaque("ServerName", 1, 0, maxText, []byte(s.ServerName))
	w.opaque("ALPN", 1, 0, maxText, []byte(s.ALPN))
	w.b.AddUint8(flag(s.ExtendedMasterSecret, flagExtendedMasterSecret))
	w.b.AddUint8(s.MaxFragment)
	w.b.AddUint16(uint16(s.SignatureScheme))
	w.b.AddUint16(uint16(s.Group))
	w.b.AddUint16(s.DHBits)
	w.list("Peer", 3, maxCerts, maxChain, s.Peer)
	w.opaque("OCSP", 3, 0, maxOCSP, s.OCSP)
	w.list("SCTs", 2, maxSCTs, maxSCTs, s.SCTs)
	w.b.AddBytes(s.Identity[:])
	return w.done(dst)
}

// ParseSession reads what Append wrote. The Session shares no memory with b. The
// error is a *fault.Error, of SessionFormat.
func ParseSession(b []byte) (*Session, error) {
	r := reader{s: b}
	s := new(Session)
	s.Version, s.CipherSuite, s.Secret = r.head()
	s.ID = r.opaque("ID", 1, 0, maxID)
	s.Ticket = r.opaque("Ticket", 2, 0, maxTicket)
	s.Received = r.time("Received")
	s.Lifetime = r.duration("Lifetime")
	s.AgeAdd = r.uint32("AgeAdd")
	s.MaxEarlyData = r.uint32("MaxEarlyData")
	s.ServerName = string(r.opaque("ServerName", 1, 0, maxText))
	s.ALPN = string(r.opaque("ALPN", 1, 0, maxText))
	s.ExtendedMasterSecret = r.flags(flagExtendedMasterSecret) != 0
	s.MaxFragment = r.uint8("MaxFragment")
	s.SignatureScheme = iana.SignatureScheme(r.uint16("SignatureScheme"))
	s.Group = iana.Group(r.uint16("Group"))
	s.DHBits = r.uint16("DHBits")
	s.Peer = r.list("Peer", 3, maxCerts, maxChain)
	s.OCSP = r.opaque("OCSP", 3, 0, maxOCSP)
	s.SCTs = r.list("SCTs", 2, maxSCTs, maxSCTs)
	copy(s.Identity[:], r.fixed("Identity", len(s.Identity)))
	if err := r.done(); err != nil {
		s.Wipe()
		return nil, err
	}
	return s, nil
}

// Append appends the stored form of s, which holds its secret, to dst. Lifetimes
// are cut to MaxLifetime. The error is a *fault.Error for a field that is longer
// than docs/limits.md allows, or a secret that is not of 32 to 48 bytes.
func (s *State) Append(dst []byte) ([]byte, error) {
	w := writer{b: cryptobyte.NewBuilder(dst)}
	w.head(s.Version, s.CipherSuite, s.Secret)
	w.time("Began", s.Began)
	w.time("Issued", s.Issued)
	w.duration(s.Lifetime)
	w.b.AddUint32(s.AgeAdd)
	w.b.AddBytes(s.Unique[:])
	w.opaque("ServerName", 1, 0, maxText, []byte(s.ServerName))
	w.opaque("ALPN", 1, 0, maxText, []byte(s.ALPN))
	w.b.AddUint8(flag(s.ExtendedMasterSecret, flagExtendedMasterSecret))
	w.b.AddUint8(s.MaxFragment)
	w.b.AddUint32(s.MaxEarlyData)
	w.b.AddUint16(uint16(s.SignatureScheme))
	w.b.AddUint16(uint16(s.Group))
	w.b.AddUint8(s.ClientAuth)
	w.list("Peer", 3, maxCerts, maxChain, s.Peer)
	w.b.AddUint16(uint16(s.ClientScheme))
	w.opaque("PSK", 1, 0, maxName, s.PSK)
	return w.done(dst)
}

// ParseState reads what Append wrote. The State shares no memory with b. The
// error is a *fault.Error, of SessionFormat.
func ParseState(b []byte) (*State, error) {
	r := reader{s: b}
	s := new(State)
	s.Version, s.CipherSuite, s.Secret = r.head()
	s.Began = r.time("Began")
	s.Issued = r.time("Issued")
	s.Lifetime = r.duration("Lifetime")
	s.AgeAdd = r.uint32("AgeAdd")
	copy(s.Unique[:], r.fixed("Unique", len(s.Unique)))
	s.ServerName = string(r.opaque("ServerName", 1, 0, maxText))
	s.ALPN = string(r.opaque("ALPN", 1, 0, maxText))
	s.ExtendedMasterSecret = r.flags(flagExtendedMasterSecret) != 0
	s.MaxFragment = r.uint8("MaxFragment")
	s.MaxEarlyData = r.uint32("MaxEarlyData")
	s.SignatureScheme = iana.SignatureScheme(r.uint16("SignatureScheme"))
	s.Group = iana.Group(r.uint16("Group"))
	s.ClientAuth = r.uint8("ClientAuth")
	s.Peer = r.list("Peer", 3, maxCerts, maxChain)
	s.ClientScheme = iana.SignatureScheme(r.uint16("ClientScheme"))
	s.PSK = r.opaque("PSK", 1, 0, maxName)
	if err := r.done(); err != nil {
		s.Wipe()
		return nil, err
	}
	return s, nil
}

// Wipe overwrites the secret. The Session can't be used afterwards.
func (s *Session) Wipe() { clear(s.Secret) }

// Wipe overwrites the secret. The State can't be used afterwards.
func (s *State) Wipe() { clear(s.Secret) }

func flag(set bool, bit uint8) uint8 {
	if set {
		return bit
	}
	return 0
}

// A writer builds the stored form and keeps the first error.
type writer struct {
	b   *cryptobyte.Builder
	err *fault.Error
}

func (w *writer) head(v iana.Version, suite iana.CipherSuite, secret []byte) {
	w.b.AddUint8(format)
	w.b.AddUint16(uint16(v))
	w.b.AddUint16(uint16(suite))
	w.opaque("Secret", 1, minSecret, maxSecret, secret)
}

func (w *writer) time(field string, t time.Time) {
	ms := t.UnixMilli()
	if ms < firstTime || ms > lastTime {
		w.fail(field, fault.SessionFormat).Saw(t.UTC().Format(time.RFC3339), "a year from 1 to 9999")
	}
	w.b.AddUint64(uint64(ms))
}

func (w *writer) duration(d time.Duration) {
	d = max(0, min(d, MaxLifetime))
	w.b.AddUint32(uint32(d.Milliseconds()))
}

func (w *writer) opaque(field string, width, least, most int, v []byte) {
	if !w.fits(field, len(v), least, most) {
		return
	}
	w.length(width, len(v))
	w.b.AddBytes(v)
}

// list writes items, each behind a length of width bytes, as is their sum.
func (w *writer) list(field string, width, items, most int, list [][]byte) {
	sum := 0
	for _, v := range list {
		sum += width + len(v)
		if !w.fits(field, len(v), 1, most) {
			return
		}
	}
	if len(list) > items {
		w.fail(field, fault.SessionTooLarge).Saw(len(list), items)
		return
	}
	if !w.fits(field, sum, 0, most) {
		return
	}
	w.length(width, sum)
	for _, v := range list {
		w.length(width, len(v))
		w.b.AddBytes(v)
	}
}

func (w *writer) length(width, n int) {
	for i := width - 1; i >= 0; i-- {
		w.b.AddUint8(uint8(n >> (8 * i)))
	}
}

func (w *writer) fits(field string, n, least, most int) bool {
	switch {
	case n > most:
		w.fail(field, fault.SessionTooLarge).Saw(bytesText(n), "at most "+bytesText(most))
	case n < least:
		w.fail(field, fault.SessionFormat).Saw(bytesText(n), "at least "+bytesText(least))
	default:
		return true
	}
	return false
}

func (w *writer) fail(field string, r *fault.Rule) *fault.Error {
	err := r.In(field)
	if w.err == nil {
		w.err = err
	}
	return err
}

func (w *writer) done(dst []byte) ([]byte, error) {
	b, err := w.b.Bytes()
	if w.err == nil && err != nil {
		w.err = fault.SessionTooLarge.Because(err)
	}
	if w.err != nil {
		if len(b) > len(dst) {
			clear(b[len(dst):])
		}
		return dst, w.err
	}
	return b, nil
}

// A reader parses the stored form and keeps the first error.
type reader struct {
	s   cryptobyte.String
	err *fault.Error
}

func (r *reader) head() (iana.Version, iana.CipherSuite, []byte) {
	if got := r.uint8("format"); got != format {
		r.fail("format").Saw(got, format)
	}
	v, suite := r.uint16("Version"), r.uint16("CipherSuite")
	return iana.Version(v), iana.CipherSuite(suite), r.opaque("Secret", 1, minSecret, maxSecret)
}

func (r *reader) uint8(field string) uint8   { return uint8(r.number(field, 1)) }
func (r *reader) uint16(field string) uint16 { return uint16(r.number(field, 2)) }
func (r *reader) uint32(field string) uint32 { return uint32(r.number(field, 4)) }

func (r *reader) number(field string, width int) (v uint64) {
	for _, b := range r.fixed(field, width) {
		v = v<<8 | uint64(b)
	}
	return v
}

func (r *reader) time(field string) time.Time {
	ms := int64(r.number(field, 8))
	if ms < firstTime || ms > lastTime {
		r.fail(field)
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}

func (r *reader) duration(field string) time.Duration {
	d := time.Duration(r.uint32(field)) * time.Millisecond
	if d > MaxLifetime {
		r.fail(field)
	}
	return d
}

func (r *reader) flags(known uint8) uint8 {
	v := r.uint8("flags")
	if v&^known != 0 {
		r.fail("flags")
	}
	return v
}

// fixed gives n bytes of the input, not a copy; nil once there was an error.
func (r *reader) fixed(field string, n int) []byte {
	var v []byte
	if r.err != nil || !r.s.ReadBytes(&v, n) {
		r.fail(field)
		return nil
	}
	return v
}

// opaque gives a copy, nil for none.
func (r *reader) opaque(field string, width, least, most int) []byte {
	n := int(r.number(field, width))
	if n < least || n > most {
		r.fail(field)
		return nil
	}
	return append([]byte(nil), r.fixed(field, n)...)
}

func (r *reader) list(field string, width, items, most int) (list [][]byte) {
	inner := reader{s: r.opaque(field, width, 0, most), err: r.err}
	for len(inner.s) > 0 && inner.err == nil && len(list) <= items {
		list = append(list, inner.opaque(field, width, 1, most))
	}
	if inner.err != nil || len(list) > items {
		r.fail(field)
	}
	return list
}

func (r *reader) fail(field string) *fault.Error {
	err := fault.SessionFormat.In(field)
	if r.err == nil {
		r.err = err
	}
	return err
}

func (r *reader) done() error {
	if r.err == nil && len(r.s) > 0 {
		r.fail("end").Saw(bytesText(len(r.s))+" more", "")
	}
	if r.err != nil {
		return r.err
	}
	return nil
}
