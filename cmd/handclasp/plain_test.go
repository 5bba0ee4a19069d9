package main

import (
	"context"
	"errors"
	"io"
	"net"
	"slices"
	"testing"
	"time"

	"github.com/handclasp/handclasp"
	"github.com/handclasp/handclasp/explain"
	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/internal/starttls"
)

// A dialogue is what a server says in the clear before TLS, and how many bytes it
// awaits before each next thing it says.
type dialogue []struct {
	await int
	say   string
}

const streams = " xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'"

// dialogues are the servers that agree, by protocol, and some that do not.
var dialogues = map[string]dialogue{
	"smtp": {{0, "220 mail.test ESMTP\r\n"}, {len("EHLO [127.0.0.1]\r\n"), "250-mail.test\r\n250 STARTTLS\r\n"}, {len("STARTTLS\r\n"), "220 Go ahead\r\n"}},
	"imap": {{0, "* OK ready\r\n"}, {len("a1 STARTTLS\r\n"), "a1 OK Begin TLS\r\n"}},
	"pop3": {{0, "+OK ready\r\n"}, {len("STLS\r\n"), "+OK Begin TLS\r\n"}},
	"ftp":  {{0, "220 ready\r\n"}, {len("AUTH TLS\r\n"), "234 Go ahead\r\n"}},
	"ldap": {{31, "0\x0c\x02\x01\x01x\x07\x0a\x01\x00\x04\x00\x04\x00"}},
	"xmpp": {
		{len("<?xml version='1.0'?><stream:stream to='localhost' version='1.0' xml:lang='en'" + streams + ">"),
			"<stream:stream" + streams + "><stream:features><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/></stream:features>"},
		{len("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"), "<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"},
	},
	"postgres": {{8, "S"}},
	"mysql": {{0, "\x4a\x00\x00\x00\x0a8.0.36\x00\x2a\x00\x00\x00saltsalt\x00\xff\xff\x2d\x02\x00\xff\xdf\x15" +
		"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00saltsaltsalt\x00caching_sha2_password\x00"}, {36, ""}},

	"smtp-without": {{0, "220 mail.test ESMTP\r\n"}, {len("EHLO [127.0.0.1]\r\n"), "250-mail.test\r\n250 SIZE 1\r\n"}, {1 << 16, ""}},
	"smtp-quits":   {{0, "220 mail.test ESMTP\r\n"}},
	"postgres-no":  {{8, "N"}, {1 << 16, ""}},
	"talks":        {{0, "220-" + string(slices.Repeat([]byte("x"), 5000))}, {1 << 16, ""}},
}

// behave holds the dialogue and, if it comes to its end and there is a
// certificate, goes on as an echo over TLS.
func (d dialogue) behave(raw net.Conn, conn *handclasp.Conn) {
	defer raw.Close()
	for _, turn := range d {
		if _, err := io.ReadFull(raw, make([]byte, turn.await)); err != nil {
			return
		}
		if _, err := io.WriteString(raw, turn.say); err != nil {
			return
		}
	}
	behaviours["echo"](raw, conn)
}

// What is said in the clear is kept, in order, for the story.
func TestUpgrade(t *testing.T) {
	for _, protocol := range starttls.Protocols() {
		t.Run(protocol, func(t *testing.T) {
			t.Parallel()
			ours, theirs := pipe(t)
			go dialogues[protocol].behave(theirs, handclasp.Server(theirs, nil))
			rec := explain.New(fault.Client, time.Now)
			if err := upgrade(t.Context(), ours, protocol, "localhost", rec); err != nil {
				t.Fatal(err)
			}
			steps := rec.Story().Steps
			if len(steps) != 1 || steps[0].Kind != explain.KindStartTLS || len(steps[0].Lines) == 0 {
				t.Fatalf("steps %+v", steps)
			}
			lines := steps[0].Lines
			if protocol == "smtp" && (len(lines) != 6 || lines[1].Text != "EHLO [127.0.0.1]" || !lines[1].Sent || lines[5].Sent) {
				t.Errorf("lines %+v", lines)
			}
			// The deadline of the dialogue is gone.
			if _, err := ours.Write([]byte{0}); err != nil {
				t.Error(err)
			}
		})
	}
}

// Who stops the command in the middle of the dialogue, or lets its time pass, is
// told so.
func TestUpgradeEnds(t *testing.T) {
	ours, _ := pipe(t)
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(20*time.Millisecond, cancel)
	if err := upgrade(ctx, ours, "smtp", "localhost", explain.New(fault.Client, time.Now)); !errors.Is(err, interrupted) {
		t.Errorf("interrupted: %v", err)
	}
	ours, _ = pipe(t)
	ctx, cancel = context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := upgrade(ctx, ours, "smtp", "localhost", explain.New(fault.Client, time.Now)); !errors.Is(err, fault.StartTLSSilent) {
		t.Errorf("timeout: %v", err)
	}
}

// pipe is a TCP connection with both its ends.
func pipe(t *testing.T) (ours, theirs net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if ours, err = net.Dial("tcp", l.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if theirs, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	end := func() { ours.Close(); theirs.Close() }
	bite := time.AfterFunc(time.Minute, end) // two that wait for each other fail, and do not hang
	t.Cleanup(func() { bite.Stop(); end() })
	return ours, theirs
}
