package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/handclasp/handclasp/diagnose"
)

// diagnosis are the flags of diagnose.
type diagnosis struct {
	client
	text    string
	json    bool
	html    string
	most    int
	rate    float64
	without string
	given   []string // flags about the client, as they were given
}

func (a *app) diagnoseCmd() *cobra.Command {
	var flags diagnosis
	cmd := &cobra.Command{
		Use:   "diagnose HOST[:PORT] | --error TEXT",
		Short: "Find out why a handshake fails, by experiment",
		Long: `diagnose makes the handshake with a server, as the flags say. If it works, it
judges the certificate and tells each problem apart. If it fails, it makes other
handshakes, one thing changed at a time, until it knows the smallest change that
makes it work: then it says what is wrong, how sure that is, what shows it, who
should change what, and gives a command that proves it.

It makes no more than --max-connections, one after the other, and repeats those
that decide, so that a server that is not steady, or lets in only so many, is
named and not blamed for something else.

With --as it does all this as another client would, with that one's recorded
ClientHello; with --hello, with a ClientHello of your own, from hex or a capture.

With --error it needs no network: it reads an error text of Go, OpenSSL, curl,
Java, Node, Python, GnuTLS, Chromium, Firefox, Windows, .NET, macOS, Rust, Ruby,
PostgreSQL, MySQL or Handclasp, or an alert by name or number, and says what it
can mean. One text hides many causes; so it concludes nothing that the text does
not say.`,
		Example: `  handclasp diagnose example.com
  handclasp diagnose --max-version 1.2 example.com:8443
  handclasp diagnose --ca handclasp-ca.pem localhost:8444 --json
  handclasp diagnose example.com --html why.html   a page to look at
  handclasp diagnose 192.0.2.7 --name www.example.com --rate 2
  handclasp diagnose --as java example.com       does it work there?
  handclasp diagnose --hello failing.pcap example.com
  handclasp diagnose --starttls smtp mail.example.com
  handclasp diagnose --error "remote error: tls: handshake failure"
  handclasp diagnose --error 40                  an alert by its number
  curl https://example.com/ 2>&1 | handclasp diagnose --error -`,
		Args: func(cmd *cobra.Command, args []string) error {
			switch offline := cmd.Flags().Changed("error"); {
			case offline && flags.html != "":
				return &usageError{"--html needs a server: an error text has no page.", "Leave out --html, or give an address instead of --error."}
			case offline && len(args) > 0:
				return &usageError{"--error needs no server, and there is " + quote(args[0]) + ".", "Put the text in quotes: --error \"…\"; or leave out --error."}
			case offline:
				return nil
			case len(args) == 0:
				return &usageError{"'handclasp diagnose' needs an address, or an error text.", "Write 'handclasp diagnose example.com', or 'handclasp diagnose --error \"…\"'."}
			}
			return oneAddress(cmd, args, true)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return a.readError(&flags)
			}
			if err := flags.replay.check(cmd.Flags()); err != nil {
				return err
			}
			flags.given = aboutClient(cmd.Flags())
			return a.diagnose(cmd.Context(), args[0], &flags)
		},
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	flags.declare(cmd.Flags())
	complete(cmd)
	return cmd
}

func (d *diagnosis) declare(f *pflag.FlagSet) {
	f.SortFlags = false
	f.StringVar(&d.text, "error", "", "explain the error `TEXT`, or the alert of that name or number; - reads stdin")
	f.BoolVar(&d.json, "json", false, "print what is known as JSON; see docs/diagnose-json.md")
	f.StringVar(&d.html, "html", "", "write a page to look at to `FILE`, besides")
	f.IntVar(&d.most, "max-connections", 60, "make at most `N` connections")
	f.Float64Var(&d.rate, "rate", 0, "make at most `N` connections a second, such as 0.5; no limit unless given")
	f.StringVar(&d.without, "without", "", "leave `LIST` out of the hello, such as extension=status_request,grease")
	d.replay.declare(f)
	d.client.declareOffer(f)
	d.client.declareSTARTTLS(f)
	f.Var(&d.timeout, "timeout", "`TIME` for each connection")
}

// aboutClient are the flags that were given and that say what the client is like.
func aboutClient(f *pflag.FlagSet) (given []string) {
	f.Visit(func(f *pflag.Flag) {
		switch f.Name {
		case "json", "html", "max-connections", "rate", "without", "timeout":
		case "grease":
			given = append(given, "--grease")
		case "ca", "cert", "key":
			for _, v := range f.Value.(pflag.SliceValue).GetSlice() {
				given = append(given, "--"+f.Name+" "+v)
			}
		case "min-version", "max-version":
			given = append(given, "--"+f.Name+" "+versionNumbers([]string{f.Value.String()})[0])
		default:
			given = append(given, "--"+f.Name+" "+f.Value.String())
		}
	})
	return given
}

// diagnose finds out why the client's handshake fails.
func (a *app) diagnose(ctx context.Context, addr string, flags *diagnosis) error {
	t, err := parseTarget(addr, "443", string(flags.starttls))
	if err != nil {
		return err
	}
	if flags.most < 1 {
		return &usageError{fmt.Sprintf("--max-connections %d leaves nothing to try.", flags.most), "Allow one connection or more; 60 are enough for nearly all."}
	}
	if flags.rate < 0 {
		return &usageError{fmt.Sprintf("--rate %v is no rate.", flags.rate), "Give connections a second, such as 2, or 0.5 for one each two seconds."}
	}
	cfg, err := flags.config(t.host)
	if err != nil {
		return err
	}
	hello, records, err := flags.replay.read()
	if err != nil {
		return err
	}
	o := diagnose.Options{
		Host: t.host, Port: t.port, Client: cfg, As: flags.as, Hello: hello, Records: records, Flags: flags.given, Without: flags.without, StartTLS: string(flags.starttls),
		MaxConnections: flags.most, Rate: flags.rate, Timeout: time.Duration(flags.timeout), Lookup: a.lookup, Getenv: os.Getenv,
	}
	if hello != nil {
		o.ClientName = "the ClientHello of " + quote(flags.hello)
	}
	if isTerminal(a.err) {
		o.Progress = a.progress(flags.most)
	}
	r, err := diagnose.Run(ctx, o)
	if o.Progress != nil {
		fmt.Fprint(a.err, "\r\x1b[K")
	}
	switch {
	case errors.Is(err, diagnose.ErrWithout):
		return &usageError{sentence("--without: " + err.Error()), "Name what the hello has, as a diagnosis prints it, such as group=x25519."}
	case ctx.Err() != nil:
		return interrupted.Because(ctx.Err())
	case err != nil:
		return err
	}
	if flags.json {
		err = a.printJSON(r)
	} else {
		a.tellReport(r)
	}
	return errors.Join(err, a.saveReport(r, flags.html), verdict(r))
}

// progress shows what is tried, on one line that is written over.
func (a *app) progress(most int) func(string, int) {
	return func(what string, connections int) {
		line := fmt.Sprintf("%d of at most %d: %s", connections, most, what)
		if columns := columnsOf(a.err); len(line) >= columns {
			line = line[:columns-1]
		}
		fmt.Fprintf(a.err, "\r\x1b[K%s", line)
	}
}

// errDiagnosed is for a handshake that fails, which the report has told.
var errDiagnosed = errors.New("the handshake fails, or the certificate is not good")

// verdict is the error that a report stands for: its exit code is that of explain.
func verdict(r *diagnose.Report) error {
	switch {
	case !r.Reached:
		return errTold{tcpFailed.New()}
	case !r.Works:
		return errTold{errDiagnosed}
	}
	return nil
}

// tellReport prints what was found.
func (a *app) tellReport(r *diagnose.Report) {
	p := &notes{w: a.out, columns: columnsOf(a.out), colour: coloured(a.out)}
	defer p.flush()
	p.wrap(r.Target+": ", bold, 2, sentence(r.Outcome))
	if len(r.Addresses) > 1 {
		for _, at := range r.Addresses {
			p.wrap("  "+at.IP+": ", "", 4, at.Outcome)
		}
	}
	for _, f := range r.Findings {
		p.finding(&f)
	}
	if len(r.Noticed) > 0 {
		p.out.WriteByte('\n')
	}
	for _, n := range r.Noticed {
		p.wrap("also: ", yellow, 6, n)
	}
	connections := fmt.Sprintf("%d connections", r.Connections)
	if r.Connections == 1 {
		connections = "1 connection"
	}
	p.out.WriteByte('\n')
	p.wrap("", "", 0, fmt.Sprintf("%s with %s, %s.", connections, r.Client, r.Took()))
}

// finding is a cause with all that belongs to it.
func (n *notes) finding(f *diagnose.Finding) {
	style := red
	if f.Who == diagnose.Nobody {
		style = bold
	}
	n.out.WriteByte('\n')
	n.wrap(f.ID+": ", style, 2, f.Text)
	n.line("found", f.Detail)
	n.line("sure", f.Confidence.Meaning())
	for i, e := range f.Evidence {
		n.line(map[bool]string{true: "shown by", false: ""}[i == 0], e.String())
	}
	n.line("to do", fmt.Sprintf("%s: %s", f.Who, f.Fix))
	for _, l := range f.Lines {
		n.copied(l.For, l.Text)
	}
	n.copied("prove it", f.Prove)
}

// copied is what is to be copied, and so not wrapped.
func (n *notes) copied(label, text string) {
	if text == "" {
		return
	}
	for line := range strings.SplitSeq(text, "\n") {
		fmt.Fprintf(&n.out, "  %-9s %s\n", label, line)
		label = ""
	}
}
