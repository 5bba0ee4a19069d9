package fault_test

import (
	"io"
	"os"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/internal/starttls"
)

// preamble is a client of a mail server that says this, and then has no more than
// an error.
func preamble(server string, end error) scenario {
	return alone(func(t *testing.T) error {
		rw := struct {
			io.Reader
			io.Writer
		}{io.MultiReader(strings.NewReader(server), iotest.ErrReader(end)), io.Discard}
		return starttls.Upgrade(rw, "smtp", host, nil)
	})
}

var ofSTARTTLS = map[*fault.Rule]scenario{
	fault.StartTLSRefused:    preamble("220 mail.example ESMTP\r\n250 mail.example\r\n", io.EOF),
	fault.StartTLSUnexpected: preamble("SSH-2.0-OpenSSH_9.9\r\n", io.EOF),
	fault.StartTLSTooLong:    preamble(strings.Repeat("220-patience\r\n", 1000), io.EOF),
	fault.StartTLSClosed:     preamble("220-mail.example\r\n", io.EOF),
	fault.StartTLSSilent:     preamble("", os.ErrDeadlineExceeded),
}
