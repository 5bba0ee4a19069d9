package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"

	"github.com/handclasp/handclasp/iana"
	"github.com/handclasp/handclasp/internal/lab"
)

// errDeceived is for a client that accepts what it must not, which the table has
// told.
var errDeceived = errors.New("the client accepts servers that it must refuse")

// trialTime is how long a client has for a trial.
const trialTime = 10 * time.Second

// tryClient holds the trials, each over one connection of the client's.
func (a *app) tryClient(ctx context.Context, command []string, flags *laboratory) error {
	if len(command) > 0 && !strings.Contains(strings.Join(command, " "), "{port}") {
		return &usageError{"The command does not say where to connect.", "Write {port} where the port belongs: handclasp lab --client -- curl --cacert {ca} https://{host}:{port}/"}
	}
	if err := checkListen(flags.listen); err != nil {
		return err
	}
	trials, authority, err := lab.Trials()
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", flags.listen)
	if err != nil {
		return &usageError{fmt.Sprintf("Can't listen at %s: %v.", quote(flags.listen), unreachable(err).Cause), "Choose another address with --listen, such as 127.0.0.1:0 for a free port, or stop what listens there."}
	}
	defer l.Close()
	if err := os.WriteFile(flags.caOut, authority, 0o644); err != nil {
		return fileError("--ca-out", flags.caOut, err)
	}
	p := newNotes(a.err)
	p.wrap("handclasp: ", bold, 2, fmt.Sprintf("listening at %v; Ctrl-C ends it", l.Addr()))
	if len(command) == 0 {
		p.wrap("try: ", bold, 5, fmt.Sprintf("have the client trust %s, and connect to https://localhost:%s/ %d times", flags.caOut, port(l.Addr()), len(trials)))
	}
	p.flush()
	t := &tryout{a: a, l: l, command: filled(command, map[string]string{"{port}": port(l.Addr()), "{ca}": flags.caOut, "{host}": "localhost"})}
	return t.hold(ctx, trials)
}

func filled(command []string, values map[string]string) []string {
	out := slices.Clone(command)
	for i := range out {
		for k, v := range values {
			out[i] = strings.ReplaceAll(out[i], k, v)
		}
	}
	return out
}

// A tryout is what comes of the trials of one client.
type tryout struct {
	a       *app
	l       net.Listener
	command []string // empty: somebody starts the client
	counts  map[string]int
	told    bool // what the client offers
}

func (t *tryout) hold(ctx context.Context, trials []*lab.Trial) error {
	t.counts = map[string]int{}
	stop := context.AfterFunc(ctx, func() { t.l.Close() })
	defer stop()
	for i, trial := range trials {
		if len(t.command) == 0 {
			fmt.Fprintf(t.a.err, "%d of %d: %s\n", i+1, len(trials), trial.Text)
		}
		c, err := t.one(ctx, trial)
		if ctx.Err() != nil {
			break // somebody has seen enough
		}
		if err != nil {
			return err
		}
		t.tell(trial, c)
		if i == 0 && c.Hello == nil {
			return &usageError{"The client sends no ClientHello.", "Check that it is told the port, and that TLS begins at once."}
		}
	}
	return t.sum()
}

// one holds a trial.
func (t *tryout) one(ctx context.Context, trial *lab.Trial) (*lab.Conduct, error) {
	if len(t.command) == 0 {
		raw, err := t.l.Accept()
		if err != nil {
			return nil, err
		}
		return trial.Meet(ctx, raw), nil
	}
	ctx, cancel := context.WithTimeout(ctx, trialTime)
	defer cancel()
	if tcp, ok := t.l.(*net.TCPListener); ok {
		tcp.SetDeadline(time.Now().Add(trialTime))
	}
	cmd := exec.CommandContext(ctx, t.command[0], t.command[1:]...)
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	cmd.WaitDelay = time.Second
	if err := cmd.Start(); err != nil {
		return nil, &usageError{fmt.Sprintf("The command can't be started: %v.", err), "Check its name."}
	}
	in.Write([]byte("GET / HTTP/1.0\r\nHost: localhost\r\n\r\n"))
	ended := make(chan struct{})
	go func() { cmd.Wait(); close(ended) }()
	met := make(chan *lab.Conduct, 1)
	go func() {
		raw, err := t.l.Accept()
		if err != nil {
			met <- &lab.Conduct{Err: err}
			return
		}
		met <- trial.Meet(ctx, raw)
	}()
	var c *lab.Conduct
	select {
	case c = <-met:
	case <-ended:
		if tcp, ok := t.l.(*net.TCPListener); ok {
			tcp.SetDeadline(time.Now().Add(time.Second)) // it may have connected; or not
		}
		c = <-met
	}
	in.Close()
	cancel()
	<-ended
	return c, nil
}

// tell prints a line of the table, after what the client offers.
func (t *tryout) tell(trial *lab.Trial, c *lab.Conduct) {
	p := &notes{w: t.a.out, columns: columnsOf(t.a.out), colour: coloured(t.a.out)}
	defer p.flush()
	if c.Hello != nil && !t.told {
		t.told = true
		t.offers(p, c.Hello)
	}
	verdict := trial.Verdict(c)
	t.counts[verdict]++
	style := map[string]string{"wrong": red, "weak": yellow}[verdict]
	p.wrap(fmt.Sprintf("%-6s %-22s ", verdict, trial.Name), style, 30, fmt.Sprintf("%s The client %s.", trial.Text, c.Did()))
}

// offers prints what a hello has.
func (t *tryout) offers(p *notes, h *lab.Hello) {
	p.line("JA4", h.JA4())
	versions := h.SupportedVersions.Slice()
	if len(versions) == 0 {
		versions = []iana.Version{h.LegacyVersion}
	}
	p.line("versions", strings.Join(texts(versions), ", "))
	p.line("suites", strings.Join(texts(h.CipherSuites.Slice()), ", "))
	p.line("groups", strings.Join(texts(h.Groups.Slice()), ", "))
	var shares []iana.Group
	for _, s := range h.KeyShares {
		shares = append(shares, s.Group)
	}
	p.line("shares", strings.Join(texts(shares), ", "))
	p.line("sigalgs", strings.Join(texts(h.SignatureSchemes.Slice()), ", "))
	var protocols []string
	for _, b := range h.ALPN {
		protocols = append(protocols, quote(string(b)))
	}
	p.line("ALPN", strings.Join(protocols, ", "))
	p.line("name", quote(string(h.ServerName)))
	p.line("length", fmt.Sprintf("%d bytes", h.Length))
	p.out.WriteByte('\n')
}

func (t *tryout) sum() error {
	fmt.Fprintf(t.a.out, "\n%d right, %d wrong, %d weak\n", t.counts["right"], t.counts["wrong"], t.counts["weak"])
	if t.counts["wrong"] > 0 {
		return errTold{errDeceived}
	}
	return nil
}
