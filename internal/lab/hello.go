package lab

import (
	"bytes"
	"errors"
	"io"
	"net"
	"slices"
	"time"

	"github.com/handclasp/handclasp/iana"
	"github.com/handclasp/handclasp/internal/record"
	"github.com/handclasp/handclasp/internal/wire"
)

// A Hello is a ClientHello as it arrived.
type Hello struct {
	wire.ClientHello
	Raw      []byte // all that was read, records and what is behind them
	Length   int    // of the message, with its header of 4 bytes
	Records  int    // that it came in
	Segments int    // that it came in, as far as one can tell
}

// segment is what fits a TCP segment on most paths, tunnels included. Over
// loopback segments are larger, so what is longer counts as more than one.
const segment = 1400

// longestHello is how much is read for a hello, in bytes.
const longestHello = 1 << 17

// readHello reads a ClientHello and not much more.
func readHello(raw net.Conn) (*Hello, error) {
	h := new(Hello)
	raw.SetReadDeadline(time.Now().Add(patience))
	defer raw.SetReadDeadline(time.Time{})
	buf := make([]byte, record.MaxCiphertext)
	reads := 0
	for {
		n, err := raw.Read(buf)
		if err != nil {
			return nil, err
		}
		reads++
		if h.Raw = append(h.Raw, buf[:n]...); len(h.Raw) > longestHello {
			return nil, errors.New("a ClientHello without end")
		}
		msg, err := h.message()
		if err != nil {
			return nil, err
		}
		if msg != nil {
			h.Segments = max(reads, segmentsRead(raw), (len(h.Raw)+segment-1)/segment)
			h.Length = len(msg)
			return h, wire.Decode(msg, &h.ClientHello)
		}
	}
}

// message is the hello's bytes, or nil as long as they are not all there.
func (h *Hello) message() ([]byte, error) {
	var msg []byte
	in := h.Raw
	for h.Records = 0; ; {
		head, need, err := record.Parse(in, false)
		switch {
		case err != nil:
			return nil, err
		case need > 0:
			return nil, nil
		case head.Type != iana.ContentHandshake:
			return nil, errors.New("no ClientHello")
		}
		h.Records++
		msg = append(msg, in[record.HeaderLen:record.HeaderLen+head.Len]...)
		in = in[record.HeaderLen+head.Len:]
		if len(msg) >= wire.HeaderLen {
			if n := wire.HeaderLen + int(msg[1])<<16 + int(msg[2])<<8 + int(msg[3]); len(msg) >= n {
				return msg[:n], nil
			}
		}
	}
}

// Has reports whether the hello has the trait.
func (h *Hello) Has(t Trait) bool {
	switch t.Kind {
	case "suite":
		return h.CipherSuites.Has(iana.CipherSuite(t.Code))
	case "group":
		return h.Groups.Has(iana.Group(t.Code))
	case "share":
		return slices.ContainsFunc(h.KeyShares, func(s wire.KeyShare) bool { return s.Group == iana.Group(t.Code) })
	case "sigalg":
		return h.SignatureSchemes.Has(iana.SignatureScheme(t.Code))
	case "extension":
		return h.Extensions.Has(iana.ExtensionType(t.Code))
	case "version":
		return h.SupportedVersions.Has(iana.Version(t.Code)) || !h.Extensions.Has(iana.ExtSupportedVersions) && h.LegacyVersion >= iana.Version(t.Code)
	case "grease":
		return h.greases()
	case "session-id":
		return len(h.SessionID) > 0
	case "last", "first":
		at := h.Extensions.Index(iana.ExtensionType(t.Code))
		return at >= 0 && (t.Kind == "first" && at == 0 || t.Kind == "last" && at == h.Extensions.Len()-1)
	case "order":
		a, b := h.Extensions.Index(iana.ExtensionType(t.Code)), h.Extensions.Index(iana.ExtensionType(t.Over))
		return a >= 0 && a < b
	}
	return h.count(t.Kind) > t.Over
}

// count is how much of a counted kind the hello has.
func (h *Hello) count(kind string) int {
	return map[string]int{
		"length": h.Length, "segments": h.Segments, "records": h.Records, "suites": h.CipherSuites.Len(), "groups": h.Groups.Len(),
		"shares": len(h.KeyShares), "sigalgs": h.SignatureSchemes.Len(), "extensions": h.Extensions.Len(),
	}[kind]
}

// greases reports whether the hello has a value without meaning (RFC 8701).
func (h *Hello) greases() bool {
	var codes []uint16
	for v := range h.CipherSuites.All() {
		codes = append(codes, uint16(v))
	}
	for v := range h.Groups.All() {
		codes = append(codes, uint16(v))
	}
	for v := range h.SignatureSchemes.All() {
		codes = append(codes, uint16(v))
	}
	for v := range h.SupportedVersions.All() {
		codes = append(codes, uint16(v))
	}
	for _, t := range h.Extensions.Types() {
		codes = append(codes, uint16(t))
	}
	return slices.ContainsFunc(codes, iana.IsGREASE)
}

// replay is a connection of which some was read already.
type replay struct {
	net.Conn
	in io.Reader
}

func replayed(raw net.Conn, read []byte) net.Conn {
	return &replay{raw, io.MultiReader(bytes.NewReader(read), raw)}
}

func (r *replay) Read(p []byte) (int, error) { return r.in.Read(p) }
