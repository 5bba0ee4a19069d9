package explain_test

import (
	"strconv"
	"testing"
	"time"

	"github.com/handclasp/handclasp/explain"
	"github.com/handclasp/handclasp/explain/page"
	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/flow"
	"github.com/handclasp/handclasp/iana"
)

// covers checks that every byte has exactly one field of its own, in order.
func covers(t testing.TB, msg []byte, fields []explain.Field) {
	t.Helper()
	at := 0
	for i, f := range fields {
		if f.Off < 0 || f.Len < 0 || f.Off+f.Len > len(msg) {
			t.Fatalf("field %+v of %d bytes", f, len(msg))
		}
		n := f.Len
		if i+1 < len(fields) && fields[i+1].Depth > f.Depth && fields[i+1].Off < f.Off+f.Len {
			n = f.Prefix
		}
		if f.Off != at {
			t.Fatalf("field %d, %+v, begins at %d, want %d", i, f, f.Off, at)
		}
		at += n
	}
	if at != len(msg) {
		t.Fatalf("fields name %d bytes of %d", at, len(msg))
	}
}

// tame checks that no character can act on a terminal.
func tame(t testing.TB, s string) {
	t.Helper()
	for i, c := range s {
		if c != '\n' && !strconv.IsPrint(c) || c == 0xfffd && len(s[i:]) > 0 && s[i] != 0xef {
			t.Fatalf("%q at %d: %q", c, i, s[max(i-20, 0):min(i+20, len(s))])
		}
	}
}

func FuzzStory(f *testing.F) {
	p := newPair(f)
	for _, step := range p.run(f).Steps {
		if step.Kind == explain.KindMessage {
			f.Add([]byte(step.Bytes), uint8(3), "name")
			f.Add([]byte(step.Bytes[:len(step.Bytes)/2]), uint8(1), "\x1b]0;title\x07")
		}
	}
	f.Add([]byte{4, 0, 0, 1, 0}, uint8(0), "\u202e")
	f.Add([]byte{1, 0, 0, 1, 0}, uint8(7), "</style><script>")
	p = newPair(f)
	p.server.MaxVersion = iana.TLS12
	var hello []byte // of TLS 1.2
	for _, step := range p.run(f).Steps {
		if step.Message == "server_hello" {
			hello = step.Bytes
		}
		if step.Kind == explain.KindMessage {
			f.Add([]byte(step.Bytes), uint8(8), "name")
		}
	}
	f.Fuzz(func(t *testing.T, msg []byte, mode uint8, name string) {
		if len(msg) < 4 {
			return
		}
		for _, v := range []iana.Version{0, iana.TLS11, iana.TLS12, iana.TLS13} {
			for _, id := range []iana.CipherSuite{0, iana.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA, iana.TLS_DHE_RSA_WITH_AES_128_CBC_SHA, iana.TLS_RSA_PSK_WITH_AES_128_CBC_SHA} {
				fields, _ := explain.Annotate(msg, v, id)
				covers(t, msg, fields)
			}
		}

		r := explain.New(fault.Client, func() time.Time { return birth })
		r.Target(name)
		r.Resolved(name, []string{name, "::1"}, 0, nil)
		r.Preamble(name, []explain.PreambleLine{{Text: name}, {Sent: true, Text: string(msg)}}, 0, nil)
		if mode&8 != 0 {
			r.Watch(&flow.Event{Kind: flow.Message, Type: iana.ServerHello, Bytes: hello})
		}
		r.Watch(&flow.Event{Kind: flow.Choice, Decision: &flow.Decision{What: "group", By: fault.Server, Chosen: name, Offered: []string{name}, Reason: name}})
		r.Watch(&flow.Event{Kind: flow.Record, Content: iana.ContentType(mode), Size: 5 + int(mode)*8, Bytes: []byte{mode, 3, mode, 0, 0}, Epoch: flow.Epoch(mode % 5)})
		ev := &flow.Event{Kind: flow.Message, Type: iana.HandshakeType(msg[0]), Retry: mode&1 != 0, Sent: mode&2 != 0, Bytes: msg, Epoch: flow.Epoch(mode % 5)}
		r.Watch(ev)
		line, err := explain.EventJSON(ev, 0)
		check(t, err)
		tame(t, string(line))
		r.Watch(&flow.Event{Kind: flow.Alert, Alert: iana.Alert(mode), Sent: mode&4 != 0})
		r.Watch(&flow.Event{Kind: flow.Failure, Err: fault.WireLength.In(name).At(int(mode)).Saw(name, name)})
		s := r.Story()
		for _, step := range s.Steps {
			for _, rec := range step.Records {
				covers(t, make([]byte, rec.Size), rec.Fields)
			}
		}
		for _, o := range []explain.TextOptions{{}, {Width: 40 + int(mode), Bytes: true}} {
			tame(t, text(t, s, o))
		}
		b, err := s.JSON()
		check(t, err)
		tame(t, string(b))
		if mode%8 == 7 { // it takes longer than all the rest
			sound(t, s, page.Options{Title: name})
		}
	})
}
