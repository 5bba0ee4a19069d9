package config

import (
	"fmt"
	"reflect"
	"slices"
	"time"

	"github.com/handclasp/handclasp/fault"
)

// Limits bound what a peer can make this side hold or do. A field that is zero
// means its default, which suits peers that are neither hostile nor strange;
// docs/limits.md has the table, with the rule that each is refused by, and the limits
// that can't be set. Those of the configuration that a connection begins with hold
// until its end.
type Limits struct {
	// HandshakeTime is how long this side works and waits for a handshake to be
	// complete, whatever its context allows. Hooks and keys that take their time
	// count too. Negative means without end. An Engine has no clock: its user sees
	// to it.
	HandshakeTime time.Duration

	// HandshakeBytes is how much may be received for one handshake, frames of
	// records included, 0-RTT data not. The default grows with MessageBytes.
	HandshakeBytes int

	// MessageBytes is how long a handshake message may be, and HelloBytes one of a
	// client, unless it holds certificates: a server does not know yet whom it speaks
	// with. The default of MessageBytes grows with CertificateBytes.
	MessageBytes, HelloBytes int

	// HelloParts is how many extensions a ClientHello may have, and protocols, key
	// shares, authorities and other items in them, together. One of two bytes takes
	// fifteen times as many in memory. Suites, groups and schemes do not count.
	HelloParts int

	// Certificates is how many a peer's chain may have, and CertificateBytes how
	// long they may be together. What goes beyond the defaults is not kept with a
	// session.
	Certificates, CertificateBytes int

	// CertificateParts is how many elements of DER a peer's chain may have. A
	// certificate of few bytes can become fifty times as many when it is read, by
	// names of one letter for instance.
	CertificateParts int

	// EmptyRecords is how many records without content may come in a row,
	// ChangeCipherSpecs of TLS 1.3 among them.
	EmptyRecords int

	// Warnings is how many alerts that end nothing may come in a row.
	Warnings int

	// KeyUpdates is how many may come in a row without data between, and
	// PostMessages how many handshake messages of any kind after the handshake,
	// tickets above all.
	KeyUpdates, PostMessages int

	// HelloRequests is how many a server of TLS 1.2 or below may send during a
	// handshake, where they mean nothing and are dropped.
	HelloRequests int

	// Identities is how many of a client's tickets and pre-shared keys are looked
	// at, the first ones. Opening one may be slow, and the client need not have
	// shown anything yet. It is no error to offer more.
	Identities int

	// UnreadAnswers is how many bytes of answers wait for a peer that asks, for new
	// keys or a certificate, and does not read.
	UnreadAnswers int

	// KeptData is how many bytes, give or take a record, are kept for Read while
	// RequestClientCertificate reads.
	KeptData int

	// SkippedEarlyData is how many bytes a server skips of 0-RTT data that it turned
	// down and can't read, besides twice what its tickets promise.
	SkippedEarlyData int

	// HalfOpen is how many connections of one listener may be without a complete
	// handshake. When another one comes the oldest gives way: who means it is
	// through in a moment. Negative means without end.
	HalfOpen int
}

// A Limit is a row of the table of limits that can be set.
type Limit struct {
	Field                string // of Limits
	What                 string
	Unit                 string
	Default, Least, Most int64
	Endless              bool        // a negative value means that there is no limit
	Rule                 *fault.Rule // nil: what is beyond is left out
}

const (
	longest = 1<<24 - 1      // bytes that a handshake message can say it has
	frame   = 1 << 15        // bytes of a Certificate message besides the certificates
	many    = 1<<31 - 1      // more than anybody counts
	ever    = int64(1) << 62 // nanoseconds: longer than a machine runs
)

var limits = []Limit{
	{"HandshakeTime", "a handshake", "time", int64(30 * time.Second), int64(time.Millisecond), ever, true, fault.HandshakeTooSlow},
	{"HandshakeBytes", "all that is received for a handshake", "bytes", 1 << 20, 1 << 12, many, false, fault.HandshakeTooLong},
	{"MessageBytes", "a handshake message", "bytes", 1<<18 + frame, 1 << 12, longest, false, fault.MessageTooLarge},
	{"HelloBytes", "a message of a client but its Certificate", "bytes", 1 << 16, 1 << 10, longest, false, fault.MessageTooLarge},
	{"HelloParts", "extensions, protocols, key shares and other items of a ClientHello", "", 1000, 32, many, false, fault.HelloTooManyParts},
	{"Certificates", "certificates in a chain", "", 32, 1, many, false, fault.CertTooMany},
	{"CertificateBytes", "the certificates of a chain together", "bytes", 1 << 18, 1 << 10, longest - frame, false, fault.CertTooLarge},
	{"CertificateParts", "names and other elements in a chain", "", 4096, 64, many, false, fault.CertTooManyParts},
	{"EmptyRecords", "empty records in a row", "", 32, 1, many, false, fault.Flood},
	{"Warnings", "warning alerts in a row, in TLS 1.3 user_canceled", "", 4, 1, many, false, fault.Flood},
	{"KeyUpdates", "KeyUpdates in a row without data", "", 32, 1, many, false, fault.KeyUpdateFlood},
	{"PostMessages", "messages after the handshake in a row without data", "", 64, 1, many, false, fault.Flood},
	{"HelloRequests", "HelloRequests during a handshake, TLS 1.2 and below", "", 8, 1, many, false, fault.Flood},
	{"Identities", "tickets and pre-shared keys of a ClientHello that are looked at", "", 8, 1, many, false, nil},
	{"UnreadAnswers", "answers that wait for a peer that asks and does not read", "bytes", 1 << 18, 1 << 12, many, false, fault.Flood},
	{"KeptData", "kept for Read while RequestClientCertificate waits", "bytes", 1 << 20, 1, many, false, fault.RequestUnanswered},
	{"SkippedEarlyData", "refused 0-RTT data that is skipped", "bytes", 1 << 16, 1, many, false, fault.EarlyDataTooLong},
	{"HalfOpen", "connections of a listener without a complete handshake", "", 4096, 1, many, true, fault.HandshakeCrowded},
}

// LimitTable is the table that Limits are filled in and checked by.
func LimitTable() []Limit { return slices.Clone(limits) }

var defaults = func() (l Limits) {
	for _, row := range limits {
		row.of(&l).SetInt(row.Default)
	}
	return l
}()

// DefaultLimits are those of a configuration that names none.
func DefaultLimits() Limits { return defaults }

func (row Limit) of(l *Limits) reflect.Value { return reflect.ValueOf(l).Elem().FieldByName(row.Field) }

// resolve checks the limits and fills in defaults. All connections share what it
// gives where there is nothing to fill in.
func (l Limits) resolve() (*Limits, error) {
	if l == (Limits{}) {
		return &defaults, nil
	}
	full := l // which goes to the heap
	for _, row := range limits {
		v := row.of(&full)
		switch n := v.Int(); {
		case n == 0:
			v.SetInt(row.Default)
		case n < 0 && row.Endless:
			v.SetInt(row.Most)
		case n < row.Least || n > row.Most:
			return nil, fault.ConfigValue.In("Limits."+row.Field).Saw(v.Interface(), row.span())
		}
	}
	if l.MessageBytes == 0 {
		full.MessageBytes = max(full.MessageBytes, full.CertificateBytes+frame)
	}
	if l.HandshakeBytes == 0 {
		full.HandshakeBytes = max(full.HandshakeBytes, 3*full.MessageBytes)
	}
	return &full, nil
}

// span says what the field takes.
func (row Limit) span() string {
	switch {
	case row.Unit == "time":
		return fmt.Sprintf("at least %v, or less than 0 for no limit", time.Duration(row.Least))
	case row.Endless:
		return fmt.Sprintf("at least %d, or less than 0 for no limit", row.Least)
	}
	return fmt.Sprintf("%d to %d", row.Least, row.Most)
}
