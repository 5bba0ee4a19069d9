package main

import (
	"net"

	"github.com/handclasp/handclasp/iana"
)

// A wire is how the bytes of both sides travel.
type wire uint8

const (
	whole     wire = iota
	segments       // each byte in a TCP segment of its own
	fragments      // each byte of a handshake message in a record of its own, until they are encrypted, and each byte of our data
)

func (w wire) String() string { return [...]string{"", "1-byte segments", "1-byte records"}[w] }

// wireCases are each version's usual case, in pieces.
func wireCases(server bool) []testCase {
	return perVersion(server, iana.TLS10, iana.TLS13, func(c testCase) (cases []testCase) {
		for c.wire = segments; c.wire <= fragments; c.wire++ {
			cases = append(cases, c)
		}
		return cases
	})
}

// over gives our side a connection on which bytes travel so. What the peer sends
// comes in the same pieces.
func (w wire) over(raw net.Conn, v iana.Version) net.Conn {
	switch w {
	case segments:
		return &bytewise{raw}
	case fragments:
		return &splitting{Conn: raw, out: splitter{version: v}, in: splitter{version: v}}
	}
	return raw
}

// bytewise sends and receives one byte at a time. Go's TCP connections send what
// they are given at once (TCP_NODELAY).
type bytewise struct{ net.Conn }

func (c *bytewise) Write(p []byte) (int, error) {
	for i := range p {
		if _, err := c.Conn.Write(p[i : i+1]); err != nil {
			return i, err
		}
	}
	return len(p), nil
}

func (c *bytewise) Read(p []byte) (int, error) { return c.Conn.Read(p[:min(len(p), 1)]) }

// splitting cuts the records of both directions.
type splitting struct {
	net.Conn
	out, in splitter
	rest    []byte // that was cut and not read yet
}

func (c *splitting) Write(p []byte) (int, error) {
	if _, err := c.Conn.Write(c.out.cut(nil, p)); err != nil {
		return 0, err
	}
	return len(p), nil
}

func (c *splitting) Read(p []byte) (int, error) {
	for len(c.rest) == 0 {
		b := make([]byte, 1<<14)
		n, err := c.Conn.Read(b)
		c.rest = c.in.cut(nil, b[:n])
		if err != nil && len(c.rest) == 0 {
			return 0, err
		}
	}
	n := copy(p, c.rest)
	c.rest = c.rest[n:]
	return n, nil
}

// A splitter turns each plaintext handshake record that comes by into records of
// one byte each. In TLS 1.2 and below what follows ChangeCipherSpec is encrypted.
type splitter struct {
	version   iana.Version
	head      []byte // of the record that comes by; whole with 5 bytes
	left      int    // bytes of it to come
	encrypted bool
}

const recordHeader = 5

func (s *splitter) cut(dst, p []byte) []byte {
	for len(p) > 0 {
		if len(s.head) < recordHeader {
			n := min(recordHeader-len(s.head), len(p))
			s.head, p = append(s.head, p[:n]...), p[n:]
			if len(s.head) == recordHeader {
				dst = s.begin(dst)
			}
			continue
		}
		n := min(s.left, len(p))
		if s.splits() {
			for _, b := range p[:n] {
				dst = append(dst, s.head[0], s.head[1], s.head[2], 0, 1, b)
			}
		} else {
			dst = append(dst, p[:n]...)
		}
		p = p[n:]
		if s.left -= n; s.left == 0 {
			s.head = nil
		}
	}
	return dst
}

// begin looks at a header that is whole.
func (s *splitter) begin(dst []byte) []byte {
	s.left = int(s.head[3])<<8 | int(s.head[4])
	s.encrypted = s.encrypted || s.version < iana.TLS13 && s.head[0] == byte(iana.ContentChangeCipherSpec)
	if !s.splits() {
		dst = append(dst, s.head...)
	}
	if s.left == 0 {
		s.head = nil
	}
	return dst
}

func (s *splitter) splits() bool { return !s.encrypted && s.head[0] == byte(iana.ContentHandshake) }
