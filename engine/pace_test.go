package engine

import (
	"testing"
	"time"

	"github.com/handclasp/handclasp/config"
	"github.com/handclasp/handclasp/flow"
	"github.com/handclasp/handclasp/iana"
	"github.com/handclasp/handclasp/internal/record"
)

// long has records of data have their full length from the beginning.
func long(c *config.ClientConfig, s *config.ServerConfig) {
	c.DynamicRecordSizingDisabled, s.DynamicRecordSizingDisabled = true, true
}

// TestPace: the first 128 kB go in records of one segment, what follows in long ones;
// after a pause, by the Engine's clock, it begins anew. Events tell the same records.
func TestPace(t *testing.T) {
	shaped := func(pad, limit int) option {
		return func(c *config.ClientConfig, s *config.ServerConfig) {
			c.PadRecords, s.PadRecords, c.RecordSizeLimit, s.RecordSizeLimit = pad, pad, limit, limit
		}
	}
	cbc := exactly(iana.TLS12, iana.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256)
	const most = record.MaxPlaintext
	for name, x := range map[string]struct {
		options     []option
		short, long int // bytes of content
	}{
		"1.3":                      {nil, segment - 22, most},
		"1.2":                      {[]option{old}, segment - 29, most},
		"CBC":                      {[]option{cbc}, segment - 69, most},
		"switched off":             {[]option{long}, most, most},
		"padded":                   {[]option{shaped(1000, 0)}, 1000, most},
		"padded to more than that": {[]option{shaped(2000, 0)}, most, most},
		"a lower limit":            {[]option{shaped(0, 201)}, 200, 200},
	} {
		p := newPair(t, x.options...)
		now, told := birth, 0
		for _, s := range []*side{p.client, p.server} {
			s.options.Clock = func() time.Time { return now }
			s.Watch(func(e *flow.Event) {
				if e.Kind == flow.Record && e.Sent && e.Content == iana.ContentApplicationData {
					told++
				}
			})
		}
		p.connect(t)
		for _, s := range []*side{p.client, p.server} {
			send := func(n, each int) {
				t.Helper()
				told = 0
				out, err := s.Send(nil, make([]byte, n))
				must(t, err)
				if got, want := len(records(out)), (n+each-1)/each; got != want || told != want {
					t.Errorf("%s, %v: %d bytes in %d records, of which events tell %d; want %d", name, s.role, n, got, told, want)
				}
			}
			for range 2 {
				send(shortFor, x.short)
				now = now.Add(pause)
				send(1<<16, x.long)
				now = now.Add(pause + 1)
				send(100, segment) // which looks the same, so that nobody asks for the time
			}
		}
	}
}
