package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/handclasp/handclasp/internal/lab"
)

// laboratory are the flags of lab.
type laboratory struct {
	list   bool
	listen string
	caOut  string
}

func (a *app) labCmd() *cobra.Command {
	flags := laboratory{listen: "127.0.0.1:8444"}
	cmd := &cobra.Command{
		Use:   "lab CASE",
		Short: "Serve TLS badly, in one way that you choose, to learn from and test with",
		Long: `lab serves TLS with one thing wrong: a certificate that is not good, nothing in
common with the client, a refusal at some step, or a device before the server
that dislikes something in a ClientHello. --list names the cases, each with what
is wrong.

The certificate of the made-up authority goes into a file, so that clients can
trust it. Besides the cases of the list there are "resets-if CONDITION", and
likewise drops-if, closes-if and alerts-if. A condition is suite=, group=,
share=, sigalg=, version=, extension=, first= or last= with a name; length>,
segments>, records>, suites>, groups>, shares>, sigalgs> or extensions> with a
number; order=A>B with two extensions; grease or session-id. & joins what must come together, | what does each alone.`,
		Example: `  handclasp lab --list
  handclasp lab expired
  handclasp lab 'resets-if length>1000'
  handclasp lab 'resets-if sigalg=ed25519 & group=secp521r1'`,
		Args: func(_ *cobra.Command, args []string) error {
			switch {
			case flags.list && len(args) > 0:
				return &usageError{"--list takes no case.", "Leave out " + quote(args[0]) + ", or --list."}
			case !flags.list && len(args) != 1:
				return &usageError{"'handclasp lab' needs one case.", "'handclasp lab --list' names them; write a condition in quotes."}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if flags.list {
				a.listCases()
				return nil
			}
			return a.lab(cmd.Context(), args[0], &flags)
		},
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			var all []string
			for _, c := range lab.Cases() {
				all = append(all, c.Name+"\t"+c.Text)
			}
			return all, cobra.ShellCompDirectiveNoFileComp
		},
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.BoolVar(&flags.list, "list", false, "name the cases")
	f.StringVar(&flags.listen, "listen", flags.listen, "`ADDR` to listen at")
	f.StringVar(&flags.caOut, "ca-out", "handclasp-ca.pem", "`FILE` for the certificate of the made-up authority")
	return cmd
}

// listCases prints the cases. Those that send an alert at some step are one line
// for each step.
func (a *app) listCases() {
	p := &notes{w: a.out, columns: columnsOf(a.out), colour: coloured(a.out)}
	defer p.flush()
	told := map[string]bool{}
	for _, c := range lab.Cases() {
		name, text := c.Name, c.Text
		if at, alert, ok := strings.Cut(name, "-alert-"); ok {
			if told[at] {
				continue
			}
			told[at] = true
			name = at + "-alert-NAME"
			_, where, _ := strings.Cut(text, ") ")
			text = "The server sends an alert, by its name in the registry (such as " + alert + "), " + where
		}
		p.wrap(fmt.Sprintf("%-24s ", name), bold, 25, text)
	}
}

func (a *app) lab(ctx context.Context, name string, flags *laboratory) error {
	if err := checkListen(flags.listen); err != nil {
		return err
	}
	c, err := lab.Find(name)
	if err != nil {
		return &usageError{fmt.Sprintf("The case %s can't be served: %v.", quote(name), err), "'handclasp lab --list' names the cases, and 'handclasp lab --help' says what a condition may hold."}
	}
	s, err := c.Open()
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", flags.listen)
	if err != nil {
		return &usageError{fmt.Sprintf("Can't listen at %s: %v.", quote(flags.listen), unreachable(err).Cause), "Choose another address with --listen, such as 127.0.0.1:0 for a free port, or stop what listens there."}
	}
	defer l.Close()
	if err := os.WriteFile(flags.caOut, s.PEM, 0o644); err != nil {
		return fileError("--ca-out", flags.caOut, err)
	}
	if err := writeIdentity(s); err != nil {
		return err
	}
	p := newNotes(a.err)
	p.wrap("handclasp: ", bold, 2, fmt.Sprintf("listening at %v; Ctrl-C stops it", l.Addr()))
	p.wrap("case: ", bold, 6, c.Text)
	words := strings.Fields(fmt.Sprintf("handclasp diagnose --ca %s %s %s", flags.caOut, c.Flags, net.JoinHostPort(c.Address(), port(l.Addr()))))
	p.wrap("try: ", bold, 5, strings.Join(words, " "))
	p.flush()
	return s.Serve(ctx, l)
}

// writeIdentity writes the certificate and key of the client of a case that needs
// one.
func writeIdentity(s *lab.Server) error {
	cert, key, err := s.Identity()
	if err != nil || cert == nil {
		return err
	}
	if err := os.WriteFile("handclasp-client.pem", cert, 0o644); err != nil {
		return fileError("lab", "handclasp-client.pem", err)
	}
	if err := os.WriteFile("handclasp-client.key", key, 0o600); err != nil {
		return fileError("lab", "handclasp-client.key", err)
	}
	return nil
}
