package hs

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"time"

	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/iana"
)

// A cookie is what a stateless server must know of its HelloRetryRequest (RFC
// 9846, Section 4.3.2). It is authenticated, not secret: all of it was on the
// wire. As bytes:
//
//	suite(2) group(2) issued(8) constant(32) hello(Hash.length) HMAC-SHA256(32)
type cookie struct {
	suite    iana.CipherSuite
	group    iana.Group
	issued   time.Time
	constant []byte // SHA-256 of what the second ClientHello must repeat
	hello    []byte // Transcript-Hash of the first
}

const (
	cookieFixed = 2 + 2 + 8 + sha256.Size
	cookieLife  = time.Minute // a round trip takes less, clocks of one fleet differ by less
)

func sealCookie(key []byte, c cookie) []byte {
	b := binary.BigEndian.AppendUint16(nil, uint16(c.suite))
	b = binary.BigEndian.AppendUint16(b, uint16(c.group))
	b = binary.BigEndian.AppendUint64(b, uint64(c.issued.Unix()))
	b = append(b, c.constant...)
	b = append(b, c.hello...)
	return append(b, cookieMAC(key, b)...)
}

// openCookie refuses what this key did not make within the last minute.
func openCookie(key, b []byte, now time.Time) (cookie, error) {
	wrong := func(what string) (cookie, error) { return cookie{}, fault.CookieWrong.In("cookie").Saw(what, "") }
	body := len(b) - sha256.Size
	if body < cookieFixed {
		return wrong("too short")
	}
	if !hmac.Equal(cookieMAC(key, b[:body]), b[body:]) {
		return wrong("made with another key")
	}
	c := cookie{
		suite:    iana.CipherSuite(binary.BigEndian.Uint16(b)),
		group:    iana.Group(binary.BigEndian.Uint16(b[2:])),
		issued:   time.Unix(int64(binary.BigEndian.Uint64(b[4:])), 0),
		constant: b[12:cookieFixed],
		hello:    b[cookieFixed:body],
	}
	if age := now.Sub(c.issued); age > cookieLife || age < -cookieLife {
		return wrong("issued " + age.String() + " ago")
	}
	return c, nil
}

// cookieMAC separates its use of the key from any other.
func cookieMAC(key, b []byte) []byte {
	m := hmac.New(sha256.New, key)
	m.Write([]byte("handclasp hello_retry_request cookie\x00"))
	m.Write(b)
	return m.Sum(nil)
}
