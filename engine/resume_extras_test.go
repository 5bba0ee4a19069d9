package engine

import (
	"bytes"
	"testing"

	"github.com/handclasp/handclasp/config"
	"github.com/handclasp/handclasp/flow"
	"github.com/handclasp/handclasp/iana"
	"github.com/handclasp/handclasp/internal/wire"
	"github.com/handclasp/handclasp/session"
)

// A server with GREASE has it in its tickets, and the client ignores it (RFC 8701,
// Section 4).
func TestTicketGREASE(t *testing.T) {
	for _, grease := range []bool{true, false} {
		s := newShelf()
		p := newPair(t, resumes(s), func(_ *config.ClientConfig, x *config.ServerConfig) { x.GREASE = grease })
		found := 0
		p.server.Edit(func(m wire.Message) {
			if m, ok := m.(*wire.NewSessionTicket); ok && m.Extensions.Len() == 1 && iana.IsGREASE(uint16(m.Extensions.At(0))) {
				found++
			}
		})
		p.connect(t)
		if (found == 2) != grease || len(s.sessions["localhost"]) != 2 {
			t.Errorf("GREASE %v: in %d tickets of %d", grease, found, len(s.sessions["localhost"]))
		}
	}
}

// TestResumeWithExtras: what a hello may hold besides moves neither pre_shared_key
// from its last place nor the binders, with and without a HelloRetryRequest, and
// 0-RTT data is taken as ever.
func TestResumeWithExtras(t *testing.T) {
	all := func(c *config.ClientConfig, s *config.ServerConfig) {
		c.GREASE, c.PermuteExtensions, c.PadHello, c.PostHandshakeAuth, c.SendAuthorities = true, true, 3000, true, true
		s.GREASE = true
	}
	small := func(c *config.ClientConfig, s *config.ServerConfig) {
		c.RecordSizeLimit, s.RecordSizeLimit = 512, 256
		c.PadRecords, s.PadRecords = 100, 100
	}
	for _, c := range []struct {
		name    string
		options []option
	}{
		{"hello tricks", []option{all}},
		{"small records", []option{small}},
		{"both, and ALPN", []option{all, small, alpn([]string{"h2"}, []string{"h2"})}},
	} {
		for range 5 { // the order is random
			t.Run(c.name, func(t *testing.T) {
				s, g := newShelf(), &guard{say: session.Accepted}
				options := append([]option{resumes(s), eager(g)}, c.options...)
				again(t, options...)
				p := newPair(t, options...)
				said := p.listen()
				data := bytes.Repeat([]byte("x"), 900)
				p.sendEarly(t, data)
				p.connect(t)
				if p.server.Info().EarlyData.State != flow.EarlyAccepted || !bytes.Equal(p.server.got, data) {
					t.Errorf("%+v, got %d bytes", p.server.Info().EarlyData, len(p.server.got))
				}
				p.resumed(t, true, said)
				p, said = again(t, append(options, retry)...)
				p.resumed(t, true, said)
			})
		}
	}
}
