package clients

import (
	"bytes"
	"cmp"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"

	"github.com/handclasp/handclasp/iana"
	"github.com/handclasp/handclasp/internal/record"
	"github.com/handclasp/handclasp/internal/wire"
)

var (
	errNoHello = errors.New("no ClientHello in it: want hex or bytes of one, with or without its record header, or a capture (pcap, pcapng) of a connection from its start")
	errCut     = errors.New("the ClientHello in it is cut short")
)

// Read finds a ClientHello in the content of a file: a capture (pcap or pcapng),
// of which the first counts; or the message itself, with or without the headers
// of its records, as bytes or in hex. It returns the message with its header, and in
// how many records it came: 1 if that is not told.
func Read(file []byte) (msg []byte, records int, err error) {
	if streams, err := capture(file); err != nil {
		return nil, 0, err
	} else if streams != nil {
		return first(streams)
	}
	if b, ok := fromHex(file); ok {
		file = b
	}
	return first([][]byte{file})
}

// first is the hello of the first stream that begins with one.
func first(streams [][]byte) ([]byte, int, error) {
	err := errNoHello
	for _, s := range streams {
		switch msg, records, cut := unwrap(s); {
		case cut:
			err = errCut
		case msg != nil:
			return msg, records, wire.Decode(msg, new(wire.ClientHello))
		}
	}
	return nil, 0, err
}

// fromHex reads hex in most ways that people write it: spaces, colons, commas,
// 0x and line breaks do not matter.
func fromHex(text []byte) ([]byte, bool) {
	digits := strings.NewReplacer("0x", "", "\\x", "", ":", "", ",", "").Replace(strings.ToLower(string(text)))
	b, err := hex.DecodeString(strings.Join(strings.Fields(digits), ""))
	return b, err == nil
}

// unwrap is the ClientHello that b begins with, and in how many records it came;
// cut if b ends within it.
func unwrap(b []byte) (msg []byte, records int, cut bool) {
	ends := []int{len(b)}
	if len(b) > 0 && b[0] == byte(iana.ContentHandshake) {
		b, ends = contents(b)
	}
	if len(b) < wire.HeaderLen || iana.HandshakeType(b[0]) != iana.ClientHello {
		return nil, 0, false
	}
	n := wire.HeaderLen + int(b[1])<<16 + int(b[2])<<8 + int(b[3])
	if len(b) < n {
		return nil, 0, true
	}
	return b[:n:n], 1 + slices.IndexFunc(ends, func(end int) bool { return end >= n }), false
}

// contents joins the contents of the handshake records that b begins with, and
// tells where each ends in it.
func contents(b []byte) (joined []byte, ends []int) {
	for len(b) > record.HeaderLen && b[0] == byte(iana.ContentHandshake) && b[1] == 3 {
		n := record.HeaderLen + int(b[3])<<8 + int(b[4])
		n = min(n, len(b))
		joined = append(joined, b[record.HeaderLen:n]...)
		ends = append(ends, len(joined))
		b = b[n:]
	}
	return joined, ends
}

// capture is what each side of each TCP connection in a capture sent, in the order
// of their first packets; nil if file is no capture.
func capture(file []byte) ([][]byte, error) {
	var next func() ([]byte, gopacket.CaptureInfo, error)
	var link layers.LinkType
	if r, err := pcapgo.NewReader(bytes.NewReader(file)); err == nil {
		next, link = r.ReadPacketData, r.LinkType()
	} else if r, err := pcapgo.NewNgReader(bytes.NewReader(file), pcapgo.DefaultNgReaderOptions); err == nil {
		next, link = r.ReadPacketData, r.LinkType()
	} else {
		return nil, nil
	}
	var order []side
	sides := map[side][]segment{}
	for {
		data, _, err := next()
		if err == io.EOF || err == io.ErrUnexpectedEOF {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("the capture can't be read: %w", err)
		}
		s, seg, ok := dissect(data, link)
		if !ok {
			continue
		}
		if sides[s] == nil {
			order = append(order, s)
		}
		sides[s] = append(sides[s], seg)
	}
	streams := [][]byte{}
	for _, s := range order {
		streams = append(streams, join(sides[s]))
	}
	return streams, nil
}

// A side is one direction of a TCP connection.
type side struct{ network, transport gopacket.Flow }

// A segment is data at a place in what a side sent.
type segment struct {
	at   uint32
	data []byte
}

// dissect finds the TCP segment in a packet; ok if it has data.
func dissect(data []byte, link layers.LinkType) (s side, seg segment, ok bool) {
	p := gopacket.NewPacket(data, link, gopacket.DecodeOptions{Lazy: true})
	tcp, _ := p.Layer(layers.LayerTypeTCP).(*layers.TCP)
	if tcp == nil || p.NetworkLayer() == nil || len(tcp.Payload) == 0 {
		return s, seg, false
	}
	return side{p.NetworkLayer().NetworkFlow(), tcp.TransportFlow()}, segment{tcp.Seq, tcp.Payload}, true
}

// join puts segments in order, up to the first gap. Sequence numbers count on past
// their end.
func join(segments []segment) (stream []byte) {
	start := segments[0].at
	for _, s := range segments {
		if int32(s.at-start) < 0 {
			start = s.at
		}
	}
	slices.SortStableFunc(segments, func(a, b segment) int { return cmp.Compare(a.at-start, b.at-start) })
	for _, s := range segments {
		at := int(s.at - start)
		if at > len(stream) {
			break
		}
		if end := at + len(s.data); end > len(stream) {
			stream = append(stream, s.data[len(stream)-at:]...)
		}
	}
	return stream
}
