package engine

import (
	"bytes"
	"crypto/rand"
	"errors"
	"slices"
	"testing"

	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/iana"
	"github.com/handclasp/handclasp/internal/record"
	"github.com/handclasp/handclasp/internal/wire"
)

// offersEarlyData edits the hellos as a client does that resumes with 0-RTT:
// early_data stands in the first hello only (RFC 9846, Section 4.2.2).
func offersEarlyData() func(wire.Message) {
	hellos := 0
	return func(m wire.Message) {
		h, ok := m.(*wire.ClientHello)
		if !ok {
			return
		}
		h.Extensions.Remove(iana.ExtEarlyData)
		h.Extensions.Remove(iana.ExtPSKKeyExchangeModes)
		h.Extensions.Remove(iana.ExtPreSharedKey)
		h.PSKModes = wire.MakeList8(wire.PSKDHE)
		h.PSKIdentities = []wire.PSKIdentity{{Identity: []byte("a ticket of yesterday"), TicketAge: 1}}
		h.PSKBinders = [][]byte{make([]byte, 32)}
		h.Extensions.Add(iana.ExtPSKKeyExchangeModes)
		if hellos == 0 {
			h.Extensions.Add(iana.ExtEarlyData)
		}
		h.Extensions.Add(iana.ExtPreSharedKey)
		hellos++
	}
}

// junk is n records that nobody here has the keys for.
func junk(n, size int) []byte {
	var out []byte
	for range n {
		b := make([]byte, size)
		rand.Read(b)
		out = record.AppendPlaintext(out, iana.TLS12, iana.ContentApplicationData, b)
	}
	return out
}

// A server without 0-RTT skips what a client sends early, and the handshake
// goes on (RFC 9846, Section 4.3.10).
func TestEarlyDataSkipped(t *testing.T) {
	const size = 1000 + record.HeaderLen
	for _, c := range []struct {
		name    string
		options []option
		early   []byte
		want    *fault.Rule
	}{
		{"none sent", nil, nil, nil},
		{"one record", nil, junk(1, 1000), nil},
		{"a ChangeCipherSpec before it", nil, append([]byte{20, 3, 3, 0, 1, 1}, junk(3, 1000)...), nil},
		{"as much as we skip", nil, junk(limits.SkippedEarlyData/size, 1000), nil},
		{"more than we skip", nil, junk(limits.SkippedEarlyData/size+1, 1000), fault.EarlyDataTooLong},
		{"retried, none sent", []option{retry}, nil, nil},
		{"retried, one record", []option{retry}, junk(1, 1000), nil},
		{"retried, as much as we skip", []option{retry}, junk(limits.SkippedEarlyData/size, 1000), nil},
		{"retried, more than we skip", []option{retry}, junk(limits.SkippedEarlyData/size+1, 1000), fault.EarlyDataTooLong},
		{"with cookie", []option{retry, cookieKey(1)}, junk(2, 1000), nil},
	} {
		for _, chunk := range []int{0, 1} {
			t.Run(c.name, func(t *testing.T) {
				p := newPair(t, c.options...)
				p.chunk = chunk
				p.client.Edit(offersEarlyData())
				p.server.wire = append(p.client.Output(nil), c.early...)
				p.pump(t)
				if c.want != nil {
					refused(t, p.server, p.client, c.want)
					return
				}
				p.connect(t).exchange(t, 1000)
				if p.server.skipping() {
					t.Error("still skips what it can't read")
				}
			})
		}
	}
}

// Only what was offered is skipped: junk that no early_data announced is a
// broken record, and so is junk after the client has spoken.
func TestJunkIsNotEarlyData(t *testing.T) {
	p := newPair(t)
	p.server.wire = append(p.client.Output(nil), junk(1, 100)...)
	p.pump(t)
	refused(t, p.server, p.client, fault.BadRecordMAC)

	p = newPair(t)
	p.client.Edit(offersEarlyData())
	p.connect(t)
	p.server.wire = junk(1, 100)
	p.pump(t)
	refused(t, p.server, p.client, fault.BadRecordMAC)

	p = newPair(t, retry)
	p.server.wire = append(p.client.Output(nil), junk(1, 100)...)
	p.pump(t)
	if !errors.Is(p.server.err, fault.RecordType) {
		t.Errorf("got %v, want %s", p.server.err, fault.RecordType.ID)
	}
}

// Refused early data is no excuse to interrupt the second hello (RFC 9846, Section
// 5.1).
func TestEarlyDataWithinRetry(t *testing.T) {
	p := newPair(t, retry)
	p.client.Edit(offersEarlyData())
	p.server.wire = p.client.Output(nil)
	p.step(t, p.server, p.client) // hears it
	p.step(t, p.server, p.client) // asks for another one
	p.step(t, p.client, p.server) // hears that
	sent := p.client.Output(nil)
	hello := sent[bytes.Index(sent, []byte{22, 3, 3}):] // behind ChangeCipherSpec
	at := record.HeaderLen + 10
	part := func(b []byte) []byte { return record.AppendPlaintext(nil, iana.TLS12, iana.ContentHandshake, b) }
	p.server.wire = slices.Concat(part(hello[record.HeaderLen:at]), junk(1, 100), part(hello[at:]))
	p.pump(t)
	refused(t, p.server, p.client, fault.RecordInterleaved)
}

// A second hello may not offer early data again.
func TestEarlyDataAfterRetry(t *testing.T) {
	p := newPair(t, retry)
	p.client.Edit(func(m wire.Message) {
		if h, ok := m.(*wire.ClientHello); ok && !h.Extensions.Has(iana.ExtEarlyData) {
			h.Extensions.Add(iana.ExtEarlyData)
		}
	})
	p.pump(t)
	refused(t, p.server, p.client, fault.SecondHelloChanged)
	if bytes.Contains(p.server.sent, []byte("TRAFFIC")) || p.server.log.Len() > 0 {
		t.Error("keys were made for a hello that was refused")
	}
}
