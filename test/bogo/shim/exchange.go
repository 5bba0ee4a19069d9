package main

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/flow"
	"github.com/handclasp/handclasp/iana"
)

// connect makes one connection and has the conversation that the flags describe:
// after 0-RTT data was turned down, those of retry.
func connect(h *home, s, retry *settings, resume bool) error {
	conn, err := dial(s)
	if err != nil {
		return err
	}
	defer hangUp(conn)
	h.begin()
	l := &link{settings: s, home: h, resume: resume, conn: conn, chosen: defaultCredential}
	if resume && !s.Server {
		l.retry = retry
	}
	if l.engine, err = s.newEngine(h, &l.secrets); err != nil {
		return err
	}
	l.engine.Watch(l.diary.note)
	if err := l.converse(); err != nil {
		return err
	}
	if want := l.ExpectMsgCallback; want != "" && l.diary.text.String() != want {
		return fmt.Errorf("the messages were\n%s\nand not\n%s", &l.diary.text, want)
	}
	return nil
}

func (l *link) converse() error {
	if err := l.shakeHands(); err != nil {
		return err
	}
	if !l.Server && !l.engine.Connected() {
		expected := l.ExpectRejectEarlyData
		if err := l.speakEarly(); err != nil {
			return err
		}
		if rejected := l.engine.Info().EarlyData.State == flow.EarlyRejected; rejected != expected {
			return fmt.Errorf("0-RTT data was turned down: %v", rejected)
		}
	}
	if err := l.checkOutcome(); err != nil {
		return err
	}
	if l.NoOpExtraHandshake {
		if err := l.shakeAgain(); err != nil {
			return err
		}
	}
	return l.talk()
}

// shakeHands does the handshake; a client with 0-RTT data stops when it may send
// some, a server when it has taken some.
func (l *link) shakeHands() error {
	for !l.engine.Connected() && !l.mayBeEarly() {
		if _, err := l.next(); err != nil {
			return err
		}
	}
	if l.engine.Connected() && l.HandshakeNeverDone {
		return errors.New("the handshake was completed")
	}
	if l.Server && l.engine.Connected() {
		l.errands() // tickets, before anything else is said
	}
	return l.flush()
}

// shakeAgain does the handshake once more, which must neither read nor write.
func (l *link) shakeAgain() error {
	before := l.traffic
	if err := l.shakeHands(); err != nil {
		return err
	}
	return is("the traffic after a second handshake", l.traffic, before)
}

// mayBeEarly reports whether application data can go out though the handshake is
// not complete.
func (l *link) mayBeEarly() bool {
	if l.engine.Ask() != nil {
		return false
	}
	info := l.engine.Info()
	if l.Server {
		return info.EarlyData.State == flow.EarlyAccepted && info.State == fault.WaitEOED
	}
	return info.EarlyData.State == flow.EarlyOffered
}

// speakEarly sends what fits of a client's first words in 0-RTT, and completes the
// handshake.
func (l *link) speakEarly() error {
	if l.ExpectNoOfferEarlyData {
		return errors.New("0-RTT data was offered")
	}
	for t := iana.HandshakeType(l.EarlyWriteAfterMessage); t != 0 && l.diary.last != t; {
		if _, err := l.next(); err != nil {
			return err
		}
	}
	if err := l.export(); err != nil {
		return err
	}
	if err := l.sendEarly(); err != nil {
		return err
	}
	for !l.engine.Connected() {
		if _, err := l.next(); err != nil {
			return err
		}
	}
	if l.engine.Info().EarlyData.State == flow.EarlyRejected {
		l.spoke, l.words = false, nil
	}
	if err := l.release(); err != nil {
		return err
	}
	return l.flush()
}

func (l *link) firstWords() [][]byte {
	return slices.Repeat([][]byte{[]byte(l.ShimInitialWrite)}, l.RepeatShimInitialWrite)
}

// sendEarly writes each of the first words until one does not fit into 0-RTT as a
// whole.
func (l *link) sendEarly() error {
	switch {
	case l.ReadWithUnfinishedWrite:
		l.spoke = true
		return l.halfWrite(l.engine.SendEarly)
	case !l.ShimWritesFirst:
		return nil
	}
	l.spoke = true
	l.words = l.firstWords()
	for left := int(l.engine.Info().EarlyData.Max); len(l.words) > 0 && left > 0; {
		n := min(len(l.words[0]), left)
		if err := l.write(l.words[0][:n]); err != nil {
			return err
		}
		left -= n
		if l.words[0] = l.words[0][n:]; len(l.words[0]) == 0 {
			l.words = l.words[1:]
		}
	}
	return nil
}

// halfWrite lets one byte of the first words through, and holds the rest.
func (l *link) halfWrite(send func(dst, p []byte) ([]byte, error)) error {
	b, err := send(nil, []byte(l.ShimInitialWrite))
	if err != nil {
		return err
	}
	if err := l.put(b[:1]); err != nil {
		return err
	}
	l.held = b[1:]
	return nil
}

// talk is what BoringSSL's shim does after a handshake, in its order.
func (l *link) talk() error {
	if err := l.export(); err != nil {
		return err
	}
	if l.SendAlert {
		l.engine.Fail(decompression.New())
		l.flush()
		return nil
	}
	if err := l.speakFirst(); err != nil {
		return err
	}
	if !l.ShimShutsDown && !l.WriteDifferentSizes {
		if err := l.echo(); err != nil {
			return err
		}
	}
	if err := l.checkTicket(); err != nil {
		return err
	}
	if err := l.shutDown(); err != nil {
		return err
	}
	return errors.Join(
		is("the number of renegotiations", l.engine.Info().Renegotiations, l.ExpectRenegotiations),
		is("the number of those that the engine asked for", l.renegotiated, l.ExpectRenegotiations),
	)
}

// export writes keying material and the like to the runner, which knows it too.
func (l *link) export() error {
	if n := l.ExportKeyingMaterial; n > 0 {
		var context []byte
		if l.UseExportContext {
			context = append([]byte{}, l.ExportContext...)
		}
		b, err := l.engine.ExportKeyingMaterial(l.ExportLabel, context, n)
		if err != nil {
			return err
		}
		if err := l.write(b); err != nil {
			return err
		}
	}
	if l.ExportTrafficSecrets {
		if err := l.writeTrafficSecrets(); err != nil {
			return err
		}
	}
	if l.TLSUnique {
		b, err := l.engine.ChannelBinding("tls-unique")
		if err != nil {
			return err
		}
		return l.write(b)
	}
	return nil
}

// writeTrafficSecrets takes them from the key log (RFC 9850).
func (l *link) writeTrafficSecrets() error {
	secret := func(label string) []byte {
		for line := range strings.Lines(l.secrets.String()) {
			if f := strings.Fields(line); len(f) == 3 && f[0] == label {
				b, _ := hex.DecodeString(f[2])
				return b
			}
		}
		return nil
	}
	read, write := secret("SERVER_TRAFFIC_SECRET_0"), secret("CLIENT_TRAFFIC_SECRET_0")
	if l.Server {
		read, write = write, read
	}
	b := binary.LittleEndian.AppendUint16(nil, uint16(len(read)))
	return l.write(append(append(b, read...), write...))
}

// speakFirst says what the shim has to say before it listens.
func (l *link) speakFirst() error {
	switch {
	case l.WriteDifferentSizes:
		for _, n := range []int{0, 1, 255, 256, 257, 16383, 16384, 16385, 32767, 32768, 32769} {
			if err := l.write(bytes.Repeat([]byte{0x42}, n)); err != nil {
				return err
			}
		}
	case l.ReadWithUnfinishedWrite && !l.spoke:
		return l.halfWrite(l.engine.Send)
	case l.ShimWritesFirst && !l.spoke:
		l.words = l.firstWords()
	}
	for _, w := range l.words { // all of them, or those that did not fit into 0-RTT
		if err := l.write(w); err != nil {
			return err
		}
	}
	return nil
}

// echo answers what comes, each byte with its complement, until the runner has
// nothing more to say.
func (l *link) echo() error {
	for {
		if l.KeyUpdateBeforeRead {
			if err := l.updateKeys(); err != nil {
				return err
			}
		}
		data, err := l.read()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if err := l.release(); err != nil {
			return err
		}
		for len(data) > 0 {
			n := min(l.ReadSize, len(data))
			if l.KeyUpdate {
				if err := l.updateKeys(); err != nil {
					return err
				}
			}
			reply := make([]byte, n)
			for i := range reply {
				reply[i] = data[i] ^ 0xff
			}
			if err := l.write(reply); err != nil {
				return err
			}
			data = data[n:]
		}
	}
}

// read gives the next data, or io.EOF. What a server left for after its half of the
// handshake is looked at in between.
func (l *link) read() ([]byte, error) {
	for {
		data, err := l.next()
		if err == nil && l.engine.Connected() && !l.complete {
			err = l.checkOutcome()
		}
		if err != nil || len(data) > 0 {
			return bytes.Clone(data), err
		}
		if l.UseExporterInBetween {
			if _, err := l.engine.ExportKeyingMaterial("", nil, 1); err != nil {
				return nil, fmt.Errorf("failed to export keying material: %w", err)
			}
		}
	}
}

func (l *link) updateKeys() error {
	if err := l.engine.KeyUpdate(false); err != nil {
		return err
	}
	return l.flush()
}

// shutDown says goodbye, if the runner wants to hear it, and hears the runner's.
func (l *link) shutDown() error {
	if !l.CheckCloseNotify {
		return nil
	}
	l.engine.Close()
	if err := l.flush(); err != nil {
		return err
	}
	for !l.engine.PeerClosed() {
		data, err := l.next()
		switch {
		case len(data) > 0:
			l.engine.Fail(lateData.New())
			return l.flush()
		case err == io.EOF && !l.engine.PeerClosed():
			return fault.Truncated.New()
		case err != nil && err != io.EOF:
			return err
		}
	}
	return nil
}
