package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/handclasp/handclasp/diagnose"
	"github.com/handclasp/handclasp/iana"
)

// diagnosis are the flags of diagnose.
type diagnosis struct {
	text string
	json bool
}

func (a *app) diagnoseCmd() *cobra.Command {
	var flags diagnosis
	cmd := &cobra.Command{
		Use:   "diagnose --error TEXT",
		Short: "Say what an error of TLS can mean, and what tells the causes apart",
		Long: `diagnose reads an error text of Go, OpenSSL, curl, Java, Node, Python, GnuTLS,
Chromium, Firefox or Handclasp, or an alert by name or number, and says what it
can mean, what would tell the causes apart, and what to do about each. It needs
no network.

One text hides many causes: Go says the same of a self-signed certificate, a
private root and a missing intermediate. So it concludes nothing that the text
does not say.`,
		Example: `  handclasp diagnose --error "remote error: tls: handshake failure"
  handclasp diagnose --error 40                  an alert by its number
  handclasp diagnose --error unknown_ca
  curl https://example.com/ 2>&1 | handclasp diagnose --error -`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return &usageError{"'handclasp diagnose' takes no " + quote(args[0]) + ".", "Put the text in quotes: --error \"…\"."}
			}
			if !cmd.Flags().Changed("error") {
				return &usageError{"'handclasp diagnose' needs an error text.", "Write 'handclasp diagnose --error \"…\"', or --error - to read it from stdin."}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return a.readError(cmd.Context(), &flags) },

		ValidArgsFunction: cobra.NoFileCompletions,
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.StringVar(&flags.text, "error", "", "explain the error `TEXT`, or the alert of that name or number; - reads stdin")
	f.BoolVar(&flags.json, "json", false, "print what is known as JSON")
	return cmd
}

// readError explains an error text.
func (a *app) readError(_ context.Context, flags *diagnosis) error {
	text := flags.text
	if text == "-" {
		b, err := io.ReadAll(io.LimitReader(a.in, 1<<20))
		if err != nil {
			return err
		}
		text = string(b)
	}
	if strings.TrimSpace(text) == "" {
		return &usageError{"The text of --error is empty.", "Copy the whole line that the program printed."}
	}
	r := diagnose.ReadError(text)
	if flags.json {
		return a.printJSON(r)
	}
	if len(r.Said) == 0 {
		return &usageError{"Nothing in this text is known: " + quote(text) + ".", "Copy the whole line that the program printed; or run 'handclasp explain HOST', which makes the handshake and tells where it fails."}
	}
	a.tellReading(r)
	return nil
}

func (a *app) printJSON(v any) error {
	e := json.NewEncoder(a.out)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

// tellReading prints what a text can mean.
func (a *app) tellReading(r *diagnose.Reading) {
	p := &notes{w: a.out, columns: columnsOf(a.out), colour: coloured(a.out)}
	defer p.flush()
	for _, s := range r.Said {
		head := s.Whose + ": "
		what := quote(s.Text)
		if s.Alert != iana.NoAlert {
			head, what = "alert: ", fmt.Sprintf("%s (%d)", s.Text, s.Alert)
		}
		p.wrap(head, bold, 2, what)
		p.wrap("  ", "", 2, s.Means)
	}
	for _, n := range r.Notes {
		p.wrap("note: ", yellow, 6, n)
	}
	title := "It can mean:"
	if len(r.Logged) > 0 {
		title = "If a client printed it, it can mean:"
	}
	p.causes(title, r.Causes, nil)
	p.causes("If a server logged it, it can mean:", r.Logged, r.Causes)
}

// causes lists causes with what tells them apart. Those that were told are only
// named.
func (n *notes) causes(title string, list, told []*diagnose.Cause) {
	if len(list) == 0 {
		return
	}
	n.out.WriteByte('\n')
	n.wrap("", "", 0, title)
	for _, c := range list {
		if slices.Contains(told, c) {
			n.wrap("  "+c.ID+" ", bold, 4, "(as above)")
			continue
		}
		n.out.WriteByte('\n')
		n.wrap("  "+c.ID+": ", bold, 4, c.Text)
		n.wrap("    told by  ", "", 13, c.Tell)
		n.wrap("    to do    ", "", 13, fmt.Sprintf("%s: %s", c.Who, c.Fix))
	}
}
