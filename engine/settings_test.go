package engine

import (
	"slices"
	"strings"
	"testing"

	"github.com/handclasp/handclasp/config"
	"github.com/handclasp/handclasp/flow"
	"github.com/handclasp/handclasp/iana"
	"github.com/handclasp/handclasp/internal/pki"
	"github.com/handclasp/handclasp/internal/wire"
)

// A server that takes the application_settings of a replayed hello gets the
// client's, empty, at the same code point and before all else that the client still
// has to say. Our own server never takes them, and so refuses the answer here.
func TestApplicationSettings(t *testing.T) {
	for _, at := range []iana.ExtensionType{iana.ExtApplicationSettings, iana.ExtApplicationSettingsOld} {
		for _, who := range []option{func(*config.ClientConfig, *config.ServerConfig) {}, mutual(t, pki.P256)} {
			p := newPair(t, who)
			p.client.Edit(func(m wire.Message) {
				if h, ok := m.(*wire.ClientHello); ok {
					h.Extensions.AddRaw(at, []byte{0, 3, 2, 'h', '2'})
				}
			})
			p.server.Edit(func(m wire.Message) {
				if e, ok := m.(*wire.EncryptedExtensions); ok {
					e.Extensions.AddRaw(at, []byte("the server's"))
				}
			})
			var sent []string
			p.client.Watch(func(e *flow.Event) {
				if e.Kind != flow.Message || !e.Sent {
					return
				}
				if sent = append(sent, e.Type.String()); e.Type != iana.EncryptedExtensions {
					return
				}
				if want := []byte{8, 0, 0, 6, 0, 4, byte(at >> 8), byte(at), 0, 0}; !slices.Equal(e.Bytes, want) {
					t.Errorf("sent %x, want %x", e.Bytes, want)
				}
			})
			p.pump(t)
			if p.client.err != nil && !strings.Contains(p.client.err.Error(), "unexpected_message") {
				t.Error(p.client.err)
			}
			if len(sent) < 3 || sent[1] != "encrypted_extensions" || slices.Index(sent, "encrypted_extensions") != 1 || !slices.Contains(sent, "finished") {
				t.Errorf("sent %v", sent)
			}
		}
	}
}
