package starttls

import (
	"bytes"
	"encoding/xml"
	"errors"
	"slices"
	"strings"

	"github.com/handclasp/handclasp/fault"
)

// The namespaces of RFC 6120, Sections 4.8.1 and 5.2.
const (
	streamsNS = "http://etherx.jabber.org/streams"
	tlsNS     = "urn:ietf:params:xml:ns:xmpp-tls"
)

var (
	featuresName = xml.Name{Space: streamsNS, Local: "features"}
	errorName    = xml.Name{Space: streamsNS, Local: "error"}
)

// xmpp asks as RFC 6120, Section 5.4 says.
//
//	C: <stream:stream to='example.com' version='1.0' …>
//	S: <stream:stream …>
//	S: <stream:features><starttls xmlns='…xmpp-tls'/></stream:features>
//	C: <starttls xmlns='…xmpp-tls'/>
//	S: <proceed xmlns='…xmpp-tls'/>
func xmpp(t *talk) error {
	s := &stream{talk: t}
	s.xml = xml.NewDecoder(s)
	if err := s.open(); err != nil {
		return err
	}
	if err := s.features(); err != nil {
		return err
	}
	ask := "<starttls xmlns='" + tlsNS + "'/>"
	if err := t.send(ask, ask); err != nil {
		return err
	}
	return s.proceed()
}

// A stream reads XML and takes each byte when it needs it: a Decoder that finds
// ReadByte has no buffer of its own.
type stream struct {
	*talk
	xml *xml.Decoder
}

// ReadByte sees to it that a server that speaks no XML does not keep the Decoder
// waiting for the first tag.
func (s *stream) ReadByte() (byte, error) {
	b, err := s.talk.ReadByte()
	if err == nil && b != '<' && !isSpace(b) && len(bytes.TrimSpace(s.said)) == 1 {
		err = s.alien("XML")
	}
	return b, err
}

// Read is ReadByte for those who ask for an io.Reader.
func (s *stream) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	b, err := s.ReadByte()
	if err != nil {
		return 0, err
	}
	p[0] = b
	return 1, nil
}

func isSpace(b byte) bool { return b == ' ' || b == '\t' || b == '\r' || b == '\n' }

// open exchanges the stream headers (RFC 6120, Section 4.7).
func (s *stream) open() error {
	header := "<?xml version='1.0'?><stream:stream to='" + domain(s.host) + "' version='1.0' xml:lang='en'" +
		" xmlns='jabber:client' xmlns:stream='" + streamsNS + "'>"
	if err := s.send(header, header); err != nil {
		return err
	}
	const want = "<stream:stream>"
	name, err := s.start("stream header", want)
	switch {
	case err != nil:
		return err
	case name != xml.Name{Space: streamsNS, Local: "stream"}:
		return s.unexpected(want)
	}
	s.heard(string(s.said))
	return nil
}

// features reads what the server offers (RFC 6120, Section 4.3.2).
func (s *stream) features() error {
	const want = "<stream:features> with <starttls/>"
	name, children, err := s.element("stream features", want)
	switch {
	case err != nil:
		return err
	case name == featuresName && slices.Contains(children, xml.Name{Space: tlsNS, Local: "starttls"}):
		return nil
	case name == featuresName, name == errorName:
		return s.refused(s.quoted(), want)
	}
	return s.unexpected(want)
}

// proceed reads the answer (RFC 6120, Section 5.4.2). Behind its last > nothing
// is in the clear any more.
func (s *stream) proceed() error {
	const want = "<proceed/>"
	name, _, err := s.element("answer to starttls", want)
	switch {
	case err != nil:
		return err
	case name == xml.Name{Space: tlsNS, Local: "proceed"}:
		return nil
	case name == xml.Name{Space: tlsNS, Local: "failure"}, name == errorName:
		return s.refused(s.quoted(), want)
	}
	return s.unexpected(want)
}

// element reads one whole element, and gives its name and those of its children.
func (s *stream) element(step, want string) (name xml.Name, children []xml.Name, err error) {
	name, err = s.start(step, want)
	for depth := 1; err == nil && depth > 0; {
		var token xml.Token
		token, err = s.token(want)
		switch el := token.(type) {
		case xml.StartElement:
			if depth == 1 {
				children = append(children, el.Name)
			}
			depth++
		case xml.EndElement:
			depth--
		}
	}
	if err == nil {
		s.heard(string(s.said))
	}
	return name, children, err
}

// start reads up to the end of a start tag. Before it may stand whitespace and,
// at the beginning of the stream, the XML declaration.
func (s *stream) start(step, want string) (xml.Name, error) {
	s.await(step)
	for {
		token, err := s.token(want)
		if err != nil {
			return xml.Name{}, err
		}
		switch el := token.(type) {
		case xml.StartElement:
			return el.Name, nil
		case xml.EndElement: // of the stream
			return xml.Name{}, s.refused(s.quoted(), want)
		case xml.Comment, xml.Directive: // RFC 6120, Section 11.1
			return xml.Name{}, s.unexpected(want)
		}
	}
}

// token is the Decoder's next. Its errors are ours if the bytes ran out, and else
// say that the bytes are not XML.
func (s *stream) token(want string) (xml.Token, error) {
	token, err := s.xml.Token()
	if err == nil || errors.As(err, new(*fault.Error)) {
		return token, err
	}
	return nil, s.unexpected(want)
}

// domain is host as an address of XMPP (RFC 7622, Section 3.2), to stand in an
// attribute.
func domain(host string) string {
	host = strings.TrimSuffix(host, ".")
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	var b strings.Builder
	xml.EscapeText(&b, []byte(host)) // a Builder takes everything
	return b.String()
}
