package engine

import (
	"slices"
	"testing"

	"github.com/handclasp/handclasp/config"
	"github.com/handclasp/handclasp/flow"
	"github.com/handclasp/handclasp/iana"
	"github.com/handclasp/handclasp/internal/hs"
	"github.com/handclasp/handclasp/internal/wire"
	"github.com/handclasp/handclasp/session"
)

// The list of extensions that programs print is the one that two engines speak which
// have everything turned on.
func TestExtensionsSpoken(t *testing.T) {
	seen := map[iana.ExtensionType]bool{
		iana.ExtSignatureAlgorithmsCert: true, // obeyed by servers, sent by nobody here
	}
	note := func(ev *flow.Event) {
		if ev.Kind != flow.Message || !ev.Sent {
			return
		}
		for _, x := range extensionsOf(t, ev) {
			seen[x] = true
		}
	}
	everything := func(c *config.ClientConfig, s *config.ServerConfig) {
		c.MinVersion, s.MinVersion = iana.TLS12, iana.TLS12
		c.NextProtos, s.NextProtos = []string{"h2"}, []string{"h2"}
		c.PadHello, c.PostHandshakeAuth, c.SendAuthorities = 4000, true, true
		c.RecordSizeLimit, c.MaxFragmentLength = 512, 512
		c.CertificateCompression = []iana.CertCompression{iana.CertZlib}
		c.CipherSuites = []iana.CipherSuite{iana.TLS_AES_128_GCM_SHA256, iana.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, iana.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA}
	}
	g := guard{say: session.Accepted}
	s := newShelf()
	for _, options := range [][]option{
		{resumes(s), eager(&g), everything}, {resumes(s), eager(&g), everything},
		{retry, cookieKey(1), everything}, {old, resumes(newShelf()), everything},
	} {
		p := newPair(t, options...)
		p.client.Watch(note)
		p.server.Watch(note)
		p.connect(t)
	}
	var all []iana.ExtensionType
	for x := range seen {
		all = append(all, x)
	}
	slices.Sort(all)
	if want := hs.Extensions(); !slices.Equal(all, want) {
		t.Errorf("they spoke\n%v, and the list says\n%v", all, want)
	}
}

// extensionsOf are those of a message.
func extensionsOf(t *testing.T, ev *flow.Event) (types []iana.ExtensionType) {
	t.Helper()
	switch ev.Type {
	case iana.ClientHello:
		var m wire.ClientHello
		must(t, wire.Decode(ev.Bytes, &m))
		return m.Extensions.Types()
	case iana.ServerHello:
		var m wire.ServerHello
		must(t, wire.Decode(ev.Bytes, &m))
		return m.Extensions.Types()
	case iana.EncryptedExtensions:
		var m wire.EncryptedExtensions
		must(t, wire.Decode(ev.Bytes, &m))
		return m.Extensions.Types()
	}
	return nil
}
