package starttls

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/handclasp/handclasp/fault"
)

// What a server may say before TLS begins.
const (
	maxUnit  = 4096 // bytes of a line, a packet or an XML element
	maxUnits = 100
)

// A talk is one conversation in the clear. The server's side of it comes in
// units, each announced by await.
type talk struct {
	rw    io.ReadWriter
	title string // of the protocol
	host  string
	watch func(sent bool, line string) // nil if nobody watches

	step  string // what is awaited
	said  []byte // of it, what has come
	told  bool   // watch has heard of it
	units int
}

// send says msg. shown is how a person reads it.
func (t *talk) send(msg, shown string) error {
	if _, err := io.WriteString(t.rw, msg); err != nil {
		t.step, t.said = "request", nil
		return t.broke(err)
	}
	t.show(true, shown)
	return nil
}

// say sends one line.
func (t *talk) say(line string) error { return t.send(line+"\r\n", line) }

// await begins the next unit. step says of what kind it is.
func (t *talk) await(step string) {
	t.step, t.said, t.told = step, t.said[:0], false
	t.units++
}

// read reads n bytes, which stay valid until the next await.
func (t *talk) read(n int) ([]byte, error) {
	at := len(t.said)
	if t.units > maxUnits || at+n > maxUnit {
		return nil, t.fail(fault.StartTLSTooLong, t.quoted(), fmt.Sprintf("at most %d lines or packets of %d bytes", maxUnits, maxUnit))
	}
	t.said = append(t.said, make([]byte, n)...)
	got, err := io.ReadFull(t.rw, t.said[at:])
	t.said = t.said[:at+got]
	if err != nil {
		return nil, t.broke(err)
	}
	return t.said[at:], nil
}

// ReadByte is read for one byte.
func (t *talk) ReadByte() (byte, error) {
	b, err := t.read(1)
	if err != nil {
		return 0, err
	}
	return b[0], nil
}

// line reads one line and gives it without its end, which is CRLF or, from
// careless servers, LF.
func (t *talk) line(step string) (string, error) {
	t.await(step)
	for {
		switch b, err := t.ReadByte(); {
		case err != nil:
			return "", err
		case len(t.said) == 1 && isRecord(b): // whose end no LF marks
			return "", t.alien("a line of text")
		case b == '\n':
			t.said = bytes.TrimSuffix(t.said[:len(t.said)-1], []byte("\r"))
			t.heard(string(t.said))
			return string(t.said), nil
		}
	}
}

// heard tells watch of the unit, in words if the bytes are not for people.
func (t *talk) heard(shown string) {
	t.show(false, shown)
	t.told = true
}

func (t *talk) show(sent bool, shown string) {
	if t.watch != nil {
		t.watch(sent, fault.Printable(shown))
	}
}

// refused is for a server that declines. got is what it said, escaped.
func (t *talk) refused(got, want string) error {
	return t.fail(fault.StartTLSRefused, got, want)
}

// unexpected is for a unit that is not of this protocol.
func (t *talk) unexpected(want string) error {
	return t.fail(fault.StartTLSUnexpected, t.quoted(), want)
}

// alien is unexpected for a unit whose first bytes are wrong already. What else
// has arrived tells a person which protocol it is.
func (t *talk) alien(want string) error {
	t.peek()
	return t.unexpected(want)
}

// peek adds to the unit what one Read gives, for the error that is to come.
func (t *talk) peek() {
	more := make([]byte, 128)
	n, _ := t.rw.Read(more) // without more, the error says less
	t.said = append(t.said, more[:n]...)
}

// broke is for an error of the connection.
func (t *talk) broke(err error) error {
	rule := fault.StartTLSClosed
	var timeout interface{ Timeout() bool }
	if errors.As(err, &timeout) && timeout.Timeout() {
		rule = fault.StartTLSSilent
	}
	return t.fail(rule, t.quoted(), "").Because(err)
}

// fail is an error of rule r in this step.
func (t *talk) fail(r *fault.Rule, got, want string) *fault.Error {
	if !t.told && len(t.said) > 0 {
		t.heard(string(t.said))
	}
	return r.In(t.title+" "+t.step).Saw(got, want)
}

// quoted is the unit so far, for an error; "" if nothing has come.
func (t *talk) quoted() string {
	switch {
	case len(t.said) == 0:
		return ""
	case len(t.said) > 1 && isRecord(t.said[0]) && t.said[1] == 3:
		return "a TLS record, " + fault.Quote(t.said)
	}
	return fault.Quote(t.said)
}

// isRecord reports whether b may open a TLS record: it is a content type from
// change_cipher_spec (20) to application_data (23) (RFC 9846, Section 5.1), none
// of which opens a unit of these protocols.
func isRecord(b byte) bool { return b >= 20 && b <= 23 }

func quote(s string) string { return fault.Quote([]byte(s)) }
