package explain_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/handclasp/handclasp/engine"
	"github.com/handclasp/handclasp/explain"
	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/flow"
	"github.com/handclasp/handclasp/iana"
	"github.com/handclasp/handclasp/internal/wire"
)

// TestHeaders: with Bytes each step shows the headers of its records. The
// messages themselves, much of them random, are left out of the golden files.
func TestHeaders(t *testing.T) {
	tests := []struct {
		name  string
		setup func(*pair)
	}{
		{"headers", func(p *pair) {
			p.after = func(c, s *engine.Engine) {
				s.KeyUpdate(false)
				s.Close()
				c.Close()
			}
		}},
		{"headers-tls12", func(p *pair) { p.server.MaxVersion = iana.TLS12 }},
		{"headers-tls12-chacha", func(p *pair) {
			p.server.MaxVersion = iana.TLS12
			p.server.CipherSuites = []iana.CipherSuite{iana.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256}
		}},
	}
	for _, x := range tests {
		t.Run(x.name, func(t *testing.T) {
			p := newPair(t)
			x.setup(p)
			s := p.run(t)
			for i := range s.Steps {
				step := &s.Steps[i]
				step.Text, step.Facts, step.Choices, step.Certificates, step.Checks = nil, nil, nil, nil, nil
				if step.Kind == explain.KindMessage {
					step.Bytes, step.Fields = step.Bytes[:4], step.Fields[:2]
				}
			}
			s.Steps = slices.DeleteFunc(s.Steps, func(step explain.Step) bool { return step.Direction == "" })
			for i := range s.Steps {
				s.Steps[i].Number = i + 1
			}
			golden(t, x.name+".txt", text(t, s, explain.TextOptions{Bytes: true}))
		})
	}
}

// TestRecordJSON: headers and fields of records stand in the JSON that has the
// bytes, and in no other.
func TestRecordJSON(t *testing.T) {
	s := newPair(t).run(t)
	last := s.Steps[len(s.Steps)-1]
	b, err := json.MarshalIndent(last.Records, "", "  ")
	check(t, err)
	golden(t, "record.json", string(b)+"\n")
	for _, step := range s.WithoutBytes().Steps {
		for _, rec := range step.Records {
			if rec.Header != nil || rec.Fields != nil || rec.Size == 0 {
				t.Errorf("%+v", rec)
			}
		}
	}
	if len(last.Records[0].Header) != 5 {
		t.Error("the story itself has lost its headers")
	}
}

// A wiretap makes events of a side by hand.
type wiretap struct{ *explain.Recorder }

func newTap(t *testing.T, version iana.Version) wiretap {
	t.Helper()
	w := wiretap{explain.New(fault.Client, (&clock{t: birth}).now)}
	h := &wire.ServerHello{LegacyVersion: iana.TLS12, CipherSuite: iana.TLS_AES_128_GCM_SHA256, SupportedVersion: version}
	if version == iana.TLS12 {
		h.CipherSuite = iana.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256
	} else {
		h.Extensions.Add(iana.ExtSupportedVersions)
	}
	msg, err := wire.Append(nil, h)
	check(t, err)
	w.record(false, iana.ContentHandshake, flow.Clear, len(msg))
	w.Watch(&flow.Event{Kind: flow.Message, Type: iana.ServerHello, Bytes: msg})
	return w
}

// record is a record in which n bytes follow the header.
func (w wiretap) record(sent bool, c iana.ContentType, e flow.Epoch, n int) {
	header := []byte{byte(c), 3, 3, byte(n >> 8), byte(n)}
	w.Watch(&flow.Event{Kind: flow.Record, Sent: sent, Content: c, Epoch: e, Size: 5 + n, Bytes: header})
	clear(header) // it is the sender's again
}

func (w wiretap) finished(sent bool, e flow.Epoch, n int) {
	msg := append([]byte{20, 0, 0, byte(n)}, make([]byte, n)...)
	w.Watch(&flow.Event{Kind: flow.Message, Type: iana.Finished, Sent: sent, Epoch: e, Bytes: msg})
}

func (w wiretap) connected() {
	w.Watch(&flow.Event{Kind: flow.State, From: fault.WaitFinished, To: fault.Connected})
}

// inner is what the last step's last record has behind its header.
func (w wiretap) inner(t *testing.T) string {
	t.Helper()
	steps := w.Story().Steps
	records := steps[len(steps)-1].Records
	r := &records[len(records)-1]
	dissected(t, r)
	var parts []string
	for _, f := range r.Fields {
		if f.Depth > 0 {
			parts = append(parts, strings.TrimSpace(fmt.Sprintf("%s %d %s", f.Name, f.Len, f.Value)))
		}
	}
	return strings.Join(parts, ", ")
}

// TestAnatomy: every byte of a record has a name, padding included.
func TestAnatomy(t *testing.T) {
	const app, data = iana.ContentApplicationData, flow.Application
	tests := []struct {
		name    string
		version iana.Version
		do      func(w wiretap)
		want    string
	}{
		{"clear", iana.TLS13, func(wiretap) {}, "fragment 50"},
		{"received", iana.TLS13, func(w wiretap) {
			w.record(false, app, flow.Handshake, 36+1+16)
			w.finished(false, flow.Handshake, 32)
		}, "content 36, type 1 handshake (22), tag 16"},
		{"received and padded, the last", iana.TLS13, func(w wiretap) {
			w.record(false, app, flow.Handshake, 36+1+7+16)
			w.finished(false, flow.Handshake, 32)
			w.connected()
		}, "content 36, type 1 handshake (22), zeros 7, tag 16"},
		{"sent and padded", iana.TLS13, func(w wiretap) {
			w.finished(true, flow.Handshake, 32)
			w.record(true, app, flow.Handshake, 36+1+9+16)
		}, "content 36, type 1 handshake (22), zeros 9, tag 16"},
		{"after the handshake and padded", iana.TLS13, func(w wiretap) {
			w.connected()
			w.record(false, app, data, 5+1+100+16)
			w.Watch(&flow.Event{Kind: flow.Message, Type: iana.KeyUpdate, Epoch: data, Bytes: []byte{24, 0, 0, 1, 0}})
		}, "content 5, type 1 handshake (22), zeros 100, tag 16"},
		{"alert, padded", iana.TLS13, func(w wiretap) {
			w.connected()
			w.record(false, app, data, 2+1+3+16)
			w.Watch(&flow.Event{Kind: flow.Alert, Alert: iana.CloseNotify, Epoch: data, Bytes: []byte{1, 0}})
		}, "content 2, type 1 alert (21), zeros 3, tag 16"},
		{"data", iana.TLS13, func(w wiretap) {
			w.connected()
			w.record(true, app, data, 10+1+16)
		}, "content 10, type 1 application_data (23), tag 16"},
		{"too short", iana.TLS13, func(w wiretap) {
			w.record(true, app, data, 4)
			w.Watch(&flow.Event{Kind: flow.Alert, Sent: true, Alert: iana.DecodeError, Epoch: data, Bytes: []byte{2, 50}})
		}, "encrypted_record 4"},
		{"TLS 1.2", iana.TLS12, func(w wiretap) {
			w.finished(true, data, 12)
			w.record(true, iana.ContentHandshake, data, 8+16+16)
		}, "nonce_explicit 8, content 16, tag 16"},
		{"TLS 1.2 has no padding", iana.TLS12, func(w wiretap) {
			w.finished(true, data, 12)
			w.record(true, iana.ContentHandshake, data, 8+20+16)
		}, "nonce_explicit 8, content 20, tag 16"},
	}
	for _, x := range tests {
		t.Run(x.name, func(t *testing.T) {
			w := newTap(t, x.version)
			x.do(w)
			if got := w.inner(t); got != x.want {
				t.Errorf("got %s\nwant %s", got, x.want)
			}
		})
	}
}

// TestSharedPadding: padding belongs to the record, and so to every step in it;
// a story asked for earlier stays as it was.
func TestSharedPadding(t *testing.T) {
	w := newTap(t, iana.TLS13)
	w.record(false, iana.ContentApplicationData, flow.Handshake, 60+1+40+16)
	w.finished(false, flow.Handshake, 20)
	w.finished(false, flow.Handshake, 32)
	before := w.Story()
	w.connected()
	after := w.Story()
	for i := 1; i < 3; i++ {
		if a, b := before.Steps[i].Records[0].Padding, after.Steps[i].Records[0].Padding; a != 0 || b != 40 {
			t.Errorf("step %d: padding %d, then %d", i+1, a, b)
		}
	}
	for _, l := range []string{"40 bytes of padding", "Header of record 2, which stands in step 2 too:"} {
		if out := text(t, after, explain.TextOptions{Width: 200, Bytes: true}); !strings.Contains(out, l) {
			t.Errorf("no %q in\n%s", l, out)
		}
	}
	if n := len(after.Steps); n != 3 {
		t.Errorf("%d steps: padding became one", n)
	}
}

// TestRawEvents: event lines have the header of a record, and level and
// description of an alert.
func TestRawEvents(t *testing.T) {
	for want, ev := range map[string]*flow.Event{
		`"bytes":"1603030010"`: {Kind: flow.Record, Content: iana.ContentHandshake, Size: 21, Bytes: []byte{22, 3, 3, 0, 16}},
		`"bytes":"0228"`:       {Kind: flow.Alert, Alert: iana.HandshakeFailure, Bytes: []byte{2, 40}},
	} {
		b, err := explain.EventJSON(ev, 0)
		check(t, err)
		if !bytes.Contains(b, []byte(want)) {
			t.Errorf("no %s in %s", want, b)
		}
	}
}

// TestAlertBytes: an alert has a level and a description, each by its name.
func TestAlertBytes(t *testing.T) {
	for want, b := range map[string][]byte{
		"level: warning (1) description: handshake_failure (40)": {1, 40},
		"level: fatal (2) description: handshake_failure (40)":   {2, 40},
		"level: 9 description: handshake_failure (40)":           {9, 40},
		"description: handshake_failure (40)":                    nil,
	} {
		r := explain.New(fault.Client, (&clock{t: birth}).now)
		r.Watch(&flow.Event{Kind: flow.Alert, Alert: iana.HandshakeFailure, Bytes: b})
		s := r.Story().Steps[0]
		covers(t, s.Bytes, s.Fields)
		var got []string
		for _, f := range s.Fields {
			got = append(got, f.Name+": "+f.Value)
		}
		if strings.Join(got, " ") != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
