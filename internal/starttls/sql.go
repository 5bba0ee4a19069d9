package starttls

import (
	"bytes"
	"encoding/binary"
	"fmt"
)

// sslRequest of PostgreSQL: a length of 8, and 80877103, which no version of the
// protocol has ("Message Formats" in the PostgreSQL manual).
const sslRequest = "\x00\x00\x00\x08\x04\xd2\x16\x2f"

// postgres asks with an SSLRequest, and one byte answers.
func postgres(t *talk) error {
	if err := t.send(sslRequest, "SSLRequest 80877103"); err != nil {
		return err
	}
	t.await("answer to SSLRequest")
	const want = `"S"`
	b, err := t.ReadByte()
	switch {
	case err != nil:
		return err
	case b == 'S':
		t.heard("S")
		return nil
	case b == 'N':
		return t.refused(t.quoted(), want)
	case b == 'E': // ErrorResponse, of a server too old for TLS or too busy to start a process
		t.peek()
		return t.refused(t.quoted(), want)
	}
	return t.alien(want)
}

// Capabilities of MySQL (include/mysql_com.h in its source). A server can't tell
// from them which client this is: each that speaks protocol 4.1 sets them.
const (
	clientLongPassword     = 0x0001
	clientProtocol41       = 0x0200
	clientSSL              = 0x0800
	clientSecureConnection = 0x8000

	clientCapabilities = clientLongPassword | clientProtocol41 | clientSSL | clientSecureConnection
)

const (
	mysqlProtocol  = 10       // of Handshake, since MySQL 3.21
	mysqlError     = 0xff     // opens an ERR packet
	mysqlMaxPacket = 16 << 20 // bytes, what clients offer to take
	mysqlUTF8      = 45       // collation utf8mb4_general_ci
)

// mysql waits for the server's Handshake packet, in which it says whether it has
// TLS, and answers with an SSLRequest packet, behind which TLS begins.
func mysql(t *talk) error {
	p, err := t.packet("greeting")
	if err != nil {
		return err
	}
	if p[0] == mysqlError && len(p) >= 3 {
		return t.mysqlRefusal(p[1:])
	}
	version, fields, ok := bytes.Cut(p[1:], []byte{0})
	if p[0] != mysqlProtocol || !ok || len(fields) < 15 {
		return t.unexpected("a Handshake packet of protocol version 10")
	}
	// Between stand the thread's id (4), the first part of the scramble (8) and a filler.
	capabilities := binary.LittleEndian.Uint16(fields[13:])
	t.heard(fmt.Sprintf("Handshake, version %s, capabilities 0x%04x", version, capabilities))
	if capabilities&clientSSL == 0 {
		return t.refused(fmt.Sprintf("capabilities 0x%04x", capabilities), "one with CLIENT_SSL, 0x0800")
	}
	return t.send(sslRequestPacket(), fmt.Sprintf("SSLRequest, capabilities 0x%04x", clientCapabilities))
}

// mysqlRefusal is for an ERR packet: a code of two bytes, from protocol 4.1 on a
// SQL state of six, and a text.
func (t *talk) mysqlRefusal(p []byte) error {
	code, text := binary.LittleEndian.Uint16(p), p[2:]
	t.heard(fmt.Sprintf("ERR %d %s", code, text))
	return t.refused(fmt.Sprintf("error %d, %s", code, quote(string(text))), "a Handshake packet")
}

// packet reads the first packet of the server, which has at least a byte: a
// length of three bytes, the number 0, and the payload.
func (t *talk) packet(step string) ([]byte, error) {
	t.await(step)
	head, err := t.read(4)
	if err != nil {
		return nil, err
	}
	n := int(head[0]) | int(head[1])<<8 | int(head[2])<<16
	if head[3] != 0 || n == 0 {
		return nil, t.alien("a MySQL packet with number 0")
	}
	return t.read(n)
}

// sslRequestPacket answers with number 1. It is the beginning of a
// HandshakeResponse41, up to where the user's name would stand.
func sslRequestPacket() string {
	p := []byte{32, 0, 0, 1}
	p = binary.LittleEndian.AppendUint32(p, clientCapabilities)
	p = binary.LittleEndian.AppendUint32(p, mysqlMaxPacket)
	p = append(p, mysqlUTF8)
	return string(append(p, make([]byte, 23)...))
}
