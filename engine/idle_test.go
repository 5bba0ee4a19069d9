package engine

import (
	"bytes"
	"runtime"
	"testing"

	"github.com/handclasp/handclasp/config"
	"github.com/handclasp/handclasp/iana"
)

// TestIdle: a connection that waited for however long goes on where it was, under
// the same keys, whether the collector came by or not; so does one whose keys were
// updated meanwhile.
func TestIdle(t *testing.T) {
	for _, id := range []iana.CipherSuite{iana.TLS_AES_128_GCM_SHA256, iana.TLS_AES_256_GCM_SHA384, iana.TLS_CHACHA20_POLY1305_SHA256, iana.TLS_AES_128_CCM_8_SHA256} {
		p := newPair(t, func(c *config.ClientConfig, s *config.ServerConfig) {
			c.CipherSuites, s.CipherSuites = []iana.CipherSuite{id}, []iana.CipherSuite{id}
		})
		p.connect(t)
		for i := range 6 {
			if i == 3 {
				must(t, p.client.KeyUpdate(true))
				p.pump(t)
			}
			p.client.Idle()
			p.server.Idle()
			if p.client.Engine.in.Awake() || p.client.Engine.out.Awake() {
				t.Fatalf("%v: the ciphers are held", id)
			}
			if i%2 == 0 {
				runtime.GC()
			}
			want := bytes.Repeat([]byte{byte(i)}, 100)
			rec, err := p.client.Engine.Send(nil, want)
			must(t, err)
			_, got, err := p.server.Engine.Recv(rec)
			must(t, err)
			if !bytes.Equal(got, want) {
				t.Errorf("%v: %x", id, got)
			}
			rec, err = p.server.Engine.Send(nil, want)
			must(t, err)
			_, got, err = p.client.Engine.Recv(rec)
			must(t, err)
			if !bytes.Equal(got, want) {
				t.Errorf("%v: back: %x", id, got)
			}
		}
	}
}
