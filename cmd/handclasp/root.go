package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// exitCodes are the meanings of the codes, from 0 on.
var exitCodes = []string{
	exitOK:          "success",
	exitFailed:      "the handshake, the verification or the connection failed",
	exitUsage:       "wrong usage: a flag, an address or a file that can't be used",
	exitUnreachable: "the peer could not be reached: no such name, refused, no answer to TCP",
}

func (a *app) root() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "handclasp",
		Short: "Speak TLS, and see each step of it",
		Long: `handclasp speaks TLS 1.3 and TLS 1.2, and says what it does.

New to TLS? Run 'handclasp explain'. It needs no server, no certificate and no
network: it starts its own server, connects to it, and tells the handshake
step by step.`,
		Example: `  handclasp explain                         a handshake with its own server
  handclasp explain example.com             the same with a real one
  handclasp connect example.com:443         stdin and stdout over TLS
  handclasp serve                           an HTTPS server on port 8443
  handclasp explain --help                  all about a command`,
		Args: noCommand,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },

		SilenceErrors:     true,
		SilenceUsage:      true,
		CompletionOptions: cobra.CompletionOptions{DisableDefaultCmd: true},
	}
	cmd.AddCommand(a.explainCmd(), a.connectCmd(), a.serveCmd(), a.diagnoseCmd(), a.labCmd(), featuresCmd(), versionCmd(), completionCmd())
	cmd.SetHelpFunc(func(cmd *cobra.Command, _ []string) { writeHelp(a.out, cmd, columnsOf(a.out)) })
	cmd.SetFlagErrorFunc(flagError)
	return cmd
}

// noCommand is for words that are no subcommand.
func noCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	cmd.SuggestionsMinimumDistance = 2
	hint := "Run 'handclasp --help' for a list of the commands."
	if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
		hint = fmt.Sprintf("Did you mean 'handclasp %s'?", near[0])
	}
	return &usageError{fmt.Sprintf("There is no command %q.", args[0]), hint}
}

// writeHelp is the help of cmd. All but the examples, which are to be copied,
// fits narrow terminals.
func writeHelp(w io.Writer, cmd *cobra.Command, columns int) {
	text := cmd.Long
	if text == "" {
		text = cmd.Short + "."
	}
	p := &notes{w: w, columns: min(columns, defaultColumns)}
	for paragraph := range strings.SplitSeq(text, "\n\n") {
		p.wrap("", "", 0, paragraph)
		p.out.WriteByte('\n')
	}
	p.flush()
	fmt.Fprintf(w, "Usage:\n  %s\n", usageLine(cmd))
	if cmd.HasAvailableSubCommands() {
		fmt.Fprint(w, "\nCommands:\n")
		for _, sub := range cmd.Commands() {
			if sub.IsAvailableCommand() || sub.Name() == "help" {
				fmt.Fprintf(w, "  %-11s %s\n", sub.Name(), sub.Short)
			}
		}
	}
	if cmd.Example != "" {
		fmt.Fprintf(w, "\nExamples:\n%s\n", cmd.Example)
	}
	if flags := cmd.LocalFlags(); flags.HasAvailableFlags() {
		fmt.Fprint(w, "\nFlags:\n")
		flags.VisitAll(p.flag)
		p.flush()
	}
	fmt.Fprint(w, "\nExit codes:\n")
	for code, meaning := range exitCodes {
		p.wrap(fmt.Sprintf("  %d  ", code), "", 5, meaning)
	}
	p.flush()
}

// flag is a line about a flag: its name, its value, what it means.
func (n *notes) flag(f *pflag.Flag) {
	if f.Hidden {
		return
	}
	value, usage := pflag.UnquoteUsage(f)
	if f.DefValue != "" && f.DefValue != "false" && f.DefValue != "[]" {
		usage += fmt.Sprintf(" (default %s)", f.DefValue)
	}
	head := strings.TrimSuffix("  --"+f.Name+" "+value, " ")
	if f.Shorthand != "" {
		head = fmt.Sprintf("  -%s, --%s", f.Shorthand, f.Name)
	}
	if n.columns >= 60 {
		n.wrap(fmt.Sprintf("%-24s ", head), "", 25, usage)
		return
	}
	n.out.WriteString(head + "\n")
	n.wrap("      ", "", 6, usage)
}

func usageLine(cmd *cobra.Command) string {
	if cmd.HasAvailableSubCommands() {
		return cmd.CommandPath() + " COMMAND"
	}
	line := cmd.UseLine()
	if !strings.Contains(line, "[flags]") && cmd.HasAvailableLocalFlags() {
		line += " [flags]"
	}
	return line
}
