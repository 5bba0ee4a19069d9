package diagnose

import (
	"net/netip"
	"strings"

	"github.com/handclasp/handclasp"
	"github.com/handclasp/handclasp/iana"
	"github.com/handclasp/handclasp/internal/clients"
	"github.com/handclasp/handclasp/internal/wire"
)

// as takes the recording of the client that Options.As names.
func (o *Options) as() error {
	if o.As == "" {
		return nil
	}
	c, err := clients.Find(o.As)
	if err != nil {
		return err
	}
	o.Hello, o.ClientName = c.Hello, c.Short()+", as recorded"
	return nil
}

// readdress puts the name of the server into a recorded hello, as the client named
// as would; of another client ("") the name that it was recorded with stays where
// there is no other. A hello without a name gets none. It returns the name for
// which the certificate is to be good.
func readdress(h *wire.ClientHello, name, as string) string {
	if !h.Extensions.Has(iana.ExtServerName) {
		return name
	}
	switch {
	case address(name) && as == "" && len(h.ServerName) > 0:
		return string(h.ServerName)
	case address(name), as == "java" && !dotted(name):
		h.Extensions.Remove(iana.ExtServerName)
		h.ServerName = nil
	default:
		h.ServerName = []byte(strings.TrimSuffix(name, "."))
	}
	return name
}

func address(name string) bool {
	_, err := netip.ParseAddr(name)
	return err == nil
}

// dotted reports whether Java sends a name: one with a dot that is not its first or
// last byte (sun.security.ssl.Utilities.rawToSNIHostName).
func dotted(name string) bool {
	return strings.IndexByte(name, '.') > 0 && !strings.HasSuffix(name, ".")
}

// replayed reads a recorded hello for the server of that name, as long as it was
// if it was filled up to a length (RFC 7685).
func replayed(recorded []byte, name, as string) (*wire.ClientHello, string, error) {
	h := new(wire.ClientHello)
	if err := wire.Decode(recorded, h); err != nil {
		return nil, "", err
	}
	name = readdress(h, name, as)
	h.Ticket = nil
	if !h.Extensions.Has(iana.ExtPadding) {
		return h, name, nil
	}
	n, err := size(h)
	h.Padding = make([]byte, max(0, len(h.Padding)+len(recorded)-n))
	return h, name, err
}

// Replay is how a connection sends a recorded ClientHello, a handshake message with
// its header: with which configuration, and how its first hello is to be edited.
// Random, session ID and key shares are fresh, the server's name is cfg's; what
// belongs to an earlier connection is left out. As names the client that made it,
// as in Options; if it is not "", recorded may be nil.
func Replay(cfg *handclasp.ClientConfig, recorded []byte, as string) (*handclasp.ClientConfig, func(wire.Message), error) {
	o := &Options{Client: cfg, Hello: recorded, As: as}
	if err := o.as(); err != nil {
		return nil, nil, err
	}
	h, name, err := replayed(o.Hello, cfg.ServerName, as)
	if err != nil {
		return nil, nil, err
	}
	own := *cfg
	own.ServerName = name
	m, whole := modelOf(h), hello{set: set{}.with(atomsOf(h)...)}
	if h.Extensions.Has(iana.ExtPadding) {
		n, err := size(h)
		if err != nil {
			return nil, nil, err
		}
		whole.much = amounts{length: n}
	}
	wide := m.config(whole, &own)
	wide.InsecureSkipVerify, wide.VerifyPeerCertificate = cfg.InsecureSkipVerify, cfg.VerifyPeerCertificate
	wide.KeyLogWriter, wide.Limits, wide.MaxRenegotiations = cfg.KeyLogWriter, cfg.Limits, cfg.MaxRenegotiations
	return wide, m.once(whole), nil
}

// beyond is for a server that chose what a recorded hello offers and we can't do:
// no fault of its own.
func (d *diagnosis) beyond(o *outcome) bool {
	if d.o.Hello == nil {
		return false
	}
	if a, ok := d.chosen(o, d.user); ok {
		d.find("beyond-us", Certain, "It chose "+a.words()+".", Evidence{Probe: "the client's handshake", Outcome: o.err.Text})
		return true
	}
	return false
}
