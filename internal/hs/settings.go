package hs

import (
	"github.com/handclasp/handclasp/flow"
	"github.com/handclasp/handclasp/iana"
	"github.com/handclasp/handclasp/internal/wire"
)

// Settings of the application protocol in the handshake (draft-vvv-tls-alps), an
// experiment of Chrome's, at either of its code points. Our own hellos never offer
// them; Chrome's do, which tools replay.

// settingsIn is the code point at which a server gives its settings; 0 if it does
// not.
func settingsIn(x *wire.Extensions) iana.ExtensionType {
	for _, t := range []iana.ExtensionType{iana.ExtApplicationSettings, iana.ExtApplicationSettingsOld} {
		if x.Has(t) {
			return t
		}
	}
	return 0
}

// settle answers a server's settings with ours, in an EncryptedExtensions of the
// client's before all else that it still has to say. They are empty, as Chrome's are
// for HTTP/2.
func (c *client) settle() error {
	if c.settings == 0 {
		return nil
	}
	var m wire.EncryptedExtensions
	m.Extensions.AddRaw(c.settings, nil)
	_, err := c.send(&m, flow.Handshake)
	return err
}
