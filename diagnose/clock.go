package diagnose

import (
	"bufio"
	"context"
	"net/http"
	"net/textproto"
	"strings"
	"time"

	"github.com/handclasp/handclasp"
)

// far is how much clocks may differ, and nobody cares.
const far = 5 * time.Minute

// clock asks the server for the time, which HTTP servers tell, when a certificate
// seems to be out of time: perhaps it is this machine's clock that is wrong.
func (d *diagnosis) clock(ctx context.Context) error {
	if d.o.StartTLS != "" {
		return nil
	}
	const what = "asking the server for the time"
	if err := d.begin(ctx, what); err != nil {
		return err
	}
	start := time.Now()
	theirs, ok := d.theirTime(ctx)
	if !ok {
		d.looked(what, start, "it does not tell")
		return nil
	}
	d.looked(what, start, "by its Date it is "+theirs.UTC().Format(time.RFC3339))
	ours := d.o.Client.Time()
	if diff := theirs.Sub(ours).Abs(); diff > far {
		d.Findings = nil
		d.find("local-clock", Likely, "This machine says "+ours.UTC().Format(time.RFC3339)+", the server "+theirs.UTC().Format(time.RFC3339)+".",
			Evidence{Probe: "the Date of an HTTP answer", Outcome: theirs.UTC().Format(time.RFC3339)})
	}
	return nil
}

// theirTime is the Date of an answer to a HEAD request.
func (d *diagnosis) theirTime(ctx context.Context) (time.Time, bool) {
	ctx, cancel := context.WithTimeout(ctx, d.p.timeout)
	defer cancel()
	raw, err := d.o.Dial(ctx, "tcp", d.p.addr.String())
	if err != nil {
		return time.Time{}, false
	}
	defer raw.Close()
	cfg := *d.o.Client
	cfg.InsecureSkipVerify, cfg.Sessions, cfg.VerifyPeerCertificate = true, nil, nil
	if len(cfg.NextProtos) > 0 {
		cfg.NextProtos = []string{"http/1.1"}
	}
	conn := handclasp.Client(raw, &cfg)
	if conn.HandshakeContext(ctx) != nil {
		return time.Time{}, false
	}
	conn.SetDeadline(time.Now().Add(min(d.p.timeout, 3*time.Second))) // who speaks no HTTP may wait for ever
	if _, err := conn.Write([]byte("HEAD / HTTP/1.1\r\nHost: " + d.o.Host + "\r\nConnection: close\r\n\r\n")); err != nil {
		return time.Time{}, false
	}
	in := textproto.NewReader(bufio.NewReader(conn))
	line, err := in.ReadLine()
	if err != nil || !strings.HasPrefix(line, "HTTP/") {
		return time.Time{}, false
	}
	header, err := in.ReadMIMEHeader()
	if err != nil {
		return time.Time{}, false
	}
	t, err := http.ParseTime(header.Get("Date"))
	return t, err == nil
}
